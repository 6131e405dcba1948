# SPDX-License-Identifier: Apache-2.0
"""The main job, in one process, over real HTTP and real files."""

import atr.promotion.states as states
from tests import world as worlds


async def test_a_staged_and_voted_deployment_becomes_live_by_one_call(world: worlds.World) -> None:
    """One publish call, three equal digests."""
    _, deployment_id = await world.voted()
    await world.promote(deployment_id)
    row = await world.live(deployment_id)
    assert world.publish_calls == 1
    sides = [row.proof.voted, row.proof.staged, row.proof.public]
    assert len({side.digest for side in sides if side}) == 1
    assert all(sides)
    assert row.state is states.State.LIVE


async def test_two(voted: worlds.World) -> None:
    await voted.promote(1)
    await voted.live(1)
async def test_three(voted: worlds.World) -> None:
    await voted.promote(1)
    await voted.live(1)
