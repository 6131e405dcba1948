# SPDX-License-Identifier: Apache-2.0
"""What happens to a version that other deployments hold or publish too, and what must be true of ours then."""

import asyncio
from collections.abc import Sequence
from typing import Final

import atr.demo.people as people
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.searches as searches
import atr.promotion.states as states
import atr.sandbox.central_portal.deployment as staged
import tests.chaos.acts as acts
import tests.chaos.simulated as simulated
import tests.chaos.situations as situations
import tests.chaos.theatre as theatre
import tests.chaos.truth as truth
from tests import world as worlds

_DState: Final = states.DeploymentState


# What happens


async def another_staged(world: simulated.Simulated) -> None:
    """Somebody stages the same files with another client."""
    world.stand_in_settings(held_by="publishing")
    await world.stage_by_hand({})
    await asyncio.sleep(60)
    world.platform.portal.advance()


async def the_other_published(world: simulated.Simulated) -> None:
    """And presses Publish there."""
    world.platform.portal.publish(world.platform.portal.deployments[list(world.elsewhere)[-1]], by_hand=True)


async def another_published(world: simulated.Simulated) -> None:
    """Both, one after the other."""
    await another_staged(world)
    await the_other_published(world)


async def held_elsewhere(world: simulated.Simulated) -> None:
    """Before our upload arrives, somebody else's client stages the second release's version."""
    tree = theatre.tree(situations.VERSION)
    world.elsewhere[await world.stage_elsewhere(tree)] = tree
    await asyncio.sleep(60)
    world.platform.portal.advance()


async def recorded(world: simulated.Simulated) -> None:
    """And that is recorded by its id."""
    await world.record(acts.RELEASE, list(world.elsewhere)[-1])
    world.poke.set()


# What must be true


async def said_to_be_public(world: simulated.Simulated) -> Sequence[str]:
    """All that was voted on is public, by whomever: a promotion says so."""
    if world.truth.missing(truth.hashed(world.tree.files)):
        return ["H2: this story did not publish anything"]
    rows = await world.rows(tables.Promotion)
    return [] if any(row.state is states.State.LIVE for row in rows) else ["H2: it is public, and no promotion says so"]


async def only_what_is_known(world: simulated.Simulated) -> Sequence[str]:
    """Published by a hand that nobody knows, then recorded: compared whole, and nobody is waited for."""
    row = await world.row((await situations.last(world)).id or 0)
    said = f"{row.problem} {row.standing.sentence} " + " ".join(
        str(event.data) for event in await world.events_of(acts.RELEASE)
    )
    wrong = []
    if ("automatic" in said) or ("by itself" in said):
        wrong.append(f"M3: nobody knows who published it, and the row says it: {row.problem}")
    if set(row.packages) != set(world.tree.packages):
        wrong.append(f"M3: the platform names {len(world.tree.packages)} packages, the row {len(row.packages)}")
    if (row.state is not states.State.LIVE) or row.needs_you:
        wrong.append(f"M3: it is public as it was voted on, and {row.state}: {row.next_sentence}")
    return wrong


async def ours_is_still_there(world: simulated.Simulated) -> Sequence[str]:
    """Another one made the version public: of ours it is said that the platform has it, and that it may be dropped."""
    row = await world.row(1)
    there = world.platform.portal.deployments[row.external_id]
    if there.state is not staged.State.VALIDATED:
        return [f"low: this story left it {there.state}"]
    said = f"{row.standing.sentence} {row.next_sentence} {row.problem}"
    wrong = []
    if row.deployment_state is _DState.PUBLISHED:
        wrong.append("low: ours is said to be published, and the platform holds it")
    if "nother deployment" not in said:
        wrong.append(f"low: nothing says that another one published the version: {said}")
    if not any((act.name == "drop") and not act.why_not for act in row.acts):
        wrong.append("low: it cannot be dropped")
    return wrong


async def dropped_there(world: simulated.Simulated) -> Sequence[str]:
    """Ours is gone from the platform."""
    row = await world.row(1)
    return (
        [f"low: {row.deployment_state}, and not dropped"]
        if row.external_id in world.platform.portal.deployments
        else []
    )


async def the_holder_is_pointed_to(world: simulated.Simulated) -> Sequence[str]:
    """Ours failed since another one holds the version: that is named, found by the coordinates, and recorded."""
    row, holder = await world.row((await situations.last(world)).id or 0), list(world.elsewhere)[-1]
    wrong = []
    if not ((row.deployment_state is _DState.FAILED) and (holder in row.problem) and ("record it" in row.problem)):
        wrong.append(f"low: {row.deployment_state}, and {holder} is not pointed to: {row.problem}")
    if not any((act.name == "stage_record") and not act.why_not for act in row.acts):
        wrong.append("low: nothing leads from there to finding and recording another one")
    async with world.member() as member:
        number = await member.deployments.search(situations.RELEASE, theatre.tree(situations.VERSION).packages[0])
    world.poke.set()
    await asyncio.sleep(60)
    async with world.store.read(worlds.MEMBER) as read:
        found = await searches.one(read, sql.release_key(people.PROJECT, situations.VERSION), number)
    if holder not in [one.external_id for one in found.candidates if not one.why_not]:
        return [*wrong, f"low: {holder} is not found, and cannot be recorded"]
    await world.record(situations.RELEASE, holder, theatre.tree(situations.VERSION).packages[0])
    return wrong
