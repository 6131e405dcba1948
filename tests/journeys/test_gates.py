# SPDX-License-Identifier: Apache-2.0
"""Every gate is looked at when somebody asks and again in the mark: a no sends nothing and frees the coordinates."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.files as files
import atr.storage.writers.checks as checks
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
    await world.revise(RELEASE, _byte_changed)


async def _deployment_moved(world: worlds.World) -> None:
    (deployment,) = await world.rows(tables.Deployment)
    deployment.state = states.DeploymentState.GONE
    await world.change(deployment)


async def _check_found(world: worlds.World) -> None:
    async with world.service() as service:
        finding = checks.Result(sql.CheckResultStatus.BLOCKER, "a.jar.md5 is not the md5 of a.jar.")
        await service.checks.record_staged(1, "1", [finding])


async def _back_in_compose(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.phase = sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
    await world.change(release)


async def _vote_not_resolved(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.vote_resolved = None
    await world.change(release)


async def _ballot_of_another_vote(world: worlds.World) -> None:
    (release,) = await world.rows(sql.Release)
    release.current_vote_seq += 1
    await world.change(release)


@dataclasses.dataclass(frozen=True)
class _Case:
    change: Change
    sentence: str
    asking: type[errors.AtrError] = errors.BlockedError


_CASES = [
    _Case(_policy_off, "policy does not allow remote promotion"),
    _Case(_target_narrowed, "utside the names"),
    _Case(_target_taken_away, "Nobody has set which names"),
    _Case(_left_the_committee, "only members of the", errors.AccessError),
    _Case(_retired, "not active"),
    _Case(_revision_changed, "changed after the vote"),
    _Case(_deployment_moved, "it is gone"),
    _Case(_check_found, "is not the md5"),
    _Case(_back_in_compose, "not in Finish"),
    _Case(_vote_not_resolved, "No vote on this release has passed"),
    _Case(_ballot_of_another_vote, "not what the committee voted on"),
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.change.__name__.strip("_"))
async def test_a_gate_that_closes_after_the_click_refuses_in_the_mark_and_then_at_the_request(
    case: _Case, voted: worlds.World
) -> None:
    """In its sentence, with no call; the coordinates are free again; a new click is refused with the same sentence."""
    promotion_id = await voted.promote(1)
    await case.change(voted)
    row = await voted.until(1, states.State.REFUSED)
    assert case.sentence in row.reason
    assert "Nothing was sent" in row.reason
    assert not any(target.holding for target in await voted.rows(tables.PromotionTarget))
    before = await voted.promotion(promotion_id)
    with pytest.raises(case.asking, match=case.sentence):
        await voted.promote(1)
    after = await voted.promotion(promotion_id)
    assert after == before
    assert len(await voted.rows(tables.Promotion)) == 1
    assert voted.publish_calls == 0
    assert not await voted.rows(tables.Attempt) or all(
        one.kind is tables.AttemptKind.UPLOAD for one in await voted.rows(tables.Attempt)
    )


async def test_renamed_in_atr_after_the_vote_it_goes_live(voted: worlds.World) -> None:
    """Inside ATR paths may change: the multiset of bytes counts."""

    async def rename(draft: files.Draft) -> None:
        for file in draft.files.files:
            draft.rename(file.path, file.path.replace("maven/", "final/").replace("apache-", "released-"))

    await voted.revise(RELEASE, rename)
    await voted.work()
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


@pytest.mark.parametrize("change", [_byte_changed, _file_added, _file_removed], ids=lambda one: one.__name__.strip("_"))
async def test_what_changed_with_the_preview_revision_is_refused_with_no_call(
    change: Callable[[files.Draft], Awaitable[None]], staged: worlds.World
) -> None:
    """Decided once, when the revision is made; a byte, a file more or a file less among the mapped files."""
    async with staged.manager() as manager:
        await manager.vote.open_vote(RELEASE)
    for voter in people.MEMBERS:
        async with staged.member(voter) as member:
            await member.vote.cast(RELEASE, sql.VoteChoice.YES)
    async with staged.store.draft(RELEASE) as draft:
        await change(draft)
        async with staged.manager() as manager:
            await manager.vote_resolution.resolve_passed(RELEASE, draft)
    await staged.work()
    with pytest.raises(errors.BlockedError, match="changed after the vote"):
        await staged.promote(1)
    assert staged.publish_calls == 0
    (newest,) = [one for one in await staged.rows(sql.Revision) if one.number == "00002"]
    assert newest.drift["mavencentral"]
    # A later revision with the voted bytes again opens the way.
    first = staged.tree.files[_JAR.removeprefix("maven/")]
    assert isinstance(first, bytes)

    async def mend(draft: files.Draft) -> None:
        await draft.add(_JAR, worlds.stream(first))
        if _EXTRA in draft.files.by_path:
            draft.remove(_EXTRA)

    await staged.revise(RELEASE, mend)
    await staged.promote(1)
    await staged.live(1)


async def test_a_file_that_is_not_mapped_may_change_after_the_vote(voted: worlds.World) -> None:
    """Only what goes to the platform counts there."""

    async def change(draft: files.Draft) -> None:
        await draft.add(f"apache-{people.PROJECT}-2.4.0-source-release.zip", worlds.stream(b"signed anew"))

    await voted.revise(RELEASE, change)
    await voted.promote(1)
    await voted.live(1)
