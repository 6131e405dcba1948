# SPDX-License-Identifier: Apache-2.0
"""The engine, and the two kinds of session: one that reads, one that writes. Each is one transaction.

On SQLite a writing transaction takes the write lock before it reads (BEGIN IMMEDIATE), so a check is still true at the
write, and every commit is on disk before the next line runs (synchronous=FULL): a promotion's mark depends on that.
Figures: reference deps.md, section 2.

On PostgreSQL transactions are READ COMMITTED: a conditional UPDATE waits for other changes of the row and tests its
condition on their result. Transactions on several rows are serialised by guard rows (db/guards.py). Several machines
use one database, so the time of a transaction is the database's.
"""

import asyncio
import contextlib
import datetime
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
import sqlmodel
import sqlmodel.ext.asyncio.session as asyncio_session

import atr.errors as errors
import atr.reasons as reasons
import atr.shared.layouts as layouts

Clock = Callable[[], datetime.datetime]

_BUSY_MS: Final = 30_000
# https://www.sqlite.org/rescode.html#full
_FULL: Final = "database or disk is full"
# disk_full: https://www.postgresql.org/docs/15/errcodes-appendix.html
_PG_FULL: Final = "53100"
# deadlock_detected. Scopes are locked in one order, and the scan, which locks rows without scopes, does not wait for
# transactions that need these rows. So only a transaction with events of two chains could have a deadlock.
_PG_DEADLOCK: Final = "40P01"
# Without these, an acknowledged commit may be lost after a crash, and a mark with it.
_PG_SAFE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_PG_SAFER: Final = {"synchronous_commit": frozenset({"on", "remote_apply", "remote_write", "local"})}
# The drivers to use. An address may name another one, or none, as for other programs.
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
_PRAGMAS: Final = (f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", "synchronous=FULL")
_RETRY_SECONDS: Final = 0.01
# The key in `Session.info` of the rows that a writing session has read.
_KEPT: Final = "kept"


def utc_now() -> datetime.datetime:
    """Return the time of this machine, in aware UTC. No other code reads its clock for rows."""
    return datetime.datetime.now(datetime.UTC)


class Session(asyncio_session.AsyncSession):
    """One transaction, with the program's layouts: a row is processed only by a program that has its mechanism."""

    built: layouts.Layouts = layouts.BUILT


class Database:
    """One database. `clock` replaces its time, for tests that simulate it; `built` are the program's layouts."""

    def __init__(self, url: str, clock: Clock | None = None, built: layouts.Layouts = layouts.BUILT) -> None:
        self._clock = clock
        self.built = built
        address = driven(url)
        self.on_sqlite = address.get_backend_name() == "sqlite"
        if self.on_sqlite:
            self._engine = sqlalchemy.ext.asyncio.create_async_engine(address)
            prepare_sqlite(self._engine.sync_engine)
        else:
            # A server may have been restarted since a connection was last used.
            self._engine = sqlalchemy.ext.asyncio.create_async_engine(
                address, isolation_level="READ COMMITTED", pool_pre_ping=True
            )
        self._immediate = self._engine.execution_options(sqlite_begin="IMMEDIATE")
        self._single = self._engine.execution_options(sqlite_begin="")
        # SQLite's own wait is unfair: a queue in the process keeps the slowest writer from starving.
        self._writing: contextlib.AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if self.on_sqlite else contextlib.nullcontext()
        )

    async def now(self, data: Session) -> datetime.datetime:
        """Return the time of a transaction, which is read once, when it opens, and passed on.

        A statement never reads the time itself, so that tests can simulate it.
        """
        if (self._clock is not None) or self.on_sqlite:
            return self.here()
        read: datetime.datetime = (await data.exec(sqlmodel.select(sqlalchemy.func.clock_timestamp()))).one()
        return read.astimezone(datetime.UTC)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """Open a transaction that only reads."""
        async with Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.built = self.built
            yield session

    @contextlib.asynccontextmanager
    async def read_once(self) -> AsyncIterator[Session]:
        """Open a session for a single SELECT, which needs no BEGIN on SQLite."""
        async with Session(self._single, expire_on_commit=False) as session:
            yield session

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """Open a transaction that writes: committed on a clean exit, else rolled back. Raises NoRoomError."""
        try:
            async with (
                self._writing,
                Session(self._immediate, expire_on_commit=False, info={_KEPT: []}) as session,
                session.begin(),
            ):
                session.built = self.built
                yield session
        except sqlalchemy.exc.OperationalError as error:
            state = getattr(error.orig, "sqlstate", "")
            if (_FULL in str(error.orig)) or (state == _PG_FULL):
                raise errors.NoRoomError from error
            if state == _PG_DEADLOCK:
                raise errors.ConflictError(reasons.of("moved")) from error
            raise

    def here(self) -> datetime.datetime:
        """Return the time of this machine, or of `clock`. It is for comparisons, never for a row."""
        return self._clock() if self._clock is not None else utc_now()

    async def ensure_durable(self) -> None:
        """Raise SettingsError for a server that may lose acknowledged commits: a promotion's mark depends on them."""
        if self.on_sqlite:
            return
        async with self.read() as data:
            for name, wanted in _PG_SAFE.items():
                found = str((await data.exec(sqlalchemy.text(f"SHOW {name}"))).scalar_one())  # type: ignore[call-overload]  # SQLModel types no plain text
                if found not in _PG_SAFER.get(name, {wanted}):
                    raise errors.SettingsError(
                        f"PostgreSQL runs with {name} = {found}, so it may lose what it has acknowledged, and a "
                        f"release could be published twice. Set {name} = {wanted} in postgresql.conf and restart it."
                    )

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


@sqlalchemy.event.listens_for(sqlalchemy.orm.Session, "loaded_as_persistent")
def _keep(session: sqlalchemy.orm.Session, row: Any) -> None:
    """Keep references to the rows of a writing transaction, so that getting one by its key again needs no query.

    https://docs.sqlalchemy.org/en/21/orm/session_state_management.html#session-referencing-behavior
    """
    if _KEPT in session.info:
        session.info[_KEPT].append(row)


@contextlib.asynccontextmanager
async def joined(connection: sqlalchemy.ext.asyncio.AsyncConnection) -> AsyncIterator[Session]:
    """Open a session in a transaction of the caller, who has begun it on this connection and will end it."""
    async with Session(connection, expire_on_commit=False, join_transaction_mode="rollback_only") as session:
        yield session
        await session.flush()


def driven(url: str) -> sqlalchemy.URL:
    """Return the address of a database with ATR's driver. Raises SettingsError for another kind of database."""
    try:
        address = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        # Not `from error`: an address may contain a password.
        raise errors.SettingsError("ATR_DATABASE_URL is not an address of a database.") from None
    kind = address.get_backend_name()
    if kind not in _DRIVERS:
        raise errors.SettingsError(f"The database must be SQLite or PostgreSQL, not {kind}.")
    return address.set(drivername=_DRIVERS[kind])


def prepare_sqlite(engine: sqlalchemy.Engine, *, foreign_keys: bool = True) -> None:
    """Set the pragmas on every connection, and let SQLAlchemy emit BEGIN, so that it can be IMMEDIATE."""
    pragmas = _PRAGMAS if foreign_keys else tuple(p.replace("foreign_keys=ON", "foreign_keys=OFF") for p in _PRAGMAS)

    @sqlalchemy.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    @sqlalchemy.event.listens_for(engine, "begin")
    def on_begin(connection: sqlalchemy.Connection) -> None:
        if mode := connection.get_execution_options().get("sqlite_begin", "DEFERRED"):
            connection.exec_driver_sql(f"BEGIN {mode}")


def _use_wal(connection: Any) -> None:
    """Put the file into WAL mode if it is not yet.

    While another process writes to a new file, SQLite refuses this at once, whatever the timeout. This happens when
    several processes start together. https://www.sqlite.org/c3ref/busy_handler.html
    """
    ends = time.monotonic() + _BUSY_MS / 1_000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode != sqlite3.SQLITE_BUSY) or (time.monotonic() >= ends):
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
