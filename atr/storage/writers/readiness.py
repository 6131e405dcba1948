# SPDX-License-Identifier: Apache-2.0
"""Enqueues checks for the worker: of staged files, and the pre-flight checks of releases."""

import datetime
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.reasons as reasons
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction

# While something is staged, the pre-flight checks are repeated when the last ones are older than this.
_OLD: Final = datetime.timedelta(days=1)


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def check_now(self, release_key: str) -> None:
        """Request the pre-flight checks now. Raises ConflictError for a release that was announced."""
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        if release.phase is sql.ReleasePhase.RELEASE:
            raise errors.ConflictError(reasons.of("announced"))
        await embargo.demand_lifted(write.data, release.key)
        await queue_check(write, release_key, anew=True)
        await write.event(release_key, "release", "readiness_asked")


async def queue_check(write: transaction.Transaction, release_key: str, *, anew: bool = False) -> None:
    """Enqueue the pre-flight checks of a release, unless they are queued already.

    `anew`: the platforms are asked even if their last answers are recent.
    """
    args = {"release_key": release_key, **({"anew": True} if anew else {})}
    await write.enqueue(operating.TaskType.READINESS_CHECK, args)


async def queue_old(write: transaction.Transaction, release_key: str, platform: str) -> None:
    """The same, if the platform's last answer is a day old or there is none. The scan calls it at each check."""
    release = await queries.get_release(write.data, release_key)
    if (release is None) or (release.phase is sql.ReleasePhase.RELEASE):
        return
    results = (await candidates.readiness_results(write.data, release_key)).get(platform, ())
    if (not results) or (min(result.created for result in results) + _OLD <= write.now):
        await queue_check(write, release_key)


async def queue_project(write: transaction.Transaction, project_key: str) -> None:
    """Enqueue the pre-flight checks of a project's unannounced releases, since what they depend on has changed."""
    wanted = sqlmodel.select(sql.Release.key).where(
        sql.Release.project_key == project_key, col(sql.Release.phase) != sql.ReleasePhase.RELEASE
    )
    for release_key in (await write.data.exec(wanted)).all():
        await queue_check(write, release_key)


async def queue_all(write: transaction.Transaction, release: sql.Release) -> None:
    """Enqueue the checks of everything that is staged for this release, and its pre-flight checks."""
    wanted = sqlmodel.select(tables.Deployment).where(
        tables.Deployment.release_key == release.key, col(tables.Deployment.file_set_digest).is_not(None)
    )
    for deployment in (await write.data.exec(wanted)).all():
        await queue_staged(write, deployment)
    await queue_check(write, release.key)


async def queue_staged(write: transaction.Transaction, deployment: tables.Deployment) -> None:
    """Enqueue the check of this deployment's staged files."""
    await write.enqueue(operating.TaskType.STAGED_FILES_CHECK, {"deployment_id": deployment.id})
