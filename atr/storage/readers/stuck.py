# SPDX-License-Identifier: Apache-2.0
"""Rows that may be stuck, each with its release and project; None for both if a host application has deleted them."""

import datetime
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

import sqlmodel
from sqlmodel import col

import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction

_State = states.State
_Table = TypeVar("_Table", tables.Promotion, tables.Deployment, sql.Distribution)
_Found = Sequence[tuple[_Table, sql.Release | None, sql.Project | None]]
# The most rows of each kind: more than anyone reads.
MOST: Final = 1_000


async def open_promotions(read: transaction.Transaction) -> _Found[tables.Promotion]:
    """Return every promotion that has not ended."""
    return await _rows(read, tables.Promotion, col(tables.Promotion.state).in_(list(states.OPEN)))


async def promotions(
    read: transaction.Transaction, *, late: datetime.datetime, long: datetime.datetime
) -> _Found[tables.Promotion]:
    """Return those that diverged, and the open ones that wait for a person or are overdue.

    `late`: due by then and not claimed. `long`: in the same state since then.
    """
    row = tables.Promotion
    stuck = (
        col(row.state).in_([_State.DIVERGED, _State.IN_DOUBT])
        | col(row.held)
        | (col(row.deadline) <= read.now)
        | (col(row.entered_at) <= long)
        | _not_taken(row, late)
    )
    still_open = col(row.state).in_(list(states.OPEN))
    return await _rows(read, row, ((col(row.state) == _State.DIVERGED) | still_open) & stuck)


async def deployments(
    read: transaction.Transaction,
    moving: Collection[states.DeploymentState],
    *,
    late: datetime.datetime,
    long: datetime.datetime,
) -> _Found[tables.Deployment]:
    """Return those that are lost, in a `moving` state since `long`, or due by `late` and not claimed."""
    row = tables.Deployment
    too_long = col(row.state).in_(moving) & (col(row.entered_at) <= long)
    lost = col(row.state) == states.DeploymentState.LOST
    return await _rows(read, row, lost | too_long | _not_taken(row, late))


async def distributions(read: transaction.Transaction, *, long: datetime.datetime) -> _Found[sql.Distribution]:
    """Return those that were reported as published before `long` and have not been found."""
    row = sql.Distribution
    return await _rows(read, row, col(row.pending) & col(row.due_at).is_not(None) & (col(row.created) <= long))


async def tasks(
    read: transaction.Transaction, *, failed: datetime.datetime, queued: datetime.datetime
) -> Sequence[operating.Task]:
    """Return the tasks that failed after `failed`, and those that wait since `queued` or longer, oldest first."""
    row, status = operating.Task, operating.TaskStatus
    wanted = (
        sqlmodel.select(row)
        .where(
            ((col(row.status) == status.FAILED) & (col(row.completed) > failed))
            | ((col(row.status) == status.QUEUED) & (col(row.scheduled) <= queued))
        )
        .order_by(col(row.added))
        .limit(MOST + 1)
    )
    return (await read.data.exec(wanted)).all()


async def _rows(read: transaction.Transaction, table: type[_Table], where: Any) -> _Found[_Table]:
    """Return the oldest of these rows, except those under embargo."""
    row: Any = table
    wanted = (
        sqlmodel.select(row, sql.Release, sql.Project)
        .join(sql.Release, col(sql.Release.key) == row.release_key, isouter=True)
        .join(sql.Project, col(sql.Project.key) == col(sql.Release.project_key), isouter=True)
        .where(where, embargo.may_leave(row.release_key))
        .order_by(row.created if table is sql.Distribution else row.entered_at)
        .limit(MOST + 1)
    )
    return (await read.data.exec(wanted)).all()


def _not_taken(row: Any, late: datetime.datetime) -> Any:
    free = row.lease_until.is_(None) | (row.lease_until <= late)
    return (row.due_at <= late) & free
