# SPDX-License-Identifier: Apache-2.0
"""SQLite without a thread for each connection: half of what a test would take goes into handing statements over.

Whoever awaits a statement lets others go first, as with a thread. What a thread of its own means is tested where real
processes run.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import sqlalchemy
import sqlalchemy.event

_PATIENCE: Final = 30.0
_EVERY: Final = 0.002


class _Cursor:
    """As aiosqlite's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Self:
        if statement.startswith("PRAGMA busy_timeout"):
            # SQLite would wait in the loop, and whoever has the lock waits for the loop.
            return self
        ends = time.monotonic() + _PATIENCE
        while True:
            await asyncio.sleep(0)
            try:
                self._cursor.execute(statement, parameters)
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
                if not (busy and statement.startswith("BEGIN") and time.monotonic() < ends):
                    raise
                await asyncio.sleep(_EVERY)
            else:
                return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Self:
        await asyncio.sleep(0)
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class _Turns:
    """Where aiosqlite keeps what its thread is to do: it is done at once."""

    def put_nowait(self, asked: tuple[asyncio.Future[Any], Any]) -> None:
        future, function = asked
        future.set_result(function())


class _Connection:
    """As aiosqlite's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._conn = connection
        self._tx = _Turns()

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn)

    async def commit(self) -> None:
        await asyncio.sleep(0)
        self._conn.commit()

    async def rollback(self) -> None:
        await asyncio.sleep(0)
        self._conn.rollback()

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        self._connection = None
        self._conn.close()

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    async def set_trace_callback(self, callback: Any) -> None:
        self._conn.set_trace_callback(callback)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


async def _connect(*arguments: Any, **options: Any) -> _Connection:
    return _Connection(sqlite3.connect(*arguments, **{**options, "check_same_thread": False, "timeout": 0.0}))


def without_threads(engine: sqlalchemy.Engine) -> None:
    """Have this engine of aiosqlite speak to SQLite in the loop itself. Another engine stays as it is."""
    if engine.dialect.driver != "aiosqlite":
        return

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def on_connect(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["async_creator_fn"] = _connect
