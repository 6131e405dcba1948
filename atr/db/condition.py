# SPDX-License-Identifier: Apache-2.0
"""In what condition a database is, as found through the very connections that the program uses."""

import dataclasses
import datetime

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.migrate as migrate
import atr.db.session as session
import atr.models.promotion as tables


@dataclasses.dataclass(frozen=True)
class Condition:
    """What was found."""

    dialect: str
    # None for a database that was never migrated.
    revision: str | None
    # Two settings of SQLite; empty for any other database.
    journal_mode: str = ""
    synchronous: str = ""
    # The clock of the database's machine where it has one of its own, and ours at that moment.
    clock: datetime.datetime | None = None
    our_clock: datetime.datetime | None = None
    # When the newest event was written; None for a database without one, or one that is not at the newest revision.
    newest_event: datetime.datetime | None = None


async def of(database: session.Database) -> Condition:
    """Look at it. Raises what the database raises."""
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
