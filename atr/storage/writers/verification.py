# SPDX-License-Identifier: Apache-2.0
"""Verify now: read every staged file once more because somebody asked. Nothing follows from what is found.

It is shown, loudly where it differs; the gates read the bytes themselves before a call.
"""

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.storage.preconditions as preconditions
import atr.storage.writer as writers
import atr.storage.writers.owned as owned


class CommitteeParticipant(writers.Writer):
    """What every committer of the committee may do."""

    async def ask(self, deployment_id: int) -> None:
        """Have the staged files read again. Asking while they are read changes nothing. Raises ConflictError."""
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        why_not = (await preconditions.of(write, row)).verify
        if why_not:
            raise errors.ConflictError(why_not)
        if not row.is_verifying:
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
