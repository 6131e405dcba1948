# SPDX-License-Identifier: Apache-2.0
"""T15: each migration up, down and up again over a database that is full, on both engines; no value may differ.

ATR's tables are full when ours come; what comes after ours finds ours full too.

And one version of skew: a worker meets a column and a state that only a newer program knows, and leaves the row alone.
"""

import asyncio
import contextlib
import datetime
import itertools
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import alembic.script
import sqlalchemy

import atr.db.migrate as migrate
import atr.db.session as session
import atr.promotion.states as states
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.storage.worker as services
import tests.chaos.outcome as outcome
from tests import databases as provided

PROMOTIONS: Final = {outcome.Size.SMALL: 100, outcome.Size.CI: 1_000, outcome.Size.RELEASE: 10_000}
# ATR's tables, and the first one with a table of promotions.
_FIRST: Final = "0001"
_OURS: Final = "0002"
_THEN: Final = datetime.datetime(2026, 5, 4, 10, 20, 30, 123456, tzinfo=datetime.UTC)
_DIGEST: Final = "ab" * 32
_RELEASE: Final = "kit-1.0"
Rows = dict[str, list[dict[str, Any]]]


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Every migration on SQLite and, where it is installed, on PostgreSQL; then the skew."""
    violations: list[str] = []
    seen: list[str] = []
    count = 0
    revisions = _revisions()
    with tempfile.TemporaryDirectory(prefix="atr-t15-") as name, contextlib.ExitStack() as stack:
        addresses = [provided.sqlite_url(pathlib.Path(name) / "atr.db")]
        # To start a server would take most of the small size's time.
        if (size is not outcome.Size.SMALL) and (provided.programs() is not None):
            addresses.append(stack.enter_context(provided.server()).create())
        for url in addresses:
            migrate.upgrade(url, _FIRST)
            _insert(url, _theirs(PROMOTIONS[size]))
            for lower, upper in itertools.pairwise(revisions):
                violations += [
                    f"{one} Engine {url.split(':')[0]}, {lower} to {upper}."
                    for one in there_and_back(url, lower, upper)
                ]
                count += 1
                if upper == _OURS:
                    _insert(url, _ours(PROMOTIONS[size]))
            seen.append(f"{url.split(':')[0]}: {PROMOTIONS[size]} promotions, {len(revisions) - 1} migrations")
        violations += asyncio.run(_skew(addresses[0]))
    return outcome.Outcome(rounds=count + 1, violations=tuple(violations), seen=tuple(seen))


def there_and_back(url: str, lower: str, upper: str) -> list[str]:
    """Up, down and up again from a database that is at the lower one; what differed."""
    before = read(url)
    migrate.upgrade(url, upper)
    first = read(url)
    wrong = _lost(before, first, "up")
    migrate.downgrade(url, lower)
    wrong += _lost(before, read(url), "down") + _lost(read(url), before, "down")
    migrate.upgrade(url, upper)
    return wrong + _lost(first, read(url), "up again")


def _theirs(distributions: int) -> Rows:
    """A release of ATR's with so many third-party distributions."""
    return {
        "committee": [
            {"key": "kit", "name": "Kit", "committee_members": ["ada"], "committers": ["ada"], "release_managers": []}
        ],
        "project": [{"key": "kit", "name": "Kit", "status": "ACTIVE", "committee_key": "kit"}],
        "release": [
            {
                "key": _RELEASE,
                "phase": "RELEASE_PREVIEW",
                "created": _THEN,
                "project_key": "kit",
                "version": "1.0",
                "current_vote_seq": 1,
            }
        ],
        "distribution": [
            {
                "release_key": _RELEASE,
                "platform": "MAVEN",
                "owner_namespace": "org.kit",
                "package": f"k{n}",
                "version": "1.0",
                "staging": n % 2 == 0,
                "pending": n % 3 == 0,
                "retries": n,
                "created_by": "ada" if (n % 5) else None,
            }
            for n in range(distributions)
        ],
    }


def _ours(promotions: int) -> Rows:
    """So many promotions of that release, each with a deployment, a target, an attempt and an event."""
    numbers = range(1, promotions + 1)
    every = list(states.State)
    return {
        "file_set": [{"digest": _DIGEST, "files": 1, "size": 5, "created": _THEN}],
        "deployment": [
            {
                **_LEASE,
                "id": n,
                "release_key": _RELEASE,
                "platform": "MAVEN",
                "external_id": f"d{n}",
                "name": "",
                "state": "staged",
                "entered_at": _THEN,
                "version": 1,
                "created_by": "ada",
                "created": _THEN,
                "then_promote": False,
                "off_ballot": "",
                "side_problems": [],
                "read_done": 0,
                "read_total": 0,
                "drop_reason": "",
                "drop_by": "",
                "platform_word": "",
                "problem": "",
                "gone_looks": 0,
            }
            for n in numbers
        ],
        "promotion": [
            {
                **_LEASE,
                "id": n,
                "release_key": _RELEASE,
                "platform": "MAVEN",
                "deployment_id": n,
                "state": every[n % len(every)].value,
                "entered_at": _THEN,
                "version": n,
                "requested_by": "ada",
                "requested_at": _THEN,
                "by_hand": False,
                "out_of_band": False,
                "evidence_digest": f"e{n}",
                "voted_digest": _DIGEST,
                "reason": "It's “so”.",
                "blocker": "",
                "held": n % 2 == 0,
                "resend": False,
                "gone_looks": 0,
                "platform_word": "",
                "read_round": 1,
                "read_done": 0,
                "read_total": 0,
                "difference": "",
                "due_at": None if every[n % len(every)] in states.ENDED else _THEN,
            }
            for n in numbers
        ],
        "promotion_target": [
            {
                "promotion_id": n,
                "purl": f"pkg:maven/org.kit/k{n}@1.0",
                "owner_namespace": "org.kit",
                "package": f"k{n}",
                "version": "1.0",
                "holding": True,
            }
            for n in numbers
        ],
        "attempt": [
            {
                "id": n,
                "promotion_id": n,
                "deployment_id": n,
                "kind": "publish",
                "number": 1,
                "lease_epoch": 1,
                "marked_at": _THEN,
                "marked_for": "ada",
                "answer": "taken",
                "sample": "",
                "bytes_sent": 5_000_000_000,
            }
            for n in numbers
        ],
        "event": [
            {
                "chain": _RELEASE,
                "number": n,
                "at": _THEN,
                "actor": "ada",
                "subject": f"other:{n}",
                "what": "seeded",
                "data": {"n": n},
                "previous": "0",
                "hash": str(n),
            }
            for n in numbers
        ],
    }


def _insert(url: str, rows: Rows) -> None:
    with _opened(url) as (connection, tables):
        for table, some in rows.items():
            connection.execute(sqlalchemy.insert(tables[table]), some)
        connection.commit()


_LEASE: Final[Mapping[str, Any]] = {"lease_owner": "", "lease_epoch": 0}


def read(url: str) -> Rows:
    """Every row of every table but Alembic's own, in the order of their keys."""
    with _opened(url) as (connection, tables):
        return {
            name: [dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()]
            for name, table in tables.items()
            if name != "alembic_version"
        }


@contextlib.contextmanager
def _opened(url: str) -> Iterator[tuple[sqlalchemy.Connection, Mapping[str, sqlalchemy.Table]]]:
    engine = migrate.engine(url)
    try:
        with engine.connect() as connection:
            metadata = sqlalchemy.MetaData()
            metadata.reflect(connection)
            yield connection, metadata.tables
    finally:
        engine.dispose()


def _lost(before: Rows, after: Rows, way: str) -> list[str]:
    """The tables in which a value that was there before differs."""
    return [
        f"On the way {way} {table} changed."
        for table, rows in before.items()
        if table in after and not _same(rows, after[table], but="due_at" if (table == "distribution") else "")
    ]


def _same(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], *, but: str) -> bool:
    """`but`: the column of ours that each migration up sets anew."""
    if len(rows) != len(others):
        return False
    return all(
        all(value == other[name] for name, value in row.items() if (name in other) and (name != but))
        for row, other in zip(rows, others, strict=True)
    )


async def _skew(url: str) -> list[str]:
    """A worker of ours on a database that a newer program has begun to use."""
    engine = migrate.engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("ALTER TABLE promotion ADD COLUMN later INTEGER DEFAULT 7")
        connection.exec_driver_sql("UPDATE promotion SET state = 'later', lease_epoch = 41 WHERE id = 1")
        connection.commit()
    database = session.Database(url)
    try:
        store = storage.Storage(database, transaction.Place(pathlib.Path()))
        async with store.write_as_system(services.PromotionService) as service:
            claimed = await service.promotions.claim(owner="old", seconds=60, limit=5)
    finally:
        await database.close()
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT state, lease_epoch, later FROM promotion WHERE id = 1").one()
    engine.dispose()
    wrong = [] if tuple(left) == ("later", 41, 7) else [f"The worker touched a row of a newer program: {tuple(left)}."]
    return wrong if len(claimed) == 5 else [*wrong, f"Beside it the worker took {len(claimed)} rows of 5."]


def _revisions() -> list[str]:
    scripts = alembic.script.ScriptDirectory(str(migrate.directory()))
    every = [script.revision for script in scripts.walk_revisions()]
    return every[every.index(_FIRST) :: -1]
