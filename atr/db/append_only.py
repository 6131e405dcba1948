# SPDX-License-Identifier: Apache-2.0
"""Triggers that make tables append-only for every program: no UPDATE, no DELETE, no replacement of a row.

A migration that creates one of these tables, or has batch mode recreate it (SQLite), calls `protect` right after,
because triggers are dropped with their table. One that must change rows calls `unprotect` first. The owner of the
database can still drop a trigger; the chain of hashes (storage/audit.py) reveals a change that follows.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import alembic.runtime.migration as migration


@dataclasses.dataclass(frozen=True)
class _Rule:
    """The refusal, for people, and the condition for a new row that would replace an existing one, or part of it."""

    sentence: str
    # SQL over NEW. SQLite's INSERT OR REPLACE deletes the old row without asking its DELETE trigger.
    replaces: str
    # SQL over NEW, on every database: the row comes too late.
    late: str = ""


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "event": _Rule(
            "The event log only grows: an event cannot be changed, replaced or deleted.",
            replaces="SELECT 1 FROM event WHERE seq = NEW.seq OR (chain = NEW.chain AND number = NEW.number)",
        ),
        "ballot_entry": _Rule(
            "An opened ballot is frozen: its entries cannot be changed, replaced or deleted, and none can be added.",
            replaces="SELECT 1 FROM ballot_entry WHERE id = NEW.id",
            # All entries of a ballot are written when it opens, with the same time.
            late="SELECT 1 FROM ballot_entry WHERE release_key = NEW.release_key AND vote_seq = NEW.vote_seq"
            " AND opened <> NEW.opened",
        ),
        # Inserting the same row again is not a change, so ON CONFLICT DO NOTHING is possible.
        "file_set": _Rule(
            "A file set is stored under the digest of its content: it cannot be changed, replaced or deleted.",
            replaces="SELECT 1 FROM file_set WHERE digest = NEW.digest AND (files <> NEW.files OR size <> NEW.size)",
        ),
        "file_set_file": _Rule(
            "A file set is stored under the digest of its content: its files cannot be changed, replaced or deleted.",
            replaces="SELECT 1 FROM file_set_file WHERE digest = NEW.digest AND path = NEW.path"
            " AND (size <> NEW.size OR sha256 <> NEW.sha256)",
        ),
    }
)

TABLES: Final = tuple(_RULES)

_PG_REFUSE: Final = """
CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
END $$
"""
_PG_LATE: Final = """
CREATE OR REPLACE FUNCTION append_only_late_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS ({late}) THEN
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
"""


def protect(context: migration.MigrationContext, table: str) -> None:
    """Create the table's triggers. Call it again whenever the table has been recreated."""
    rule = _RULES[table]
    for statement in _postgresql(table, rule) if (context.dialect.name == "postgresql") else _sqlite(table, rule):
        context.execute(statement)


def unprotect(context: migration.MigrationContext, table: str) -> None:
    """Drop the table's triggers, for a migration that changes rows; it calls `protect` afterwards."""
    beyond = f" ON {table}" if (context.dialect.name == "postgresql") else ""
    for name in _names(table):
        context.execute(f"DROP TRIGGER IF EXISTS {name}{beyond}")


def forget(context: migration.MigrationContext) -> None:
    """Drop the functions of the triggers, after the tables were dropped."""
    if context.dialect.name != "postgresql":
        return
    context.execute("DROP FUNCTION IF EXISTS append_only_refuse()")
    for table, rule in _RULES.items():
        if rule.late:
            context.execute(f"DROP FUNCTION IF EXISTS append_only_late_{table}()")


def _names(table: str) -> tuple[str, ...]:
    return tuple(f"{table}_no_{what}" for what in ("update", "delete", "replace", "late", "truncate"))


def _sqlite(table: str, rule: _Rule) -> list[str]:
    update, delete, replace, late, _ = _names(table)
    refuse = f"BEGIN SELECT RAISE(ABORT, '{rule.sentence}'); END"
    statements = [
        f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {replace} BEFORE INSERT ON {table} WHEN EXISTS ({rule.replaces}) {refuse}",
    ]
    if rule.late:
        statements.append(f"CREATE TRIGGER {late} BEFORE INSERT ON {table} WHEN EXISTS ({rule.late}) {refuse}")
    return statements


def _postgresql(table: str, rule: _Rule) -> list[str]:
    update, delete, _, late, truncate = _names(table)
    refuse = f"EXECUTE FUNCTION append_only_refuse('{rule.sentence}')"
    statements = [
        _PG_REFUSE,
        f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {truncate} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
    ]
    if rule.late:
        function = f"append_only_late_{table}('{rule.sentence}')"
        statements += [
            _PG_LATE.format(table=table, late=rule.late),
            f"CREATE TRIGGER {late} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}",
        ]
    return statements
