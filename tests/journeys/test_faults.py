# SPDX-License-Identifier: Apache-2.0
"""The demo's fault table without processes: every row that needs no kill ends as the table says."""

import asyncio
import pathlib

import pytest

import atr.demo.faults as faults
import atr.promotion.states as states
from tests import world as worlds

_HERE = [name for name, fault in faults.FAULTS.items() if not fault.failpoint]
# A call of the worker times out after this; so a slow answer need not be really slow.
_TIMEOUT = 0.4


@pytest.mark.parametrize("name", _HERE)
async def test_a_fault_ends_as_the_table_says(name: str, voted_scene: worlds.Scene, tmp_path: pathlib.Path) -> None:
    """State and calls are those of the table; at LIVE the three digests are one."""
    fault = faults.FAULTS[name]
    overrides = {"call_timeout": _TIMEOUT} if (name == "slow") else {}
    async with voted_scene.opened(tmp_path, **overrides) as world:
        for request in fault.requests:
            slow = {"delay": 2 * _TIMEOUT} if request.get("delay") else {}
            world.fault(**{**request, **slow})
        world.stand_in_settings(**fault.settings)
        row = await world.row(1)
        if fault.knob:
            world.knob(row, fault.knob)
        clicks = await asyncio.gather(*(world.promote(1) for _ in range(fault.clicks)))
        row = await world.until(1, fault.ends)
        assert len(set(clicks)) == 1
        assert world.publish_calls == fault.publish_calls
        assert row.publish_calls == fault.publish_calls
        if fault.ends is states.State.LIVE:
            sides = {side.digest if side else "" for side in (row.proof.voted, row.proof.staged, row.proof.public)}
            assert len(sides) == 1
        assert await world.chain_holds()


async def test_what_was_refused_can_be_asked_for_again_when_it_is_mended(voted: worlds.World) -> None:
    """REFUSED frees the coordinates: a deployment staged anew with the voted bytes goes LIVE."""
    row = await voted.row(1)
    voted.knob(row, "vanish")
    await voted.promote(1)
    await voted.until(1, states.State.REFUSED)
    second = await voted.stage(row.release_key)
    await voted.until(second, lambda one: one.proof.staged is not None)
    await voted.promote(second)
    await voted.live(second)
    assert voted.publish_calls == 1
