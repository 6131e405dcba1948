# SPDX-License-Identifier: Apache-2.0
"""Who works on a row. Claimed, renewed and checked by one conditional UPDATE each; a stale holder writes nothing."""

import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy
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
    """The rows that are due, oldest first, now held by `owner`. A row that somebody holds is passed over."""
    table: Any = model
    free = (table.lease_until.is_(None)) | (table.lease_until <= now)
    wanted = sqlmodel.select(model).where(table.due_at <= now, free, *where).order_by(table.due_at).limit(limit)
    # Rows that another worker is taking at this moment are passed over. (SQLite has one writer at a time.) Their keys
    # stay, so whoever refers to one of them waits for nobody.
    wanted = wanted.with_for_update(skip_locked=True, key_share=True)
    rows = (await data.exec(wanted)).all()
    return [row for row in rows if await take(data, row, now, owner=owner, seconds=seconds)]


async def take(data: session.Session, row: Any, now: datetime.datetime, *, owner: str, seconds: float) -> bool:
    """Hold this row from now on, unless somebody does. The row's `lease_epoch` is the fencing token."""
    until = now + datetime.timedelta(seconds=seconds)
    table = type(row)
    free = (table.lease_until.is_(None)) | (table.lease_until <= now)
    statement = (
        sqlalchemy.update(table)
        .where(*_key(row), table.lease_epoch == row.lease_epoch, free)
        .values(lease_owner=owner, lease_epoch=row.lease_epoch + 1, lease_until=until)
        .execution_options(synchronize_session=False)
    )
    done = (await data.exec(statement)).rowcount == 1
    if done:
        await data.refresh(row)
    return done


async def renew(
    data: session.Session, model: Any, key: dict[str, Any], epoch: int, now: datetime.datetime, *, seconds: float
) -> None:
    """Hold it longer; one that we have given back stays given back. Raises LeaseLostError when somebody else has it."""
    statement = (
        sqlalchemy.update(model)
        .filter_by(**key, lease_epoch=epoch)
        .where(model.lease_until.is_not(None))
        .values(lease_until=now + datetime.timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )
    if (await data.exec(statement)).rowcount == 1:
        return
    ours = await data.exec(sqlmodel.select(model).filter_by(**key, lease_epoch=epoch))
    if ours.first() is None:
        raise errors.LeaseLostError


async def due(
    data: session.Session, model: Any, now: datetime.datetime, *where: Any, columns: Sequence[Any], limit: int
) -> Sequence[Any]:
    """Since when each of the oldest due rows that nobody holds has waited, and these columns of it."""
    free = (model.lease_until.is_(None)) | (model.lease_until <= now)
    # SQLModel's types know no columns that are handed in.
    wanted: Any = sqlalchemy.select(model.due_at, *columns).where(model.due_at <= now, free, *where)
    found: Sequence[Any] = (await data.exec(wanted.order_by(model.due_at).limit(limit))).all()
    return found


def check(row: Any, epoch: int) -> None:
    """Raise LeaseLostError if this epoch does not hold the row any more."""
    if row.lease_epoch != epoch:
        raise errors.LeaseLostError


def _key(row: Any) -> list[Any]:
    table = type(row)
    return [column == getattr(row, column.key) for column in sqlalchemy.inspect(table).primary_key]
