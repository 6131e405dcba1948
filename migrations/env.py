# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs around the migrations. Use `atr migrate` or atr/db/migrate.py.

For Alembic's own command line: `alembic -x url=sqlite:///... check`.

One run is one transaction, not one for each migration: the lock is taken before the database is asked where it stands,
and held until the end. With a transaction each, a second process gets in between and makes the next table first.
"""

from typing import Final

import alembic.context as context
import sqlalchemy

import atr.db.migrate as migrate
import atr.models.operating as operating
import atr.models.promotion as tables

# Imported, their tables are known.
_TABLES: Final = (operating, tables)
# "atr" in ASCII; any number will do that no other program on the server uses.
_LOCK: Final = 0x617472


def _run() -> None:
    url = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    if (not isinstance(url, str)) or context.is_offline_mode():
        raise SystemExit("Name a database that can be reached: -x url=sqlite:///path")
    engine = migrate.engine(url)
    try:
        with engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
            _migrate(connection)
    finally:
        engine.dispose()


def _migrate(connection: sqlalchemy.Connection) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=tables.Event.metadata,
        render_as_batch=on_sqlite,
        transactional_ddl=True,
        transaction_per_migration=False,
        # SQLite gives an empty default back in other words, for ever.
        compare_server_default=False,
    )
    with context.begin_transaction():
        if not on_sqlite:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK)))
        context.run_migrations()
        if on_sqlite:
            _check_foreign_keys(connection)


def _check_foreign_keys(connection: sqlalchemy.Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        found = sorted({f"{table} row {row} wants a row of {parent}" for table, row, parent, _ in orphans})
        raise RuntimeError(
            f"After the migration {len(orphans)} rows refer to nothing: {'; '.join(found[:5])}. Nothing was changed."
        )


_run()
