# SPDX-License-Identifier: Apache-2.0
"""A host deletes a release with a plain DELETE: what waits is stopped, what was sent runs on to its end."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.releases as releases
import atr.pages.stuck as stuck
import atr.promotion.states as states
import atr.storage.readers.usage as usage
import atr.worker as worker
from tests import hosting
from tests import world as worlds
from tests.coded import coded

RELEASE: Final = f"{people.PROJECT}-2.4.0"
State = states.State
Bring = Callable[[worlds.World], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_fault_is_logged(caplog: pytest.LogCaptureFixture) -> object:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _ended(world: worlds.World, promotion_id: int) -> tables.Promotion:
    """Where it ends, without a page that could be asked."""
    for _ in range(200):
        await world.work()
        row = await world.promotion(promotion_id)
        if row.state in {State.LIVE, State.DIVERGED, *states.ENDED}:
            break
        assert await world.turn_to_due()
    return row


async def test_what_waits_is_stopped_by_the_worker_with_an_event(voted: worlds.World) -> None:
    """Its packages are free, whoever asked is told by the record, and nothing was sent."""
    promotion_id = await voted.promote(1)
    await hosting.delete(voted, RELEASE)
    await worker.free_names(voted.hands)
    row = await voted.promotion(promotion_id)
    assert (row.state, row.reason) == (State.ABORTED, "The release was deleted. Nothing was sent.")
    assert not any(one.holding for one in await voted.rows(tables.PromotionTarget))
    moved = [one for one in await voted.events(f"promotion:{promotion_id}") if one.what == "promotion_moved"]
    assert (moved[-1].actor, moved[-1].data["to"]) == ("system", "aborted")
    await voted.pass_time(rounds=5, days=8)
    assert voted.publish_calls == 0
    assert await voted.chain_holds()


async def test_between_the_proof_and_the_mark_it_is_stopped_too(voted: worlds.World) -> None:
    promotion_id = await voted.promote(1)
    assert await voted.dies(voted.dying_at("after_verify"))
    await hosting.delete(voted, RELEASE)
    row = await _ended(voted, promotion_id)
    assert (row.state, row.reason) == (State.ABORTED, "The release was deleted. Nothing was sent.")
    assert voted.publish_calls == 0


async def _taken(world: worlds.World) -> None:
    """The call was taken, and the platform publishes."""
    await world.promote(1)
    await world.work()


async def _lost(world: worlds.World) -> None:
    """The call was taken, and its reply was lost."""
    await world.promote(1)
    world.fault("publish", effect=True, cut=True)
    await world.work()


async def _died(world: worlds.World) -> None:
    """The worker died after the mark, before the first byte."""
    await world.promote(1)
    assert await world.dies(world.dying_at("after_mark"))


@pytest.mark.parametrize("bring", [_taken, _lost])
async def test_what_was_sent_runs_on_to_its_end(bring: Bring, voted: worlds.World) -> None:
    """Its public files are compared; there is no third-party distribution of ATR's left to make final."""
    await bring(voted)
    await hosting.delete(voted, RELEASE)
    row = await _ended(voted, 1)
    assert row.state is State.LIVE
    assert voted.publish_calls == 1
    assert await voted.rows(sql.Distribution) == []
    await voted.pass_time(rounds=5, days=8)
    assert (await voted.promotion(1)).state is State.LIVE


async def test_a_call_that_was_marked_is_not_made_again_for_a_release_that_is_gone(voted: worlds.World) -> None:
    """Nobody can ask for it any more, and nobody knows whether it arrived."""
    await _died(voted)
    await hosting.delete(voted, RELEASE)
    for _ in range(100):
        await voted.work()
        if (await voted.promotion(1)).state is State.IN_DOUBT:
            break
        assert await voted.turn_to_due()
    row = await voted.promotion(1)
    assert (row.state, voted.publish_calls) == (State.IN_DOUBT, 0)
    async with voted.store.read(people.ADMIN) as read:
        (line,) = (await stuck.page(read)).lines
    assert (line.word, line.project_name, line.row_key) == ("In doubt", f"{RELEASE}, deleted", "")


async def test_a_stop_after_the_call_runs_on(voted: worlds.World) -> None:
    """Whoever asked for it was allowed to."""
    await _died(voted)
    async with voted.member() as member:
        await member.promotions.stop(1, "The wrong candidate.")
    await hosting.delete(voted, RELEASE)
    row = await _ended(voted, 1)
    assert row.state is State.ABORTED
    assert voted.publish_calls == 0


async def test_what_is_found_public_after_its_end_is_told(voted: worlds.World) -> None:
    """No promotion can compare it with what was voted on, since the vote is gone with the release."""
    promotion_id = await voted.promote(1)
    row = await voted.row(1)
    await hosting.delete(voted, RELEASE)
    await worker.free_names(voted.hands)
    voted.knob(row, "publish-by-hand")
    await voted.pass_time(rounds=4, days=1)
    assert (await voted.promotion(promotion_id)).found_at is not None
    assert [one.what for one in await voted.events_of(RELEASE)].count("public_not_voted") == 1
    assert len(await voted.rows(tables.Promotion)) == 1


async def test_deployments_are_left_alone_and_no_task_fails(world: worlds.World) -> None:
    """Before their capture, after it, and while they are uploaded; a drop that was asked for is made."""
    await world.composed()
    world.stand_in_settings(held_by="publishing")
    await world.stage(RELEASE)
    dropped = await world.record(RELEASE, await world.stage_elsewhere(world.tree))
    await world.until(dropped, lambda row: row.proof.staged is not None)
    async with world.member() as member:
        await member.deployments.drop(dropped, "Not this one.")
    await world.record(RELEASE, await world.stage_elsewhere(world.tree))
    await hosting.delete(world, RELEASE)
    await world.pass_time(rounds=20, minutes=10)
    rows = {row.id: row for row in await world.rows(tables.Deployment)}
    assert rows[dropped].state is states.DeploymentState.DROPPED
    assert [row.due_at for row in rows.values() if row.id != dropped] == [None, None]
    assert {one.status for one in await world.rows(operating.Task)} == {operating.TaskStatus.COMPLETED}


async def test_no_ballot_of_a_deleted_release_speaks_for_a_new_one_of_its_version(voted: worlds.World) -> None:
    """Its first vote has the number of the other one's, whose ballot stays in the record: it gets none."""
    await hosting.delete(voted, RELEASE)
    voted.clock.turn(hours=1)
    await people.compose(voted.store, voted.tree)
    async with voted.member() as member:
        await member.deployments.take_off_ballot(1, "It is of the release that was deleted.")
    with pytest.raises(errors.ConflictError, check=coded("old-ballot", vote=1)):
        async with voted.manager() as manager:
            await manager.vote.open_vote(RELEASE)
    (release,) = await voted.rows(sql.Release)
    release.phase, release.vote_started = sql.ReleasePhase.RELEASE_PREVIEW, voted.clock.at
    release.current_vote_seq, release.vote_resolved = 1, voted.clock.at
    await voted.change(release)
    assert "no-ballot" in {one.code for one in (await voted.row(1)).blockers}


async def test_its_pages_are_not_there_and_the_others_stand(voted: worlds.World) -> None:
    await voted.promote(1)
    await hosting.delete(voted, RELEASE)
    with pytest.raises(errors.NotFoundError):
        await voted.row(1)
    async with voted.store.read(people.ADMIN) as read:
        assert RELEASE not in repr(await releases.listing(read))
        await usage.of(read)
        await stuck.page(read)
