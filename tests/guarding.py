# SPDX-License-Identifier: Apache-2.0
"""Watches every transaction of the storage in every test: a fact that a gate looks at is changed under its guard.

On SQLite nothing would go wrong without; on PostgreSQL a mark could be committed beside the change (db/guards.py).
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.orm

import atr.db.guards as guards
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql


def _committee(row: Any) -> str:
    return guards.committee(getattr(row, "committee_key", "") or row.key)


def _release(row: Any) -> str:
    return guards.release(getattr(row, "release_key", "") or row.key)


# Which scope a row's change must hold; "committee:" for any committee, where the row does not say which.
FACTS: Final[Mapping[type, Callable[[Any], str]]] = {
    sql.Committee: _committee,
    sql.Project: _committee,
    sql.ReleasePolicy: lambda _row: "committee:",
    tables.PlatformTarget: lambda _row: "committee:",
    operating.Switch: lambda row: str(row.scope),
    sql.Release: _release,
    sql.Revision: _release,
    sql.BallotPaper: _release,
    sql.CheckResult: _release,
    tables.BallotEntry: _release,
    tables.Deployment: _release,
    tables.Promotion: _release,
    operating.Site: lambda _row: guards.SITE,
    operating.PlatformAccount: lambda row: f"mechanism:{row.name}",
}


# Who works on a row, and when it is looked at next: no gate looks at these, and the row's own lock orders them.
# So is how many looks an account has left.
HOUSEKEEPING: Final = frozenset({"due_at", "lease_owner", "lease_epoch", "lease_until", "tokens", "filled_at"})


def unguarded(session: sqlalchemy.orm.Session) -> list[str]:
    """The scopes that this flush should hold and does not."""
    held = session.info.get(guards.HELD)
    if held is None:
        # Not by the storage: a test that makes the world what it must be.
        return []
    rows = (*session.new, *session.deleted, *(row for row in session.dirty if _changed(row) - HOUSEKEEPING))
    wanted = {FACTS[type(row)](row) for row in rows if type(row) in FACTS}
    return sorted(scope for scope in wanted if not any(one == scope or _is_any(scope, one) for one in held))


def _changed(row: Any) -> frozenset[str]:
    return frozenset(one.key for one in sqlalchemy.inspect(row).attrs if one.history.has_changes())


def _is_any(scope: str, held: str) -> bool:
    return scope.endswith(":") and held.startswith(scope)


def _check(session: sqlalchemy.orm.Session, *_: object) -> None:
    missing = unguarded(session)
    assert missing == [], f"changed without holding {missing}"


@contextlib.contextmanager
def watch() -> Iterator[None]:
    """Watch while the block runs."""
    sqlalchemy.event.listen(sqlalchemy.orm.Session, "before_flush", _check)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.orm.Session, "before_flush", _check)
