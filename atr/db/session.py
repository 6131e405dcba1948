# SPDX-License-Identifier: Apache-2.0
"""The engine, and the two kinds of session: one that reads, one that writes. Both are one transaction each.

On SQLite a writing transaction takes the write lock before it reads (BEGIN IMMEDIATE), so what was checked is still
true when it is written, and every commit is on disk before the next line runs (synchronous=FULL): a promotion's mark
rests on that. Figures: reference deps.md, section 2.
"""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlmodel.ext.asyncio.session as asyncio_session

import atr.errors as errors

Session = asyncio_session.AsyncSession
Clock = Callable[[], datetime.datetime]

_BUSY_MS: Final = 30_000
# https://www.sqlite.org/rescode.html#full
_FULL: Final = "database or disk is full"
_PRAGMAS: Final = ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}", "synchronous=FULL")


def utc_now() -> datetime.datetime:
    """The clock of the machine, aware UTC. The one place that reads it for rows."""
    return datetime.datetime.now(datetime.UTC)


class Database:
    """One database. `clock` is read once per transaction and handed on, so that simulated time can stand in."""

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self.clock = clock
        self._engine = sqlalchemy.ext.asyncio.create_async_engine(url)
        if self._engine.dialect.name == "sqlite":
            prepare_sqlite(self._engine.sync_engine)
        self._immediate = self._engine.execution_options(sqlite_begin="IMMEDIATE")
        # SQLite's own waiting is unfair: a queue in the process keeps the slowest writer from starving.
        self._writing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """One transaction that only reads."""
        async with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """One transaction that writes: committed on a clean exit, rolled back whole otherwise. Raises NoRoomError."""
        try:
            async with (
                self._writing,
                Session(self._immediate, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except sqlalchemy.exc.OperationalError as error:
            if _FULL in str(error.orig):
                raise errors.NoRoomError from error
            raise

    async def close(self) -> None:
        """Give all connections back."""
        await self._engine.dispose()


def prepare_sqlite(engine: sqlalchemy.Engine, *, foreign_keys: bool = True) -> None:
    """Set the pragmas on every connection, and let SQLAlchemy say BEGIN, so that it can say IMMEDIATE."""
    pragmas = _PRAGMAS if foreign_keys else tuple(p.replace("foreign_keys=ON", "foreign_keys=OFF") for p in _PRAGMAS)

    @sqlalchemy.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sqlalchemy.event.listens_for(engine, "begin")
    def on_begin(connection: sqlalchemy.Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")
