# SPDX-License-Identifier: Apache-2.0
"""T4: stateful properties. Hypothesis chooses what happens next, step by step, and shrinks what breaks to its core.

Two machines over the theatre: of what people, platform and workers do, and of the facts that the gates look at, which
change at any moment. After each step the invariants are looked at, the new events must follow in their chains, and
every arrow must be the table's. One seed makes the same examples again.
"""

import asyncio
import collections
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, NamedTuple

import hypothesis
import hypothesis.reporting
import hypothesis.stateful as machines
import hypothesis.strategies as strategies

import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.audit as audit
import tests.chaos.acts as acts
import tests.chaos.observed as observed
import tests.chaos.outcome as outcome
import tests.chaos.theatre as theatre
import tests.model.invariants as invariants
from tests import databases as provided


class Count(NamedTuple):
    """How many examples, over all machines, on each engine; and how many steps each."""

    sqlite: int
    postgresql: int
    steps: int


_COUNTS: Final[Mapping[outcome.Size, Count]] = {
    outcome.Size.SMALL: Count(2, 0, 25),
    outcome.Size.CI: Count(300, 50, 50),
    outcome.Size.RELEASE: Count(20_000, 50, 100),
}
_PAUSES: Final = (1.0, 15.0, 130.0, 700.0, 3_600.0, 30_000.0, 90_000.0)
# What may have gone wrong before the first click: what comes later often finds nothing more to happen to.
_BEFORE: Final = (
    *("look now", "fault", "tampered", "file added", "stuck", "publishing fails", "slow or odd"),
    *("look-alike added", "published with more"),
)
_CLICKS: Final = ("promote", "promote twice")
_DECISIONS: Final = ("abort", "stop", "send again", "give up", "extend", "check again", "look now", "prove published")
_PLATFORM: Final = (
    "published by hand",
    "published with more",
    "dropped by hand",
    "staged elsewhere",
    "recorded",
    "recorded as public",
    "promote the other",
    "put beside",
    "listing cut",
    "listing reordered",
    "tampered",
    "file added",
    "look-alike added",
    "file removed",
    "vanished",
    "drop",
    "stuck",
    "not stuck",
    "publishing fails",
    "public altered",
    "public withheld",
    "slow or odd",
)
_GATES: Final = (
    "policy off",
    "policy on",
    "alice leaves",
    "alice is back",
    "vote abandoned",
    "vote again",
    "revision changed",
    "revision as voted",
    "target elsewhere",
    "target as it was",
    "platform off",
    "platform on",
    "everything off",
    "everything on",
    "strangers vote",
    "strangers record",
)
_DEPLOYMENTS: Final = {
    (frm.value, to.value)
    for arrows in (states.DEPLOYMENT_ARROWS, states.DEPLOYMENT_PERSONS_ARROWS)
    for frm, many in arrows.items()
    for to in many
}


class Machine(machines.RuleBasedStateMachine):
    """One release in the theatre, with two workers; what both machines do to it."""

    def __init__(self, stage: theatre.Theatre, build: theatre.Build, ends: collections.Counter[str]) -> None:
        super().__init__()
        self._stage = stage
        # In which states promotions were left.
        self._ends = ends
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._chains: dict[str, audit.Follower] = collections.defaultdict(audit.Follower)
        self._followed = 0
        self._opened = stage.opened("T4", build=build)
        self.world = stage.run(self._opened.__aenter__())
        self._eyes = observed.Eyes(self.world)
        self._go(self._begin())

    @machines.initialize(
        before=strategies.sampled_from(_BEFORE),
        name=strategies.sampled_from(_CLICKS),
        seconds=strategies.sampled_from((0.0, 1.0, 15.0)),
    )
    def click_first(self, before: str, name: str, seconds: float) -> None:
        """Every story is of a release that somebody wants to promote."""
        self._go(acts.play(self.world, before))
        self._go(acts.play(self.world, name))
        self._go(asyncio.sleep(seconds))

    @machines.rule(name=strategies.sampled_from(_CLICKS))
    def click(self, name: str) -> None:
        """Somebody asks for it."""
        self._go(acts.play(self.world, name))

    @machines.rule(name=strategies.sampled_from(_DECISIONS))
    def decide(self, name: str) -> None:
        """Somebody decides about it."""
        self._go(acts.play(self.world, name))

    @machines.rule(fault=strategies.sampled_from(acts.FAULTS), times=strategies.integers(1, 3))
    def fault(self, fault: tuple[str, Mapping[str, Any]], times: int) -> None:
        """From here on requests go wrong."""
        endpoint, fields = fault
        self.world.fault(endpoint, **{"times": times, **fields})

    @machines.rule(seconds=strategies.sampled_from(_PAUSES))
    def wait(self, seconds: float) -> None:
        """Time passes, and the workers work."""
        self._go(asyncio.sleep(seconds))

    @machines.rule(places=strategies.integers(0, 20))
    def die(self, places: int) -> None:
        """A worker is killed where it stands; the next one dies after so many places, and the one after that lives."""
        self._go(self._die(places))

    @machines.invariant()
    def nothing_is_broken(self) -> None:
        """What must hold whatever happens."""
        broken = self._go(self._broken())
        assert not broken, ", ".join(broken)

    def teardown(self) -> None:
        """The world ends."""
        self._go(self._end())

    def _go(self, playing: Coroutine[Any, Any, Any]) -> Any:
        return self._stage.run(playing, rewound=False)

    async def _begin(self) -> None:
        for name in ("one", "two"):
            self._start(name, lambda: None)

    def _start(self, name: str, dies_at: Callable[[], int | None]) -> None:
        self._lives[name] = asyncio.create_task(self.world.worker_life(name, dies_at=dies_at))

    async def _die(self, places: int) -> None:
        name, life = next(iter(self._lives.items()))
        del self._lives[name]
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        # Another name, for its lives are counted anew.
        self._start(f"{name}'", functools.partial(next, iter((places,)), None))

    async def _broken(self) -> Sequence[str]:
        broken = [*invariants.broken(await self._eyes.look())]
        fresh, self._followed = self._eyes.events[self._followed :], len(self._eyes.events)
        broken += [f"S13: {one.chain} {one.number}" for one in fresh if not self._chains[one.chain].takes(one)]
        broken += [
            f"S7: {one.subject} {one.data}"
            for one in fresh
            if one.what == "deployment_moved" and (one.data["from"], one.data["to"]) not in _DEPLOYMENTS
        ]
        return [*broken, *(repr(life.exception()) for life in self._lives.values() if life.done())]

    async def _end(self) -> None:
        for life in self._lives.values():
            life.cancel()
        await asyncio.gather(*self._lives.values(), return_exceptions=True)
        self._ends.update(row.state.value for row in await self.world.rows(tables.Promotion))
        await self._opened.__aexit__(None, None, None)


class Core(Machine):
    """The machine of what people, platform and workers do."""

    @machines.rule(name=strategies.sampled_from(_PLATFORM))
    def change_staged(self, name: str) -> None:
        """The platform, or somebody there, does something."""
        self._go(acts.play(self.world, name))


class Gates(Machine):
    """The machine of the facts that the gates look at."""

    @machines.rule(name=strategies.sampled_from(_GATES))
    def change_a_fact(self, name: str) -> None:
        """A gate closes or opens."""
        self._go(acts.play(self.world, name))


MACHINES: Final = (Core, Gates)


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """So many examples of each machine on each engine."""
    count, violations, rounds, ends = _COUNTS[size], [], 0, collections.Counter[str]()
    engines: list[tuple[str, theatre.Engine, int]] = [("SQLite", theatre.on_sqlite, count.sqlite)]
    if count.postgresql and provided.programs():
        engines.append(("PostgreSQL", theatre.on_postgresql, count.postgresql))
    for engine, databases, examples in engines:
        with theatre.theatre(databases) as stage:
            for machine in MACHINES:
                each = examples // len(MACHINES)
                rounds += each
                found = falsified(stage, machine, examples=each, steps=count.steps, seed=seed, ends=ends)
                replay = f"ATR_CHAOS_SEED={seed} CHAOS={size} python -m tests.chaos T4"
                violations += [f"{engine}: {found}\n{replay}"] if found else []
    names = ", ".join(engine for engine, _, _ in engines)
    told = ", ".join(f"{state} {number}" for state, number in ends.most_common())
    seen = f"steps of each: {count.steps}; engines: {names}; ends: {told}"
    return outcome.Outcome(rounds, tuple(violations), (seen,))


def falsified(
    stage: theatre.Theatre,
    machine: type[Machine],
    *,
    examples: int,
    steps: int,
    seed: int,
    build: theatre.Build = theatre.OURS,
    ends: collections.Counter[str] | None = None,
    phases: Sequence[hypothesis.Phase] = (hypothesis.Phase.generate, hypothesis.Phase.shrink),
) -> str:
    """The shortest way to something broken that was found, as lines of a program; empty if nothing was.

    Shrinking plays it some hundred times more; who only wants to know leaves it out of the `phases`.
    """
    lines: list[object] = []
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    play = hypothesis.seed(seed)(
        functools.partial(machine, stage, build, collections.Counter() if ends is None else ends)
    )
    try:
        with hypothesis.reporting.with_reporter(lines.append):
            machines.run_state_machine_as_test(play, settings=settings)  # type: ignore[arg-type]  # what makes one will do
    except Exception as error:  # noqa: BLE001  (whatever breaks in it, it is what was looked for)
        return "\n".join([f"{machine.__name__}: {error!r}", *map(str, lines), *getattr(error, "__notes__", ())])
    return ""
