# SPDX-License-Identifier: Apache-2.0
"""What runs while its system calls are recorded: a release from the first start to its backup, and a restore.

python -m tests.chaos.lives NAME DIRECTORY

The disk is DIRECTORY/disk. What people have been told by then is written to DIRECTORY/told, which is on another disk,
as lines of JSON: nothing of it may be lost afterwards.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import sqlalchemy

import atr.backup as backup
import atr.config as config
import atr.demo.people as people
import atr.demo.tree as trees
import atr.disk as disk
import atr.models.promotion as tables
import atr.platforms.registry as registry
import atr.server as server
import atr.storage.changes as changes
import atr.worker as worker
from tests import databases
from tests import world as worlds

DISK: Final = "disk"
STATE: Final = "state"
BACKUPS: Final = "backups"
TOLD: Final = "told"
# The generation in the log of a database that somebody loses: nothing of it may come back.
LOST: Final = 77
NO_DATABASE: Final = b"no database" * 1_000


class Life:
    """A world over a disk, and what people are told of it."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.state = directory / DISK / STATE
        self.backups = directory / DISK / BACKUPS
        self.address = databases.sqlite_url(self.state / "atr.db")
        self._told = os.open(directory / TOLD, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(self, **what: Any) -> None:
        """Somebody knows this from here on."""
        os.write(self._told, f"{json.dumps(what)}\n".encode())

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[worlds.World]:
        """The world, with a stand-in on a port: its requests are sent as they are to a platform."""
        async with worlds.open_world(self.state, self.address, sockets=True) as world:
            yield world


async def released(life: Life, *pragmas: str) -> None:
    """The first start of both processes; a release whose files come in three revisions, and its copies; LIVE; a backup.

    `pragmas` are set on each connection, after the program's own.
    """
    settings: Mapping[str, Any] = {"state_dir": life.state, "database_url": life.address, "sandbox": True}
    async with worker.context(registry.WorkerSettings.model_validate(settings)):
        pass
    async with life.opened() as world:
        _say(world.hands.storage.database._engine.sync_engine, pragmas)
        server.create_app(config.WebSettings.model_validate(settings), world.store)
        life.tell(key=hashlib.sha256((life.state / "secret-key").read_bytes()).hexdigest())
        release_key = await _composed(life, world)
        deployment_id = await world.record(release_key, await world.stage_elsewhere(world.tree))
        await world.until(deployment_id, lambda row: row.proof.staged is not None)
        await people.vote(world.store, release_key)
        await world.work()
        await world.promote(deployment_id)
        await _tell_events(life, world, promoted=deployment_id)
        await world.live(deployment_id)
        await _tell_events(life, world, live=deployment_id)
        file, _ = await backup.take(life.address, life.backups, world.clock)
        life.tell(backup=file.name)


async def _composed(life: Life, world: worlds.World) -> str:
    tree = trees.example(6_000)
    await world.settle_in(trees.Tree({}, tree.packages))
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={}, keep_copies=True)
    release_key = await people.compose(world.store, trees.Tree({}, tree.packages))
    await _tell_events(life, world, revision="00001")
    with changes.opened(life.state) as spool:
        for path in ("LICENSE", "docs/index.html", "docs/pictures/one.svg"):
            spool.begin(path)
            await spool.write(path.encode() * 300)
            spool.end()
        made = await world.store.revise(
            people.PROJECT, tree.version, people.COMMITTER, spool.change, seen="00001", description="More"
        )
    await _tell_events(life, world, revision=made.number)
    moved = changes.Change(removed=("LICENSE",), renamed=(("docs", "site"),))
    made = await world.store.revise(
        people.PROJECT, tree.version, people.COMMITTER, moved, seen=made.number, description="Moved"
    )
    await _tell_events(life, world, revision=made.number)
    world.tree = tree
    return release_key


async def _tell_events(life: Life, world: worlds.World, **what: Any) -> None:
    life.tell(events=len(await world.rows(tables.Event)), at=world.clock.at.isoformat(), **what)


def _say(engine: sqlalchemy.Engine, pragmas: Sequence[str]) -> None:
    @sqlalchemy.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")


async def released_often(life: Life) -> None:
    """The same, and every few commits SQLite writes its log into the file and begins it anew."""
    await released(life, "wal_autocheckpoint=30")


async def released_normal(life: Life) -> None:
    """A broken build: the log is synced before it is written into the file, and not at a commit."""
    await released(life, "synchronous=NORMAL")


async def released_off(life: Life) -> None:
    """A broken build: nothing of the database is ever synced."""
    await released(life, "synchronous=OFF")


async def restored(life: Life) -> None:
    """After `released`: its backup is put in the place of a database, of none, and of a broken one."""
    file = next(life.backups.glob("*.atrbackup"))
    database = life.state / "atr.db"
    clock = worlds.Clock()
    # None: nothing there is a database.
    before: int | None = 0
    for harm in (_spare, _remove, _damage):
        life.tell(generations=[before, LOST, None])
        before = harm(database)
        life.tell(generations=[before])
        life.tell(generations=[before, 1])
        clock.turn(days=1)
        _, generation, kept = await backup.restore(life.address, file, replace=True, clock=clock)
        assert generation == 1
        life.tell(generations=[1], kept=pathlib.Path(kept).name)
        before = 1


def _spare(_database: pathlib.Path) -> int:
    return 0


def _remove(database: pathlib.Path) -> None:
    """Somebody loses the file; the log with its last commits stays."""
    log = _log(database)
    database.unlink()
    _leave(database, log)


def _damage(database: pathlib.Path) -> None:
    """The file is no database any more."""
    log = _log(database)
    database.write_bytes(NO_DATABASE)
    disk.sync(database)
    _leave(database, log)


def _log(database: pathlib.Path) -> bytes:
    """What stands in the log of a process that goes on: last commits, of which nobody was told."""
    with contextlib.closing(sqlite3.connect(database)) as data:
        data.execute("PRAGMA journal_mode=WAL")
        data.execute(f"UPDATE site SET generation = {LOST}")
        data.commit()
        return database.with_name(f"{database.name}-wal").read_bytes()


def _leave(database: pathlib.Path, log: bytes) -> None:
    left = database.with_name(f"{database.name}-wal")
    left.write_bytes(log)
    disk.sync(left)
    disk.sync(database.parent)


LIVES: Final[Mapping[str, Callable[[Life], Coroutine[Any, Any, None]]]] = {
    one.__name__: one for one in (released, released_often, released_normal, released_off, restored)
}

if __name__ == "__main__":
    asyncio.run(LIVES[sys.argv[1]](Life(pathlib.Path(sys.argv[2]))))
