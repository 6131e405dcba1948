# SPDX-License-Identifier: Apache-2.0
"""T3: every arrow of the tables is seen, drawn by the application itself, and none outside of them.

Chance seldom gets to some arrows, so each has a story of its own here, as data: acts of tests/chaos/acts.py, faults,
and waiting. What is read back are the events, which are written where arrows are drawn.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import atr.promotion.states as states
import tests.chaos.acts as acts
import tests.chaos.observed as observed
import tests.chaos.outcome as outcome
import tests.chaos.simulated as simulated
import tests.chaos.theatre as theatre
import tests.model.invariants as invariants

State = states.State
_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0


class Fault(NamedTuple):
    """A request that goes wrong from here on."""

    endpoint: str
    fields: Mapping[str, Any]


class Settings(NamedTuple):
    """How the platform behaves from here on."""

    fields: Mapping[str, Any]


# What only one story needs: something happens, or is looked at; what is wrong, a sentence each.
Do = Callable[[simulated.Simulated], Awaitable[Sequence[str] | None]]
# An act's name, seconds to wait, what goes wrong, or what only this story needs.
Step = str | float | Fault | Settings | Do
_NEVER: Final = Fault("publish", {"cut": True, "times": 1})
_UNSENT: Final = (Fault("publish", {"cut": True, "times": 3}), "promote", 3 * _HOUR)
# It is done before anybody asks, and nobody was told.
_LOST: Final = (Settings({"publishing_polls": 0}), Fault("publish", {"effect": True, "cut": True}))
# It arrives after somebody asked for a stop.
_OVERTAKEN: Final = Fault("publish", {"effect": True, "late": 100, "cut": True})
_STUCK: Final = ("stuck", "promote", 26 * _HOUR)

STORIES: Final[Mapping[str, Sequence[Step]]] = {
    "requested sending publishing checking live": ("promote", _HOUR),
    "requested publishing": ("stuck", "published by hand", "promote", _HOUR),
    "requested checking": (
        Settings({"publishing_polls": 0}),
        "promote and stop",
        "published by hand",
        60.0,
        "look now",
        _HOUR,
    ),
    "requested aborted": (Fault("publish", {"status": 401}), "promote", _HOUR, "abort"),
    "requested refused": ("promote and stop", "policy off", "look now", _HOUR),
    "sending requested": (Fault("publish", {"status": 403}), "promote", _HOUR),
    "sending sending": (_NEVER, "promote", _HOUR),
    "sending checking": (*_LOST, "promote", _HOUR),
    "sending refused": ("publishing fails", *_LOST, "promote", _HOUR),
    "sending in-doubt": _UNSENT,
    "publishing refused": ("publishing fails", "promote", _HOUR),
    "publishing in-doubt": _STUCK,
    "checking in-doubt": ("public withheld", "promote", 30 * _HOUR),
    "checking diverged": ("public altered", "promote", 9 * _HOUR),
    "diverged checking": ("public altered", "promote", 9 * _HOUR, "check again", _HOUR),
    "live diverged": ("promote", _HOUR, "public altered", 2 * _DAY),
    "in-doubt publishing": (*_STUCK, "extend", _HOUR),
    "in-doubt checking": (*_UNSENT, Settings({"publishing_polls": 0}), "published by hand", 9 * _HOUR),
    "in-doubt refused": (*_STUCK, "publishing fails", "not stuck", 9 * _HOUR),
    "in-doubt sending": (*_UNSENT, "send again", _HOUR),
    "sending aborting aborted": (_NEVER, "promote", _MINUTE, "stop", 9 * _HOUR),
    "aborting publishing": ("stuck", _OVERTAKEN, "promote", _MINUTE, "stop", _HOUR),
    "aborting checking": (Settings({"publishing_polls": 0}), _OVERTAKEN, "promote", _MINUTE, "stop", _HOUR),
    "in-doubt aborting in-doubt": (*_UNSENT, Fault("drop", {"status": 503, "times": 3}), "stop", 2 * _HOUR),
    "in-doubt aborted": (*_UNSENT, 2 * _DAY, "give up"),
}
ALL: Final = frozenset(
    (frm, to) for arrows in (states.ARROWS, states.PERSONS_ARROWS) for frm, many in arrows.items() for to in many
)


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Every story; then which arrows were seen. At the small size a fifth of the stories, the seed says which."""
    part = size is outcome.Size.SMALL
    names = list(STORIES)[seed % 5 :: 5] if part else list(STORIES)
    seen: set[tuple[State, State]] = set()
    violations = []
    with theatre.theatre() as stage:
        for name in names:
            arrows, broken = told(stage, name, seed)
            seen |= arrows
            violations += [f"{name}: {code}; ATR_CHAOS_SEED={seed} python -m tests.chaos T3" for code in broken]
    never = [] if part else sorted(ALL - seen)
    violations += [f"{frm} -> {to} was never drawn; python -m tests.chaos T3" for frm, to in never]
    violations += [f"{frm} -> {to} is outside the table; python -m tests.chaos T3" for frm, to in sorted(seen - ALL)]
    return outcome.Outcome(len(names), tuple(violations), (f"arrows: {len(seen & ALL)} of {len(ALL)}",))


def told(stage: theatre.Theatre, name: str, seed: int) -> tuple[set[tuple[State, State]], tuple[str, ...]]:
    """Tell a story: the arrows that were drawn, and what was broken; its own arrows missing is broken too."""
    drawn, broken = played(stage, STORIES[name], f"T3 {name} {seed}")
    words = [State(word) for word in name.split()]
    missing = [f"{frm} -> {to} was not drawn" for frm, to in itertools.pairwise(words) if (frm, to) not in drawn]
    return drawn, (*broken, *missing)


def played(
    stage: theatre.Theatre,
    steps: Sequence[Step],
    seed: str,
    build: theatre.Build = theatre.OURS,
    *,
    settled: bool = False,
) -> tuple[set[tuple[State, State]], tuple[str, ...]]:
    """Take these steps, with two workers: the arrows that were drawn, and the codes of what was broken.

    `settled`: the story leaves time for every look, so that what pages say must be true at its end.
    """
    return stage.run(_play(stage, steps, seed, build, settled=settled))


async def _play(
    stage: theatre.Theatre, steps: Sequence[Step], seed: str, build: theatre.Build, *, settled: bool
) -> tuple[set[tuple[State, State]], tuple[str, ...]]:
    async with stage.opened(seed, build=build) as world:
        lives = [asyncio.create_task(world.worker_life(name, dies_at=_never)) for name in ("one", "two")]
        wrong: list[str] = []
        try:
            for step in steps:
                wrong += await _take(world, step)
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
        eyes = observed.Eyes(world)
        said = await world.said_wrongly(acts.RELEASE) if settled else ()
        broken = (*wrong, *invariants.broken(await eyes.look()), *said)
        return {(State(frm), State(to)) for frm, to in eyes.arrows("promotion")}, broken


async def _take(world: simulated.Simulated, step: Step) -> Sequence[str]:
    match step:
        case Fault():
            world.fault(step.endpoint, **step.fields)
        case Settings():
            world.stand_in_settings(**step.fields)
        case "faults end":
            world.platform.faults.clear()
        case "promote and stop":
            # The worker is away while the next acts happen.
            world.paused = True
            await acts.play(world, "promote")
        case str():
            world.paused = world.paused and (step != "look now")
            await acts.play(world, step)
        case int() | float():
            await asyncio.sleep(step)
        case _:
            return await step(world) or ()
    return ()


def _never() -> None:
    return None
