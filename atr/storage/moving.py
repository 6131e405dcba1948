# SPDX-License-Identifier: Apache-2.0
"""Move everything from a SQLite file into an empty PostgreSQL database: all of it in one transaction, or nothing.

The file is locked meanwhile, so that nothing can be written to it that is not moved, and it is not changed. Before the
commit the two databases are compared: the number of rows of each table, and the end of each chain of events.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy
from sqlmodel import col

import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.errors as errors
import atr.models.promotion as tables
import atr.storage.audit as audit

_BATCH: Final = 1_000
# In seconds. A process that has the file open keeps it open, so it is no use to wait longer.
_BUSY_SECONDS: Final = 1.0
Tell = Callable[[Mapping[str, Any]], None]


def move(source: str, target: str, tell: Tell) -> None:
    """Move everything, and report each table to `tell`. Raises SettingsError, with nothing changed, if it cannot."""
    _demand(source, target)
    reading, writing = _locked(source), migrate.engine(target)
    try:
        with reading.begin() as old, writing.begin() as new:
            _demand_empty(new)
            for table in tables.Event.metadata.sorted_tables:
                tell({"step": "moved", "table": table.name, "rows": _copy(table, old, new)})
                _count_on(table, new)
            _compare(old, new)
            tell({"step": "compared", "chains": len(heads(new))})
    except sqlalchemy.exc.OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError):
            raise errors.SettingsError(
                f"The SQLite file cannot be locked: {error.orig}. Stop the web process and the worker first."
            ) from error
        raise
    finally:
        reading.dispose()
        writing.dispose()


def heads(connection: sqlalchemy.Connection) -> Mapping[str, audit.Head]:
    """Return the last event of each chain. Raises SettingsError for a chain that is broken."""
    chains = connection.execute(sqlalchemy.select(col(tables.Event.chain)).distinct()).scalars().all()
    found = {}
    for chain in sorted(chains):
        broken = audit.broken_at(_events(connection, chain))
        if broken is not None:
            raise errors.SettingsError(
                f"Event {broken} of {chain} does not follow from the previous one. Nothing was moved."
            )
        end = sqlalchemy.select(col(tables.Event.number), col(tables.Event.hash)).where(
            col(tables.Event.chain) == chain
        )
        found[chain] = audit.Head(*connection.execute(end.order_by(col(tables.Event.number).desc()).limit(1)).one())
    return found


def _demand(source: str, target: str) -> None:
    path = file_system.sqlite_file(source)
    if (path is None) or not path.is_file():
        raise errors.SettingsError("The source must be an existing SQLite file: sqlite:///path.")
    if sqlalchemy.make_url(target).get_backend_name() != "postgresql":
        raise errors.SettingsError("The destination must be a PostgreSQL database: postgresql://user@host/name.")
    here, there = migrate.current(source), migrate.current(target)
    if (here != there) or (here != migrate.head()):
        raise errors.SettingsError(
            f"The file is at revision {here or 'none'} and the database at {there or 'none'}; both must be at "
            f"{migrate.head()}. Run `atr migrate` on each first."
        )


def _locked(source: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(source).set(drivername="sqlite+pysqlite"),
        poolclass=sqlalchemy.NullPool,
        connect_args={"timeout": _BUSY_SECONDS},
    )
    sqlalchemy.event.listen(engine, "connect", _alone)
    sqlalchemy.event.listen(engine, "begin", _begin)
    return engine


def _alone(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # In WAL mode no other process can then open the file, even to read: https://www.sqlite.org/wal.html, section 6.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _demand_empty(new: sqlalchemy.Connection) -> None:
    names = [table.name for table in tables.Event.metadata.sorted_tables]
    new.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE")
    filled = [table.name for table in tables.Event.metadata.sorted_tables if _count(table, new)]
    if filled:
        raise errors.SettingsError(
            f"The database is not empty; it has rows in {', '.join(sorted(filled))}. Nothing was moved."
        )


def _copy(table: sqlalchemy.Table, old: sqlalchemy.Connection, new: sqlalchemy.Connection) -> int:
    """Copy the rows and return how many; the models' types keep instants, JSON values and booleans the same."""
    rows = 0
    keys = list(table.primary_key.columns)
    found = old.execution_options(yield_per=_BATCH).execute(sqlalchemy.select(table).order_by(*keys))
    for batch in found.mappings().partitions():
        new.execute(sqlalchemy.insert(table), [dict(row) for row in batch])
        rows += len(batch)
    return rows


def _count_on(table: sqlalchemy.Table, new: sqlalchemy.Connection) -> None:
    """Set the table's sequence, so that the next id comes after those that were moved."""
    column = table.autoincrement_column
    if column is None:
        return
    highest = new.execute(sqlalchemy.select(sqlalchemy.func.max(column))).scalar_one()
    sequence = sqlalchemy.func.pg_get_serial_sequence(table.name, column.name)
    if highest is not None:
        new.execute(sqlalchemy.select(sqlalchemy.func.setval(sequence, highest)))


def _compare(old: sqlalchemy.Connection, new: sqlalchemy.Connection) -> None:
    lost = [table.name for table in tables.Event.metadata.sorted_tables if _count(table, old) != _count(table, new)]
    if lost:
        raise errors.SettingsError(f"Some rows of {', '.join(lost)} were not copied. Nothing was moved.")
    if heads(old) != heads(new):
        raise errors.SettingsError("The event chains differ from the source. Nothing was moved.")


def _count(table: sqlalchemy.Table, connection: sqlalchemy.Connection) -> int:
    counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
    return int(connection.execute(counted).scalar_one())


def _events(connection: sqlalchemy.Connection, chain: str) -> Iterator[tables.Event]:
    table = tables.Event.metadata.tables["event"]
    wanted = sqlalchemy.select(table).where(table.c.chain == chain).order_by(table.c.number)
    for row in connection.execution_options(yield_per=_BATCH).execute(wanted).mappings():
        yield tables.Event(**row)
