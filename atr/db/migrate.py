# SPDX-License-Identifier: Apache-2.0
"""Migrates a database in this process, as every start does. Several processes may do this at the same time.

One run is one transaction under one lock (migrations/env.py): it succeeds, or the database is unchanged.
"""

import functools
import pathlib
import threading
from typing import Final

import alembic.command as command
import alembic.config
import alembic.runtime.migration as migration
import alembic.script
import alembic.util
import sqlalchemy

import atr.db.roles as roles
import atr.db.session as session
import atr.errors as errors

# Alembic has one environment per process.
_ONE_AT_A_TIME: Final = threading.Lock()
# insufficient_privilege: https://www.postgresql.org/docs/15/errcodes-appendix.html
_PG_DENIED: Final = "42501"


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the database to this revision. Does nothing, and waits for no lock, if it is there already.

    Raises SettingsError for a database that a newer version has migrated.
    """
    config = _config(url)
    scripts = alembic.script.ScriptDirectory.from_config(config)
    here = current(url)
    _demand_known(scripts, here)
    if here == scripts.as_revision_number(revision):
        return
    try:
        with _ONE_AT_A_TIME:
            command.upgrade(config, revision)
    except sqlalchemy.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") != _PG_DENIED:
            raise
        raise errors.SettingsError(
            f"The database is at revision {here or 'none'}, and this role may not change it. Run `atr migrate --roles` "
            "as the owner of the database first."
        ) from error


def downgrade(url: str, revision: str) -> None:
    """Downgrade the database to this revision. Everything that later ones added is lost, rows included."""
    config = _config(url)
    _demand_known(alembic.script.ScriptDirectory.from_config(config), current(url))
    try:
        with _ONE_AT_A_TIME:
            command.downgrade(config, revision)
    except alembic.util.CommandError as error:
        raise errors.SettingsError(f"There is no downgrade to revision “{revision[:40]}”: {error}.") from error


def grant(url: str) -> None:
    """Create the two roles if they are missing, and grant each its privileges, as the database's owner.

    Run it after each migration, because a new table has no privileges yet. Raises SettingsError on SQLite, and if this
    user may not create roles.
    """
    database = engine(url)
    try:
        if database.dialect.name != "postgresql":
            raise errors.SettingsError(
                "Only PostgreSQL has roles: on SQLite, anyone who can read the file can write it."
            )
        with database.begin() as connection:
            for statement in roles.grants(sqlalchemy.inspect(connection).get_table_names()):
                # By the driver's cursor, so that % and : in a statement have no special meaning.
                connection.connection.cursor().execute(statement)
    except Exception as error:
        # An error of the driver, because SQLAlchemy does not execute the statement.
        if getattr(error, "sqlstate", "") != _PG_DENIED:
            raise
        raise errors.SettingsError(
            f"This database user is not allowed to do that ({str(error).splitlines()[0]}). `atr migrate --roles` needs "
            "the database's owner, with the right to create roles: ALTER ROLE ... CREATEROLE."
        ) from error
    finally:
        database.dispose()


def current(url: str) -> str | None:
    """Return the revision of the database; None if it has none."""
    database = engine(url)
    try:
        with database.connect() as connection:
            return revision_of(connection)
    finally:
        database.dispose()


def revision_of(connection: sqlalchemy.Connection) -> str | None:
    """Return the revision of the database of an open connection; None if it has none."""
    return migration.MigrationContext.configure(connection).get_current_revision()


@functools.cache
def head() -> str:
    """Return the newest revision, which this program needs."""
    return str(alembic.script.ScriptDirectory.from_config(_config("")).get_current_head())


def engine(url: str) -> sqlalchemy.Engine:
    """Return a synchronous engine to migrate the database at this address, of whichever driver.

    On SQLite it does not enforce foreign keys: when a table is recreated, dropping the old one would empty the tables
    that reference it.
    """
    address = session.driven(url)
    is_sqlite = address.get_backend_name() == "sqlite"
    if is_sqlite:
        if address.database in {None, "", ":memory:"}:
            raise errors.SettingsError("An in-memory database cannot be migrated: name a file.")
        address = address.set(drivername="sqlite+pysqlite")
    made = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    if is_sqlite:
        session.prepare_sqlite(made, foreign_keys=False)
    return made


def directory() -> pathlib.Path:
    """Return the directory of the migrations: inside the package if it was installed, else next to it."""
    package = pathlib.Path(__file__).resolve().parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _config(url: str) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # Not an option: a password may contain characters of the option syntax.
    config.attributes["url"] = url
    return config


def is_known(revision: str | None) -> bool:
    """Return whether this program knows this revision. None is a database before the first migration."""
    try:
        _demand_known(alembic.script.ScriptDirectory.from_config(_config("")), revision)
    except errors.SettingsError:
        return False
    return True


def _demand_known(scripts: alembic.script.ScriptDirectory, revision: str | None) -> None:
    if revision is None:
        return
    try:
        scripts.get_revision(revision)
    except alembic.util.CommandError as error:
        raise errors.SettingsError(
            f"The database is at revision {revision}, which this version does not know: a newer one has migrated it. "
            "Start the newer version."
        ) from error
