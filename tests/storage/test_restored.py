# SPDX-License-Identifier: Apache-2.0
"""After a restore: what was done since the backup has no row, and nothing is sent or denied for the lack of one."""

import asyncio

import pytest
import sqlalchemy
from sqlmodel import col

import atr.backup as backup
import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.stuck as stuck
import atr.promotion.states as states
import atr.shared.distribution as distribution
from tests import world as worlds
from tests.coded import coded

_State = states.State
_Deployment = states.DeploymentState


async def _declare(world: worlds.World) -> int:
    return await backup.declare(world.settings.database, world.clock(), world.clock)


async def _deployment(world: worlds.World) -> tables.Deployment:
    return next(row for row in await world.rows(tables.Deployment) if row.id == 1)


async def test_what_was_asked_for_is_looked_at_and_sent_only_when_a_member_asks_again(voted: worlds.World) -> None:
    """The row says so, another member may be the one, and then it goes live by one call."""
    promotion_id = await voted.promote(1)
    assert await _declare(voted) == 1
    await voted.pass_time(rounds=5, hours=3)
    row = await voted.row(1)
    assert (row.state, voted.publish_calls) == (_State.REQUESTED, 0)
    assert row.next_note.startswith("The database was restored from a backup of 12:")
    assert row.needs_person == "a committee member"
    assert voted.requests("status") > 0
    assert await voted.promote(1, "bob") == promotion_id
    assert (await voted.live(1)).requested_by == "bob"
    assert voted.publish_calls == 1
    told = [event.what for event in await voted.events(f"promotion:{promotion_id}")]
    assert told.index("promotion_held") < told.index("promotion_asked_again") < told.index("attempt_marked")
    assert await voted.chain_holds()


async def test_the_mark_says_no_though_nobody_held_the_row(voted: worlds.World) -> None:
    """The gate alone: a restore that nobody could write into the row."""
    promotion_id = await voted.promote(1)
    await voted.change(operating.Site(generation=1))
    row = await voted.promotion(promotion_id)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="w", seconds=60, limit=1)
        staged = await service.write.data.get(tables.FileSetRow, row.voted_digest)
        assert staged is not None
    await voted.change((await voted.promotion(promotion_id)).model_copy(update={"verified_digest": staged.digest}))
    async with voted.service() as service:
        assert await service.marks.publish(claimed, staged.digest, seconds=60) is None
    row = await voted.promotion(promotion_id)
    assert (row.state, row.held) == (_State.REQUESTED, True)
    assert "restored" in row.blocker
    assert not [one for one in await voted.rows(tables.Attempt) if one.promotion_id == promotion_id]


@pytest.mark.parametrize("confirmed", [False, True])
async def test_what_a_lost_call_published_and_the_platform_forgot_is_not_refused(
    voted: worlds.World,
    confirmed: bool,  # noqa: FBT001
) -> None:
    """The row knows of no call and the id is gone: the public files decide."""
    await voted.promote(1)
    await _declare(voted)
    row = await voted.row(1)
    voted.platform.portal.publish(voted.platform.portal.deployments[row.external_id])
    await voted.pass_time(minutes=30)
    if (await voted.promotion(1)).state is _State.REQUESTED:
        pytest.fail("The platform said that it is on its way.")
    assert (await voted.live(1)).state is _State.LIVE
    assert voted.publish_calls == 0
    assert not (await voted.promotion(1)).out_of_band


async def test_gone_after_a_restore_says_nothing_and_a_stop_takes_a_day_of_looks(voted: worlds.World) -> None:
    """Neither REFUSED by three looks nor ABORTED by a click; after a day in which nothing was public a person may."""
    await voted.promote(1)
    await _declare(voted)
    voted.knob(await voted.row(1), "vanish")
    await voted.pass_time(rounds=6, minutes=20)
    assert (await voted.promotion(1)).state is _State.REQUESTED
    with pytest.raises(errors.ConflictError, check=coded("may-be-sent")):
        async with voted.member() as member:
            await member.promotions.abort(1, "It is gone.")
    await voted.pass_time(rounds=30, hours=1)
    async with voted.member() as member:
        await member.promotions.abort(1, "It is gone.")
    assert (await voted.promotion(1)).state is _State.ABORTED


async def test_a_promotion_that_was_lost_whole_is_found_public_before_a_second_call(voted: worlds.World) -> None:
    """No row of it is left; who clicks again makes one, and what the first call did is found."""
    await _declare(voted)
    row = await voted.row(1)
    voted.platform.portal.publish(voted.platform.portal.deployments[row.external_id])
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 0


async def test_a_difference_refuses_nothing_when_a_call_may_have_been_made(voted: worlds.World) -> None:
    """Refused would say that nothing was sent."""
    await _declare(voted)
    await voted.promote(1)
    voted.knob(await voted.row(1), "tamper")
    await voted.pass_time(rounds=4, minutes=30)
    row = await voted.promotion(1)
    assert (row.state, voted.publish_calls) == (_State.REQUESTED, 0)
    assert row.difference


async def test_an_upload_that_was_asked_for_before_is_looked_for_and_not_sent(world: worlds.World) -> None:
    """It may have been sent: what carries our name is found, else a person says what became of it."""
    release_key = await world.composed()
    await world.stage(release_key)
    await _declare(world)
    await world.pass_time(rounds=8, minutes=10)
    assert world.requests("upload") == 0
    assert (await _deployment(world)).state is _Deployment.LOST
    assert not await world.rows(operating.Task) or world.requests("upload") == 0


async def test_a_drop_that_was_asked_for_before_is_not_sent(voted: worlds.World) -> None:
    """It is staged still, and whoever wants it dropped asks again."""
    async with voted.member() as member:
        await member.deployments.drop(1, "Not needed.")
    await _declare(voted)
    await voted.pass_time(rounds=4, minutes=10)
    assert voted.requests("drop") == 0
    assert (await _deployment(voted)).state is _Deployment.STAGED
    async with voted.member() as member:
        await member.deployments.drop(1, "Not needed, said again.")
    await voted.pass_time(rounds=4, minutes=10)
    assert (await _deployment(voted)).state is _Deployment.DROPPED


async def test_a_row_of_the_list_stays_until_the_platform_was_asked(voted: worlds.World) -> None:
    """A call of which no row tells may have been made for it."""
    await _declare(voted)
    where = voted.tree.packages[0]
    with pytest.raises(errors.ConflictError, check=coded("asked-too-soon")):
        async with voted.member() as member:
            await member.distributions.delete_distribution((await _deployment(voted)).release_key, where, "Not needed.")
    await voted.pass_time(minutes=10)
    async with voted.member() as member:
        await member.distributions.delete_distribution((await _deployment(voted)).release_key, where, "Not needed.")


async def test_a_worker_that_outlived_the_restore_writes_nothing(voted: worlds.World) -> None:
    """Its epoch would come again."""
    await voted.promote(1)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="old", seconds=60, limit=1)
    await _declare(voted)
    with pytest.raises(errors.LeaseLostError):
        async with voted.service() as service:
            await service.marks.publish(claimed, claimed.voted_digest, seconds=60)


async def test_a_row_that_was_edited_by_hand_is_frozen(voted: worlds.World, caplog: pytest.LogCaptureFixture) -> None:
    """The state, or a mark taken away: nothing is sent, and the operator is told."""
    await voted.promote(1)
    await voted.live(1)
    attempt = next(one for one in await voted.rows(tables.Attempt) if one.promotion_id == 1)
    for field, value in (("state", _State.IN_DOUBT), ("state", _State.REQUESTED)):
        await voted.change((await voted.promotion(1)).model_copy(update={field: value, "due_at": voted.clock()}))
        await voted.pass_time(hours=1)
        assert (await voted.promotion(1)).state is value
        async with voted.store.read(people.ADMIN) as read:
            (line,) = (await stuck.page(read)).lines
        assert line.word == "Frozen"
        assert "the event log says live. Nothing is sent." in line.waits_for
    await voted.change((await voted.promotion(1)).model_copy(update={"state": _State.LIVE}))
    await voted.change(attempt.model_copy(update={"promotion_id": None}))
    await voted.pass_time(days=9)
    assert {record.action for record in caplog.records if record.levelname == "ERROR"} == {"row_disagrees"}  # type: ignore[attr-defined]
    assert "the event log says live" in caplog.text
    assert "There are 0 attempt rows, but the event log has 1." in caplog.text
    assert voted.publish_calls == 1


async def test_a_task_that_was_being_done_is_done_after_a_restore(staged: worlds.World) -> None:
    """Its worker is not there any more, and the same may be asked for again."""
    async with staged.store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
        await participant.deployments.verify(1)
    async with staged.service() as service:
        (task,) = await service.tasks.claim(owner="gone", seconds=60, limit=9)
    await _declare(staged)
    # A restore makes the deployment due too: while it is looked at, the task waits its turn.
    await staged.pass_time(rounds=2, minutes=1)
    done = {row.id: row.status for row in await staged.rows(operating.Task)}
    assert done[task.id] is operating.TaskStatus.COMPLETED


async def test_a_row_that_cannot_be_read_stops_no_other(voted: worlds.World, caplog: pytest.LogCaptureFixture) -> None:
    """One waits for a promotion that is not there, one is of a platform that only a newer program knows."""
    promotion_id = await voted.promote(1)
    row = await voted.promotion(promotion_id)
    await voted.change(row.model_copy(update={"after_id": 4711}))
    newer = {"platform": "TOMORROW", "state": _State.PUBLISHING, "due_at": voted.clock.at, "deployment_id": None}
    async with voted.by_hand() as data:
        data.add(tables.Promotion(**{**row.model_dump(exclude={"id"}), **newer}))
    where = distribution.coordinates(worlds.MAVEN.NPM, "", "widgets", "2.4.0")
    async with voted.member() as member:
        await member.distributions.record(row.release_key, where, staging=False)
    voted.platform.publish_version("npm", "", "widgets", "2.4.0")
    await voted.work()
    assert [one.web_url != "" for one in await voted.rows(sql.Distribution) if one.package == "widgets"] == [True]
    assert "promotion 1 cannot be read" in caplog.text
    async with voted.by_hand() as data:
        await data.exec(sqlalchemy.delete(tables.Promotion).where(col(tables.Promotion.platform) == "TOMORROW"))
    await voted.change((await voted.promotion(promotion_id)).model_copy(update={"after_id": None}))
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_heads_are_told_once_an_hour_by_one_worker(voted: worlds.World, caplog: pytest.LogCaptureFixture) -> None:
    """All of them first; then those that moved since an hour before they were told last."""
    caplog.set_level("INFO")
    told = [await _tell(voted), await _tell(voted)]
    assert (told[0] is not None, told[1]) == (True, None)
    voted.clock.turn(hours=3)
    assert await _tell(voted) is not None
    voted.clock.turn(hours=3)
    async with voted.member() as member:
        await member.deployments.drop(1, "Not needed.")
    several = await asyncio.gather(*(_tell(voted) for _ in range(4)))
    assert sum(one is not None for one in several) == 1
    heads = [vars(record)["heads"] for record in caplog.records if getattr(record, "action", "") == "chain_heads"]
    release_key = (await _deployment(voted)).release_key
    assert [sorted(one) for one in heads] == [sorted([release_key, "site"])] * 2 + [[release_key]]


async def _tell(world: worlds.World) -> object:
    async with world.service() as service:
        return await service.heads.tell()


async def test_a_stop_goes_on_only_when_a_member_asks_for_it_again(voted: worlds.World) -> None:
    """No drop is sent for what was asked before the restore; asking again is enough."""
    voted.fault("publish", cut=True)
    promotion_id = await voted.promote(1)
    await voted.until(1, _State.SENDING)
    async with voted.member() as member:
        await member.promotions.stop(promotion_id, "The wrong candidate.")
    await _declare(voted)
    await voted.pass_time(rounds=4, hours=1)
    assert ((await voted.row(1)).state, voted.requests("drop")) == (_State.ABORTING, 0)
    async with voted.member() as member:
        await member.promotions.stop(promotion_id, "Still the wrong candidate.")
    await voted.until(1, _State.ABORTED)
    assert (voted.requests("drop"), await voted.chain_holds()) == (1, True)
