# SPDX-License-Identifier: Apache-2.0
"""Every gate is looked at when somebody asks and again in the mark: a no sends nothing and frees the coordinates."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.files as files
import atr.storage.worker.captures as captures
from tests import hosting
from tests import world as worlds

Change = Callable[[worlds.World], Awaitable[None]]
_JAR = "maven/org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.jar"
_EXTRA = "maven/org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0-extra.jar"
RELEASE = f"{people.PROJECT}-2.4.0"


async def _policy_off(world: worlds.World) -> None:
    async with world.member("bob") as member:
        await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})


async def _target_narrowed(world: worlds.World) -> None:
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])


async def _target_taken_away(world: worlds.World) -> None:
    async with world.by_hand() as data:
        await data.delete((await world.rows(tables.PlatformTarget))[0])


async def _left_the_committee(world: worlds.World) -> None:
    async with world.admin() as admin:
        await admin.policy.set_committee("example", "Example", committee_members=["bob", "carol"], committers=["alice"])


async def _retired(world: worlds.World) -> None:
    async with world.admin() as admin:
        await admin.policy.set_project(people.PROJECT, "Example Widgets", "example", status=sql.ProjectStatus.RETIRED)


async def _byte_changed(draft: files.Draft) -> None:
    await draft.add(_JAR, worlds.stream(b"other bytes"))


async def _file_added(draft: files.Draft) -> None:
    await draft.add(_EXTRA, worlds.stream(b"nobody voted on me"))


async def _file_removed(draft: files.Draft) -> None:
    draft.remove(_JAR)


async def _revision_changed(world: worlds.World) -> None:
    await hosting.revise(world.store, RELEASE, _byte_changed)


async def _deployment_moved(world: worlds.World) -> None:
    (deployment,) = await world.rows(tables.Deployment)
    deployment.state = states.DeploymentState.GONE
    await world.change(deployment)


async def _check_found(world: worlds.World) -> None:
    async with world.service() as service:
        finding = captures.Result(sql.CheckResultStatus.BLOCKER, "a.jar.md5 is not the md5 of a.jar.")
        await service.checks.record_staged(1, "1", [finding])


async def _back_in_compose(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.phase = sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
    await world.change(release)


async def _vote_not_resolved(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.vote_resolved = None
    await world.change(release)


async def _vote_without_a_ballot(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.current_vote_seq = 2
    await world.change(release)


@dataclasses.dataclass(frozen=True)
class _Case:
    change: Change
    sentence: str
    asking: type[errors.AtrError] = errors.BlockedError
    # Where the request is refused in another sentence than the mark.
    asked: str = ""


_CASES = [
    _Case(_policy_off, "policy does not allow remote promotion"),
    _Case(_target_narrowed, "utside the project's namespaces"),
    _Case(_target_taken_away, "This project has no namespaces"),
    _Case(
        _left_the_committee,
        "alice may not promote: only committee members may",
        errors.AccessError,
        "alice may not do this: only members of the Example committee may",
    ),
    _Case(_retired, "not active"),
    _Case(_revision_changed, "Revision 00002 was created after the vote"),
    _Case(_deployment_moved, "it is gone"),
    _Case(_check_found, "is not the md5"),
    _Case(_back_in_compose, "not in the Finish phase"),
    _Case(_vote_not_resolved, "No vote on this release has passed"),
    _Case(_vote_without_a_ballot, "opened without a ballot"),
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.change.__name__.strip("_"))
async def test_a_gate_that_closes_after_the_click_refuses_in_the_mark_and_then_at_the_request(
    case: _Case, voted: worlds.World
) -> None:
    """In its sentence, with no call; the coordinates are free again; a new click is refused in a sentence, too."""
    promotion_id = await voted.promote(1)
    await case.change(voted)
    row = await voted.until(1, states.State.REFUSED)
    assert case.sentence in row.reason
    assert "Nothing was sent" in row.reason
    assert not any(target.holding for target in await voted.rows(tables.PromotionTarget))
    before = await voted.promotion(promotion_id)
    with pytest.raises(case.asking, match=case.asked or case.sentence):
        await voted.promote(1)
    after = await voted.promotion(promotion_id)
    assert after == before
    assert len(await voted.rows(tables.Promotion)) == 1
    assert voted.publish_calls == 0
    assert not await voted.rows(tables.Attempt) or all(
        one.kind is tables.AttemptKind.UPLOAD for one in await voted.rows(tables.Attempt)
    )


async def _renamed_away(draft: files.Draft) -> None:
    draft.rename(_JAR, _EXTRA)


async def _below_another_folder(draft: files.Draft) -> None:
    for file in draft.files.files:
        draft.rename(file.path, file.path.replace("maven/", "final/").replace("apache-", "released-"))


async def _another_checksum(draft: files.Draft) -> None:
    """An orphan: it is mapped, and no path of a Maven repository."""
    await draft.add("maven/README", worlds.stream(b"read me"))


async def _put_right(draft: files.Draft) -> None:
    """The files that were voted on, and another one that no platform gets."""
    await draft.add(f"apache-{people.PROJECT}-2.4.0-source-release.zip", worlds.stream(b"signed anew"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            _byte_changed,
            r"1 mapped file differs \(org/example/widgets/widgets-core/2\.4\.0/widgets-core-2\.4\.0\.jar\)\.",
        ),
        (_file_added, "1 mapped file was not voted on"),
        (_file_removed, "1 mapped file is missing"),
        (_renamed_away, "1 mapped file has another path"),
        (_below_another_folder, "match no file of the revision"),
        (_another_checksum, "README"),
    ],
)
async def test_a_newer_revision_holds_the_promotion_until_its_mapped_content_is_equal(
    change: Callable[[files.Draft], Awaitable[None]], sentence: str, voted: worlds.World
) -> None:
    """A host may make one, though ours never does. A path counts as much as a byte."""
    await hosting.revise(voted.store, RELEASE, change)
    with pytest.raises(errors.BlockedError, match=rf"Revision 00002 was created after the vote.*{sentence}"):
        await voted.promote(1)
    (blocker,) = (await voted.row(1)).blockers
    assert blocker.code == "newer-revision"
    assert voted.publish_calls == 0

    async def mend(draft: files.Draft) -> None:
        for file in draft.files.files:
            draft.remove(file.path)
        for path, content in voted.tree.files.items():
            assert isinstance(content, bytes)
            await draft.add(f"maven/{path}", worlds.stream(content))
        await _put_right(draft)

    await hosting.revise(voted.store, RELEASE, mend)
    await voted.promote(1)
    await voted.live(1)


async def test_a_newer_revision_that_the_policy_maps_otherwise_is_not_what_was_voted_on(voted: worlds.World) -> None:
    await hosting.revise(voted.store, RELEASE, _put_right)
    async with voted.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    with pytest.raises(errors.BlockedError, match=r"Revision 00002.*the policy maps nothing of it"):
        await voted.promote(1)


async def test_where_nothing_is_mapped_the_whole_revision_counts(world: worlds.World) -> None:
    """What was staged from a build machine was voted on together with the files of the revision."""
    await world.composed()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    number = await world.record(RELEASE, await world.stage_elsewhere(world.tree))
    await world.until(number, lambda row: row.proof.staged is not None)
    await people.vote(world.store, RELEASE)
    await world.work()
    await hosting.revise(world.store, RELEASE, _put_right)
    with pytest.raises(errors.BlockedError, match=r"Revision 00002.*1 revision file differs"):
        await world.promote(number)


async def test_a_newer_revision_of_which_nothing_is_recorded_is_not_what_was_voted_on(voted: worlds.World) -> None:
    await hosting.revise(voted.store, RELEASE, _put_right)
    async with voted.by_hand() as data:
        await data.delete((await queries.revision(data, RELEASE, "00002")).recorded)
    with pytest.raises(errors.BlockedError, match=r"Revision 00002.*its files were not recorded"):
        await voted.promote(1)


async def test_a_vote_that_names_another_revision_than_its_ballot_authorises_nothing(voted: worlds.World) -> None:
    await hosting.revise(voted.store, RELEASE, _byte_changed)
    (release,) = await voted.rows(sql.Release)
    release.voted_revision_number = "00002"
    await voted.change(release)
    with pytest.raises(errors.BlockedError, match="its ballot has the files of another"):
        await voted.promote(1)
