# SPDX-License-Identifier: Apache-2.0
"""Switched off: no mark is written, whatever was proved; looking goes on; switched on again, all goes on by itself."""

import asyncio

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.states as states
import atr.storage.audit as audit
from tests import world as worlds

_State = states.State
_MAVEN = "mechanism:CENTRAL_PORTAL"
_WHY = "Its status page is red."


async def _off(world: worlds.World, scope: str = _MAVEN) -> bool:
    async with world.admin() as admin:
        return await admin.switches.switch_off(scope, _WHY)


async def _on(world: worlds.World, scope: str = _MAVEN) -> bool:
    async with world.admin() as admin:
        return await admin.switches.switch_on(scope, "It is green again.")


async def proved(world: worlds.World) -> work.Promotion:
    """The one promotion that is due, claimed, its staged files read: the next step is its mark."""
    async with world.service() as service:
        (claimed,) = await service.promotions.claim(owner="proves", seconds=60, limit=1)
        files = await queries.file_set(service.write.data, claimed.voted_digest)
        await service.promotions.verified(claimed, files)
    return claimed


@pytest.mark.parametrize("scope", [_MAVEN, "site"])
async def test_nothing_can_be_asked_for_and_the_button_says_who_why_and_since_when(
    scope: str, voted: worlds.World
) -> None:
    assert await _off(voted, scope)
    (act,) = [act for act in (await voted.row(1)).acts if act.name == "promote"]
    assert f"{people.ADMIN} switched " in act.why_not
    assert "September 2026 at 12:0" in act.why_not
    assert act.why_not.endswith(f"{_WHY} A foundation admin can change this.")
    with pytest.raises(errors.BlockedError, match="status page is red"):
        await voted.promote(1)
    assert await _on(voted, scope)
    await voted.promote(1)
    await voted.live(1)


async def test_what_was_asked_for_waits_without_reading_every_byte_and_goes_on_by_itself(voted: worlds.World) -> None:
    await voted.promote(1)
    await _off(voted)
    reads = voted.requests("download")
    await voted.pass_time(rounds=6, hours=1)
    row = await voted.row(1)
    assert (row.state, voted.publish_calls, voted.requests("download")) == (_State.REQUESTED, 0, reads)
    assert _WHY in row.standing.sentence
    assert [one.code for one in row.blockers] == ["switched-off"]
    asked = voted.requests("status")
    await voted.pass_time(rounds=2, hours=1)
    assert voted.requests("status") > asked
    await _on(voted)
    await voted.work()
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_the_mark_sees_a_switch_that_was_thrown_while_it_proved(voted: worlds.World) -> None:
    """The proof is done; then it is switched off; then the mark: nothing is sent, and nothing is refused."""
    promotion_id = await voted.promote(1)
    claimed = await proved(voted)
    await _off(voted)
    async with voted.service() as service:
        assert await service.marks.publish(claimed, claimed.voted_digest, seconds=60) is None
    assert (await voted.promotion(promotion_id)).state is _State.REQUESTED
    assert [one.kind for one in await voted.rows(tables.Attempt)] == [tables.AttemptKind.UPLOAD]
    (event,) = [one for one in await voted.events(f"promotion:{promotion_id}") if one.what == "promotion_not_sent"]
    assert _WHY in event.data["reason"]


async def test_a_mark_and_a_switch_at_once_end_in_one_order(voted: worlds.World) -> None:
    """Whichever holds the platform first: a call that was marked is asked about, else there is none."""
    promotion_id = await voted.promote(1)
    claimed = await proved(voted)
    permit, was_on = await asyncio.gather(_mark(voted, claimed), _off(voted))
    assert was_on
    marks = [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    state = (await voted.promotion(promotion_id)).state
    assert (len(marks), state) == ((1, _State.SENDING) if permit else (0, _State.REQUESTED))


async def _mark(world: worlds.World, claimed: work.Promotion) -> work.Permit | None:
    async with world.service() as service:
        return await service.marks.publish(claimed, claimed.voted_digest, seconds=60)


async def test_what_is_on_its_way_ends_but_is_not_called_again(voted: worlds.World) -> None:
    voted.fault("publish", cut=True)
    await voted.promote(1)
    await voted.until(1, _State.SENDING)
    await _off(voted)
    await voted.pass_time(rounds=4, hours=1)
    row = await voted.row(1)
    assert (row.state, voted.publish_calls) == (_State.SENDING, 1)
    assert [one.code for one in row.blockers] == ["switched-off"]
    await _on(voted)
    await voted.live(1)
    assert voted.publish_calls == 2


async def test_a_stop_asks_for_no_drop_while_it_is_off(voted: worlds.World) -> None:
    voted.fault("publish", cut=True)
    promotion_id = await voted.promote(1)
    await voted.until(1, _State.SENDING)
    async with voted.member() as member:
        await member.promotions.stop(promotion_id, "The wrong candidate.")
    await _off(voted)
    await voted.pass_time(rounds=4, hours=1)
    assert ((await voted.row(1)).state, voted.requests("drop")) == (_State.ABORTING, 0)
    await _on(voted)
    await voted.until(1, _State.ABORTED)


async def test_an_upload_and_a_drop_wait_too_and_their_rows_say_why(world: worlds.World) -> None:
    release_key = await world.composed()
    await _off(world)
    deployment_id = await world.stage(release_key)
    await world.pass_time(rounds=5, minutes=1)
    row = await world.row(deployment_id)
    assert (row.deployment_state, world.requests("upload")) == (states.DeploymentState.UPLOADING, 0)
    assert _WHY in row.problem
    await _on(world)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert world.requests("upload") == 1
    async with world.member() as member:
        await member.deployments.drop(deployment_id, "Another one follows.")
    await _off(world)
    await world.pass_time(rounds=5, minutes=1)
    row = await world.row(deployment_id)
    assert (row.deployment_state, world.requests("drop")) == (states.DeploymentState.DROPPING, 0)
    assert _WHY in row.problem
    await _on(world)
    await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.DROPPED)


async def test_every_change_is_an_event_and_a_second_click_changes_nothing(voted: worlds.World) -> None:
    assert await _off(voted)
    assert not await _off(voted)
    assert await _on(voted)
    assert not await _on(voted)
    moved = [one for one in await voted.events_of(audit.SITE) if one.subject == f"switch:{_MAVEN}"]
    assert [(one.what, one.actor, one.data["reason"]) for one in moved] == [
        ("switched_off", people.ADMIN, _WHY),
        ("switched_on", people.ADMIN, "It is green again."),
    ]
    assert await voted.chain_holds()


async def test_who_may_and_what(voted: worlds.World) -> None:
    with pytest.raises(errors.InputError, match="There is no switch of this name"):
        await _off(voted, "platform:NOWHERE")
    with pytest.raises(errors.InputError, match="Enter a reason"):
        async with voted.admin() as admin:
            await admin.switches.switch_off(_MAVEN, "")
    with pytest.raises(errors.AccessError):
        async with voted.store.write_as_foundation_admin(worlds.MEMBER) as admin:
            await admin.switches.switch_off(_MAVEN, _WHY)
