# SPDX-License-Identifier: Apache-2.0
"""Files that stand in public beside the voted ones: a committee member may accept them by name, with a reason.

What is missing or changed can never be accepted: the comparison that follows finds it again.
"""

import atr.errors as errors
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.storage.beside_rows as beside_rows
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.promotions as promotions
import atr.storage.writers.rows as rows


class CommitteeMember:
    """What members of the committee may decide."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def accept(self, promotion_id: int, seen: str, reason: str) -> None:
        """Accept the files that were found beside the voted ones, and compare once more: DIVERGED -> CHECKING.

        They are known from then on, with these bytes; whatever is found besides diverges again. `seen` is the digest
        of the files that the person saw. Raises ConflictError when others were found meanwhile.
        """
        write = self._write
        row = await own.promotion(write, promotion_id)
        if (row.state is not states.State.DIVERGED) or not row.extra_files:
            raise errors.ConflictError("No extra file is waiting to be accepted.")
        found = beside_rows.files(row.extra_files)
        if fileset.FileSet.of(found).digest != seen:
            raise errors.ConflictError(
                "The extra files have changed since you opened the page. Nothing was accepted; review them again."
            )
        why = rows.checked_reason(reason)
        told = {"reason": why, "by": write.asf_uid, "at": write.now.isoformat()}
        row.accepted_files = [*row.accepted_files, *({**beside_rows.as_json(file), **told} for file in found)]
        await write.event(
            row.release_key,
            f"promotion:{row.id}",
            "extra_files_accepted",
            files=[beside_rows.as_json(file) for file in found],
            reason=why,
        )
        names = fileset.names([file.path for file in found])
        await promotions.compare_again(write, row, f"{write.asf_uid} accepted {names}: {why}")
