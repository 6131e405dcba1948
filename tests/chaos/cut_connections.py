# SPDX-License-Identifier: Apache-2.0
"""T16: the wire to PostgreSQL is cut around COMMIT, and the server crashes and comes back while we work.

Whoever does not know whether a mark is on disk sends nothing for it: at most one call for each mark of which the server
told us, one call in all, and every promotion ends live, whatever was cut.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
import random
import tempfile
from collections.abc import Iterator
from typing import Final

import sqlalchemy

import atr.models.promotion as tables
import atr.promotion.states as states
import tests.chaos.cutter as cutters
import tests.chaos.outcome as outcome
import tests.chaos.truth as truth
import tests.model.invariants as invariants
import tests.world as worlds
from tests import databases, guarding

# Cuts, and restarts of the server.
_SIZES: Final = {
    outcome.Size.SMALL: (4, 0),
    outcome.Size.CI: (60, 5),
    outcome.Size.RELEASE: (5_000, 500),
}
# A promotion has about twenty COMMITs of the worker, most of them before its mark.
_CUT_OF_COMMITS: Final = 0.1
# What it is about.
_CUT_OF_MARKS: Final = 0.6
# Of one promotion, so that many marks are at stake.
_CUTS: Final = 5
_ROUNDS: Final = 400
# What the database and its driver say when the server is away.
AWAY: Final = (sqlalchemy.exc.DBAPIError, OSError)


@dataclasses.dataclass
class _Chance:
    """Cuts here and there, and nowhere once there were enough."""

    seed: random.Random
    left: int
    # Of the promotion that is on its way.
    more: int = 0

    def __call__(self, marking: bool) -> str:  # noqa: FBT001  (a Callable names nothing)
        often = _CUT_OF_MARKS if marking else _CUT_OF_COMMITS
        if not (self.more and (self.seed.random() < often)):
            return ""
        self.left -= 1
        self.more -= 1
        return self.seed.choice(["before", "after"])


@dataclasses.dataclass(frozen=True)
class _Through:
    """Copies of a database that are reached through a cutter."""

    databases: databases.Databases
    cutter: cutters.Cutter

    def empty(self, directory: pathlib.Path) -> str:
        return self._through(self.databases.empty(directory))

    def copy(self, address: str, directory: pathlib.Path) -> str:
        return self._through(self.databases.copy(address, directory))

    def _through(self, address: str) -> str:
        return sqlalchemy.make_url(address).set(query={"host": str(self.cutter.directory)}).render_as_string()


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Promotions one after the other until so many cuts and restarts were made."""
    cuts, restarts = _SIZES[size]
    chance = _Chance(random.Random(seed), cuts)
    violations: list[str] = []
    seen: list[str] = []
    with _scene() as (server, scene), guarding.watch():
        number = 0
        while chance.left or restarts:
            restart = restarts > 0
            restarts -= restart
            with asyncio.Runner() as runner:
                broken, told = runner.run(_promotion(server, scene, chance, restart=restart))
            seen.append(told)
            violations += [
                f"{one}: {outcome.SEED}={seed} python -m tests.chaos T16, promotion {number}" for one in broken
            ]
            number += 1
    return outcome.Outcome(cuts + _SIZES[size][1], tuple(violations), ("; ".join(seen),))


@contextlib.contextmanager
def _scene() -> Iterator[tuple[databases.Server, worlds.Scene]]:
    # As it comes: a crash must find on disk what was acknowledged.
    with databases.server({}) as server, tempfile.TemporaryDirectory() as directory:
        yield server, worlds.scene(pathlib.Path(directory), databases.Postgresql(server), worlds.World.voted)


async def _promotion(
    server: databases.Server, scene: worlds.Scene, chance: _Chance, *, restart: bool
) -> tuple[list[str], str]:
    """One promotion to its end: what does not hold, and what happened."""
    async with cutters.between(server.directory, chance) as cutter:
        through = dataclasses.replace(scene, databases=_Through(scene.databases, cutter))
        with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as directory:
            async with through.opened(pathlib.Path(directory), call_timeout=5.0, lease=20.0) as world:
                promotion_id = await world.promote(scene.deployment_id)
                if restart:
                    await asyncio.to_thread(server.checkpoint)
                chance.more = min(_CUTS, chance.left)
                crash = chance.seed.randrange(1, 6) if restart else 0
                state = await _to_the_end(world, promotion_id, server, crash)
                chance.more = 0
                told = f"{state.value} cuts={cutter.cuts} marks={cutter.marks} doubtful={cutter.doubtful_marks}"
                return await _broken(world, promotion_id, cutter), told


async def _to_the_end(world: worlds.World, promotion_id: int, server: databases.Server, crash: int) -> states.State:
    """Work, whatever fails, until it stands still. `crash`: in which round the server dies in the middle."""
    state = states.State.REQUESTED
    for turn in range(_ROUNDS):
        working = asyncio.create_task(worlds.drain(world.hands))
        if turn + 1 == crash:
            await asyncio.sleep(0.02)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        try:
            await working
            state = (await world.promotion(promotion_id)).state
            if state in {states.State.LIVE, states.State.DIVERGED, states.State.ABORTED, states.State.REFUSED}:
                return state
            await world.turn_to_due()
        except AWAY:
            # What was not committed is done again when the lease has run out.
            world.clock.turn(seconds=1)
    return state


async def _broken(world: worlds.World, promotion_id: int, cutter: cutters.Cutter) -> list[str]:
    row = await world.promotion(promotion_id)
    marks = [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    targets = [one.purl for one in await world.rows(tables.PromotionTarget)]
    sends = [invariants.Send(promotion_id, number) for number in range(world.publish_calls)]
    world.platform.portal.advance()
    judge = truth.Truth(world.platform.directory)
    judge.passed([world.tree.files])
    right = not judge.differs(truth.hashed(world.tree.files))
    described = invariants.World(
        promotions=tuple(
            invariants.Promotion(promotion_id, target, row.state, marks=len(marks), right=right) for target in targets
        ),
        sends=tuple(sends),
        effects=tuple(
            invariants.Effect(target, promotion_id, right=not judge.unvoted(one))
            for target in targets
            for one in judge.look().effects
        ),
    )
    broken = [f"{code} does not hold" for code in invariants.broken(described)]
    if world.publish_calls > cutter.marks:
        broken.append(f"{world.publish_calls} calls for {cutter.marks} marks that we knew to be on disk")
    if row.state is not states.State.LIVE:
        broken.append(f"it ended {row.state.value}: {row.reason}")
    if not await world.chain_holds():
        broken.append("the chain of events is broken")
    return broken
