# SPDX-License-Identifier: Apache-2.0
"""Lift the embargo of a release that is not out."""

import atr.errors as errors
import atr.models.operating as operating
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.readiness as readiness
import atr.storage.writers.rows as rows


class CommitteeMember:
    """What members of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def lift(self, release_key: str, reason: str) -> None:
        """Let this release be staged, looked for, served and promoted before it is out, with a reason.

        Who sees its pages does not change. Raises ConflictError where no embargo holds, InputError without a reason.
        """
        write = self._write
        release = await own.release(write, release_key)
        if not await embargo.holds(write.data, release):
            raise errors.ConflictError("This release is not under embargo.")
        why = rows.checked_reason(reason)
        row = operating.EmbargoLift(
            release_key=release.key,
            release_created=release.created,
            lifted_by=write.asf_uid,
            lifted_at=write.now,
            reason=why,
        )
        # In place of the row of another release that had this key.
        await write.data.merge(row)
        await write.event(release.key, "release", "embargo_lifted", reason=why)
        await readiness.queue_check(write, release.key)
