# SPDX-License-Identifier: Apache-2.0
"""Refusals are events, and nobody can fill the log with them, which nothing is ever deleted from."""

import contextlib

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.pages.timeline as timeline
import atr.storage.refusing as refusing
from tests import world as worlds


async def _refused(world: worlds.World, asf_uid: str, times: int) -> None:
    for _ in range(times):
        with contextlib.suppress(errors.AccessError):
            async with world.member(asf_uid):
                raise AssertionError("it was not refused")


async def _noted(world: worlds.World, asf_uid: str) -> list[tables.Event]:
    events = await world.rows(tables.Event)
    return [event for event in events if (event.what, event.actor) == ("request_refused", asf_uid)]


async def test_one_persons_refusals_are_noted_up_to_a_rate(voted: worlds.World) -> None:
    """The first ones each by itself; then a few, which tell how many were left out between."""
    burst = refusing.EACH.burst
    await _refused(voted, people.STRANGER, burst + 40)
    first = await _noted(voted, people.STRANGER)
    assert [event.data.get("left_out") for event in first] == [None] * burst
    # Somebody else's are not lost for that.
    await _refused(voted, people.COMMITTER, 1)
    assert len(await _noted(voted, people.COMMITTER)) == 1
    voted.clock.turn(seconds=refusing.EACH.seconds)
    await _refused(voted, people.STRANGER, 3)
    (*_, last) = later = await _noted(voted, people.STRANGER)
    assert (len(later), last.data["left_out"]) == (burst + 1, 40)
    assert timeline._refused(last.data).endswith("40 more of their refusals before it were not recorded.")
    assert await voted.chain_holds()
    # A day later all is forgotten.
    voted.clock.turn(days=1)
    await _refused(voted, people.STRANGER, burst)
    assert len(await _noted(voted, people.STRANGER)) == 2 * burst + 1


async def test_many_people_together_have_a_rate_too(voted: worlds.World) -> None:
    for number in range(refusing.ALL.burst):
        await _refused(voted, f"nobody{number}", 1)
    await _refused(voted, "late", 2)
    assert await _noted(voted, "late") == []
    voted.clock.turn(seconds=refusing.ALL.seconds)
    await _refused(voted, "late", 1)
    assert [event.data["left_out"] for event in await _noted(voted, "late")] == [2]
