# SPDX-License-Identifier: Apache-2.0
"""The worker dies at every point, another one goes on: at most one call, nothing lost.

`atr demo --fault killed-...` does the same with SIGKILL and real processes.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

import atr.models.promotion as tables
import atr.promotion.states as states
import atr.shared.mechanisms as mechanisms
import atr.tasks.context as contexts
from tests import world as worlds

_State = states.State


class Mortal:
    """An adapter during whose n-th use of one method the process dies."""

    def __init__(self, adapter: Any, method: str, *, after: int) -> None:
        self._adapter = adapter
        self._method = method
        self._left = after

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._left -= 1
            if self._left < 0:
                raise worlds.Died(name)
        return getattr(self._adapter, name)


def mortal(hands: contexts.Context, method: str, *, after: int) -> contexts.Context:
    """Hands that die at the adapter's `after`-th use of this method."""
    portal = mechanisms.Mechanism.CENTRAL_PORTAL
    adapters: Mapping[Any, Any] = {portal: Mortal(hands.promoters[portal], method, after=after)}
    return dataclasses.replace(hands, owner=f"dies-in-{method}", promoters=adapters)


async def _until_dead(world: worlds.World, hands: contexts.Context) -> None:
    for _ in range(60):
        if await world.dies(hands):
            return
        await world.turn_to_due()
    raise AssertionError("It did not die.")


@pytest.mark.parametrize("place", ["after_verify", "after_mark", "after_reply"])
async def test_killed_at_a_failpoint_another_worker_ends_it_with_one_effect(place: str, voted: worlds.World) -> None:
    """The second worker waits for the lease, asks, and never sends for a mark that it did not write."""
    await voted.promote(1)
    await _until_dead(voted, voted.dying_at(place))
    before = voted.publish_calls
    assert before == (1 if (place == "after_reply") else 0)
    await voted.work()
    assert voted.publish_calls == before, "the lease of the dead worker still holds"
    row = await voted.live(1)
    assert voted.publish_calls == 1
    assert voted.platform.traffic.effects["publish"] == 1
    attempts = await voted.rows(tables.Attempt)
    sent = [one for one in attempts if one.kind is tables.AttemptKind.PUBLISH]
    # A mark whose sender died is never sent for: the next call has a mark of its own.
    assert len(sent) == (2 if (place == "after_mark") else 1)
    assert row.proof.public


@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("observe", 0),
        ("staged_bytes", 0),
        ("staged_bytes", 5),
        ("promote", 0),
        ("observe", 1),
        ("lookup", 0),
        ("public", 0),
        ("lookup", 2),
    ],
)
async def test_killed_anywhere_in_the_adapter_it_still_ends_live_by_one_call(
    method: str, after: int, voted: worlds.World
) -> None:
    """Verify, prepare, send, ask, check: whichever was going on."""
    await voted.promote(1)
    await _until_dead(voted, mortal(voted.hands, method, after=after))
    await voted.live(1)
    assert voted.publish_calls == 1
    assert await voted.chain_holds()


@pytest.mark.parametrize("place", ["after_upload_mark", "after_upload_reply"])
async def test_killed_at_an_upload_the_name_is_looked_for_and_nothing_is_sent_twice(
    place: str, world: worlds.World
) -> None:
    """Killed after the mark: nobody ever had it, so a person must look. After the reply: found by its name."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    await _until_dead(world, world.dying_at(place))
    if place == "after_upload_mark":
        row = await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.LOST)
        assert "Check the platform: enter its id if the deployment exists" in row.problem
        assert world.requests("upload") == 0
        return
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.deployment_state is states.DeploymentState.STAGED
    assert world.requests("upload") == 1


@pytest.mark.parametrize(("method", "after"), [("staged", 0), ("staged_bytes", 3), ("staged_bytes", 17)])
async def test_killed_at_a_capture_it_is_taken_up(method: str, after: int, world: worlds.World) -> None:
    """The next worker captures the same files."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    await _until_dead(world, mortal(world.hands, method, after=after))
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.proof.staged
    assert row.proof.staged.files == len(world.tree.files)


async def test_killed_before_the_capture_is_stored_it_is_taken_up(world: worlds.World) -> None:
    """Everything was read and nothing stored."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    await _until_dead(world, world.dying_at("before_captured"))
    downloads = world.requests("download")
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.proof.staged
    # Only the checksums are read again; the files were kept.
    members = len(world.tree.files)
    assert world.requests("download") - downloads <= downloads - members


async def test_the_mark_of_a_drop_on_a_machine_that_stood_still_drops_nothing(voted: worlds.World) -> None:
    """Another worker may have said by then that it stays staged, and a person may have promoted it."""
    ticks = iter([0.0, 31.0])
    async with voted.member() as member:
        await member.deployments.drop(1, "Not this one")
    with voted.other_hands(monotonic=lambda: next(ticks, 0.0)):
        row = await voted.until(1, lambda row: row.deployment_state is states.DeploymentState.STAGED)
    assert voted.requests("drop") == 0
    assert "did not drop it" in row.problem


async def test_the_mark_of_an_upload_on_a_machine_that_stood_still_uploads_nothing(world: worlds.World) -> None:
    """Another worker may have looked for it by then, and a person may have been told that it was lost."""
    ticks = iter([0.0, 31.0])
    deployment_id = await world.stage(await world.composed())
    with world.other_hands(monotonic=lambda: next(ticks, 0.0)):
        await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.LOST)
    assert world.requests("upload") == 0


@pytest.mark.parametrize(("lease", "stood"), [(75.0, 31.0), (20.0, 11.0)])
async def test_the_mark_of_a_machine_that_stood_still_sends_nothing(
    lease: float, stood: float, voted: worlds.World
) -> None:
    """By a clock that nobody can set, between mark and first byte: ask first, then a mark of its own.

    More than 30 s, or so long that the call might outlive the lease: then somebody else may be sending already.
    """
    ticks = iter([0.0, stood])
    await voted.promote(1)
    with voted.other_hands(lease=lease, monotonic=lambda: next(ticks, 0.0)):
        row = await voted.until(1, lambda row: row.state is _State.SENDING)
        assert "The machine was suspended" in row.next_note
        assert voted.publish_calls == 0
        await voted.live(1)
    assert voted.publish_calls == 1
