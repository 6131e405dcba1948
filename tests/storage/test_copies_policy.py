# SPDX-License-Identifier: Apache-2.0
"""A project decides whether ATR keeps copies of what it captures; until it has, none is kept."""

import atr.db.queries as queries
import atr.demo.people as people
from tests import world as worlds


async def test_copies_are_kept_only_where_the_project_says_so(world: worlds.World) -> None:
    """Off until switched on; a change of something else leaves it as it is; the event says what was decided."""
    await world.settle_in()
    assert not await keeps(world)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, keep_copies=True)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, min_hours=24)
    assert await keeps(world)
    events = [event for event in await world.events(f"project:{people.PROJECT}") if event.what == "policy_edited"]
    assert [event.data["after"]["keep_copies"] for event in events] == [False, True, True]


async def keeps(world: worlds.World) -> bool:
    """What the project's policy says now."""
    async with world.store.read() as read:
        return (await queries.policy(read.data, await queries.demand_project(read.data, people.PROJECT))).keep_copies
