# SPDX-License-Identifier: Apache-2.0
"""Reading what is staged: resumable per file, checksums against the bytes they name, and the check that names files."""

from typing import Any

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.states as states
import atr.storage.files as files
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
_CORE = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0"


def _captured(row: views.DeploymentView) -> bool:
    return row.proof.staged is not None


async def _validating(world: worlds.World) -> tuple[str, int]:
    """An upload that the platform still looks at, so that its files can be changed before we read them."""
    release_key = await world.composed()
    world.stand_in_settings(validate_seconds=60.0)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.VALIDATING)
    return release_key, deployment_id


def _downloads(world: worlds.World) -> list[str]:
    """The files downloaded so far, by their paths."""
    return [one.path.partition("/download/")[2] for one in world.platform.traffic.log if one.endpoint == "download"]


async def test_a_capture_that_broke_off_goes_on_with_the_rest(world: worlds.World) -> None:
    """A body cut in the middle: what was read whole is kept, the rest follows within a minute, the row says why."""
    _, deployment_id = await _validating(world)
    world.fault("download", path="core-2.4.0-sources.jar.asc", effect=True, cut_after=20)
    row = await world.until(deployment_id, lambda row: "widgets-core" in row.problem)
    kept = {one.path for one in await world.rows(tables.FileRead)}
    assert kept
    assert row.progress.startswith(f"{len(kept)} of 20 files read")
    broke = world.clock.at
    before = len(_downloads(world))
    row = await world.until(deployment_id, _captured)
    assert (world.clock.at - broke).total_seconds() <= 60
    again = _downloads(world)[before:]
    assert not kept & set(again)
    assert {path for path in again if not path.endswith((".md5", ".sha1"))} == set(world.tree.files) - kept
    assert len(again) == 20 - len(kept)
    assert (row.problem, row.proof.staged.files if row.proof.staged else 0) == ("", 10)


async def test_checksums_that_do_not_agree_with_their_bytes_block(world: worlds.World) -> None:
    """One sentence a file; nobody votes on what could not be promoted."""
    release_key, deployment_id = await _validating(world)
    world.knob(await world.row(deployment_id), "add-file", path=f"{_CORE}.jar.md5", text="0" * 32)
    row = await world.until(deployment_id, _captured)
    await world.work()
    row = await world.row(deployment_id)
    sentence = f"{_CORE}.jar.md5 is not the md5 of {_CORE}.jar."
    assert ("blocker", sentence) in row.check_messages
    with pytest.raises(errors.BlockedError, match=r"jar\.md5 is not the md5"):
        await people.vote(world.store, release_key)


@pytest.mark.parametrize(
    ("knob", "fields", "before", "after"),
    [
        ("add-file", {"path": f"{_CORE}-extra.txt"}, ("not among them", "-extra.txt"), ("not voted on", "-extra.txt")),
        ("remove-file", {"path": f"{_CORE}.jar.asc"}, *2 * (("missing", ".jar.asc"),)),
        (
            "rename-file",
            {"path": f"{_CORE}-sources.jar", "to": f"{_CORE}-src.jar"},
            *2 * (("has another path", "sources.jar as", "-src.jar"),),
        ),
        ("tamper", {"path": f"{_CORE}.jar"}, *2 * (("differs", "core-2.4.0.jar"),)),
    ],
)
async def test_what_is_staged_otherwise_is_named_before_the_vote_and_after_it(
    knob: str, fields: dict[str, Any], before: tuple[str, ...], after: tuple[str, ...], world: worlds.World
) -> None:
    """Against the mapping a concern; when nobody voted on it, a blocker that refuses the request."""
    release_key, first = await _validating(world)
    world.knob(await world.row(first), knob, **fields)
    await world.until(first, _captured)
    await world.work()
    row = await world.row(first)
    concerns = [message for status, message in row.check_messages if status == "concern"]
    # What lies beside a file that is renamed is remarked as well.
    assert len([one for one in concerns if all(word in one for word in before)]) == 1
    async with world.member() as member:
        await member.deployments.take_off_ballot(first, "It is not what we built.")
    await people.vote(world.store, release_key)
    await world.work()
    row = await world.row(first)
    blockers = [message for status, message in row.check_messages if status == "blocker"]
    assert any(all(word in blocker for word in after) for blocker in blockers)
    with pytest.raises(errors.BlockedError) as refused:
        await world.promote(first)
    assert set(blockers) & {one.sentence for one in refused.value.reasons}
    assert world.publish_calls == 0


async def test_the_check_runs_after_a_capture_when_a_vote_is_resolved_and_on_each_revision(
    staged: worlds.World,
) -> None:
    """With the same comparison; a vote that failed is resolved too."""

    async def runs() -> int:
        return len([one for one in await staged.events("deployment:1") if one.what == "staged_files_checked"])

    assert await runs() == 1

    async def change(draft: files.Draft) -> None:
        await draft.add(f"maven/{_CORE}.jar", worlds.stream(b"mended"))

    await staged.revise(RELEASE, change)
    await staged.work()
    assert await runs() == 2
    row = await staged.row(1)
    assert row.check_messages[0][0] == "concern"
    assert "widgets-core-2.4.0.jar" in row.check_messages[0][1]
    with pytest.raises(errors.BlockedError, match=r"widgets-core-2\.4\.0\.jar with different content"):
        async with staged.member() as member:
            await member.vote.open_vote(RELEASE)
    async with staged.member() as member:
        await member.deployments.take_off_ballot(1, "It is the one before.")
        await member.vote.open_vote(RELEASE)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    await staged.work()
    assert await runs() == 3


async def test_a_deployment_whose_paths_are_no_layout_has_its_sentence_and_is_not_captured(world: worlds.World) -> None:
    """The path is the coordinate: one that names none cannot be anybody's."""
    _, deployment_id = await _validating(world)
    world.knob(await world.row(deployment_id), "add-file", path="notes/README.txt")
    row = await world.until(deployment_id, lambda row: "README.txt" in row.problem)
    assert row.proof.staged is None
    assert row.deployment_state is states.DeploymentState.STAGED
    assert "deployment_looked" in {one.what for one in await world.events(f"deployment:{deployment_id}")}


@pytest.mark.parametrize("twist", ["hide", "extra", "repeat", "omit"])
async def test_a_listing_in_doubt_is_read_again(twist: str, world: worlds.World) -> None:
    """Empty, naming what is not there, naming one twice, or none at all: no capture, a sentence, and once more."""
    _, deployment_id = await _validating(world)
    world.knob(await world.row(deployment_id), "listing", twist=twist, reads=1)
    row = await world.until(deployment_id, lambda row: bool(row.problem))
    assert row.proof.staged is None
    row = await world.until(deployment_id, _captured)
    assert (row.problem, row.proof.staged.files if row.proof.staged else 0) == ("", 10)


async def test_a_capture_makes_a_staging_row_for_every_package_and_reuses_one(world: worlds.World) -> None:
    """One was recorded by a person and not seen yet; then both are seen staged."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(world.tree)
    deployment_id = await world.record(release_key, external_id, world.tree.packages[0], "bob")
    (said,) = await world.rows(sql.Distribution)
    assert (said.staging, said.pending, said.created_by) == (True, True, "bob")
    await world.until(deployment_id, _captured)
    listed = await world.rows(sql.Distribution)
    assert {one.coordinates for one in listed} == set(world.tree.packages)
    assert {(one.staging, one.pending) for one in listed} == {(True, False)}
    assert (await world.row(deployment_id)).packages == tuple(sorted(world.tree.packages))


# The public side, with thrift


def _gets(world: worlds.World, method: str) -> dict[str, int]:
    """Requests of this method to the public place, by path."""
    count: dict[str, int] = {}
    for one in world.platform.traffic.log:
        if (one.endpoint == "repository") and (one.method == method):
            path = one.path.removeprefix("/maven2/")
            count[path] = count.get(path, 0) + 1
    return count


async def test_one_probe_a_look_until_it_is_there_and_then_each_file_once(voted: worlds.World) -> None:
    """Nothing is asked of the public place before the platform says published."""
    voted.stand_in_settings(public_lag_seconds=700.0)
    await voted.promote(1)
    await voted.until(1, states.State.CHECKING)
    assert voted.requests("repository") == 0
    published = voted.clock.at
    row = await voted.live(1)
    probes = _gets(voted, "HEAD")
    waited = (voted.clock.at - published).total_seconds()
    looks = sum(probes.values())
    # One HEAD a look, one for each package's address at the end.
    assert looks <= waited / 120 + 1 + len(row.packages)
    assert set(probes) <= {path for path in voted.tree.files if path.endswith(".pom")}
    assert _gets(voted, "GET") == dict.fromkeys(voted.tree.files, 1)
    assert voted.publish_calls == 1


async def test_the_public_place_says_when_to_come_back_and_is_obeyed(voted: worlds.World) -> None:
    """Not one request before, whoever asks."""
    await voted.promote(1)
    await voted.until(1, states.State.CHECKING)
    voted.fault("repository", status=429, headers={"Retry-After": "1800"})
    await voted.until(1, lambda row: "public repository asked for a pause; next request at" in row.next_note)
    asked = voted.requests("repository")
    await voted.pass_time(rounds=2, minutes=14)
    assert voted.requests("repository") == asked
    await voted.live(1)


async def test_a_reading_that_broke_off_goes_on_where_it_stopped(voted: worlds.World) -> None:
    """Each file but the broken one is read exactly once."""
    await voted.promote(1)
    broken = f"{_CORE}.jar"
    voted.fault("repository", path=f"{_CORE}.jar", effect=True, cut_after=100)
    await voted.until(1, lambda row: broken.rpartition("/")[2] in row.next_note)
    assert (await voted.row(1)).state is states.State.CHECKING
    await voted.live(1)
    gets = _gets(voted, "GET")
    assert gets.pop(broken) == 2
    assert set(gets.values()) == {1}
