# SPDX-License-Identifier: Apache-2.0
"""A database at each point of its history: the revisions, and rows that may stand there when the next one comes."""

import contextlib
import pathlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import alembic.operations
import alembic.runtime.migration as migration
import alembic.script
import sqlalchemy
import sqlmodel

import atr.db.migrate as migrate
import atr.db.session as session

Rows = dict[str, list[dict[str, Any]]]


# Oldest first.
SCRIPTS: Final = tuple(reversed(list(alembic.script.ScriptDirectory(str(migrate.directory())).walk_revisions())))
REVISIONS: Final = tuple(script.revision for script in SCRIPTS)
HEAD: Final = REVISIONS[-1]
# As SQLAlchemy writes it into SQLite.
_THEN: Final = "2026-05-04 10:20:30.123456"
_DIGEST: Final = "ab" * 32
_RELEASE: Final = "example-kit-1.2.0"


def _distribution(package: str, *, staging: bool, pending: bool, platform: str = "MAVEN") -> dict[str, Any]:
    return {
        "release_key": _RELEASE,
        "platform": platform,
        "owner_namespace": "org.apache.example",
        "package": package,
        "version": "1.2.0",
        "staging": int(staging),
        "pending": int(pending),
        "retries": 7,
        "upload_date": None if pending else _THEN,
        "api_url": None,
        "web_url": None if pending else "https://example.org/kit",
        "created_by": "ada",
    }


def _revision(number: int, phase: str) -> dict[str, Any]:
    return {
        "key": f"{_RELEASE} {number:05}",
        "release_key": _RELEASE,
        "seq": number,
        "number": f"{number:05}",
        "asfuid": "ada",
        "created": _THEN,
        "phase": phase,
        "parent_key": f"{_RELEASE} {number - 1:05}" if (number > 1) else None,
        "description": 'Ünïcode: it\'s "quoted"',
    }


def _ballot_entry(number: int, kind: str, **values: Any) -> dict[str, Any]:
    row = {"platform": "", "deployment_id": None, "file_set_digest": _DIGEST, "opened": _THEN}
    return {"id": number, "release_key": _RELEASE, "vote_seq": 1, "kind": kind, **row, **values}


def _event(number: int, previous: str, own: str) -> dict[str, Any]:
    row = {"at": _THEN, "actor": "ada", "subject": "release", "what": "vote_opened", "data": '{"vote": 1}'}
    return {"seq": number, "chain": _RELEASE, "number": number, **row, "previous": previous, "hash": own}


# What is put in once the revision is there, and must survive all that follow. Parents come first.
ROWS: Final[Mapping[str, Rows]] = {
    "0001": {
        "committee": [
            {
                "key": "example",
                "name": "Example",
                "committee_members": '["ada", "bob"]',
                "committers": '["ada", "bob", "cyd"]',
                "release_managers": "[]",
            }
        ],
        "releasepolicy": [{"id": 3, "min_hours": 72, "file_tag_mappings": '{"mavencentral": ["maven/**"]}'}],
        "project": [
            {
                "key": "example-kit",
                "name": "Example Kit",
                "status": "ACTIVE",
                "committee_key": "example",
                "release_policy_id": 3,
            },
            {
                "key": "example-old",
                "name": "Example Old",
                "status": "RETIRED",
                "committee_key": "example",
                "release_policy_id": None,
            },
        ],
        "release": [
            {
                "key": _RELEASE,
                "phase": "RELEASE_PREVIEW",
                "created": _THEN,
                "released": None,
                "project_key": "example-kit",
                "version": "1.2.0",
                "current_vote_seq": 1,
                "vote_started": _THEN,
                "vote_resolved": _THEN,
            }
        ],
        "revisioncounter": [{"release_key": _RELEASE, "last_allocated_number": 2}],
        "revision": [_revision(1, "RELEASE_CANDIDATE_DRAFT"), _revision(2, "RELEASE_PREVIEW")],
        "ballotpaper": [
            {
                "id": 1,
                "release_key": _RELEASE,
                "vote_seq": 1,
                "voter_asf_uid": "bob",
                "choice": "YES",
                "comment": "",
                "is_binding_at_cast": 1,
                "revision_number_at_cast": "00001",
                "created": _THEN,
            }
        ],
        "checkresult": [
            {
                "id": 1,
                "release_key": _RELEASE,
                "revision_number": "00001",
                "checker": "atr.tasks.checks.hashing.check",
                "checker_version": "1",
                "primary_rel_path": "kit.tar.gz",
                "member_rel_path": None,
                "created": _THEN,
                "status": "NOTE",
                "message": "Equal",
                "data": "{}",
                "cached": 0,
            }
        ],
        "distribution": [
            _distribution("kit-core", staging=True, pending=False),
            _distribution("kit-api", staging=False, pending=True),
            _distribution("kit-extra", staging=True, pending=True),
            _distribution("kit-done", staging=False, pending=False),
            _distribution("kit", staging=False, pending=True, platform="PYPI"),
        ],
    },
    "0002": {
        "foundation_admin": [{"asf_uid": "root"}],
        "file_set": [{"digest": _DIGEST, "files": 1, "size": 5_000_000_000, "created": _THEN}],
        "file_set_file": [{"digest": _DIGEST, "path": "org/a.jar", "size": 5_000_000_000, "sha256": "cd" * 32}],
        "deployment": [
            {
                "id": 4,
                "release_key": _RELEASE,
                "platform": "MAVEN",
                "external_id": "28570f16",
                "name": "atr:example-kit-1.2.0:1",
                "state": "staged",
                "entered_at": _THEN,
                "version": 2,
                "revision_number": "00001",
                "created_by": "ada",
                "created": _THEN,
                "then_promote": 0,
                "off_ballot": "",
                "file_set_digest": _DIGEST,
                "captured_at": _THEN,
                "side_problems": "[]",
                "read_done": 1,
                "read_total": 1,
                "drop_reason": "",
                "drop_by": "",
                "platform_word": "VALIDATED",
                "problem": "",
                "gone_looks": 0,
                "gone_since": None,
                "last_look": _THEN,
                "due_at": None,
                "lease_owner": "",
                "lease_epoch": 3,
                "lease_until": None,
            }
        ],
        "ballot_entry": [
            _ballot_entry(1, "revision"),
            _ballot_entry(2, "deployment", platform="MAVEN", deployment_id=4),
        ],
        "event": [_event(1, "0" * 64, "1" * 64), _event(2, "1" * 64, "2" * 64)],
        "revision_files": [
            {
                "release_key": _RELEASE,
                "number": "00001",
                "file_set_digest": _DIGEST,
                "odd_checksums": None,
                "recorded": _THEN,
            }
        ],
        "kept_copy": [{"project_key": "example-kit", "file_set_digest": _DIGEST, "kept_at": _THEN}],
        "deployment_search": [
            {
                "id": 1,
                "release_key": _RELEASE,
                "platform": "MAVEN",
                "owner_namespace": "org.apache.example",
                "package": "kit-core",
                "version": "1.2.0",
                "asked_by": "ada",
                "asked_at": _THEN,
                "answered_at": None,
                "found": "[]",
                "problem": "",
            }
        ],
        "guard": [{"scope": "release:example-kit-1.2.0", "rank": 4}],
        "platform_account": [
            {
                "platform": "MAVEN",
                "reach": "account",
                "tokens": 9.5,
                "filled_at": _THEN,
                "faults": '["2026-05-04T10:20:30+00:00"]',
                "opened_at": None,
                "probing_until": None,
                "paused_until": None,
            }
        ],
        "switch": [
            {
                "scope": "platform:MAVEN",
                "off": 1,
                "reason": "Its status page is red.",
                "set_by": "grace",
                "set_at": _THEN,
            }
        ],
        "site": [{"id": 1, "generation": 2, "restored_at": _THEN, "backup_at": _THEN, "heads_at": _THEN}],
        "promotion_task": [
            {
                "id": 1,
                "status": "queued",
                "task_type": "staged_files_check",
                "task_args": "{}",
                "inputs_hash": "ef" * 32,
                "asf_uid": "ada",
                "added": _THEN,
                "scheduled": _THEN,
                "project_key": "example-kit",
                "version_key": "1.2.0",
            }
        ],
    },
    "0003": {
        "platform_target": [
            {
                "id": 1,
                "project_key": "example-kit",
                "platform": "NPM",
                "mechanism": "NPM_STAGE",
                "source": "",
                "target": "",
                "namespaces": '["example-kit"]',
                "pointer": "latest",
                "set_by": "root",
                "set_at": _THEN,
            }
        ]
    },
    # It spells rows anew; what there must be for it stands in test_history.py.
    "0004": {},
    "0005": {},
    "0006": {
        "usersession": [
            {
                "sid_hash": "0" * 64,
                "uid": "ada",
                "ip_address": "127.0.0.1",
                "cts": 1_777_890_030.25,
                "uts": 1_777_890_090.25,
                "auth_time": None,
            }
        ]
    },
}


def _by_mechanism(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of 0002 as 0003 leaves it: what was known by its platform is known by its mechanism."""
    found = dict(row)
    if table == "deployment":
        found["mechanism"] = "CENTRAL_PORTAL"
    if table == "platform_account":
        del found["platform"]
        found["name"] = "CENTRAL_PORTAL"
    if table == "switch":
        found["scope"] = "mechanism:CENTRAL_PORTAL"
    return found


# What a revision says differently of the rows that it finds.
SAID_ANEW: Final[Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]]] = {"0003": _by_mechanism}


def url(path: pathlib.Path) -> str:
    """The address that the programs would use."""
    return f"sqlite+aiosqlite:///{path}"


@contextlib.contextmanager
def raw(path: pathlib.Path, *, foreign_keys: bool = True) -> Iterator[sqlite3.Connection]:
    """The file as any other program sees it: no SQLAlchemy, no settings of ours."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        yield connection
    finally:
        connection.close()


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any], *, verb: str = "INSERT") -> None:
    """Put one row in."""
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    connection.execute(f'{verb} INTO "{table}" ({names}) VALUES ({marks})', tuple(row.values()))


def fill(path: pathlib.Path, revision: str) -> None:
    """Put in what belongs to this revision, anew where going down has left it."""
    with raw(path) as connection:
        for table, rows in ROWS[revision].items():
            for row in rows:
                insert(connection, table, row, verb="INSERT OR REPLACE")


def lost(path: pathlib.Path, revision: str) -> list[str]:
    """Which values put in at this revision are not as they were, or as a later one says them; empty if all are."""
    missing = []
    now = migrate.current(url(path)) or revision
    with raw(path) as connection:
        for table, before in ROWS[revision].items():
            rows = before
            for later, said in SAID_ANEW.items():
                rows = [said(table, row) for row in rows] if (revision < later <= now) else rows
            there = [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]
            missing += [f"{table}: {row}" for row in rows if not any(row.items() <= found.items() for found in there)]
            if len(there) != len(rows):
                missing.append(f"{table}: {len(there)} rows instead of {len(rows)}")
    return missing


def at(path: pathlib.Path, revision: str) -> pathlib.Path:
    """A database at this revision that has lived through all before it, with the rows of each."""
    for each in REVISIONS[: REVISIONS.index(revision) + 1]:
        migrate.upgrade(url(path), each)
        fill(path, each)
    return path


def schema(path: pathlib.Path) -> list[tuple[str, str]]:
    """Every table, index and trigger, as SQL; without Alembic's own."""
    with raw(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return [(name, sql) for name, sql in found if name != "alembic_version"]


def tables(path: pathlib.Path) -> set[str]:
    """The tables that are there."""
    with raw(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def facts(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """By table: its columns, key, constraints and indexes, with their names."""
    engine = migrate.engine(url(path))
    inspector = sqlalchemy.inspect(engine)
    found: dict[str, dict[str, Any]] = {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table),
            "checks": {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)},
            "uniques": {each["name"]: each["column_names"] for each in inspector.get_unique_constraints(table)},
            "foreign": {each["name"]: each for each in inspector.get_foreign_keys(table)},
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }
    engine.dispose()
    with raw(path) as connection:
        indexes = connection.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        for table, statement in indexes:
            found[table].setdefault("indexes", set()).add(" ".join(statement.split()))
    return found


def run_alone(path: pathlib.Path, run: Callable[[], None], foreign_keys: str) -> None:
    """One migration's function as an adopter runs it: in an environment of their own."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA foreign_keys={foreign_keys}")
        context = migration.MigrationContext.configure(connection)
        with alembic.operations.Operations.context(context):
            run()
        connection.commit()
    engine.dispose()


async def through_models(path: pathlib.Path) -> dict[str, list[Any]]:
    """Every row of the database, by its table, as the models read it."""
    database = session.Database(url(path))
    try:
        async with database.read() as data:
            return {
                str(mapper.local_table): list((await data.exec(sqlmodel.select(mapper.class_))).all())
                for mapper in sqlmodel.SQLModel._sa_registry.mappers
            }
    finally:
        await database.close()
