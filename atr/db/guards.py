# SPDX-License-Identifier: Apache-2.0
"""Named scopes, as row locks that serialise transactions on different rows.

A transaction that changes a fact of a gate locks the scope of this fact, and the transaction that writes the mark of an
irreversible request locks all of them: either the change comes first and the mark sees it, or the mark comes first and
the change finds the request in progress. Without this, PostgreSQL would let both commit. On SQLite, a writing
transaction is alone from its first statement, so nothing is locked; the scopes are still recorded, for the tests.
"""

import enum
from typing import Final

import sqlalchemy
import sqlalchemy.dialects.postgresql
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.operating as operating

# The key in `Session.info` of the scopes that the session has locked.
HELD: Final = "guards"
SITE: Final = "site"
BLOBS: Final = "blobs"


class Rank(enum.IntEnum):
    """The order in which scopes are locked, so that no transaction that waits for one has locked a later one."""

    SITE = 1
    MECHANISM = 2
    COMMITTEE = 3
    RELEASE = 4
    # The store of copies: locked while a copy is recorded or bytes are freed.
    BLOBS = 5
    # The end of a chain of events: locked to append one.
    CHAIN = 6


def mechanism(name: str) -> str:
    """Return the scope of a mechanism: everything that applies to all that is published by it."""
    return f"mechanism:{name}"


def committee(key: str) -> str:
    """Return the scope of a committee: its people, its projects, their policies and namespaces."""
    return f"committee:{key}"


def release(key: str) -> str:
    """Return the scope of a release: its phase, votes, revisions, deployments and promotions."""
    return f"release:{key}"


def chain(name: str) -> str:
    """Return the scope of a chain of events."""
    return f"chain:{name}"


async def hold(data: session.Session, *scopes: str) -> bool:
    """Lock these scopes until the transaction ends, after waiting for other transactions that have locked them.

    Return True if it may have waited: then rows that were read before may be out of date and must be read again.
    """
    held: set[str] = data.info.setdefault(HELD, set())
    wanted = sorted(set(scopes) - held, key=_place)
    if not wanted:
        return False
    held.update(wanted)
    if (await data.connection()).dialect.name != "postgresql":
        return False
    rows = [{"scope": scope, "rank": _place(scope)[0]} for scope in wanted]
    insert = sqlalchemy.dialects.postgresql.insert(operating.Guard).values(rows).on_conflict_do_nothing()
    await data.exec(insert)
    lock = (
        sqlmodel.select(operating.Guard.scope)
        .where(col(operating.Guard.scope).in_(wanted))
        .order_by(col(operating.Guard.rank), col(operating.Guard.scope))
        .with_for_update()
    )
    (await data.exec(lock)).all()
    return True


def _place(scope: str) -> tuple[int, str]:
    return Rank[scope.partition(":")[0].upper()], scope
