# SPDX-License-Identifier: Apache-2.0
"""A real process that commits event after event and tells each number, until it is killed in the middle of it."""

import asyncio
import contextlib
import multiprocessing
import pathlib
import random
import signal
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any, Final

import atr.db.session as session
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.storage.worker as services
import tests.chaos.fleet as fleet
import tests.chaos.outcome as outcome
from tests import world as worlds

_CHAIN: Final = "trial:kill"
# Some dozens of commits.
_LATEST: Final = 0.15


def commit_on(settings: Mapping[str, Any], telling: Connection) -> None:
    """What the process does."""
    asyncio.run(_commit_on(settings, telling))


def tell_first(settings: Mapping[str, Any], telling: Connection) -> None:
    """What it does in a broken build: it tells of commits that are not there yet. What the campaign must see.

    It is two ahead, so that wherever the kill falls, one at least is missing: the next one may be there already.
    """
    asyncio.run(_commit_on(settings, telling, early=2))


async def _commit_on(settings: Mapping[str, Any], telling: Connection, *, early: int = 0) -> None:
    database = session.Database(settings["database_url"])
    store = storage.Storage(database, transaction.Place(pathlib.Path(settings["state_dir"]), {}))
    number = 0
    while True:
        number += 1
        async with store.write_as_system(services.PromotionService) as service:
            await service.write.event(_CHAIN, "trial", "counted", counted=number)
        telling.send(number + early)


async def killed(scene: worlds.Scene, chance: random.Random, entry: fleet.Entry = commit_on) -> str:
    """Why the database is not what was acknowledged before the kill; empty if it is."""
    with tempfile.TemporaryDirectory(dir=outcome.MEMORY) as name:
        directory = pathlib.Path(name)
        address = scene.databases.copy(scene.database, directory)
        hearing, telling = multiprocessing.Pipe(duplex=False)
        with hearing, fleet.Fleet(directory).at_sea() as ships:
            with telling:
                ship = ships.start(entry, {"database_url": address, "state_dir": name}, telling)
            if not await fleet.until(hearing.poll):
                return f"it told of no commit: {ship.said}"
            await asyncio.sleep(chance.uniform(0, _LATEST))
            ship.signal(signal.SIGKILL)
            if await ship.ended() != -signal.SIGKILL:
                return f"it was not the kill that ended it: {ship.said}"
            told = list(_heard(hearing))
        return _missing(directory / "atr.db", told[-1])


def _heard(hearing: Connection) -> Iterator[int]:
    with contextlib.suppress(EOFError):
        while True:
            yield hearing.recv()


def _missing(file: pathlib.Path, told: int) -> str:
    with contextlib.closing(sqlite3.connect(file)) as data:
        if data.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return "the file is damaged"
        wanted = "SELECT json_extract(data, '$.counted') FROM event WHERE chain = ? ORDER BY number"
        there = [number for (number,) in data.execute(wanted, (_CHAIN,))]
    # The last one may be there without that it could tell.
    if there not in [list(range(1, last + 1)) for last in (told, told + 1)]:
        return f"{told} commits were acknowledged, and these are there: {there}"
    return ""
