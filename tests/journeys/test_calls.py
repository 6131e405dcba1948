# SPDX-License-Identifier: Apache-2.0
"""What comes back from the one call, and what we make of it: refused, limited, unclear."""

import datetime
import itertools

import pytest

import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.promotion.steps as steps
from tests import world as worlds

_State = states.State


async def _calls(world: worlds.World) -> list[tables.Attempt]:
    return [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]


def _is_held(row: object) -> bool:
    return "refused the publish request" in getattr(row, "next_note", "")


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_call_waits_for_a_person_and_the_second_one_goes_live(status: int, voted: worlds.World) -> None:
    """Held with a blocker, however long; the old form does not release it, another member's click does."""
    voted.fault("publish", status=status, body="no")
    first = await voted.row(1)
    promotion_id = await voted.promote(1)
    row = await voted.until(1, lambda row: _is_held(row) and row.state is _State.REQUESTED)
    assert f"({status})" in row.next_note
    assert row.needs_person == "a committee member"
    await voted.pass_time(rounds=5, hours=12)
    assert (await voted.row(1)).state is _State.REQUESTED
    assert voted.publish_calls == 1
    # The form of the first click once more: led to the promotion, and nothing is sent.
    async with voted.member() as member:
        again = await member.distributions.promote_staging_to_production(
            row.release_key, worlds.MAVEN, 1, evidence_digest=first.evidence_digest, row_version=first.row_version
        )
    assert again == promotion_id
    # Nor is it another member's to send again.
    with pytest.raises(errors.ConflictError):
        async with voted.member("bob") as member:
            await member.distributions.promote_staging_to_production(
                row.release_key, worlds.MAVEN, 1, evidence_digest=first.evidence_digest, row_version=first.row_version
            )
    await voted.pass_time(hours=1)
    assert voted.publish_calls == 1
    assert await voted.promote(1, "bob") == promotion_id
    row = await voted.live(1)
    assert voted.publish_calls == 2
    assert [one.answer for one in await _calls(voted)] == [steps.Answer.REFUSED, steps.Answer.TAKEN]
    assert row.requested_by == "bob"


async def test_the_day_does_not_begin_with_a_call_that_was_refused_for_certain(voted: worlds.World) -> None:
    """After days of waiting for a person the next call has its own 24 hours."""
    voted.fault("publish", status=401)
    await voted.promote(1)
    await voted.until(1, _is_held)
    await voted.pass_time(days=3)
    voted.stand_in_settings(publishing_polls=5)
    promotion_id = await voted.promote(1)
    await voted.until(1, _State.PUBLISHING)
    await voted.live(1)
    moves = [event.data.get("to") for event in await voted.events(f"promotion:{promotion_id}") if "to" in event.data]
    assert "in-doubt" not in moves


async def test_between_a_refused_call_and_the_next_one_every_byte_is_read_anew(voted: worlds.World) -> None:
    """What was proved before the first call proves nothing for the second."""
    voted.fault("publish", status=403)
    await voted.promote(1)
    row = await voted.until(1, _is_held)
    voted.knob(row, "tamper")
    await voted.promote(1)
    row = await voted.until(1, _State.REFUSED)
    assert "widgets-core-2.4.0.jar" in row.reason
    assert voted.publish_calls == 1


async def test_gates_hold_for_the_second_click_too(voted: worlds.World) -> None:
    """Blocked with its sentence, and still held."""
    voted.fault("publish", status=403)
    await voted.promote(1)
    await voted.until(1, _is_held)
    async with voted.member("bob") as member:
        await member.policy.edit("example-widgets", remote_promotion={worlds.MAVEN: False})
    with pytest.raises(errors.BlockedError, match="policy does not allow"):
        await voted.promote(1)
    await voted.pass_time(rounds=2, hours=1)
    assert voted.publish_calls == 1


async def test_429_on_publish_waits_as_told_and_goes_on_without_a_person(voted: worlds.World) -> None:
    """The budget is not used."""
    voted.fault("publish", status=429, headers={"Retry-After": "1800"}, times=4)
    await voted.promote(1)
    await voted.work()
    told = voted.clock.at
    for sent in range(1, 5):
        row = await voted.row(1)
        assert (voted.publish_calls, row.state) == (sent, _State.REQUESTED)
        voted.clock.at = told + datetime.timedelta(seconds=1790)
        await voted.work()
        assert voted.publish_calls == sent
        voted.clock.turn(seconds=20)
        told = voted.clock.at
        await voted.work()
    await voted.live(1)
    assert voted.publish_calls == 5


async def test_three_unclear_calls_use_the_budget_up_and_a_person_may_send_one_more(voted: worlds.World) -> None:
    """Never two marks closer than the settling time, each proved anew; then IN_DOUBT until a person decides."""
    voted.fault("publish", cut=True, times=3)
    await voted.promote(1)
    row = await voted.until(1, _State.IN_DOUBT)
    marked = [one.marked_at for one in await _calls(voted)]
    assert len(marked) == voted.publish_calls == 3
    settling = steps.Timing().settling
    assert all((later - earlier).total_seconds() >= settling for earlier, later in itertools.pairwise(marked))
    read = [event for event in await voted.events(f"promotion:{row.promotion_id}") if event.what == "staged_files_read"]
    assert len(read) == 3
    # Every proof read every file that the platform holds, checksums too.
    (staged,) = voted.platform.portal.deployments.values()
    assert voted.requests("download") == 3 * len(staged.files)
    await voted.pass_time(rounds=6, hours=2)
    assert (voted.publish_calls, (await voted.row(1)).state) == (3, _State.IN_DOUBT)
    async with voted.member("carol") as member:
        await member.promotions.send_again(row.promotion_id or 0, "The portal's page shows it as validated.")
    await voted.live(1)
    assert voted.publish_calls == 4
    assert (await voted.promotion(row.promotion_id or 0)).requested_by == "carol"


async def test_a_late_effect_of_an_unclear_call_is_found_by_asking(voted: worlds.World) -> None:
    """The connection was cut; the platform took it all the same: one call."""
    voted.fault("publish", effect=True, cut=True)
    voted.fault("status", after="publish", status=401)
    voted.fault("status", after="publish", status=500, times=2)
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_whoever_may_not_any_more_is_not_sent_again_by_anybody_elses_click(voted: worlds.World) -> None:
    """The budget is not used up, but a gate closed after the first call: IN_DOUBT, and looking goes on."""
    voted.fault("publish", cut=True)
    await voted.promote(1)
    await voted.until(1, _State.SENDING)
    async with voted.member("bob") as member:
        await member.policy.edit("example-widgets", remote_promotion={worlds.MAVEN: False})
    row = await voted.until(1, _State.IN_DOUBT)
    assert "policy does not allow" in row.reason
    assert voted.publish_calls == 1
