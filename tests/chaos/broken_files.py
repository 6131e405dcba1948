# SPDX-License-Identifier: Apache-2.0
"""T17: SQLite's WAL cut or overwritten anywhere; the database full; the k-th write fails; whoever writes is killed.

After a cut the database is what it was after one of its commits, whole: never half of one. While it is full, or cannot
be written, nothing is sent that is not on disk, and nothing is lost: afterwards every promotion ends live, by one call.
What a killed process was told to be committed is there.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy

import atr.db.migrate as migrate
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.audit as audit
import tests.chaos.committing as committing
import tests.chaos.outcome as outcome
import tests.chaos.scarce as scarce
import tests.world as worlds
from tests import databases, guarding

# Cuts; databases that are full; that cannot be written from the k-th write on; whose writer is killed.
_SIZES: Final = {
    outcome.Size.SMALL: (20, 1, 1, 1),
    outcome.Size.CI: (70, 10, 10, 10),
    outcome.Size.RELEASE: (47_000, 1_000, 1_000, 1_000),
}
# Enough to go live; and enough to run into what is scarce.
_ROUNDS: Final = 60
_SCARCE_ROUNDS: Final = 12
# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_WAL_HEADER: Final = 32
_GARBAGE: Final = 512
# A promotion needs fewer pages than that.
_PAGES: Final = 24

# The events of each chain: number and hash.
Chains = Mapping[str, Sequence[tuple[int, str]]]


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """A world to its end, cut many times; then worlds that run full or cannot write; then writers that are killed."""
    chance = random.Random(seed)
    cuts, fulls, fails, kills = _SIZES[size]
    again = f"{outcome.SEED}={seed} python -m tests.chaos T17"
    violations: list[str] = []
    seen: list[str] = []
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name, guarding.watch(), asyncio.Runner() as runner:
        directory = pathlib.Path(name)
        for part in ("template", "scene", "whole"):
            (directory / part).mkdir()
        scene = worlds.scene(directory / "scene", databases.Sqlite(directory / "template"), worlds.World.voted)
        runner.run(_to_the_end(scene, directory / "whole"))
        whole = _uncut(directory / "whole")
        lengths = set()
        for number in range(cuts):
            cut = Cut(chance.random(), garbage=chance.random() < 0.5, seed=chance.randrange(2**32))
            problem, length = _after(cut, directory / "whole", whole)
            lengths.add(length)
            violations += [f"{cut}: {problem}: {again}, cut {number}"] * bool(problem)
        seen.append(f"cuts left {len(lengths)} different histories of {sum(map(len, whole.values()))} events")
        for what, scarcity, times in (("full", scarce.full, fulls), ("failing", scarce.failing, fails)):
            for number in range(times):
                pages = number % _PAGES
                problem = runner.run(_starved(scene, scarcity, pages))
                violations += [f"{what} after {pages} pages: {problem}: {again}"] * bool(problem)
        for number in range(kills):
            problem = runner.run(committing.killed(scene, chance))
            violations += [f"kill {number}: {problem}: {again}"] * bool(problem)
    return outcome.Outcome(sum(_SIZES[size]), tuple(violations), tuple(seen))


@dataclasses.dataclass(frozen=True)
class Cut:
    """Where in the WAL, as a part of its length: all after it is gone, or some bytes there are others."""

    where: float
    garbage: bool
    seed: int

    def of(self, wal: bytes) -> bytes:
        """What is left."""
        at = _WAL_HEADER + int(self.where * (len(wal) - _WAL_HEADER))
        if not self.garbage:
            return wal[:at]
        return (wal[:at] + random.Random(self.seed).randbytes(_GARBAGE) + wal[at + _GARBAGE :])[: len(wal)]


async def _to_the_end(scene: worlds.Scene, directory: pathlib.Path) -> None:
    """A promotion to LIVE; the file and its WAL as they lie there while the processes still have them open."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        async with scene.opened(pathlib.Path(name)) as world:
            await world.promote(scene.deployment_id)
            await world.live(scene.deployment_id)
            for suffix in ("", "-wal"):
                await asyncio.to_thread(shutil.copy, pathlib.Path(name) / f"atr.db{suffix}", directory)


def _after(cut: Cut, whole: pathlib.Path, history: Chains) -> tuple[str, int]:
    """What is wrong with the database after this cut, if anything, and how many events it has."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        file = pathlib.Path(shutil.copy(whole / "atr.db", name))
        (file.parent / "atr.db-wal").write_bytes(cut.of((whole / "atr.db-wal").read_bytes()))
        return problem(file, history), sum(map(len, chains(file).values()))


def _uncut(whole: pathlib.Path) -> Chains:
    """What was committed: read from a copy, since whoever opens a database takes its WAL in."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        for suffix in ("", "-wal"):
            shutil.copy(whole / f"atr.db{suffix}", name)
        return chains(pathlib.Path(name) / "atr.db")


def problem(file: pathlib.Path, history: Chains) -> str:
    """Why this database is not what it was after one of its commits; empty if it is."""
    with contextlib.closing(sqlite3.connect(file)) as data:
        if data.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return "the file is damaged"
        # A state and its event are one commit.
        moved = dict(
            data.execute(
                "SELECT subject, json_extract(data, '$.to') FROM event WHERE what = 'promotion_moved' ORDER BY seq"
            ).fetchall()
        )
        states_now = data.execute("SELECT 'promotion:' || id, state FROM promotion").fetchall()
        attempts = data.execute("SELECT count(*) FROM attempt WHERE kind = 'publish'").fetchone()[0]
        marked = data.execute(
            "SELECT count(*) FROM event WHERE what = 'attempt_marked' AND json_extract(data, '$.kind') = 'publish'"
        ).fetchone()[0]
    for subject, state in states_now:
        if moved.get(subject, states.State.REQUESTED.value) != state:
            return f"{subject} is {state}, and its events say {moved.get(subject)}"
    if attempts != marked:
        return "there is an attempt without its event, or an event without its attempt"
    for chain, events in chains(file).items():
        if list(history[chain][: len(events)]) != list(events):
            return f"{chain} is no beginning of what was committed"
    return ""


def chains(file: pathlib.Path) -> Chains:
    """Each chain of events, by a reader that leaves the file as it is. Raises AssertionError for a broken one."""
    engine = migrate.engine(databases.sqlite_url(file))
    table: Any = tables.Event.metadata.tables["event"]
    try:
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.select(table).order_by(table.c.chain, table.c.number)).mappings().all()
    finally:
        engine.dispose()
    found: dict[str, list[tables.Event]] = {}
    for row in rows:
        found.setdefault(row["chain"], []).append(tables.Event(**row))
    assert all(audit.broken_at(events) is None for events in found.values())
    return {chain: [(event.number, event.hash) for event in events] for chain, events in found.items()}


async def _starved(scene: worlds.Scene, scarcity: scarce.Scarce, pages: int) -> str:
    """What goes wrong when only so many pages can be written, for a while; empty if nothing does."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        async with scene.opened(pathlib.Path(name), call_timeout=5.0, lease=20.0) as world:
            promotion_id = await world.promote(scene.deployment_id)
            async with scarcity(world, pages):
                for _ in range(_SCARCE_ROUNDS):
                    await _work(world)
                marks = [one for one in await world.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
                if world.publish_calls > len(marks):
                    return f"{world.publish_calls} calls for {len(marks)} marks meanwhile"
            row = await world.promotion(promotion_id)
            for _ in range(_ROUNDS):
                row = await world.promotion(promotion_id)
                if row.state is states.State.LIVE:
                    break
                await _work(world)
            if (row.state is not states.State.LIVE) or (world.publish_calls != 1):
                return f"it ended {row.state.value} after {world.publish_calls} calls: {row.reason}"
            return "" if await world.chain_holds() else "the chain of events is broken"


async def _work(world: worlds.World) -> None:
    """One round of a worker that outlives whatever it runs into, and the time until something is due."""
    with contextlib.suppress(errors.AtrError, sqlalchemy.exc.DBAPIError):
        await worlds.drain(world.hands)
    await world.turn_to_due()
