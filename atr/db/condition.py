# SPDX-License-Identifier: Apache-2.0
"""The condition of a database, as found through the connections that the program uses.

A worker starts only if commits are durable, the unique constraints exist, and the clock is not behind.
"""

import dataclasses
import datetime
from typing import Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.migrate as migrate
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables

# Clocks that differ by more than this are not synchronised.
APART_SECONDS: Final = 5.0
WAL: Final = "wal"
# https://www.sqlite.org/pragma.html#pragma_synchronous
FULL: Final = "2"
# One promotion for each coordinate; one number for each attempt. Only these constraints ensure that.
_UNIQUE: Final = {
    "promotion_target": frozenset({"ix_promotion_target_one_open"}),
    "attempt": frozenset({"uq_attempt_deployment_id_kind_number"}),
}


@dataclasses.dataclass(frozen=True)
class Condition:
    """The facts about a database."""

    dialect: str
    # None for a database that was never migrated.
    revision: str | None
    # Two settings of SQLite; empty for other databases.
    journal_mode: str = ""
    synchronous: str = ""
    # The clock of the database server, and this machine's clock at that moment; both None on SQLite.
    clock: datetime.datetime | None = None
    our_clock: datetime.datetime | None = None
    # When the newest event was written; None if there is none, or if the database is not at the newest revision.
    newest_event: datetime.datetime | None = None


async def of(database: session.Database) -> Condition:
    """Return the condition of a database. Raises the database's own errors."""
    async with database.read() as data:
        connection = await data.connection()
        found = Condition(connection.dialect.name, await connection.run_sync(migrate.revision_of))
        if found.dialect == "sqlite":
            journal, synchronous = [
                str((await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one())
                for name in ("journal_mode", "synchronous")
            ]
            found = dataclasses.replace(found, journal_mode=journal, synchronous=synchronous)
        else:
            clock = (await connection.execute(sqlalchemy.select(sqlalchemy.func.now()))).scalar_one()
            found = dataclasses.replace(found, clock=clock, our_clock=database.here())
        if found.revision != migrate.head():
            return found
        newest = sqlmodel.select(sqlalchemy.func.max(col(tables.Event.at)))
        return dataclasses.replace(found, newest_event=(await data.exec(newest)).one())


async def demand_safe(database: session.Database) -> None:
    """Raise SettingsError, with the fix, if a release could be published twice. For a migrated database."""
    await database.ensure_durable()
    found = await of(database)
    if database.on_sqlite and ((found.journal_mode, found.synchronous) != (WAL, FULL)):
        raise errors.SettingsError(
            f"SQLite runs with journal_mode={found.journal_mode}, synchronous={found.synchronous}, so it may lose what "
            "it has acknowledged. Put the file on a local disk that supports WAL and FULL."
        )
    async with database.read() as data:
        missing = await (await data.connection()).run_sync(_missing)
    if missing:
        raise errors.SettingsError(
            f"The database lacks {missing}, so two promotions could hold one version. "
            "Stop everything and put the last backup back with `atr restore --replace`, or make the index by hand as "
            "migration 0002 does."
        )
    if found.newest_event is None:
        return
    behind = (found.newest_event - database.here()).total_seconds()
    if database.on_sqlite and (behind > APART_SECONDS):
        raise errors.SettingsError(
            f"This machine's clock is {behind:,.0f} s behind the newest event, and leases and deadlines depend on "
            "it. Synchronise it with NTP."
        )


def _missing(connection: sqlalchemy.Connection) -> str:
    """Return the name of a missing constraint; empty if all exist."""
    inspector = sqlalchemy.inspect(connection)
    for table, names in _UNIQUE.items():
        there = {str(one["name"]) for one in (*inspector.get_indexes(table), *inspector.get_unique_constraints(table))}
        if names - there:
            return min(names - there)
    return ""
