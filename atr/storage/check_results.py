# SPDX-License-Identifier: Apache-2.0
"""What the newest checks found: of the staged files of deployments, and of the platforms that a release goes to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql

# The check of staged files stores its results under this name (tasks/checks/staged.py).
STAGED: Final = "atr.tasks.checks.staged.check"
# The same for what a platform was asked before the vote ended (tasks/checks/readiness.py).
READINESS: Final = "atr.tasks.checks.readiness.check"
_DEPLOYMENT: Final = "deployment:"
_PLATFORM: Final = "platform:"


async def of_deployments(
    data: session.Session, deployment_ids: Collection[int | None]
) -> Mapping[int | None, Sequence[sql.CheckResult]]:
    """By deployment: what the newest check of its staged files found."""
    subjects = [f"{_DEPLOYMENT}{number}" for number in deployment_ids]
    found = await _by_subject(data, STAGED, col(sql.CheckResult.primary_rel_path).in_(subjects))
    return {number: found.get(f"{_DEPLOYMENT}{number}", []) for number in deployment_ids}


async def of_platforms(data: session.Session, release_key: str) -> Mapping[str, Sequence[sql.CheckResult]]:
    """By platform: what it answered when it was last asked about this release."""
    found = await _by_subject(data, READINESS, sql.CheckResult.release_key == release_key)
    return {subject.removeprefix(_PLATFORM): results for subject, results in found.items()}


async def is_checked(data: session.Session, deployment: tables.Deployment) -> bool:
    """Whether the check of the staged files has run since they were captured."""
    return since_capture(deployment, (await of_deployments(data, [deployment.id]))[deployment.id])


def since_capture(deployment: tables.Deployment, results: Sequence[sql.CheckResult]) -> bool:
    """The same of results that were read already."""
    captured = deployment.captured_at
    return (captured is not None) and any(result.created >= captured for result in results)


async def _by_subject(data: session.Session, checker: str, where: Any) -> Mapping[str, Sequence[sql.CheckResult]]:
    row = sql.CheckResult
    wanted = sqlmodel.select(row).where(row.checker == checker, where).order_by(col(row.id))
    found: dict[str, list[sql.CheckResult]] = {}
    for one in (await data.exec(wanted)).all():
        found.setdefault(one.primary_rel_path or "", []).append(one)
    return found
