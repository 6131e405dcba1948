# SPDX-License-Identifier: Apache-2.0
"""The rows in numbers. As many statements however many rows there are."""

import datetime
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.figures as figures
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction


async def of(read: transaction.Transaction) -> figures.Figures:
    """All of them, as they are at one instant."""
    promotion, deployment, attempt = tables.Promotion, tables.Deployment, tables.Attempt
    return figures.Figures(
        oldest_pending=await _oldest_pending(read),
        promotions=await _counted(read, promotion.platform, promotion.state),
        deployments=await _counted(read, deployment.platform, deployment.state),
        attempts=await _counted(read, attempt.kind, attempt.answer),
        waiting={
            "promotion": await _leased(read, promotion),
            "deployment": await _leased(read, deployment),
            "distribution": await _leased(read, sql.Distribution),
            "task": await _waiting(
                read,
                col(operating.Task.scheduled),
                col(operating.Task.status) == operating.TaskStatus.QUEUED,
            ),
        },
        breakers=await _breakers(read),
    )


async def _oldest_pending(read: transaction.Transaction) -> dict[str, float]:
    row = tables.Promotion
    wanted = (
        sqlmodel.select(row.platform, sqlalchemy.func.min(row.requested_at))
        .where(col(row.state).in_(states.OPEN))
        .group_by(col(row.platform))
    )
    return {platform: _seconds(read, since) for platform, since in (await read.data.exec(wanted)).all()}


async def _breakers(read: transaction.Transaction) -> dict[tuple[str, str], budget.Breaker]:
    rows = (await read.data.exec(sqlmodel.select(operating.PlatformAccount))).all()
    limits = read.place.limits
    return {
        (row.name, row.reach): budget.breaker_of(lanes.of_row(row), limits[budget.Reach(row.reach)], read.now)
        for row in rows
    }


async def _counted(read: transaction.Transaction, one: Any, other: Any) -> dict[tuple[str, str], int]:
    wanted = sqlmodel.select(one, other, sqlalchemy.func.count()).group_by(one, other)
    return {(str(first), str(second)): count for first, second, count in (await read.data.exec(wanted)).all()}


async def _leased(read: transaction.Transaction, table: Any) -> figures.Waiting:
    free = table.lease_until.is_(None) | (table.lease_until <= read.now)
    return await _waiting(read, table.due_at, free)


async def _waiting(read: transaction.Transaction, due_at: Any, free: Any) -> figures.Waiting:
    wanted = sqlmodel.select(sqlalchemy.func.count(), sqlalchemy.func.min(due_at)).where(due_at <= read.now, free)
    count, since = (await read.data.exec(wanted)).one()
    return figures.Waiting(count, _seconds(read, since))


def _seconds(read: transaction.Transaction, since: datetime.datetime | None) -> float:
    return (read.now - since).total_seconds() if since is not None else 0.0
