# SPDX-License-Identifier: Apache-2.0
"""What a release would take of a platform's limits for this month, and what was promoted from here already."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.models.readiness_views as views
import atr.models.sql as sql
import atr.promotion.states as states
import atr.promotion.usage as usage
import atr.shared.distribution as distribution
import atr.storage.transaction as transaction

# The platform has taken these, so it counts them.
_TAKEN: Final = (states.State.PUBLISHING, states.State.CHECKING, states.State.LIVE, states.State.DIVERGED)


async def of(
    read: transaction.Transaction,
    platform: distribution.DistributionPlatform,
    candidates: Sequence[tables.Deployment],
    results: Sequence[sql.CheckResult],
    basis: str,
) -> views.Usage:
    """Of one platform: what is staged and not published yet, else what the policy maps; `results` are the worker's."""
    this = await _staged(read, candidates) or _mapped(results, basis)
    promoted = await _promoted(read, platform, usage.month(read.now))
    limits = read.place.monthly
    exceeded = usage.over(promoted + (this or usage.Usage()), limits)
    return views.Usage(platform.display_name, bool(exceeded), usage.sentences(this, promoted, limits, read.now))


async def _staged(read: transaction.Transaction, candidates: Sequence[tables.Deployment]) -> usage.Usage | None:
    waiting = [
        row.id for row in candidates if row.file_set_digest and (row.state is not states.DeploymentState.PUBLISHED)
    ]
    if not waiting:
        return None
    files, size = _counts()
    row = tables.Deployment
    wanted = (
        sqlmodel.select(sqlalchemy.func.sum(files), sqlalchemy.func.sum(size))
        .select_from(row)
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(row.file_set_digest))
        .where(col(row.id).in_(waiting))
    )
    total = (await read.data.exec(wanted)).one()
    return usage.Usage(int(total[0] or 0), int(total[1] or 0), len(waiting))


def _mapped(results: Sequence[sql.CheckResult], basis: str) -> usage.Usage | None:
    """What the bundle of the mapped files would hold, as the worker counted it; None if that is old or unknown."""
    for result in results:
        if (planned := result.data.get("planned")) and (result.data.get("basis") == basis):
            files, size = planned
            return usage.Usage(files, size, 1)
    return None


async def _promoted(
    read: transaction.Transaction, platform: distribution.DistributionPlatform, since: datetime.datetime
) -> usage.Usage:
    """Everything of this platform that was promoted since then, by anybody: there is one account for each platform."""
    promotion, attempt, deployment = tables.Promotion, tables.Attempt, tables.Deployment
    files, size = _counts()
    called = (
        sqlmodel.select(sqlalchemy.func.max(col(attempt.marked_at)))
        .where(col(attempt.promotion_id) == col(promotion.id), attempt.kind == tables.AttemptKind.PUBLISH)
        .scalar_subquery()
    )
    wanted = (
        sqlmodel.select(sqlalchemy.func.count(), sqlalchemy.func.sum(files), sqlalchemy.func.sum(size))
        .select_from(promotion)
        .join(deployment, col(deployment.id) == col(promotion.deployment_id))
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(promotion.voted_digest))
        .where(
            promotion.platform == platform.name,
            col(promotion.state).in_(_TAKEN),
            # Of what was published by hand nobody knows when; we heard of it then.
            sqlalchemy.func.coalesce(called, col(promotion.requested_at)) >= since,
        )
    )
    count, all_files, all_bytes = (await read.data.exec(wanted)).one()
    return usage.Usage(int(all_files or 0), int(all_bytes or 0), int(count))


def _counts() -> tuple[Any, Any]:
    """The files and bytes that the platform listed; of an older capture, which has no count, those of its file set."""
    row, known = tables.Deployment, tables.FileSetRow
    is_listed = col(row.listed_files) > 0
    return (
        sqlalchemy.case((is_listed, col(row.listed_files)), else_=col(known.files)),
        sqlalchemy.case((is_listed, col(row.listed_bytes)), else_=col(known.size)),
    )
