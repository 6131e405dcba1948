# SPDX-License-Identifier: Apache-2.0
"""T5: seeded simulation. Each seed is one story of a release, told by real code in virtual time; a seed replays.

    python -m tests.chaos.simulation 4711       play one seed again, and show its trace

Two workers run, die at any commit or request and come back; people click, stop, change rights, policy, revision and
vote; the platform loses, delays, refuses, garbles, and is used by hand; clocks jump. After every act, and at the end,
when faults have stopped and fair time has passed, the invariants are looked at.
"""

import asyncio
import dataclasses
import random
import sys
from collections.abc import Callable, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.promotion.states as states
import tests.chaos.acts as acts
import tests.chaos.observed as observed
import tests.chaos.outcome as outcome
import tests.chaos.simulated as simulated
import tests.chaos.theatre as theatre
import tests.model.invariants as invariants

State = states.State
_SEEDS: Final = {outcome.Size.SMALL: 5, outcome.Size.CI: 1_000, outcome.Size.RELEASE: 100_000}
_PAUSES: Final = (0.0, 0.3, 2.0, 10.0, 45.0, 130.0, 700.0, 7_200.0, 90_000.0)
# After the last act: the deadline, a clock that was set back by days, and some looks.
_FAIR_SECONDS: Final = 6 * 86_400.0
_AFTERWARDS: Final = 40 * 86_400.0
_HOURS: Final = 3_600.0
_BEFORE: Final = (
    *("fault", "stuck", "publishing fails", "public altered", "slow or odd"),
    *("look-alike added", "published with more", "staged elsewhere", "strangers vote"),
)
_MOVING: Final = frozenset({State.SENDING, State.PUBLISHING, State.CHECKING, State.ABORTING})


@dataclasses.dataclass(frozen=True)
class Story:
    """What came of one seed."""

    broken: tuple[str, ...]
    trace: tuple[simulated.Told, ...]
    arrows: tuple[tuple[str, str], ...]
    ends: tuple[State, ...]
    deaths: int


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """So many seeds, from this one on."""
    violations, ends, deaths = [], dict.fromkeys(State, 0), 0
    with theatre.theatre() as stage:
        for number in range(seed, seed + _SEEDS[size]):
            story = played(stage, number)
            violations += [f"{one}; python -m tests.chaos.simulation {number}" for one in story.broken]
            deaths += story.deaths
            for end in story.ends:
                ends[end] += 1
    counted = ", ".join(f"{state.value} {count}" for state, count in ends.items() if count)
    return outcome.Outcome(_SEEDS[size], tuple(violations), (f"ends: {counted}; workers died {deaths} times",))


def played(stage: theatre.Theatre, seed: int, build: theatre.Build = theatre.OURS) -> Story:
    """Play one seed."""
    return stage.run(_play(stage, seed, build))


async def _play(stage: theatre.Theatre, seed: int, build: theatre.Build) -> Story:
    async with stage.opened(f"T5 {seed}", build=build) as world:
        eyes = observed.Eyes(world)
        broken: list[str] = []
        lives = [asyncio.create_task(world.worker_life(name, dies_at=_death(world))) for name in ("one", "two")]
        try:
            for name in _plan(world.chance):
                await acts.play(world, name)
                await asyncio.sleep(world.chance.choice(_PAUSES) * world.chance.random())
                broken += invariants.broken(await eyes.look())
                if broken:
                    break
            else:
                broken += await _fair_end(world, eyes)
            broken += [repr(life.exception()) for life in lives if life.done()]
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
        for event in eyes.events:
            world.note(f"{event.subject} {event.what} {event.actor} {event.data}")
        rows = await world.rows(tables.Promotion)
        return Story(
            tuple(dict.fromkeys(broken)),
            tuple(world.trace),
            tuple(eyes.arrows("promotion")),
            tuple(row.state for row in rows),
            world.deaths,
        )


def _plan(chance: random.Random) -> Sequence[str]:
    """What goes wrong is prepared before the first click as often as after it."""
    before = [
        chance.choice(_BEFORE) if chance.random() < 0.5 else acts.chosen(chance) for _ in range(chance.randint(0, 3))
    ]
    after = [acts.chosen(chance) for _ in range(chance.randint(1, 7))]
    return [*before, "promote", *after]


def _death(world: simulated.Simulated) -> Callable[[], int | None]:
    def places() -> int | None:
        return None if world.fair or (world.chance.random() < 0.6) else world.chance.randint(0, 60)

    return places


async def _fair_end(world: simulated.Simulated, eyes: observed.Eyes) -> list[str]:
    """Faults stop; who waits for a person gets one; then everything ends within its deadline."""
    world.fair = True
    world.platform.faults.clear()
    world.stand_in_settings(publishing_polls=1, publish_seconds=30, public_lag_seconds=60)
    for deployment in world.platform.portal.deployments.values():
        deployment.twists = dataclasses.replace(deployment.twists, word="", listing=None)
        if world.chance.random() < 0.8:
            deployment.twists.stuck = False
    for name in ("platform on", "everything on"):
        await acts.play(world, name)
    world.note("--- fair")
    began = asyncio.get_running_loop().time()
    waited = 0.0
    while waited < _FAIR_SECONDS:
        world.poke.set()
        await asyncio.sleep(_HOURS)
        waited = asyncio.get_running_loop().time() - began
        open_rows = {row.state for row in await world.rows(tables.Promotion)}
        if (State.REQUESTED in open_rows) and not (open_rows & _MOVING) and (waited > 5 * _HOURS):
            # It waits for a person (a refused call, something by hand): one says no.
            await acts.play(world, "abort")
        if not (open_rows & {*_MOVING, State.REQUESTED}):
            break
    found = list(invariants.broken(await eyes.look()))
    if (not found) and await world.said_wrongly(acts.RELEASE):
        # Whatever has ended is looked at for a month more; only then must it be so.
        await asyncio.sleep(_AFTERWARDS)
        found += [*invariants.broken(await eyes.look()), *await world.said_wrongly(acts.RELEASE)]
    if open_rows & {*_MOVING, State.REQUESTED}:
        found.append(f"L1: still {', '.join(sorted(open_rows))} after {waited / _HOURS:.0f} hours")
    if not await world.chain_holds():
        found.append("S13: a chain of events does not hold")
    return found


def main(words: Sequence[str]) -> int:
    """Show one seed's trace."""
    with theatre.theatre() as stage:
        story = played(stage, int(words[0]))
    sys.stdout.writelines(f"{line}\n" for line in story.trace)
    sys.stdout.write(f"broken: {', '.join(story.broken) or 'nothing'}\n")
    return 1 if story.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
