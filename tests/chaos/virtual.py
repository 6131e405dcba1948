# SPDX-License-Identifier: Apache-2.0
"""Time that passes only when nobody has anything to do, and a database without threads: runs are fast and equal.

The loop's clock stands still while anything can run, and then goes at once to the next timer: a day of waiting costs
nothing, timeouts and leases included. What the application gives to a thread is done at once, in the loop, and so is
every statement of SQLite: nothing depends on the machine, so that a seed replays.
"""

import asyncio
import contextvars
import functools
import itertools
import selectors
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self

import sqlalchemy
import sqlalchemy.event

# Where a process may die: each place is told to whoever listens in this task, before and after it.
Told = Callable[[str], None]
PLACE: Final[contextvars.ContextVar[Told]] = contextvars.ContextVar("PLACE")


def at(place: str) -> None:
    """This process got to a place where it may die."""
    told = PLACE.get(None)
    if told is not None:
        told(place)


class StuckError(Exception):
    """Nobody has anything to do, and no timer will change that: somebody waits for ever."""


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it says how long there was to wait."""

    passed: Callable[[float], None]

    def select(self, timeout: float | None = None) -> Any:
        # Beside the loop's own there is somebody's socket (PostgreSQL's): until it answers, time stands still.
        if len(self.get_map()) > 1:
            return super().select(60.0 if (timeout is None) or (timeout > 0) else 0)
        if timeout is None:
            raise StuckError
        if timeout > 0:
            self.passed(timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose seconds cost nothing."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.passed = self._pass
        self._seconds = 0.0
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since it was rewound."""
        return self._seconds

    def rewind(self) -> None:
        """Begin at 0 again; no timer may be left."""
        self._seconds = 0.0

    def _pass(self, seconds: float) -> None:
        self._seconds += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # any function, done at once
        """Do it now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  (it is whoever waits that handles it)
            future.set_exception(error)
        return future


class _Cursor:
    """As aiosqlite's, without the thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> "_Cursor":
        self._cursor.execute(statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> "_Cursor":
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

    def put_nowait(self, asked: tuple[asyncio.Future[Any], Callable[[], Any]]) -> None:
        future, function = asked
        future.set_result(function())


class Writes:
    """Transactions that wrote something and are committed."""

    count = 0


class _Connection:
    """As aiosqlite's, without the thread. A process may die right before and right after it commits."""

    def __init__(self, connection: sqlite3.Connection, writes: "Writes") -> None:
        self._connection: sqlite3.Connection | None = connection
        self._conn = connection
        self._writes = writes
        self._tx = _Turns()

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn)

    async def commit(self) -> None:
        wrote = self._conn.in_transaction
        if wrote:
            at("before_commit")
        self._conn.commit()
        if wrote:
            self._writes.count += 1
            at("after_commit")

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        self._connection = None
        self._conn.close()

    def stop(self) -> None:
        self._connection = None
        self._conn.close()

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


async def _connect(writes: Writes, *arguments: Any, **options: Any) -> _Connection:
    return _Connection(sqlite3.connect(*arguments, **{**options, "check_same_thread": False}), writes)


def without_threads(engine: sqlalchemy.Engine) -> Callable[[], int]:
    """Have this engine of aiosqlite speak to SQLite in the loop itself. Another engine stays as it is.

    Answers a function: what it answers is the same again only while nothing was written.
    """
    if engine.dialect.driver != "aiosqlite":
        return itertools.count().__next__
    writes = Writes()

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def on_connect(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["async_creator_fn"] = functools.partial(_connect, writes)

    return lambda: writes.count
