# SPDX-License-Identifier: Apache-2.0
"""The one place where a state changes. Each move says which state it expects, and has its event beside it."""

from typing import Any

import sqlalchemy
from sqlmodel import col

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.transaction as transaction
import atr.storage.writers.turns as turns

_MOVED = "It has changed in the meantime. Reload the page to see its current state."


async def promotion(
    write: transaction.Transaction,
    row: tables.Promotion,
    to: states.State,
    reason: str,
    *,
    by_person: bool = False,
    **facts: Any,
) -> None:
    """Draw an arrow of the table. Raises TransitionError for another one, ConflictError if the row moved meanwhile."""
    states.check_move(row.state, to, by_person=by_person)
    frm = row.state
    await write.data.flush()
    statement = (
        sqlalchemy.update(tables.Promotion)
        .where(
            col(tables.Promotion.id) == row.id,
            col(tables.Promotion.state) == frm,
            col(tables.Promotion.version) == row.version,
        )
        .values(
            state=to,
            version=row.version + 1,
            entered_at=write.now,
            reason=reason,
            # What was asked or half found out in the old state does not count in the new one.
            resend=False,
            difference="",
            **({} if to in {states.State.REQUESTED, states.State.SENDING} else {"held": False, "blocker": ""}),
        )
        .execution_options(synchronize_session=False)
    )
    if (await write.data.exec(statement)).rowcount != 1:
        raise errors.ConflictError(_MOVED)
    await write.data.refresh(row)
    if to not in states.HOLDING:
        await _release_targets(write, row)
    if to in states.ENDED:
        row.due_at = steps.again(write.now, write.now, _timing(write, row))
    elif to is states.State.DIVERGED:
        row.due_at = None
    await write.event(
        row.release_key,
        f"promotion:{row.id}",
        "promotion_moved",
        **{"from": frm.value, "to": to.value, "reason": reason, **facts},
    )
    await turns.moved(write, row)


async def deployment(
    write: transaction.Transaction,
    row: tables.Deployment,
    to: states.DeploymentState,
    problem: str = "",
    *,
    by_person: bool = False,
    **facts: Any,
) -> None:
    """Draw an arrow of the deployments' table. Raises as `promotion` does."""
    states.check_deployment_move(row.state, to, by_person=by_person)
    frm = row.state
    await write.data.flush()
    statement = (
        sqlalchemy.update(tables.Deployment)
        .where(
            col(tables.Deployment.id) == row.id,
            col(tables.Deployment.state) == frm,
            col(tables.Deployment.version) == row.version,
        )
        .values(state=to, version=row.version + 1, entered_at=write.now, problem=problem)
        .execution_options(synchronize_session=False)
    )
    if (await write.data.exec(statement)).rowcount != 1:
        raise errors.ConflictError(_MOVED)
    await write.data.refresh(row)
    if to is states.DeploymentState.PUBLISHED:
        row.due_at = None
    elif to in states.DEPLOYMENT_ENDED:
        # What never got an id is looked for by its name, while it may be there.
        asked = bool(row.external_id) or (to is states.DeploymentState.LOST)
        row.due_at = steps.again(write.now, write.now, _timing(write, row)) if asked else None
    await write.event(
        row.release_key,
        f"deployment:{row.id}",
        "deployment_moved",
        **{"from": frm.value, "to": to.value, "problem": problem, **facts},
    )


def _timing(write: transaction.Transaction, row: tables.Promotion | tables.Deployment) -> steps.Timing:
    return write.place.timing(row.mechanism)


async def phase(write: transaction.Transaction, row: sql.Release, to: sql.ReleasePhase, **vote: Any) -> None:
    """Take a release to another phase; the caller has the event. Raises ConflictError if it moved meanwhile.

    `vote` are the columns that say what becomes of its vote; they are written by the same statement.
    """
    await write.data.flush()
    statement = (
        sqlalchemy.update(sql.Release)
        .where(
            col(sql.Release.key) == row.key,
            col(sql.Release.phase) == row.phase,
            sqlalchemy.func.coalesce(sql.Release.current_vote_seq, 0) == row.current_vote_seq,
        )
        .values(phase=to, **vote)
        .execution_options(synchronize_session=False)
    )
    if (await write.data.exec(statement)).rowcount != 1:
        raise errors.ConflictError(_MOVED)
    await write.data.refresh(row)


async def _release_targets(write: transaction.Transaction, row: tables.Promotion) -> None:
    await write.data.exec(
        sqlalchemy.update(tables.PromotionTarget)
        .where(col(tables.PromotionTarget.promotion_id) == row.id)
        .values(holding=False)
        .execution_options(synchronize_session=False)
    )
