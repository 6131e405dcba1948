# SPDX-License-Identifier: Apache-2.0
"""What was voted on is the measure: a voted file set that is not public is named, whatever became of its deployment."""

import json
import pathlib
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
import sqlalchemy

import atr.db.queries as queries
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.distributions as distributions
import atr.pages.finish as finish
import atr.pages.releases as releases
import atr.pages.resolution as resolution
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.candidates as candidates
from tests import databases as provided
from tests import world as worlds
from tests.coded import coded
from tests.journeys import test_promote_all as modules

RELEASE = f"{people.PROJECT}-2.4.0"
# The whole of the example: a parent POM and a jar, ten files with signatures.
WHOLE = "org.example.widgets:widgets-*:2.4.0"
CORE, PARENT, CLI = (f"org.example.widgets:widgets-{name}:2.4.0" for name in ("core", "parent", "cli"))
_Deployment = states.DeploymentState
_REASON = "The portal lost it; 2.4.1 follows tomorrow."


@pytest.fixture(scope="module")
def several_scene(databases: provided.Databases, tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A release in Finish with deployments 1 (core), 2 (parent), 3 (cli); the revision maps core and parent."""
    return worlds.scene(tmp_path_factory.mktemp("not-public"), databases, modules._bring)


@pytest_asyncio.fixture
async def several(several_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world of its own over that scene."""
    async with several_scene.opened(tmp_path) as opened:
        yield opened


async def _finish(world: worlds.World, who: str = worlds.MEMBER) -> finish.FinishView:
    async with world.store.read(who) as read:
        return await finish.page(read, RELEASE)


async def _announcing(world: worlds.World, who: str = worlds.MEMBER) -> resolution.AnnounceView:
    async with world.store.read(who) as read:
        return await resolution.announce(read, RELEASE)


async def _line(world: worlds.World, who: str = worlds.MEMBER) -> releases.ReleaseLine:
    async with world.store.read(who) as read:
        (line,) = (await releases.listing(read)).lines
        return line


async def _announce(world: worlds.World) -> None:
    async with world.manager() as manager:
        await manager.announce.announce(RELEASE)


async def _vanish(world: worlds.World, deployment_id: int) -> None:
    world.knob(await world.row(deployment_id), "vanish")
    await world.until(deployment_id, lambda row: row.deployment_state is _Deployment.GONE)


async def _end(world: worlds.World, state: states.DeploymentState) -> None:
    """Deployment 1 ends like that."""
    match state:
        case _Deployment.GONE:
            await _vanish(world, 1)
        case _Deployment.DROPPED:
            async with world.member() as member:
                await member.deployments.drop(1, "A mistake.")
            await world.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
        case _:
            (row,) = await world.rows(tables.Deployment)
            await world.change(row.model_copy(update={"state": state, "version": row.version + 1, "due_at": None}))


async def _promoted(world: worlds.World, *numbers: int) -> None:
    for number in numbers:
        await world.promote(number)
        await world.live(number)


@pytest.mark.parametrize("state", [_Deployment.FAILED, _Deployment.GONE, _Deployment.DROPPED])
async def test_the_only_deployment_has_ended_and_every_page_names_what_is_not_public(
    voted: worlds.World, state: states.DeploymentState
) -> None:
    await _end(voted, state)
    view = await _finish(voted)
    assert view.sentence == f"0 of 1 voted file set is live; {WHOLE} on Maven Central is not published."
    assert view.css == "warning"
    (missing,) = view.missing
    assert f"{WHOLE} on Maven Central" in missing.what
    assert "10 files" in missing.what
    assert missing.anchor == "d1"
    assert WHOLE in view.announce_note
    line = await _line(voted)
    assert WHOLE in line.todo
    assert (line.group, (await _line(voted, people.STRANGER)).group) == ("you", "others")
    async with voted.store.read(worlds.MEMBER) as read:
        (named,) = (await distributions.listing(read, RELEASE)).not_public
    assert named.packages_line == WHOLE
    page = await _announcing(voted)
    assert [(one.packages_line, one.files) for one in page.not_public] == [(WHOLE, 10)]
    assert "The release can be announced" not in page.sentence


async def test_of_two_voted_modules_one_is_live_and_the_other_vanished(several: worlds.World) -> None:
    await _promoted(several, 1, 2)
    await _vanish(several, 3)
    view = await _finish(several)
    assert view.sentence == f"2 of 3 voted file sets are live; {CLI} on Maven Central is not published."
    assert [one.anchor for one in view.missing] == ["d3"]
    assert view.css == "warning", "no green tick"
    page = await _announcing(several)
    assert [one.packages_line for one in page.not_public] == [CLI]
    assert len(page.live) == 2
    with pytest.raises(errors.BlockedError, match=CLI):
        await _announce(several)


async def test_nothing_is_announced_without_a_voted_file_set_until_a_member_says_why(voted: worlds.World) -> None:
    await _end(voted, _Deployment.GONE)
    with pytest.raises(errors.BlockedError, match=r"widgets-\*:2\.4\.0 on Maven Central \(10 files\)"):
        await _announce(voted)
    seen = (await _announcing(voted)).lacking_digest
    async with voted.manager() as manager:
        assert not hasattr(manager.announce, "announce_without"), "release managers cannot"
    for reason, shown, refusal in (
        ("", seen, errors.InputError),
        (_REASON, "0" * 64, errors.ConflictError),
        (_REASON, "", errors.ConflictError),
    ):
        with pytest.raises(refusal):
            async with voted.member() as member:
                await member.announce.announce_without(RELEASE, seen=shown, reason=reason)
    assert "release_announced" not in {one.what for one in await voted.events_of(RELEASE)}
    async with voted.member() as member:
        await member.announce.announce_without(RELEASE, seen=seen, reason=_REASON)
    (told,) = [one for one in await voted.events_of(RELEASE) if one.what == "release_announced"]
    assert (told.actor, told.data["reason"]) == (worlds.MEMBER, _REASON)
    (without,) = told.data["without"]
    assert without["packages"] == [PARENT.replace("parent", name) for name in ("core", "parent")]
    assert (without["platform"], without["files"], without["not_public"]) == ("MAVEN", 10, 10)
    assert await voted.chain_holds()
    view = await _finish(voted, "")
    assert view.announced is not None
    assert (view.announced.by, view.announced.reason) == (worlds.MEMBER, _REASON)
    assert view.announced.without == (f"{WHOLE} on Maven Central (10 files)",)
    assert (await _line(voted)).todo == f"Announced. {WHOLE} on Maven Central (10 files) is not published."


async def test_what_is_public_by_now_is_not_announced_as_lacking(voted: worlds.World) -> None:
    """The form that a member has open says what is not public; meanwhile it went live."""
    seen = (await _announcing(voted)).lacking_digest
    assert seen
    await _promoted(voted, 1)
    with pytest.raises(errors.ConflictError, check=coded("stale", what="What is not published")):
        async with voted.member() as member:
            await member.announce.announce_without(RELEASE, seen=seen, reason=_REASON)
    assert (await _announcing(voted)).lacking_digest == ""
    await _announce(voted)
    view = await _finish(voted)
    assert view.announced is not None
    assert view.announced.without == ()
    assert (await _line(voted)).todo == "Announced."


async def test_a_row_that_waits_is_said_once_and_holds_the_announcement_too(voted: worlds.World) -> None:
    view = await _finish(voted)
    assert view.sentence == "0 of 1 voted file set is live; Maven Central is waiting for you."
    assert len(view.missing) == 1
    assert [one.packages_line for one in (await _announcing(voted)).not_public] == [WHOLE]
    with pytest.raises(errors.BlockedError, match="was voted on but is not published"):
        await _announce(voted)


async def test_when_all_of_it_is_live_nothing_is_missing(several: worlds.World) -> None:
    """The mapped files are held by two deployments, package by package, so they are no fourth file set."""
    await _promoted(several, 1, 2, 3)
    view = await _finish(several)
    assert view.sentence.startswith("3 of 3 voted file sets are live; ")
    assert (view.missing, (await _announcing(several)).not_public) == ((), ())
    await _announce(several)


async def test_mapped_files_of_which_one_package_is_live_lack_the_other(several: worlds.World) -> None:
    """What a mapped set holds beyond its deployments counts, and is named by its own packages."""
    await _promoted(several, 1)
    for number in (2, 3):
        await _vanish(several, number)
    names = [one.packages_line for one in (await _announcing(several)).not_public]
    assert names == [CLI, PARENT]


async def test_staged_again_and_live_covers_the_voted_set(voted: worlds.World) -> None:
    """The candidate expired; its bytes were staged anew, and have another deployment."""
    digest = (await voted.rows(tables.Deployment))[0].file_set_digest or ""
    await _vanish(voted, 1)
    async with voted.member() as member:
        second = await member.distributions.stage_again(RELEASE, digest)
    # While it is uploaded, its own row says so.
    assert len((await _finish(voted)).missing) == 1
    await voted.until(second, lambda row: row.proof.staged is not None)
    await voted.work()
    await _promoted(voted, second)
    view = await _finish(voted)
    assert view.sentence.startswith("1 of 1 voted file set is live; ")
    assert view.missing == ()
    await _announce(voted)


async def test_by_hand_and_proved_covers_its_package_and_no_more(voted: worlds.World) -> None:
    where = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", "2.4.0")
    async with voted.member() as member:
        await member.distributions.record(RELEASE, where, staging=False)
    for path, content in voted.tree.files.items():
        if "/widgets-core/" in path:
            assert isinstance(content, bytes)
            voted.platform.portal.put_public(path, content)
    await voted.pass_time(rounds=20, minutes=10)
    assert (await voted.promotion(1)).state is states.State.LIVE
    (named,) = (await _announcing(voted)).not_public
    assert (named.packages_line, named.files) == (PARENT, 2)


async def test_what_somebody_only_claims_is_not_public(voted: worlds.World) -> None:
    """A pending row, found there or not, proves nothing."""
    await _end(voted, _Deployment.DROPPED)
    for row in await voted.rows(sql.Distribution):
        await voted.change(row.model_copy(update={"staging": False, "pending": True, "api_url": "http://127.0.0.1/"}))
    assert [one.packages_line for one in (await _announcing(voted)).not_public] == [WHOLE]


async def test_diverged_is_not_live(voted: worlds.World) -> None:
    await voted.promote(1)
    jar = next(path for path in voted.tree.files if path.endswith("core-2.4.0.jar"))
    voted.knob(await voted.row(1), "alter-public", path=jar)
    await voted.until(1, states.State.DIVERGED)
    view = await _finish(voted)
    assert view.sentence == "0 of 1 voted file set is live; Maven Central is diverged."
    assert [one.packages_line for one in (await _announcing(voted)).not_public] == [WHOLE]
    with pytest.raises(errors.BlockedError, match="Resolve the incident first"):
        await _announce(voted)


@pytest.mark.parametrize("state", [_Deployment.LOST, _Deployment.UPLOADING])
async def test_a_row_that_nobody_has_read_yet_may_hold_it_and_says_so_itself(
    voted: worlds.World, state: states.DeploymentState
) -> None:
    (row,) = await voted.rows(tables.Deployment)
    changes = {"state": state, "version": row.version + 1, "due_at": None, "file_set_digest": None}
    await voted.change(row.model_copy(update=changes))
    view = await _finish(voted)
    assert view.sentence.startswith("0 of 1 voted file set is live; ")
    assert len(view.missing) == 1
    assert len((await _announcing(voted)).not_public) == 1


async def test_a_deployment_that_nobody_voted_on_is_no_part_of_the_measure(voted: worlds.World) -> None:
    """It stays staged after the voted one is live: the sentence counts what was voted on."""
    other = modules._parts()[2]
    number = await voted.record(RELEASE, await voted.stage_elsewhere(other), other.packages[0])
    await voted.until(number, lambda row: row.proof.staged is not None)
    await _promoted(voted, 1)
    view = await _finish(voted)
    assert view.sentence.startswith("1 of 1 voted file set is live; ")
    assert (await _announcing(voted)).not_public == ()
    await _announce(voted)


async def test_what_we_cannot_read_in_public_is_told_and_holds_nothing(voted: worlds.World) -> None:
    """A host's ballot may have files for a platform that we only look up: nobody could ever prove those."""
    await _promoted(voted, 1)
    async with voted.by_hand() as data:
        files = fileset.FileSet.of([fileset.File("widgets-2.4.0.tgz", 5, "a" * 64)])
        digest = await queries.store_file_set(data, files, voted.clock())
        (first, *_) = await voted.rows(tables.BallotEntry)
        data.add(
            tables.BallotEntry(
                release_key=RELEASE,
                vote_seq=first.vote_seq,
                kind=tables.BallotKind.MAPPED,
                platform="NPM",
                file_set_digest=digest,
                opened=first.opened,
            )
        )
    page = await _announcing(voted)
    assert page.not_public == ()
    (told,) = page.unprovable
    assert "npm: 1 file was voted on" in told
    assert (await _finish(voted)).sentence.startswith("1 of 1 voted file set is live; ")
    await _announce(voted)


async def test_many_releases_are_measured_with_as_many_statements_as_one(voted: worlds.World) -> None:
    """The list asks for all of them at once: what is on ballots, what is live, and the files of the rest."""
    await _vanish(voted, 1)
    keys = [RELEASE, *(f"{RELEASE}.{number}" for number in range(3))]
    counts = [await _statements(voted, keys[:1])]
    (release,) = await voted.rows(sql.Release)
    entries = await voted.rows(tables.BallotEntry)
    for number, key in enumerate(keys[1:]):
        version = f"2.4.0.{number}"
        async with voted.by_hand() as data:
            data.add(sql.Release(**{**release.model_dump(), "key": key, "version": version}))
            await data.flush()
            for one in entries:
                changes = {"id": None, "release_key": key, "deployment_id": None}
                data.add(tables.BallotEntry(**{**one.model_dump(), **changes}))
    counts.append(await _statements(voted, keys))
    assert counts == [3, 3]
    async with voted.store.read() as read:
        measured = await candidates.measures(read.data, keys)
    assert [[name.name for name in one.not_public] for one in measured.values()] == [
        [f"{WHOLE} on Maven Central (10 files)"]
    ] * 4


async def _statements(world: worlds.World, keys: Sequence[str]) -> int:
    count = 0

    def one(*_: object) -> None:
        nonlocal count
        count += 1

    async with world.store.read() as read:
        connection = (await read.data.connection()).sync_connection
        sqlalchemy.event.listen(connection, "before_cursor_execute", one)
        await candidates.measures(read.data, keys)
        sqlalchemy.event.remove(connection, "before_cursor_execute", one)
    return count


async def test_what_is_live_by_its_digest_is_not_looked_into(voted: worlds.World) -> None:
    await _promoted(voted, 1)
    assert await _statements(voted, [RELEASE]) == 2


async def test_a_vote_that_was_about_no_platform_lacks_nothing(world: worlds.World) -> None:
    """The policy maps nothing and nothing is staged: there is nothing to promote, and nothing to wait for."""
    await world.composed()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    await people.vote(world.store, RELEASE)
    view = await _finish(world, people.COMMITTER)
    assert view.sentence == "The ballot has no files for a platform, so there is nothing to promote."
    assert "The ballot has no files for a platform" in view.nothing_missing
    line = await _line(world, people.COMMITTER)
    assert (line.group, line.todo) == ("you", "The ballot has no files for a platform; it can be announced.")
    await _announce(world)


async def test_before_the_vote_has_passed_nothing_is_said_to_be_live_or_missing(staged: worlds.World) -> None:
    async with staged.member() as member:
        await member.deployments.drop(1, "A mistake.")
    await staged.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    view = await _finish(staged)
    assert "live" not in view.nothing_missing
    assert "No vote has passed yet" in view.nothing_missing


async def test_only_what_the_newest_vote_is_about_counts(voted: worlds.World) -> None:
    """The ballot of a candidate that was abandoned is the measure of nothing."""
    async with voted.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, "A test failed.")
    assert (await _announcing(voted)).not_public == ()
    assert (await _finish(voted)).sentence.endswith("no vote has passed yet.")
    assert "not public" not in json.dumps((await _line(voted)).todo)


async def test_all_of_it_is_live_and_something_else_holds_the_announcement(voted: worlds.World) -> None:
    """The list says that it can be announced only where the announcement would be taken."""
    await _promoted(voted, 1)
    assert (await _line(voted)).todo == "Everything voted on is live; it can be announced."
    (row,) = await voted.rows(tables.Promotion)
    async with voted.by_hand() as data:
        data.add(tables.Promotion(**{**row.model_dump(), "id": None, "state": states.State.DIVERGED}))
    assert (await _line(voted)).todo != "Everything voted on is live; it can be announced."
    with pytest.raises(errors.BlockedError, match="incident"):
        await _announce(voted)
