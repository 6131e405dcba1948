# SPDX-License-Identifier: Apache-2.0
"""Verify now: read every staged file once more because somebody asked. Nothing follows from what is found.

It is shown, loudly where it differs; the gates read the bytes themselves before a call.
"""

from collections.abc import Sequence

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.storage.facts as facts
import atr.storage.reads as reads
import atr.storage.transaction as transaction
import atr.storage.writers.obstacles as obstacles
import atr.storage.writers.own as own
import atr.storage.writers.rows as rows


class CommitteeParticipant:
    """What every committer of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def ask(self, deployment_id: int) -> None:
        """Have the staged files read again. Asking while they are read changes nothing. Raises ConflictError."""
        write = self._write
        row = await own.deployment(write, deployment_id)
        why_not = await obstacles.verify(write, row)
        if why_not:
            raise errors.ConflictError(why_not)
        if not is_running(row):
            row.verify_asked_by, row.verify_asked_at = write.asf_uid, write.now
            row.verified_at, row.verified_digest, row.verify_problem = None, None, ""
            await write.event(row.release_key, f"deployment:{row.id}", "verify_asked")
        release = await queries.demand_release(write.data, row.release_key)
        # Should an earlier task have been given up, this is the one that goes on with it.
        await queue.enqueue(
            write.data,
            operating.TaskType.DISTRIBUTION_VERIFY,
            {"deployment_id": deployment_id},
            write.now,
            asf_uid=write.asf_uid,
            project_key=release.project_key,
            version_key=release.version,
        )


class SystemService:
    """What the worker notes. Every write is fenced by the epoch under which the row was claimed."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def progress(self, claimed: work.Deployment, done: Sequence[work.Read]) -> None:
        """Keep files that were read."""
        await rows.claimed_deployment(self._write, claimed)
        await reads.keep(self._write, owner(claimed.id), tables.Side.STAGED, 1, done)

    async def verified(self, claimed: work.Deployment, files: fileset.FileSet, unfit: str = "") -> None:
        """Store a complete reading, and what it differs by from what was voted on; before a vote from the capture.

        `unfit` is what is wrong with it beside that, in words.
        """
        write = self._write
        row = await rows.claimed_deployment(write, claimed)
        case = await facts.case(write.data, row, write.asf_uid)
        against = case.voted_digest or row.file_set_digest or ""
        difference = fileset.compare(await queries.file_set(write.data, against), files)
        row.verified_digest = await queries.store_file_set(write.data, files, write.now)
        said = "" if difference.is_empty else difference.described("staged")
        row.verify_problem = f"{said} {unfit}".strip()
        await self._end(row)
        await write.event(
            row.release_key,
            f"deployment:{row.id}",
            "verify_ended",
            files=len(files.files),
            digest=files.digest,
            against="voted" if case.voted_digest else "captured",
            against_digest=against,
            difference=row.verify_problem,
        )

    async def held_up(self, claimed: work.Deployment, problem: str) -> None:
        """The platform has no answer now: it goes on later, from what was read."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.verify_problem, row.lease_until = problem.removesuffix(errors.ASKED_AGAIN), None

    async def failed(self, claimed: work.Deployment, problem: str) -> None:
        """The platform could not be read whole, so nothing was compared, and nobody goes on with it."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.verify_problem = problem.removesuffix(errors.ASKED_AGAIN)
        await self._end(row)
        await self._write.event(row.release_key, f"deployment:{row.id}", "verify_failed", problem=row.verify_problem)

    async def _end(self, row: tables.Deployment) -> None:
        row.verified_at, row.lease_until = self._write.now, None
        await reads.forget(self._write, owner(rows.number(row.id)))


def is_running(row: tables.Deployment) -> bool:
    """Whether somebody asked, and the answer is not there yet."""
    return (row.verify_asked_at is not None) and (row.verified_at is None)


def owner(deployment_id: int) -> str:
    """Under which name what was read is kept: apart from what a capture keeps."""
    return f"verify:{deployment_id}"
