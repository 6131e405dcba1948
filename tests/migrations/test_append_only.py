# SPDX-License-Identifier: Apache-2.0
"""Events and opened ballots cannot be updated or deleted, nor can file sets, at any revision and by any program."""

import datetime
import pathlib
import sqlite3
import types
from collections.abc import Callable
from typing import Final, cast

import alembic.runtime.migration as migration
import pytest
import sqlalchemy
import sqlmodel

import atr.db.append_only as append_only
import atr.db.migrate as migrate
import atr.db.session as session
import atr.models.promotion as tables
import atr.storage.audit as audit
import tests.migrations.history as history

_GROWS: Final = "The event log only grows"
_FROZEN: Final = "An opened ballot is frozen"
_BY_CONTENT: Final = "A file set is stored under the digest of its content"
_EVENT: Final = "seq, chain, number, at, actor, subject, what, data, previous, hash"
_EVE: Final = "chain, number, at, 'eve', subject, what, data, previous, hash FROM event"
_ENTRY: Final = "release_key, vote_seq, kind, platform, deployment_id, file_set_digest"
_LATER: Final = "'2026-05-05 10:20:30.000000'"
# For each table: a statement in each way there is to change or remove what stands in it.
_ATTEMPTS: Final = {
    "event": (
        _GROWS,
        (
            "UPDATE event SET actor = 'eve'",
            "UPDATE OR REPLACE event SET number = 1 WHERE number = 2",
            "DELETE FROM event",
            "DELETE FROM event WHERE number = 2",
            f"INSERT OR REPLACE INTO event ({_EVENT}) SELECT seq, {_EVE}",
            f"INSERT OR REPLACE INTO event ({_EVENT}) SELECT 9, {_EVE} WHERE number = 2",
            "INSERT INTO event SELECT * FROM event WHERE true ON CONFLICT (seq) DO UPDATE SET actor = 'eve'",
        ),
    ),
    "ballot_entry": (
        _FROZEN,
        (
            "UPDATE ballot_entry SET platform = 'NPM' WHERE id = 2",
            "DELETE FROM ballot_entry WHERE id = 2",
            (
                f"REPLACE INTO ballot_entry (id, {_ENTRY}, opened)"
                f" SELECT 1, {_ENTRY}, opened FROM ballot_entry WHERE id = 2"
            ),
            # An entry that comes after the vote has opened.
            (
                f"INSERT INTO ballot_entry (id, {_ENTRY}, opened)"
                f" SELECT 9, {_ENTRY}, {_LATER} FROM ballot_entry WHERE id = 2"
            ),
        ),
    ),
    "file_set": (
        _BY_CONTENT,
        (
            "UPDATE file_set SET size = 1",
            "DELETE FROM file_set",
            (
                "REPLACE INTO file_set (digest, files, size, created)"
                " SELECT digest, files + 1, size, created FROM file_set"
            ),
        ),
    ),
    "file_set_file": (
        _BY_CONTENT,
        (
            "UPDATE file_set_file SET sha256 = 'ef'",
            "DELETE FROM file_set_file",
            (
                "REPLACE INTO file_set_file (digest, path, size, sha256)"
                " SELECT digest, path, size, 'ef' FROM file_set_file"
            ),
        ),
    ),
}
_CASES: Final = [(table, sentence, sql) for table, (sentence, all_sql) in _ATTEMPTS.items() for sql in all_sql]


def test_every_protected_table_is_tried() -> None:
    assert set(_ATTEMPTS) == set(append_only.TABLES)
    assert {"event", "ballot_entry"} <= set(append_only.TABLES)


@pytest.mark.parametrize("foreign_keys", [True, False])
@pytest.mark.parametrize("revision", history.REVISIONS)
def test_any_other_program_is_refused_at_every_revision(
    path: pathlib.Path, revision: str, *, foreign_keys: bool
) -> None:
    history.at(path, revision)
    there = history.tables(path)
    _all_refused(path, [case for case in _CASES if case[0] in there], foreign_keys=foreign_keys)


@pytest.mark.parametrize("revision", history.REVISIONS)
def test_it_holds_after_going_down_and_up_again(path: pathlib.Path, revision: str) -> None:
    history.at(path, revision)
    migrate.upgrade(history.url(path))
    migrate.downgrade(history.url(path), revision)
    there = [each for each in history.REVISIONS if each > revision]
    for each in there:
        migrate.upgrade(history.url(path), each)
        history.fill(path, each)
    _all_refused(path, _CASES)


def test_a_migration_that_makes_such_a_table_anew_protects_it_again(
    path: pathlib.Path, add_revision: Callable[[str], None]
) -> None:
    history.at(path, history.HEAD)
    # `recreate` is what batch mode does for anything that SQLite's ALTER TABLE cannot.
    add_revision(
        "\n".join(
            f'with op.batch_alter_table("{table}", recreate="always") as batch:\n'
            f'    batch.add_column(sa.Column("note", sa.String(), server_default="", nullable=False))\n'
            f'append_only.protect(op.get_context(), "{table}")'
            for table in append_only.TABLES
        )
    )
    migrate.upgrade(history.url(path))
    assert [history.lost(path, each) for each in history.REVISIONS] == [[] for _ in history.REVISIONS]
    _all_refused(path, [case for case in _CASES if ("INSERT" not in case[2]) and ("REPLACE INTO" not in case[2])])


def test_a_migration_that_forgets_it_is_seen(path: pathlib.Path, add_revision: Callable[[str], None]) -> None:
    history.at(path, history.HEAD)
    add_revision('with op.batch_alter_table("event", recreate="always"):\n    pass')
    migrate.upgrade(history.url(path))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        _all_refused(path, _CASES)


def test_a_migration_can_change_rows_on_purpose(path: pathlib.Path, add_revision: Callable[[str], None]) -> None:
    history.at(path, history.HEAD)
    add_revision(
        'append_only.unprotect(op.get_context(), "event")\n'
        "op.execute(\"UPDATE event SET actor = 'eve'\")\n"
        'append_only.protect(op.get_context(), "event")'
    )
    migrate.upgrade(history.url(path))
    with history.raw(path) as connection:
        assert {actor for (actor,) in connection.execute("SELECT actor FROM event")} == {"eve"}
    _all_refused(path, _CASES)


def test_the_next_event_the_next_ballot_and_the_same_file_set_again_are_taken(path: pathlib.Path) -> None:
    history.at(path, history.HEAD)
    rows = history.ROWS["0002"]
    with history.raw(path) as connection:
        history.insert(connection, "event", {**rows["event"][1], "seq": None, "number": 3})
        for entry in rows["ballot_entry"]:
            later = {"id": None, "vote_seq": 2, "opened": "2026-06-01 00:00:00.000000"}
            history.insert(connection, "ballot_entry", {**entry, **later})
        for table in ("file_set", "file_set_file"):
            history.insert(connection, table, rows[table][0], verb="INSERT OR IGNORE")
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _ATTEMPTS}
    assert counts == {"event": 3, "ballot_entry": 4, "file_set": 1, "file_set_file": 1}


@pytest.mark.parametrize(
    "statement",
    [
        sqlalchemy.update(tables.Event).values(actor="eve"),
        sqlalchemy.delete(tables.Event),
        sqlalchemy.update(tables.BallotEntry).values(platform="NPM"),
        sqlalchemy.delete(tables.BallotEntry),
        sqlalchemy.update(tables.FileSetRow).values(files=0),
        sqlalchemy.delete(tables.FileSetFile),
    ],
    ids=str,
)
async def test_our_own_program_is_refused_too(path: pathlib.Path, statement: sqlalchemy.UpdateBase) -> None:
    history.at(path, history.HEAD)
    database = session.Database(history.url(path))
    try:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match=r"cannot be changed"):
            async with database.write() as data:
                await data.exec(statement)
    finally:
        await database.close()


async def test_events_are_chained_from_the_first_one_on(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path))
    database = session.Database(history.url(path))
    at = datetime.datetime(2026, 5, 4, 10, 20, 30, 5, tzinfo=datetime.UTC)
    try:
        for number in range(3):
            async with database.write() as data:
                facts = {"number": number, "word": "ünï"}
                await audit.append(data, at, chain="site", actor="ada", subject="release", what="tried", facts=facts)
        async with database.read() as data:
            events = (await data.exec(sqlmodel.select(tables.Event))).all()
    finally:
        await database.close()
    assert [event.number for event in events] == [1, 2, 3]
    assert events[0].previous == "0" * 64
    assert audit.broken_at(events) is None
    # Whoever owns the file can drop the triggers; then the chain tells.
    with history.raw(path) as connection:
        connection.execute("DROP TRIGGER event_no_update")
        connection.execute("UPDATE event SET actor = 'eve' WHERE number = 2")
    database = session.Database(history.url(path))
    try:
        async with database.read() as data:
            assert audit.broken_at((await data.exec(sqlmodel.select(tables.Event))).all()) == 2
    finally:
        await database.close()


def test_postgresql_gets_the_same_promises() -> None:
    """What is said to a server; there is none here. On one of PostgreSQL 15 it was seen to refuse all of it."""
    said: list[str] = []
    stand_in = types.SimpleNamespace(dialect=types.SimpleNamespace(name="postgresql"), execute=said.append)
    context = cast("migration.MigrationContext", stand_in)
    for table in append_only.TABLES:
        append_only.protect(context, table)
    for table in append_only.TABLES:
        for what in ("UPDATE", "DELETE", "TRUNCATE"):
            assert any(f"BEFORE {what} ON {table} " in sql for sql in said)
    assert any("BEFORE INSERT ON ballot_entry " in sql for sql in said)
    said.clear()
    append_only.unprotect(context, "event")
    assert said
    assert all(sql.startswith("DROP TRIGGER IF EXISTS event_no_") and sql.endswith(" ON event") for sql in said)
    said.clear()
    append_only.forget(context)
    assert said == [
        "DROP FUNCTION IF EXISTS append_only_refuse()",
        "DROP FUNCTION IF EXISTS append_only_late_ballot_entry()",
    ]


def _all_refused(path: pathlib.Path, cases: list[tuple[str, str, str]], *, foreign_keys: bool = True) -> None:
    with history.raw(path, foreign_keys=foreign_keys) as connection:
        for table, sentence, statement in cases:
            before = [tuple(row) for row in connection.execute(f"SELECT * FROM {table}")]
            assert before, table
            with pytest.raises(sqlite3.IntegrityError, match=sentence):
                connection.execute(statement)
            assert [tuple(row) for row in connection.execute(f"SELECT * FROM {table}")] == before
