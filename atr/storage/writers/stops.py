# SPDX-License-Identifier: Apache-2.0
"""Stop a promotion after a call: the platform is asked to give the deployment up, and says which of the two came first.

Nobody can call a request back. So a stop after a mark is another irreversible request, with a mark of its own and the
same discipline: every fact once more under the guards, on disk before the first byte, sent once, the reply only a hint.
"""

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writer as writers

State = states.State


async def ask(write: transaction.Transaction, row: tables.Promotion, reason: str) -> None:
    """Have the worker find out whether it can still be stopped: SENDING or IN_DOUBT -> ABORTING.

    Once more in ABORTING, after the platform refused the drop. Raises ConflictError.
    """
    problem = preconditions.stop(row)
    if problem:
        raise errors.ConflictError(problem)
    why = writers.checked_reason(reason)
    deployment = await queries.demand_deployment(write.data, row.deployment_id or 0, fresh=True)
    deployment.drop_reason, deployment.drop_by = why, write.asf_uid
    row.asked_in = (await queries.site(write.data)).generation
    if row.state is State.ABORTING:
        row.held, row.blocker = False, ""
        row.version += 1
        await write.event(row.release_key, f"promotion:{row.id}", "promotion_stop_again", reason=why)
    else:
        await transitions.promotion(write, row, State.ABORTING, f"{write.asf_uid}: {why}")
    row.due_at = write.now
