# SPDX-License-Identifier: Apache-2.0
"""Databases for tests: SQLite files, or databases of a PostgreSQL server of our own, by `ATR_TEST_DATABASE`.

The same tests run on both engines. Each test has a database of its own, copied from a migrated one: a file in 0.1 ms, a
PostgreSQL database from its template in about 50 ms.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import psycopg
import sqlalchemy

import atr.db.migrate as migrate

# Who makes the databases, and may do anything in them.
OWNER: Final = "postgres"
CHOICE: Final = "ATR_TEST_DATABASE"
_DEBIAN: Final = pathlib.Path("/usr/lib/postgresql")
# No test outlives the machine: waiting for the disk would only cost time. What waiting for it means is tested apart.
FAST: Final = {"fsync": "off", "full_page_writes": "off"}
_ALWAYS: Final = {"listen_addresses": "''", "max_connections": "200"}


class Databases(Protocol):
    """Where tests get their databases. All are addresses as `ATR_DATABASE_URL` takes them."""

    def empty(self, directory: pathlib.Path) -> str:
        """A fresh, migrated one; a file stands in the directory as `atr.db`."""

    def copy(self, address: str, directory: pathlib.Path) -> str:
        """A copy of one that nobody is connected to."""


class Sqlite:
    """Files."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._template = directory / "atr.db"
        migrate.upgrade(sqlite_url(self._template))

    def empty(self, directory: pathlib.Path) -> str:
        """A copy of the migrated file."""
        return self.copy(sqlite_url(self._template), directory)

    def copy(self, address: str, directory: pathlib.Path) -> str:
        """A copy of the file."""
        file = sqlalchemy.make_url(address).database
        assert file is not None
        shutil.copy(file, directory / "atr.db")
        return sqlite_url(directory / "atr.db")


class Postgresql:
    """Databases of one server."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._template = server.create()
        migrate.upgrade(self._template)
        migrate.grant(self._template)

    def empty(self, _directory: pathlib.Path) -> str:
        """A copy of the migrated database."""
        return self._server.create(self._template)

    def copy(self, address: str, _directory: pathlib.Path) -> str:
        """A copy of the database."""
        return self._server.create(address)


class Server:
    """A PostgreSQL server of our own, in a directory of its own, on a socket that only this machine reaches."""

    def __init__(self, directory: pathlib.Path, programs: pathlib.Path, settings: Mapping[str, str]) -> None:
        self._directory = directory
        self._programs = programs
        self._settings = settings

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", f"{self._directory}/log", "-o", self._options)

    def stop(self, how: str = "immediate") -> None:
        """Stop it: "immediate" is a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", how, "-D", self._data)

    def initialise(self) -> None:
        """Make its files, once."""
        if os.geteuid() == 0:
            shutil.chown(self._directory, "postgres")
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D", self._data)

    def create(self, template: str = "") -> str:
        """A new database, as a copy of one: its address."""
        name = f"atr_{uuid.uuid4().hex}"
        like = sqlalchemy.make_url(template).database if template else "template0"
        with psycopg.connect(host=str(self._directory), user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute(
                psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    psycopg.sql.Identifier(name), psycopg.sql.Identifier(str(like))
                )
            )
        return f"postgresql+psycopg://postgres@/{name}?host={self._directory}"

    def checkpoint(self) -> None:
        """Have what is in memory on disk.

        A copied sequence may believe that its next numbers are logged, as they are for the original: a crash before the
        next checkpoint would have it give them out twice.
        """
        with psycopg.connect(host=str(self._directory), user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute("CHECKPOINT")

    def drop(self, address: str) -> None:
        """Throw a database away, whoever is connected to it."""
        name = str(sqlalchemy.make_url(address).database)
        with psycopg.connect(host=str(self._directory), user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))

    @property
    def directory(self) -> pathlib.Path:
        """Where its socket is."""
        return self._directory

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    @property
    def _options(self) -> str:
        settings = " ".join(f"-c {name}={value}" for name, value in {**_ALWAYS, **self._settings}.items())
        return f"-k {self._directory} {settings}"

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        as_postgres = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        done = subprocess.run(
            [*as_postgres, str(self._programs / program), *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


def as_role(address: str, role: str) -> str:
    """The address with which a process of this role reaches the database; a SQLite file knows no roles."""
    url = sqlalchemy.make_url(address)
    if url.get_backend_name() == "sqlite":
        return address
    return url.set(username=role).render_as_string(hide_password=False)


def sqlite_url(file: pathlib.Path) -> str:
    """The address of a file."""
    return f"sqlite+aiosqlite:///{file}"


def programs() -> pathlib.Path | None:
    """Where PostgreSQL's programs are; None where it is not installed (Debian: apt-get install postgresql)."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextlib.contextmanager
def server(settings: Mapping[str, str] = FAST) -> Iterator[Server]:
    """A server while the block runs, with these settings."""
    where = programs()
    assert where is not None
    # Short: the name of a socket may have 107 bytes.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="atr-pg-"))
    made = Server(directory, where, settings)
    try:
        made.initialise()
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def chosen(directory: pathlib.Path) -> Iterator[Databases]:
    """The databases that `ATR_TEST_DATABASE` asks for; SQLite where it is not set."""
    kind = os.environ.get(CHOICE, "sqlite")
    assert kind in {"sqlite", "postgresql"}, f"{CHOICE} is {kind}"
    if kind == "sqlite":
        yield Sqlite(directory)
        return
    with server() as running:
        yield Postgresql(running)
