# SPDX-License-Identifier: Apache-2.0
"""Dumps a whole database to one file, and restores it, on both engines.

A dump is the state of the database at one instant, taken while everything runs. A restore has two steps: `prepare`
creates a separate database from the dump, to be checked, migrated and changed; `swap` replaces the existing database
with it, and keeps the old one under another name. A process that dies between the steps leaves the existing database
in place. Only a dump is asynchronous, since web and worker run at the same time: nothing else runs during a restore.
"""

import asyncio
import contextlib
import datetime
import os
import pathlib
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import sqlalchemy
import sqlmodel

import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.db.session as session
import atr.disk as disk
import atr.errors as errors

_DEBIAN: Final = pathlib.Path("/usr/lib/postgresql")
# A database that always exists, to create and rename others from.
_MAINTENANCE: Final = "postgres"
# Tables with leases, which show that a worker is running; and tables with rows only if the database was ever used.
_LEASED: Final = ("promotion", "deployment", "distribution", "promotion_task")
_FILLED: Final = ("committee", "release", "event")
_SITE: Final = "site"


def of(url: str) -> "Sqlite | Postgresql":
    """Return the kind of database that this address names. Raises SettingsError."""
    if session.driven(url).get_backend_name() == "sqlite":
        return Sqlite(url)
    return Postgresql(url)


class Sqlite:
    """A SQLite database, which is a file."""

    kind = "sqlite"

    def __init__(self, url: str) -> None:
        file = file_system.sqlite_file(url)
        if file is None:
            raise errors.SettingsError("An in-memory database cannot be backed up: name a file.")
        self._file = file
        self._prepared = file.with_name(f"{file.name}.restoring")

    @contextlib.asynccontextmanager
    async def snapshot(self, to: pathlib.Path) -> AsyncIterator[session.Session]:
        """Write a dump to this new file, and yield a session that reads exactly the dumped state.

        It uses SQLite's online backup: writers continue meanwhile, and the copy is the state at one instant.
        """
        if not self._file.exists():
            raise errors.NotFoundError(f"{self._file} does not exist, so there is nothing to back up.")
        await asyncio.to_thread(_copy, self._file, to)
        database = session.Database(f"sqlite+aiosqlite:///{to}")
        try:
            async with database.read() as data:
                yield data
        finally:
            await database.close()

    def demand_unused(self, now: datetime.datetime) -> None:
        """Raise ConflictError while there is a lease in the existing database, or another connection to it."""
        if not self._file.exists():
            return
        try:
            with self._alone() as database:
                if _table_names(database) >= set(_LEASED):
                    _demand_no_lease(database.execute, now)
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise

    def is_empty(self) -> bool:
        """Return whether the database does not exist or was never used. An unreadable one counts as used."""
        if not self._file.exists():
            return True
        try:
            with _opened(self._file) as database:
                return not (_table_names(database) >= set(_FILLED) and _is_filled(database.execute))
        except sqlite3.DatabaseError:
            return False

    def generation(self) -> int:
        """Return the generation of the existing database; 0 if it is not known."""
        if not self._file.exists():
            return 0
        try:
            with _opened(self._file) as database:
                return _generation(database.execute) if _SITE in _table_names(database) else 0
        except sqlite3.DatabaseError:
            return 0

    def prepare(self, dump: pathlib.Path) -> str:
        """Create a separate database from a dump, as a copy next to the file, and return its address.

        Raises ConflictError if SQLite's integrity checks do not pass.
        """
        self.discard()
        disk.make_directory(self._file.parent)
        _copy(dump, self._prepared)
        wrong = _wrong(self._prepared)
        if wrong:
            raise errors.ConflictError(f"The database in the backup is broken: {wrong}.")
        return f"sqlite+aiosqlite:///{self._prepared}"

    def swap(self, now: datetime.datetime) -> str:
        """Replace the database with the prepared one, and return the name of the kept old one; empty if there was none.

        It is one SQLite transaction in the existing file, so every reader sees either the old or the new database.
        """
        kept = self._file.with_name(f"{self._file.name}.replaced-{now:%Y%m%dT%H%M%S}")
        if not self._file.exists():
            self._place(kept)
            return ""
        if kept.exists():
            raise errors.ConflictError(f"{kept} exists already; nothing was changed.")
        try:
            with self._alone() as database:
                with _opened(kept) as there:
                    database.backup(there)
                with _opened(self._prepared) as source:
                    source.backup(database)
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            self._place(kept)
        return str(kept)

    def _place(self, kept: pathlib.Path) -> None:
        """Rename the prepared database into place where there is no valid database.

        What is left of one is renamed first, and synced: SQLite would apply a remaining log to the new file.
        """
        for end in file_system.COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                self._file.with_name(f"{self._file.name}{end}").rename(kept.with_name(f"{kept.name}{end}"))
        disk.sync(self._file.parent)
        self._prepared.rename(self._file)
        disk.sync(self._file.parent)

    def discard(self) -> None:
        """Remove the prepared database, if it exists, and the files that SQLite creates next to it."""
        for end in file_system.COMPANIONS:
            self._prepared.with_name(f"{self._prepared.name}{end}").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """Open the file exclusively: SQLite leaves WAL mode only without other connections. Raises ConflictError."""
        with _opened(self._file, timeout=0) as database:
            try:
                for statement in ("PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=DELETE", "BEGIN EXCLUSIVE"):
                    database.execute(statement).fetchone()
                # The lock remains after this, because of the first pragma.
                database.execute("COMMIT")
                database.execute("PRAGMA synchronous=FULL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise
                raise errors.ConflictError(
                    f"A process has {self._file} open. Stop web and worker, then restore; nothing was changed."
                ) from error
            yield database


class Postgresql:
    """A database of a PostgreSQL server. For its methods, see Sqlite."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = session.driven(url)
        self._name = str(self._url.database)
        self._prepared = f"{self._name[:50]}_restoring"

    @contextlib.asynccontextmanager
    async def snapshot(self, to: pathlib.Path) -> AsyncIterator[session.Session]:
        """Dump with pg_dump, which reads the snapshot of this transaction; it blocks no other transaction."""
        database = session.Database(self._address(self._name))
        try:
            async with database.read() as data:
                await data.connection(execution_options={"isolation_level": "REPEATABLE READ"})
                seen = (await data.exec(sqlmodel.select(sqlalchemy.func.pg_export_snapshot()))).one()
                arguments = ("--format=custom", f"--snapshot={seen}", f"--file={to}", self._name)
                await asyncio.to_thread(self._run, "pg_dump", *arguments)
                yield data
        finally:
            await database.close()

    def demand_unused(self, now: datetime.datetime) -> None:
        """Raise ConflictError while there is a lease or another connection."""
        if not self._exists():
            return
        with self._connected(self._name) as database:
            if set(sqlalchemy.inspect(database).get_table_names()) >= set(_LEASED):
                _demand_no_lease(database.exec_driver_sql, now)
            others = database.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).scalar_one()
        if others:
            raise errors.ConflictError(
                f"{others} connections to {self._name} are open. Stop every web process and worker, and all other "
                "clients, then restore; nothing was changed."
            )

    def is_empty(self) -> bool:
        """Return whether the database does not exist or was never used."""
        if not self._exists():
            return True
        with self._connected(self._name) as database:
            there = set(sqlalchemy.inspect(database).get_table_names())
            return not (there >= set(_FILLED) and _is_filled(database.exec_driver_sql))

    def generation(self) -> int:
        """Return the generation of the existing database; 0 if it is not known."""
        if not self._exists():
            return 0
        with self._connected(self._name) as database:
            return _generation(database.exec_driver_sql) if sqlalchemy.inspect(database).has_table(_SITE) else 0

    def prepare(self, dump: pathlib.Path) -> str:
        """Create another database on the server, by pg_restore in one transaction, and return its address."""
        self.discard()
        self._say(f"CREATE DATABASE \"{self._prepared}\" TEMPLATE template0 ENCODING 'UTF8'")
        self._run("pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={self._prepared}", str(dump))
        return self._address(self._prepared)

    def swap(self, now: datetime.datetime) -> str:
        """Rename both databases. If the process dies in between, no database has the name, and nothing starts."""
        kept = f"{self._name[:40]}_replaced_{now:%Y%m%dt%H%M%S}" if self._exists() else ""
        if kept:
            self._say(f'ALTER DATABASE "{self._name}" RENAME TO "{kept}"')
        try:
            self._say(f'ALTER DATABASE "{self._prepared}" RENAME TO "{self._name}"')
        except errors.ConflictError:
            if kept:
                self._say(f'ALTER DATABASE "{kept}" RENAME TO "{self._name}"')
            raise
        return kept

    def discard(self) -> None:
        """Drop the prepared database."""
        self._say(f'DROP DATABASE IF EXISTS "{self._prepared}"')

    def _exists(self) -> bool:
        with self._connected(_MAINTENANCE) as database:
            wanted = sqlalchemy.text("SELECT count(*) FROM pg_database WHERE datname = :name")
            return bool(database.execute(wanted, {"name": self._name}).scalar_one())

    def _say(self, statement: str) -> None:
        with self._connected(_MAINTENANCE) as database:
            try:
                database.exec_driver_sql(statement)
            except sqlalchemy.exc.DBAPIError as error:
                said = str(error.orig).strip().splitlines()[0]
                raise errors.ConflictError(f"PostgreSQL refused {statement}: {said}.") from error

    def _address(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    @contextlib.contextmanager
    def _connected(self, name: str) -> Iterator[sqlalchemy.Connection]:
        engine = migrate.engine(self._address(name))
        try:
            with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs. It gets the address and the password in its environment."""
        given = {"database": self._name, "host": self._url.host, "port": self._url.port, "user": self._url.username}
        settings = {**given, "password": self._url.password, **self._url.query}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ATR_")}
        environment |= {f"PG{name.upper()}": str(value) for name, value in settings.items() if value}
        ended = subprocess.run(  # noqa: S603  (a program of PostgreSQL, with arguments from this module)
            [_program(program), "--no-password", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="replace",
            check=False,
        )
        if ended.returncode:
            first = (ended.stderr.strip().splitlines() or ["nothing"])[0]
            raise errors.ConflictError(f"{program} failed: {first[:300]}.")


def _program(name: str) -> pathlib.Path:
    """Return the path of one of PostgreSQL's programs: in PATH, else the newest. Raises SettingsError if missing."""
    found = shutil.which(name)
    if found:
        return pathlib.Path(found)
    every = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not every:
        raise errors.SettingsError(
            f"{name} is not on this machine. Install PostgreSQL's client programs of the server's version or newer "
            "(Debian: postgresql-client), or add their directory to PATH."
        )
    return every[-1]


@contextlib.contextmanager
def _opened(file: pathlib.Path, timeout: float = 30.0) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(file, timeout=timeout, isolation_level=None)
    try:
        yield database
    finally:
        database.close()


def _copy(source: pathlib.Path, to: pathlib.Path) -> None:
    with _opened(source) as here, _opened(to) as there:
        here.backup(there)


def _wrong(file: pathlib.Path) -> str:
    """Return the problems that SQLite finds in a file; empty if none."""
    try:
        with _opened(file) as database:
            found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
            orphans = database.execute("PRAGMA foreign_key_check").fetchmany(1)
    except sqlite3.DatabaseError as error:
        return str(error)
    if found != ["ok"]:
        return "; ".join(found)
    return f"a row of {orphans[0][0]} refers to nothing" if orphans else ""


def _is_broken(error: sqlite3.DatabaseError) -> bool:
    return error.sqlite_errorcode in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _table_names(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _is_filled(say: Any) -> bool:
    return any(say(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _FILLED)  # noqa: S608  (names from this module)


def _generation(say: Any) -> int:
    found = say(f"SELECT generation FROM {_SITE}").fetchone()  # noqa: S608  (names from this module)
    return int(found[0]) if found else 0


def _demand_no_lease(say: Any, now: datetime.datetime) -> None:
    for table in _LEASED:
        found = say(f"SELECT max(lease_until) FROM {table}").fetchone()[0]  # noqa: S608  (names from this module)
        until = datetime.datetime.fromisoformat(found) if isinstance(found, str) else found
        if until is None:
            continue
        until = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
        if until > now:
            raise errors.ConflictError(
                f"A worker has a lease until {until:%H:%M:%S} UTC. Stop every worker and wait until then; "
                "nothing was changed."
            )
