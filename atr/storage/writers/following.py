# SPDX-License-Identifier: Apache-2.0
"""What a deployment's own state becomes when its promotion moves: the scan leaves it alone while one is open."""

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.transaction as transaction
import atr.storage.writers.moves as moves

State = states.State
_Deployment = states.DeploymentState
# While the platform says this of a deployment, what is public of its version was made so by another one.
_ELSEWHERE = frozenset({steps.Seen.STAGED, steps.Seen.FAILED})


async def follow(
    write: transaction.Transaction, row: tables.Promotion, to: State, seen: steps.Seen | None, *, differs: bool
) -> None:
    """The deployment follows its promotion: what is publishing may still fail, what the platform calls public is.

    `differs`: it was refused because the staged files are not the captured ones any more.
    """
    if row.deployment_id is None:
        return
    deployment = await queries.demand_deployment(write.data, row.deployment_id, fresh=True)
    if deployment.state is _Deployment.DROPPING:
        await _after_drop(write, deployment, to, seen)
        return
    if deployment.state is not _Deployment.STAGED:
        return
    if (to is State.CHECKING) and (seen not in _ELSEWHERE):
        await _kept(write, deployment, _Deployment.PUBLISHED)
    elif to is State.LIVE:
        # Another one made the version public, or the platform is slow to say that it was this one: it is asked.
        deployment.due_at = write.now
    elif to in {State.ABORTED, State.PUBLISHING}:
        deployment.drop_reason = deployment.drop_by = ""
    elif to is State.REFUSED:
        # The scan, which leaves it alone while it is promoted, sees at once what became of it.
        deployment.due_at = write.now
        if differs:
            # It holds something else than was captured: it is captured anew, behind the same wall, and the page, the
            # check and the gates see that from then on.
            deployment.file_set_digest, deployment.captured_at = None, None
            deployment.side_problems, deployment.remarks = [], []
            deployment.read_done = 0
            deployment.version += 1


async def _after_drop(
    write: transaction.Transaction, deployment: tables.Deployment, to: State, seen: steps.Seen | None
) -> None:
    """What became of a drop that its promotion asked for."""
    if (to is State.CHECKING) and (seen not in _ELSEWHERE):
        await _kept(write, deployment, _Deployment.PUBLISHED)
    elif (to is State.PUBLISHING) or (seen is steps.Seen.STAGED):
        await _kept(write, deployment, _Deployment.STAGED, "It was not dropped.")
    elif (to is State.ABORTED) and (seen is steps.Seen.GONE):
        await moves.deployment(write, deployment, _Deployment.DROPPED)
    elif to not in states.OPEN:
        # Its own scan finds out, by the same drop: it never sends another one beside it.
        deployment.due_at = write.now


async def _kept(
    write: transaction.Transaction, deployment: tables.Deployment, to: states.DeploymentState, problem: str = ""
) -> None:
    """It was not given up after all."""
    await moves.deployment(write, deployment, to, problem)
    deployment.drop_reason = deployment.drop_by = ""
