# SPDX-License-Identifier: Apache-2.0
"""Copies of what was captured: kept while a project wants them and has room, forgotten with a reason.

A copy is its row; the row is written in a transaction that saw every blob on the disk, and blobs are removed in
transactions that saw no row that needs them. Both hold the store's guard, so neither can pass the other.
"""

import datetime

import sqlmodel
from sqlmodel import col

import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.writer as writers
import atr.storage.writers.owned as owned


class CommitteeMember(writers.Writer):
    """What members of the committee may do."""

    async def keep(self, deployment_id: int) -> None:
        """Have the worker read the staged files once more, and keep them. Raises ConflictError with why not."""
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        why_not = (await preconditions.of(write, row)).keep_copy
        if why_not:
            raise errors.ConflictError(why_not)
        await ask_to_keep(write, row)
        await write.event(row.release_key, f"deployment:{row.id}", "copy_asked")

    async def forget(self, deployment_id: int, reason: str) -> None:
        """Give up the copy of a deployment's files, with a reason; the sweep frees what no other copy needs.

        Raises ConflictError while somebody needs it: see `preconditions`.
        """
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        release = await owned.load_release_for_update(write, row.release_key)
        reason = writers.checked_reason(reason)
        why_not = (await preconditions.of(write, row)).forget_copy
        if why_not:
            raise errors.ConflictError(why_not)
        copy = await write.data.get(tables.KeptCopy, (release.project_key, row.file_set_digest))
        await write.data.delete(copy)
        await write.data.flush()
        await write.event(
            row.release_key, f"deployment:{row.id}", "copy_forgotten", digest=row.file_set_digest, reason=reason
        )
        await ask_to_sweep(write, write.now)


async def ask_to_keep(write: transaction.Transaction, row: tables.Deployment) -> None:
    """Ask the worker for a copy of this deployment."""
    await queue.enqueue(
        write.data, operating.TaskType.COPY_KEEP, {"deployment_id": row.id}, write.now, asf_uid=write.asf_uid
    )


async def ask_to_keep_all(write: transaction.Transaction, project_key: str) -> None:
    """Ask for copies of everything of a project that is staged and captured."""
    row, release = tables.Deployment, sql.Release
    wanted = (
        sqlmodel.select(row)
        .join(release, col(release.key) == col(row.release_key))
        .where(
            release.project_key == project_key,
            row.state == states.DeploymentState.STAGED,
            col(row.file_set_digest).is_not(None),
        )
    )
    for deployment in (await write.data.exec(wanted)).all():
        await ask_to_keep(write, deployment)


async def ask_to_sweep(write: transaction.Transaction, at: datetime.datetime) -> None:
    """Ask the worker to free what no copy needs, not before this instant."""
    await queue.enqueue(
        write.data,
        operating.TaskType.COPY_SWEEP,
        {"not_before": at.isoformat()},
        write.now,
        asf_uid=write.asf_uid,
        scheduled=at,
    )
