# SPDX-License-Identifier: Apache-2.0
"""Counts of rows: for metrics, and for the monthly limits of a platform."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.figures as figures
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.promotion.usage as usage
import atr.shared.distribution as distribution
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction

# The platform has accepted promotions in these states, so it counts them.
_TAKEN: Final = (states.State.PUBLISHING, states.State.CHECKING, states.State.LIVE, states.State.DIVERGED)


async def staged(read: transaction.Transaction, candidates: Iterable[tables.Deployment]) -> Mapping[str, usage.Usage]:
    """Return by platform the usage of those of these deployments that are captured and not published yet."""
    waiting = [
        row.id for row in candidates if row.file_set_digest and (row.state is not states.DeploymentState.PUBLISHED)
    ]
    if not waiting:
        return {}
    files, size = _counts()
    row = tables.Deployment
    wanted = (
        sqlmodel.select(row.platform, sqlalchemy.func.count(), sqlalchemy.func.sum(files), sqlalchemy.func.sum(size))
        .select_from(row)
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(row.file_set_digest))
        .where(col(row.id).in_(waiting))
        .group_by(col(row.platform))
    )
    return _usages((await read.data.exec(wanted)).all())


async def promoted(
    read: transaction.Transaction, platforms: Iterable[distribution.DistributionPlatform], since: datetime.datetime
) -> Mapping[str, usage.Usage]:
    """Return by platform everything that was promoted since then, of all projects: they share one account there."""
    promotion, attempt, deployment = tables.Promotion, tables.Attempt, tables.Deployment
    files, size = _counts()
    called = (
        sqlmodel.select(sqlalchemy.func.max(col(attempt.marked_at)))
        .where(col(attempt.promotion_id) == col(promotion.id), attempt.kind == tables.AttemptKind.PUBLISH)
        .scalar_subquery()
    )
    wanted = (
        sqlmodel.select(
            promotion.platform, sqlalchemy.func.count(), sqlalchemy.func.sum(files), sqlalchemy.func.sum(size)
        )
        .select_from(promotion)
        .join(deployment, col(deployment.id) == col(promotion.deployment_id))
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(promotion.voted_digest))
        .where(
            col(promotion.platform).in_([platform.name for platform in platforms]),
            col(promotion.state).in_(_TAKEN),
            # When a deployment was published by hand is not known; it was recorded then.
            sqlalchemy.func.coalesce(called, col(promotion.requested_at)) >= since,
        )
        .group_by(col(promotion.platform))
    )
    return _usages((await read.data.exec(wanted)).all())


def _usages(rows: Iterable[Any]) -> Mapping[str, usage.Usage]:
    """Return the usage by platform, from rows of platform, number, files and bytes."""
    return {platform: usage.Usage(int(files or 0), int(size or 0), count) for platform, count, files, size in rows}


def _counts() -> tuple[Any, Any]:
    """Return the files and bytes that the platform listed; for an older capture, without these, its file set's."""
    row, known = tables.Deployment, tables.FileSetRow
    is_listed = col(row.listed_files) > 0
    return (
        sqlalchemy.case((is_listed, col(row.listed_files)), else_=col(known.files)),
        sqlalchemy.case((is_listed, col(row.listed_bytes)), else_=col(known.size)),
    )


async def of(read: transaction.Transaction) -> figures.Figures:
    """Return all metrics of rows, at one instant."""
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
