# SPDX-License-Identifier: Apache-2.0
"""T14: a backup at a random moment of a promotion's life; life goes on; the backup is restored; life goes on again.

Whatever was done between backup and restore has no row. Still there must be no second effect and no false "not
published", nothing may be sent before a person has asked again, and everything ends or waits for a person. A call from
before the restore belongs to the promotion whose mark it had then; the restored database may know nothing of it, and
must find what came of it all the same: in the end nothing is said of the version that is not so.
"""

import asyncio
import contextlib
import pathlib
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import atr.backup as backup
import atr.db.dumps as dumps
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.sandbox.central_portal.deployment as staged
import atr.worker as worker
import tests.chaos.outcome as outcome
import tests.chaos.sayings as sayings
import tests.chaos.truth as truth
import tests.model.invariants as invariants
from tests import databases as provided
from tests import world as worlds

POINTS: Final = {outcome.Size.SMALL: 2, outcome.Size.CI: 10, outcome.Size.RELEASE: 500}
# How many steps a life has before the backup, and between the backup and the restore.
_BEFORE: Final = 4
_BETWEEN: Final = 5
_AFTER: Final = 10
_PLACES: Final = ("after_verify", "after_mark", "after_reply")
# What goes wrong with the call, as fields of a fault; None for nothing.
_FAULTS: Final = (
    None,
    None,
    {"cut": True, "effect": True},
    {"status": 503, "effect": True},
    {"status": 503},
    {"status": 401},
)
# Of a promotion that no row knows any more.
_FORGOTTEN: Final = 0
# What has ended is looked at after an hour, a day, a week and a month.
_LOOKS: Final = (0.1, 1, 7, 31)
Restore = Callable[[worlds.World, pathlib.Path], Awaitable[None]]


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """So many points, each a world of its own."""
    return rounds(range(POINTS[size]), seed, restored, size)


def rounds(points: range, seed: int, restore: Restore, size: outcome.Size = outcome.Size.RELEASE) -> outcome.Outcome:
    """These points of a size, with this way to restore."""
    violations: list[str] = []
    seen: list[str] = []
    with tempfile.TemporaryDirectory(prefix="atr-t14-") as name:
        directory = pathlib.Path(name)
        for folder in ("template", "voted"):
            (directory / folder).mkdir()
        with provided.chosen(directory / "template") as databases:
            scene = worlds.scene(directory / "voted", databases, worlds.World.voted)
            for point in points:
                life = Life(random.Random(f"{seed}:{point}"))
                (directory / str(point)).mkdir()
                with asyncio.Runner() as runner:
                    found = runner.run(life.lived(scene, directory / str(point), restore))
                violations += [
                    f"{one} [{life.told}] {outcome.SEED}={seed} CHAOS={size} python -m tests.chaos T14, point {point}"
                    for one in found
                ]
                seen.append(life.told)
    return outcome.Outcome(rounds=len(points), violations=tuple(violations), seen=tuple(seen))


async def restored(world: worlds.World, file: pathlib.Path) -> None:
    """As the operator does it."""
    await backup.restore(world.settings.database, file, replace=True, clock=world.clock)


async def undeclared(world: worlds.World, file: pathlib.Path) -> None:
    """As it must not be done: the old rows are there again, and nobody says so."""
    engine = dumps.of(world.settings.database)
    dump = file.with_name("dump")
    backup._read(file, dump)
    engine.prepare(dump)
    engine.swap(world.clock())


class Life:
    """One promotion's life, in which chance decides."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.steps: list[str] = []

    @property
    def told(self) -> str:
        """What happened, in order."""
        return " > ".join(self.steps)

    async def lived(self, scene: worlds.Scene, directory: pathlib.Path, restore: Restore) -> list[str]:
        """Live it, and answer what was violated."""
        async with scene.opened(directory, sockets=True) as world:
            world.stand_in_settings(publishing_polls=self.chance.choice((0, 0, 2)))
            fault = self.chance.choice(_FAULTS)
            if fault is not None:
                world.fault("publish", **fault)
            for _ in range(self.chance.randrange(_BEFORE)):
                await self._step(world)
            file, _ = await backup.take(world.settings.database, directory / "backup", world.clock)
            self.steps.append("BACKUP")
            for _ in range(1 + self.chance.randrange(_BETWEEN)):
                await self._step(world)
            # The operator stops everything, and waits for the last lease.
            world.clock.turn(seconds=self.chance.choice((80, 80, 600, 90_000)))
            calls, owners = world.publish_calls, await _senders(world)
            self._perhaps_forgotten(world)
            async with _again(world, file, restore) as after:
                self.steps.append(f"RESTORE after {calls} calls")
                heirs = {row.id for row in await after.rows(tables.Promotion)}
                known = [owner if owner in heirs else _FORGOTTEN for owner in owners]
                return await self._go_on(after, _judge(after), calls=calls, owners=known)

    async def _step(self, world: worlds.World) -> None:
        if not await _holding(world):
            await self._try(world, "promote")
            return
        kind = self.chance.choice(("work", "work", "die", "abort"))
        match kind:
            case "work":
                await world.turn_to_due()
                await world.work(rounds=1)
                self.steps.append("work")
            case "die":
                place = self.chance.choice(_PLACES)
                await world.turn_to_due()
                died = await world.dies(world.dying_at(place))
                self.steps.append(f"died {place}" if died else "work")
            case _:
                await self._try(world, "abort")

    async def _go_on(
        self, world: worlds.World, judge: truth.Truth, *, calls: int, owners: Sequence[int | None]
    ) -> list[str]:
        found: list[str] = []
        for _ in range(self.chance.randrange(4)):
            await _let_work(world)
        if world.publish_calls != calls:
            found.append("A publish request was sent before anybody asked again.")
        for _ in range(_AFTER):
            if self.chance.random() < 0.5:
                await self._try(world, self.chance.choice(("promote", "abort", "drop", "send_again")))
            await _let_work(world)
            found += await _broken(world, judge, owners)
            if found or not await _open(world):
                break
        found += [f"Promotion {row.id} is {row.state} for ever." for row in await _stuck(world)]
        if not found:
            await _every_look(world)
            found += await _broken(world, judge, owners)
            release_key = (await world.rows(tables.Deployment))[0].release_key
            found += await sayings.wrong(world, judge, release_key, truth.hashed(world.tree.files))
        if not await world.chain_holds():
            found.append("The events do not follow from one another.")
        return found

    async def _try(self, world: worlds.World, what: str) -> None:
        """What a person tries; being refused is fine."""
        row = next(iter(await _holding(world)), None)
        try:
            if what == "promote":
                await world.promote(1)
            else:
                async with world.member() as member:
                    if what == "drop":
                        await member.deployments.drop(1, "Not needed.")
                    elif (row is not None) and (what == "abort"):
                        await member.promotions.abort(row.id or 0, "Not now.")
                    elif row is not None:
                        await member.promotions.send_again(row.id or 0, "Once more.")
        except errors.AtrError:
            self.steps.append(f"{what} refused")
        else:
            self.steps.append(what)

    def _perhaps_forgotten(self, world: worlds.World) -> None:
        """A platform forgets the ids of what it has published."""
        world.platform.portal.advance()
        for one in list(world.platform.portal.deployments.values()):
            if (one.state is staged.State.PUBLISHED) and (self.chance.random() < 0.4):
                world.platform.portal.forget(one)
                self.steps.append("forgotten by the platform")


@contextlib.asynccontextmanager
async def _again(world: worlds.World, file: pathlib.Path, restore: Restore) -> AsyncIterator[worlds.World]:
    """The same stand-in and the same clock, with the restored database and a new worker."""
    await world.store.database.close()
    await restore(world, file)
    async with worker.context(world.settings, world.clock) as hands:
        yield worlds.World(hands, hands.storage, world.sandbox, world.clock, world.settings)


async def _let_work(world: worlds.World) -> None:
    await world.work()
    await world.turn_to_due()
    await world.work()


async def _holding(world: worlds.World) -> list[tables.Promotion]:
    return [row for row in await world.rows(tables.Promotion) if row.state in states.HOLDING]


async def _open(world: worlds.World) -> bool:
    rows = await world.rows(tables.Promotion)
    return (not rows) or any(row.state in states.OPEN for row in rows)


def _judge(world: worlds.World) -> truth.Truth:
    judge = truth.Truth(world.platform.directory)
    judge.passed([world.tree.files])
    return judge


async def _senders(world: worlds.World) -> Sequence[int | None]:
    """Of each call of ours that took effect so far, the promotion that was marked last: there is one deployment."""
    world.platform.portal.advance()
    marks = [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    effects = [one for one in _judge(world).look().effects if one.ours]
    return [marks[-1].promotion_id if marks else _FORGOTTEN for _ in effects]


async def _every_look(world: worlds.World) -> None:
    """Let time pass in long steps until whatever has ended was looked at for the last time."""
    for days in _LOOKS:
        world.clock.turn(days=days)
        # Some looks count only if others, minutes later, say the same.
        for _ in range(5):
            await world.work()
            world.clock.turn(minutes=10)


async def _broken(world: worlds.World, judge: truth.Truth, before: Sequence[int | None]) -> list[str]:
    """The invariants, with what is true beside what the rows say. `before`: who sent what took effect long ago."""
    rows = await world.rows(tables.Promotion)
    if not rows:
        return []
    world.platform.portal.advance()
    sent = [one.promotion_id for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    ours = [one for one in judge.look().effects if one.ours]
    owners = [*before, *[(sent[-1] if sent else _FORGOTTEN) for _ in ours[len(before) :]]]
    voted = truth.hashed(world.tree.files)
    right = not judge.differs(voted)
    described = invariants.World(
        promotions=tuple(invariants.Promotion(row.id or 0, "t", row.state, approvals=99, right=right) for row in rows),
        effects=tuple(
            invariants.Effect("t", owner, right=not judge.unvoted(one)) for owner, one in zip(owners, ours, strict=True)
        ),
    )
    return [f"{code} is broken: {invariants.BY_CODE[code].promise}" for code in invariants.broken(described)]


async def _stuck(world: worlds.World) -> list[tables.Promotion]:
    """Promotions that neither have ended, nor are looked at again, nor wait for a person."""
    return [row for row in await world.rows(tables.Promotion) if (row.state in states.OPEN) and (row.due_at is None)]
