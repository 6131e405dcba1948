# SPDX-License-Identifier: Apache-2.0
"""Verify now: what the worker notes of it."""

from collections.abc import Sequence

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.storage.eligibility as eligibility
import atr.storage.leased_rows as leased_rows
import atr.storage.reads as reads
import atr.storage.writer as writers


class Verification(writers.Writer):
    """What the worker notes. Every write is fenced by the epoch under which the row was claimed."""

    async def progress(self, claimed: work.Deployment, done: Sequence[work.Read]) -> None:
        """Keep files that were read."""
        await leased_rows.deployment(self._write, claimed)
        await reads.keep(self._write, reads.of_verification(claimed.id), tables.Side.STAGED, 1, done)

    async def verified(self, claimed: work.Deployment, files: fileset.FileSet, unfit: str = "") -> None:
        """Store a complete reading, and what it differs by from what was voted on; before a vote from the capture.

        `unfit` is what is wrong with it beside that, in words.
        """
        write = self._write
        row = await leased_rows.deployment(write, claimed)
        case = await eligibility.one(write.data, row, write.asf_uid)
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
        row = await leased_rows.deployment(self._write, claimed)
        row.verify_problem, row.lease_until = problem.removesuffix(errors.ASKED_AGAIN), None

    async def failed(self, claimed: work.Deployment, problem: str) -> None:
        """The platform could not be read whole, so nothing was compared, and nobody goes on with it."""
        row = await leased_rows.deployment(self._write, claimed)
        row.verify_problem = problem.removesuffix(errors.ASKED_AGAIN)
        await self._end(row)
        await self._write.event(row.release_key, f"deployment:{row.id}", "verify_failed", problem=row.verify_problem)

    async def _end(self, row: tables.Deployment) -> None:
        row.verified_at, row.lease_until = self._write.now, None
        await reads.forget(self._write, reads.of_verification(writers.row_id(row.id)))
