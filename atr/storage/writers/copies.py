# SPDX-License-Identifier: Apache-2.0
"""Copies of what was captured: kept while a project wants them and has room, forgotten with a reason.

A copy is its row; the row is written in a transaction that saw every blob on the disk, and blobs are removed in
transactions that saw no row that needs them. Both hold the store's guard, so neither can pass the other.
"""

import datetime

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.holdings as holdings
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.rows as rows


class CommitteeMember:
    """What members of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def keep(self, deployment_id: int) -> None:
        """Have the worker read the staged files once more, and keep them. Raises ConflictError with why not."""
        write = self._write
        row = await own.deployment(write, deployment_id)
        why_not = await keep_why_not(write, row)
        if why_not:
            raise errors.ConflictError(why_not)
        await ask_to_keep(write, row)
        await write.event(row.release_key, f"deployment:{row.id}", "copy_asked")

    async def forget(self, deployment_id: int, reason: str) -> None:
        """Give up the copy of a deployment's files, with a reason; the sweep frees what no other copy needs.

        Raises ConflictError while somebody needs it: see `forget_why_not`.
        """
        write = self._write
        row = await own.deployment(write, deployment_id)
        release = await own.release(write, row.release_key)
        reason = rows.checked_reason(reason)
        why_not = await forget_why_not(write, row)
        if why_not:
            raise errors.ConflictError(why_not)
        copy = await write.data.get(tables.KeptCopy, (release.project_key, row.file_set_digest))
        await write.data.delete(copy)
        await write.data.flush()
        await write.event(
            row.release_key, f"deployment:{row.id}", "copy_forgotten", digest=row.file_set_digest, reason=reason
        )
        await ask_to_sweep(write, write.now)


async def keep_why_not(read: transaction.Transaction, row: tables.Deployment) -> str:
    """Why no copy can be made of a deployment now, in one sentence; empty if one can."""
    release = await queries.demand_release(read.data, row.release_key)
    if not await holdings.is_wanted(read, release):
        return "The project's policy keeps no copies. A release manager can switch that on."
    if (row.state is not states.DeploymentState.STAGED) or not row.file_set_digest:
        return "A copy can be made while it is staged, after it was read."
    held = await holdings.holder(read, release, row.file_set_digest)
    return f"Its files are here already, in {held.described}." if held else ""


async def forget_why_not(read: transaction.Transaction, row: tables.Deployment) -> str:
    """Why the copy of a deployment's files cannot be given up now, in one sentence; empty if it can."""
    release = await queries.demand_release(read.data, row.release_key)
    digest = row.file_set_digest or ""
    if not await holdings.is_kept(read, release.project_key, digest):
        return "No copy of it is kept."
    if await holdings.on_open_ballot(read, release.project_key, digest):
        return "It is on the ballot of an open vote, and voters get the files from here."
    wanted = sqlmodel.select(tables.Deployment.id).where(
        tables.Deployment.stage_digest == digest, tables.Deployment.state == states.DeploymentState.UPLOADING
    )
    if (await read.data.exec(wanted)).first() is not None:
        return "It is being staged again from the copy."
    return ""


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
