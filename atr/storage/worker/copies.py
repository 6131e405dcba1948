# SPDX-License-Identifier: Apache-2.0
"""What the worker does with the copies of captured files."""

import asyncio
import datetime
from collections.abc import Collection
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.disk as disk
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.storage.holdings as holdings
import atr.storage.leased_rows as leased_rows
import atr.storage.transaction as transaction
import atr.storage.writers.deployments as deployments

# Blobs that are younger than this may belong to a capture that is still reading.
GRACE: Final = datetime.timedelta(days=1)
# The most names that one statement searches for.
_BATCH: Final = 500


class Copies(transaction.Writer):
    """What the worker does with copies."""

    async def plan(self, claimed: work.Deployment) -> work.CopyPlan | None:
        """Return what a reading of this deployment may put into the store; None if its project keeps no copies."""
        release = await queries.demand_release(self._write.data, claimed.release_key)
        if not await holdings.is_wanted(self._write, release):
            return None
        paid = await holdings.usage(self._write, release.project_key)
        # Even if the reading fails, the blobs that it leaves and no copy needs are freed.
        await self.ask_to_sweep_later()
        quota = self._write.place.copies_quota
        return work.CopyPlan(quota - sum(paid.values()), quota, frozenset(paid), self._write.now)

    async def missing(self, claimed: work.Deployment) -> tuple[fileset.File, ...]:
        """Return the captured files if neither a copy nor a revision has them, for `tasks/copies.py` to read again."""
        write = self._write
        row = await leased_rows.deployment(write, claimed)
        release = await queries.demand_release(write.data, row.release_key)
        if (row.state is not states.DeploymentState.STAGED) or not row.file_set_digest:
            return ()
        if (not await holdings.is_wanted(write, release)) or await holdings.holder(write, release, row.file_set_digest):
            return ()
        return (await queries.file_set(write.data, row.file_set_digest)).files

    async def kept(self, claimed: work.Deployment, problem: str) -> None:
        """Store the copy of a captured deployment, if all its blobs are there; else why there is none (`problem`)."""
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until = None
        if row.file_set_digest:
            await keep(self._write, row, await queries.file_set(self._write.data, row.file_set_digest), problem)

    async def free(self, names: Collection[str]) -> int:
        """Remove those of these blobs that no copy needs, and return how many bytes that freed."""
        return await free(self._write, names)

    async def ask_to_sweep_later(self) -> None:
        """Enqueue a sweep for when the blobs that are stored today are older than `GRACE`; one a day is enough."""
        midnight = self._write.now.replace(hour=0, minute=0, second=0, microsecond=0)
        await deployments.ask_to_sweep(self._write, midnight + 2 * GRACE)


async def keep(
    write: transaction.Transaction, row: tables.Deployment, files: fileset.FileSet, problem: str = ""
) -> None:
    """Store the copy of the captured files, in the transaction that stores the capture or a later one.

    Nothing is stored if the project keeps no copies. If it does and there is no copy, the row says why.
    """
    release = await queries.demand_release(write.data, row.release_key)
    known, row.copy_problem = row.copy_problem, ""
    if (not await holdings.is_wanted(write, release)) or await holdings.is_kept(
        write, release.project_key, files.digest
    ):
        return
    await guards.hold(write.data, guards.BLOBS)
    if not problem and await asyncio.to_thread(_all_there, write.place.blobs, files):
        problem = await _over_quota(write, release, files)
        if not problem:
            write.data.add(
                tables.KeptCopy(project_key=release.project_key, file_set_digest=files.digest, kept_at=write.now)
            )
            await write.data.flush()
            await write.event_of(row, "copy_kept", digest=files.digest, files=len(files.files), size=files.size)
            return
    if await holdings.holder(write, release, files.digest) is not None:
        # Uploaded by ATR: its bytes are in the revision, and a second copy would only take space.
        return
    if not problem:
        # Copies were switched on while it was read, or a sweep removed blobs: it is read again.
        await deployments.ask_to_keep(write, row)
        return
    await free(write, {file.sha256 for file in files.files})
    row.copy_problem = problem
    if problem != known:
        await write.event_of(row, "copy_not_kept", problem=problem)


async def free(write: transaction.Transaction, names: Collection[str]) -> int:
    """Remove those of these blobs that no copy needs, and return how many bytes that freed. Changes no row."""
    await guards.hold(write.data, guards.BLOBS)
    freed = 0
    every = sorted(names)
    row, copy = tables.FileSetFile, tables.KeptCopy
    for first in range(0, len(every), _BATCH):
        batch = every[first : first + _BATCH]
        wanted = (
            sqlmodel.select(row.sha256)
            .join(copy, col(copy.file_set_digest) == col(row.digest))
            .where(col(row.sha256).in_(batch))
        )
        needed = set((await write.data.exec(wanted)).all())
        freed += await asyncio.to_thread(write.place.blobs.remove, set(batch) - needed)
    return freed


async def _over_quota(write: transaction.Transaction, release: sql.Release, files: fileset.FileSet) -> str:
    before = await holdings.usage(write, release.project_key)
    after = before | {file.sha256: file.size for file in files.files}
    return over_quota(write.place.copies_quota) if sum(after.values()) > write.place.copies_quota else ""


def _all_there(store: disk.Blobs, files: fileset.FileSet) -> bool:
    return all(store.has(file.sha256, file.size) for file in files.files)


def over_quota(quota: int) -> str:
    """Return the sentence that says why no copy was made, and what to do."""
    return (
        f"No copy was made: it would exceed the project's quota of {quota:,} bytes. Delete copies of older "
        "candidates, or ask the operator for a larger quota; then try again."
    )
