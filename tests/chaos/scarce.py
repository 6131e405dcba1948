# SPDX-License-Identifier: Apache-2.0
"""What a SQLite database runs out of for a while: pages that it may have, or room that its files may grow into."""

import asyncio
import contextlib
import pathlib
import resource
from collections.abc import AsyncIterator, Callable
from typing import Final

import sqlalchemy
import sqlalchemy.ext.asyncio

from tests import world as worlds

# The block during which it is scarce; how many pages are left when it begins.
Scarce = Callable[[worlds.World, int], contextlib.AbstractAsyncContextManager[None]]
_NO_LIMIT: Final = 1_000_000_000
# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_PAGE: Final = 4_096
_FRAME: Final = _PAGE + 24


@contextlib.asynccontextmanager
async def full(world: worlds.World, pages: int) -> AsyncIterator[None]:
    """The file may grow by so many pages: SQLite itself says that the database is full."""
    async with world.store.read() as read:
        there = (await (await read.data.connection()).exec_driver_sql("PRAGMA page_count")).scalar_one()
    limit = _Limit(int(there) + pages)
    sqlalchemy.event.listen(world.hands.storage.database._engine.sync_engine, "begin", limit)
    try:
        yield
    finally:
        limit.pages = _NO_LIMIT


class _Limit:
    """How many pages each transaction may have the file grow to."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def __call__(self, connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self.pages}")


@contextlib.asynccontextmanager
async def failing(world: worlds.World, pages: int) -> AsyncIterator[None]:
    """So many pages more can be written to the log, then half a page, then every write that makes a file longer fails.

    The kernel says so (RLIMIT_FSIZE, of this whole process), and SQLite is told of an I/O error. Reading, overwriting
    and fsync go well. The stand-in's files are shorter than the log, so it goes on.
    """
    wal = pathlib.Path(f"{world.settings.state_dir}/atr.db-wal")
    there = (await asyncio.to_thread(wal.stat)).st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (there + pages * _FRAME + _PAGE // 2, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
