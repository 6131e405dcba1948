# SPDX-License-Identifier: Apache-2.0
"""Leases: which worker processes a row. Claimed in bulk, renewed by a conditional UPDATE; a stale one is refused."""

import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy
import sqlalchemy.orm.attributes
import sqlmodel

import atr.db.session as session
import atr.errors as errors

Leased = TypeVar("Leased", bound=sqlmodel.SQLModel)


async def claim(
    data: session.Session,
    model: type[Leased],
    now: datetime.datetime,
    *where: Any,
    owner: str,
    seconds: float,
    limit: int,
) -> Sequence[Leased]:
    """Lease the due rows to `owner` and return them, oldest first. Rows with a lease are skipped."""
    table: Any = model
    wanted = sqlmodel.select(model).where(table.due_at <= now, free(table, now), *where).order_by(table.due_at)
    # Rows that another worker is claiming at this moment are skipped. (SQLite has one writer at a time.) The lock does
    # not cover their keys, so transactions that only reference these rows do not wait. The rows are read again, because
    # the session may have read one before, with an older epoch.
    wanted = wanted.limit(limit).with_for_update(skip_locked=True, key_share=True)
    rows = (await data.exec(wanted.execution_options(populate_existing=True))).all()
    return await take(data, rows, now, owner=owner, seconds=seconds)


async def take(
    data: session.Session, rows: Sequence[Leased], now: datetime.datetime, *, owner: str, seconds: float
) -> Sequence[Leased]:
    """Lease these rows of one table in one statement, and return those without another lease.

    A row's `lease_epoch` is the fencing token: it is incremented, and the row must still have the epoch that was read.
    """
    if not rows:
        return []
    table: Any = type(rows[0])
    key = sqlalchemy.inspect(table).primary_key
    until = now + datetime.timedelta(seconds=seconds)
    seen = sqlalchemy.tuple_(*key, table.lease_epoch).in_([(*_key(row), _epoch(row)) for row in rows])
    statement = (
        sqlalchemy.update(table)
        .where(seen, free(table, now))
        .values(lease_owner=owner, lease_epoch=table.lease_epoch + 1, lease_until=until)
        .returning(*key)
        .execution_options(synchronize_session=False)
    )
    taken = {tuple(one) for one in (await data.exec(statement)).all()}
    mine = [row for row in rows if _key(row) in taken]
    for row in mine:
        values = {"lease_owner": owner, "lease_epoch": _epoch(row) + 1, "lease_until": until}
        for name, value in values.items():
            sqlalchemy.orm.attributes.set_committed_value(row, name, value)
    return mine


async def renew(
    data: session.Session, model: Any, key: int, epoch: int, now: datetime.datetime, *, seconds: float
) -> None:
    """Extend the lease, unless it was released. Raises LeaseLostError if another worker has taken the row over."""
    statement = (
        sqlalchemy.update(model)
        .filter_by(id=key, lease_epoch=epoch)
        .where(model.lease_until.is_not(None))
        .values(lease_until=now + datetime.timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )
    if (await data.exec(statement)).rowcount == 1:
        return
    ours = await data.exec(sqlmodel.select(model).filter_by(id=key, lease_epoch=epoch))
    if ours.first() is None:
        raise errors.LeaseLostError


def due(model: Any, now: datetime.datetime, *where: Any, columns: Sequence[Any], limit: int, each: Any = None) -> Any:
    """Return a SELECT of the oldest due rows without a lease: since when each is due, and these columns.

    With `each`, it selects the oldest of each value of that column.
    """
    since = model.due_at if each is None else sqlalchemy.func.min(model.due_at)
    # sqlalchemy.select, because the types of sqlmodel.select do not accept columns from arguments.
    wanted = sqlalchemy.select(since.label("due_at"), *columns).where(model.due_at <= now, free(model, now), *where)
    oldest = (wanted if each is None else wanted.group_by(each)).order_by(since).limit(limit)
    # SQLite allows no LIMIT in a part of a compound SELECT.
    return sqlalchemy.select(oldest.subquery())


def check(row: Any, epoch: int) -> None:
    """Raise LeaseLostError if the row's lease no longer has this epoch."""
    if row.lease_epoch != epoch:
        raise errors.LeaseLostError


def free(table: Any, now: datetime.datetime) -> Any:
    return (table.lease_until.is_(None)) | (table.lease_until <= now)


def _key(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, column.key) for column in sqlalchemy.inspect(type(row)).primary_key)


def _epoch(row: Any) -> int:
    return int(row.lease_epoch)
