# SPDX-License-Identifier: Apache-2.0
"""Stop a promotion after its call: the platform gives it up, or it was too late, or a person must look."""

import itertools
import logging

import pytest

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.promotion.steps as steps
from tests import world as worlds
from tests.coded import coded

_State = states.State
_Deployment = states.DeploymentState
_SETTLING = steps.Timing().settling


async def _unclear(world: worlds.World, **publish: object) -> int:
    """A promotion whose call got no answer; `publish`: what became of it. Its number."""
    world.fault("publish", **(publish or {"cut": True}))
    promotion_id = await world.promote(1)
    await world.until(1, _State.SENDING)
    return promotion_id


async def _stop(world: worlds.World, promotion_id: int, asf_uid: str = worlds.MEMBER) -> None:
    async with world.member(asf_uid) as member:
        await member.promotions.stop(promotion_id, "The wrong candidate.")


async def _drops(world: worlds.World) -> list[tables.Attempt]:
    return [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.DROP]


async def _stopping(world: worlds.World) -> int:
    """A promotion that is being stopped, its call lost and long past."""
    promotion_id = await _unclear(world)
    await _stop(world, promotion_id)
    assert (await world.row(1)).state is _State.ABORTING
    return promotion_id


async def test_what_is_still_staged_is_dropped_and_that_is_proved(voted: worlds.World) -> None:
    """One drop, after the call had time to arrive; stopped only after three looks over a quarter of an hour."""
    promotion_id = await _stopping(voted)
    await voted.work()
    assert voted.requests("drop") == 0
    row = await voted.until(1, _State.ABORTED)
    assert (voted.publish_calls, voted.requests("drop"), voted.platform.traffic.effects["drop"]) == (1, 1, 1)
    assert row.deployment_state is _Deployment.DROPPED
    (call,) = [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    (drop,) = await _drops(voted)
    assert (drop.promotion_id, drop.marked_for, drop.answer) == (promotion_id, worlds.MEMBER, steps.Answer.TAKEN)
    assert (drop.marked_at - call.marked_at).total_seconds() >= _SETTLING
    assert (voted.clock.at - drop.marked_at).total_seconds() >= steps.Timing().vanishing
    (target,) = {one.holding for one in await voted.rows(tables.PromotionTarget)}
    assert target is False
    assert await voted.chain_holds()


async def test_a_stop_that_comes_too_late_says_so_and_the_release_goes_live(voted: worlds.World) -> None:
    """The call had taken effect all the same: no drop is sent for what is publishing."""
    voted.stand_in_settings(publishing_polls=6)
    promotion_id = await _unclear(voted, effect=True, cut=True)
    await _stop(voted, promotion_id)
    row = await voted.until(1, _State.PUBLISHING)
    assert "Too late to stop it" in row.reason
    assert row.drop_reason == ""
    row = await voted.live(1)
    assert (voted.publish_calls, voted.requests("drop")) == (1, 0)
    assert row.deployment_state is _Deployment.PUBLISHED


async def test_a_call_that_lands_between_the_ask_and_the_drop_wins(voted: worlds.World) -> None:
    """The platform refuses the drop, and the next look tells why: too late."""
    await _stopping(voted)
    voted.clock.turn(seconds=_SETTLING)
    external_id = (await voted.row(1)).external_id
    # The status that was read before the call landed.
    voted.fault("status", status=200, body={"deploymentId": external_id, "deploymentState": "VALIDATED", "purls": []})
    voted.platform.portal.publish(voted.platform.portal.deployments[external_id])
    row = await voted.live(1)
    assert (voted.publish_calls, voted.requests("drop"), voted.platform.traffic.effects["drop"]) == (1, 1, 0)
    assert row.deployment_state is _Deployment.PUBLISHED
    assert (await voted.promotion(row.promotion_id or 0)).held is False


async def test_a_call_that_lands_after_the_drop_has_no_effect(voted: worlds.World) -> None:
    await _stopping(voted)
    await voted.until(1, lambda _: voted.requests("drop") == 1)
    with pytest.raises(KeyError):
        voted.platform.portal.publish(voted.platform.portal.deployments[(await voted.row(1)).external_id])
    await voted.until(1, _State.ABORTED)
    assert voted.platform.traffic.effects["publish"] == 0


async def test_a_drop_whose_answer_is_lost_proves_nothing_by_its_404(voted: worlds.World) -> None:
    """It may never have arrived, so the 404 may hide a call at work: a person looks, and may try once more."""
    voted.fault("drop", effect=True, cut=True)
    promotion_id = await _stopping(voted)
    row = await voted.until(1, _State.IN_DOUBT)
    assert voted.requests("drop") == 1
    assert row.deployment_state is _Deployment.DROPPING
    await voted.pass_time(rounds=30, hours=1)
    async with voted.member() as member:
        await member.promotions.give_up(promotion_id, "The portal's page does not list it any more.")
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    assert row.state is _State.ABORTED
    assert voted.requests("drop") == 1


async def test_drops_without_effect_use_their_budget_up_and_never_two_at_once(voted: worlds.World) -> None:
    voted.fault("drop", status=503, times=3)
    await _stopping(voted)
    row = await voted.until(1, _State.IN_DOUBT)
    marked = [one.marked_at for one in await _drops(voted)]
    assert len(marked) == voted.requests("drop") == 3
    assert all((later - earlier).total_seconds() >= _SETTLING for earlier, later in itertools.pairwise(marked))
    assert "still staged after the drop request" in row.reason
    assert row.deployment_state is _Deployment.STAGED
    await voted.pass_time(rounds=3, hours=2)
    assert voted.requests("drop") == 3
    # Another asking is another budget.
    await _stop(voted, row.promotion_id or 0, "bob")
    await voted.until(1, _State.ABORTED)
    assert (voted.requests("drop"), voted.publish_calls) == (4, 1)


async def test_a_refused_drop_waits_for_a_person_and_the_next_one_stops_it(voted: worlds.World) -> None:
    voted.fault("drop", status=403)
    promotion_id = await _stopping(voted)
    row = await voted.until(1, lambda row: "refused to drop it (403)" in row.next_note)
    await voted.pass_time(rounds=5, hours=1)
    assert (await voted.row(1)).state is _State.ABORTING
    assert voted.requests("drop") == 1
    assert [act.label for act in row.acts if act.name == "stop"] == ["Request the drop again"]
    await _stop(voted, promotion_id, "bob")
    await voted.until(1, _State.ABORTED)
    assert [one.marked_for for one in await _drops(voted)] == [worlds.MEMBER, "bob"]


async def test_who_asked_and_left_the_committee_has_nothing_dropped(voted: worlds.World) -> None:
    promotion_id = await _unclear(voted)
    await _stop(voted, promotion_id, "bob")
    async with voted.admin() as admin:
        await admin.policy.set_committee(
            "example", "Example", committee_members=[worlds.MEMBER, "carol"], committers=["dave"]
        )
    row = await voted.until(1, lambda row: "no longer a committee member" in row.next_note)
    assert (row.state, voted.requests("drop")) == (_State.ABORTING, 0)
    await _stop(voted, promotion_id)
    await voted.until(1, _State.ABORTED)


async def test_what_was_refused_for_certain_stops_without_a_drop(voted: worlds.World) -> None:
    """The stop comes while the call is out; then the call is refused, so nothing can come any more."""
    promotion_id = await _unclear(voted)
    (call,) = [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    async with voted.service() as service:
        row = await service.write.data.get(tables.Attempt, call.id)
        assert row is not None
        row.answer, row.status = steps.Answer.REFUSED, 401
    await _stop(voted, promotion_id)
    after = await voted.until(1, _State.ABORTED)
    assert (after.deployment_state, after.drop_reason, voted.requests("drop")) == (_Deployment.STAGED, "", 0)


@pytest.mark.parametrize("place", ["in_abort", "after_drop_reply"])
async def test_a_worker_that_dies_around_the_drop_is_followed_by_one_that_asks(place: str, voted: worlds.World) -> None:
    """Killed before the first byte: a second drop after the settling time. Killed after it: none, and a person."""
    await _stopping(voted)
    voted.clock.turn(seconds=_SETTLING)
    assert await voted.dies(voted.dying_at(place))
    row = await voted.until(1, lambda row: row.state in {_State.ABORTED, _State.IN_DOUBT})
    if place == "in_abort":
        assert (row.state, len(await _drops(voted)), voted.requests("drop")) == (_State.ABORTED, 2, 1)
    else:
        assert (row.state, len(await _drops(voted)), voted.requests("drop")) == (_State.IN_DOUBT, 1, 1)


async def test_nothing_is_published_for_what_is_stopped_while_it_is_proved(voted: worlds.World) -> None:
    """The second call's proof is done, its mark is not: then somebody stops it."""
    promotion_id = await _unclear(voted)
    voted.clock.turn(seconds=_SETTLING)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="proves", seconds=60, limit=1)
        await service.promotions.verified(claimed, await queries.file_set(service.write.data, claimed.voted_digest))
    await _stop(voted, promotion_id)
    with pytest.raises(errors.ConflictError, check=coded("nothing-sent", state="aborting")):
        async with voted.service() as service:
            await service.marks.publish(claimed, claimed.voted_digest, seconds=60)
    await voted.until(1, _State.ABORTED)
    assert voted.publish_calls == 1


async def test_a_platform_that_never_answers_ends_a_stop_with_a_person(
    voted: worlds.World, caplog: pytest.LogCaptureFixture
) -> None:
    """Past its deadline it is in doubt, and whoever watches the log is told."""
    await _stopping(voted)
    voted.fault("status", status=500, times=None)
    with caplog.at_level(logging.INFO, logger="atr.storage.audit"):
        await voted.until(1, _State.IN_DOUBT, seconds=3_600)
    assert voted.requests("drop") == 0
    (alert,) = [record for record in caplog.records if getattr(record, "action", "") == "alert"]
    assert (alert.levelname, "promotion:1" in alert.getMessage()) == ("WARNING", True)


async def test_published_by_hand_meanwhile_is_found(voted: worlds.World) -> None:
    await _stopping(voted)
    voted.knob(await voted.row(1), "publish-by-hand")
    await voted.live(1)
    assert (voted.publish_calls, voted.platform.traffic.effects["drop"]) == (1, 0)


async def test_dropped_by_hand_meanwhile_is_no_proof(voted: worlds.World) -> None:
    """Not by us, so nobody has told us that it was dropped and not published."""
    await _stopping(voted)
    voted.knob(await voted.row(1), "vanish")
    await voted.until(1, _State.IN_DOUBT)
    assert voted.requests("drop") == 0


async def test_who_may_stop_and_what_may_be_stopped(voted: worlds.World) -> None:
    promotion_id = await _unclear(voted)
    with pytest.raises(errors.AccessError):
        await _stop(voted, promotion_id, "dave")
    with pytest.raises(errors.InputError, match="Enter a reason"):
        async with voted.member() as member:
            await member.promotions.stop(promotion_id, " ")
    await _stop(voted, promotion_id)
    with pytest.raises(errors.ConflictError, check=coded("being-stopped")):
        await _stop(voted, promotion_id)
    await voted.until(1, _State.ABORTED)
    with pytest.raises(errors.ConflictError, check=coded("not-stoppable", state="aborted")):
        await _stop(voted, promotion_id)


async def test_a_stop_is_offered_after_the_call_with_what_it_does(voted: worlds.World) -> None:
    """H24: whatever stops holding after the mark, a member is offered to stop it, and told why now."""
    await _unclear(voted)
    async with voted.member("bob") as member:
        await member.policy.edit("example-widgets", remote_promotion={worlds.MAVEN: False})
    (act,) = [act for act in (await voted.row(1)).acts if act.name == "stop"]
    assert (act.why_not, act.needs_reason) == ("", True)
    assert "may be too late" in act.note
    assert "policy does not allow" in act.note
    (shown,) = [act for act in (await voted.row(1, "dave")).acts if act.name == "stop"]
    assert shown.why_not == "Only committee members can do this."
