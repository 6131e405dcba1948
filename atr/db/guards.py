# SPDX-License-Identifier: Apache-2.0
"""Named scopes that order transactions which touch different rows.

Whoever changes a fact that a gate looks at holds the fact's scope, and the mark of an irreversible call holds all of
them: either the change came first and the mark sees it, or the mark came first and whoever changes finds the call on
its way. Without that PostgreSQL would let both commit beside each other. On SQLite a writing transaction is alone from
its first statement, so there nothing is to be locked; what is held is noted all the same, and the tests look at it.
"""

import enum
from typing import Final

import sqlalchemy
import sqlalchemy.dialects.postgresql
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.operating as operating

# Under this name a session keeps what it holds.
HELD: Final = "guards"
SITE: Final = "site"
BLOBS: Final = "blobs"


class Rank(enum.IntEnum):
    """The order in which scopes are taken: nobody who waits for one holds a later one."""

    SITE = 1
    MECHANISM = 2
    COMMITTEE = 3
    RELEASE = 4
    # The store of copies: held while a copy is written down or bytes are freed.
    BLOBS = 5
    # The end of a chain of events: held by whoever adds one.
    CHAIN = 6


def mechanism(name: str) -> str:
    """What holds for everything that is published by a mechanism."""
    return f"mechanism:{name}"


def committee(key: str) -> str:
    """A committee: who is on it, its projects, their policies and the names that belong to them."""
    return f"committee:{key}"


def release(key: str) -> str:
    """A release: its phase, votes, revisions, deployments and promotions."""
    return f"release:{key}"


def chain(name: str) -> str:
    """A chain of events."""
    return f"chain:{name}"


async def hold(data: session.Session, *scopes: str) -> bool:
    """Hold these scopes until the transaction ends. Waits for whoever holds one of them.

    True if it may have waited: then what was read before may be old, and is to be read again.
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
