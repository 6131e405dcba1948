# SPDX-License-Identifier: Apache-2.0
"""The one place that draws arrows, and what follows when one was drawn.

Each arrow is one UPDATE that names the state it expects, with its event beside it. There are two lists of arrows, what
people draw and what the worker draws (promotion/states.py); PostgreSQL's roles are generated from them (db/roles.py).
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy
import sqlalchemy.orm.attributes
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction

State = states.State
_Deployment = states.DeploymentState
_MOVED: Final = "It has changed in the meantime. Reload the page to see its current state."
# While the platform says this of a deployment, what is public of its version was made so by another one.
_ELSEWHERE: Final = frozenset({steps.Seen.STAGED, steps.Seen.FAILED})


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
    values: dict[str, Any] = {
        "reason": reason,
        # What was asked or half found out in the old state does not count in the new one.
        "resend": False,
        "difference": "",
        # A code is for the call that it was typed for; where none is made it is not kept either.
        "one_time_code": "",
        **({} if to in {State.REQUESTED, State.SENDING} else {"held": False, "blocker": ""}),
    }
    if to in states.ENDED:
        values["due_at"] = steps.again(write.now, write.now, write.place.timing(row.mechanism))
    elif to is State.DIVERGED:
        values["due_at"] = None
    await _draw(write, row, to, states.WORKERS_ARROWS if write.is_system else states.PEOPLES_ARROWS, values)
    if to not in states.HOLDING:
        await _release_targets(write, row)
    await write.event_of(row, "promotion_moved", **{"from": frm.value, "to": to.value, "reason": reason, **facts})
    await _wake_behind(write, row)


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
    drawn = states.WORKERS_DEPLOYMENT_ARROWS if write.is_system else states.PEOPLES_DEPLOYMENT_ARROWS
    values: dict[str, Any] = {"problem": problem}
    if to is _Deployment.PUBLISHED:
        values["due_at"] = None
    elif to in states.DEPLOYMENT_ENDED:
        # What never got an id is looked for by its name, while it may be there.
        asked = bool(row.external_id) or (to is _Deployment.LOST)
        values["due_at"] = steps.again(write.now, write.now, write.place.timing(row.mechanism)) if asked else None
    await _draw(write, row, to, drawn, values)
    await write.event_of(row, "deployment_moved", **{"from": frm.value, "to": to.value, "problem": problem, **facts})


async def _draw(
    write: transaction.Transaction,
    row: tables.Promotion | tables.Deployment,
    to: Any,
    drawn: Mapping[Any, frozenset[Any]],
    values: Mapping[str, Any],
) -> None:
    """The one UPDATE of a state, for whoever may draw this arrow, if the row is still as it was read."""
    if to not in drawn.get(row.state, frozenset()):
        who = "people, not the worker" if write.is_system else "the worker, not people"
        raise errors.TransitionError(f"Only {who} take it from {row.state.value} to {to.value}.")
    table: Any = type(row)
    # What was changed of the row before is written by the same statement, which expects the version that was read.
    attributes = sqlalchemy.inspect(row).attrs
    changed = {one.key: one.value for one in attributes if one.history.has_changes()}
    (read,) = attributes.version.history.deleted or (row.version,)
    written = changed | {"state": to, "version": row.version + 1, "entered_at": write.now, **values}
    statement = (
        sqlalchemy.update(table)
        .where(table.id == row.id, table.state == row.state, table.version == read)
        .values(**written)
        .execution_options(synchronize_session=False)
    )
    with write.data.no_autoflush:
        drawn_rows = (await write.data.exec(statement)).rowcount
    if drawn_rows != 1:
        raise errors.ConflictError(_MOVED)
    for name, value in written.items():
        sqlalchemy.orm.attributes.set_committed_value(row, name, value)


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


async def follow(
    write: transaction.Transaction, row: tables.Promotion, to: State | None, seen: steps.Seen | None, *, differs: bool
) -> None:
    """The deployment follows its promotion: what is publishing may still fail, what the platform calls public is.

    That holds where the promotion stays as it is (`to` is None), in doubt until its public files are there too.
    `differs`: it was refused because the staged files are not the captured ones any more.
    """
    if row.deployment_id is None:
        return
    staged = await queries.demand_deployment(write.data, row.deployment_id, fresh=True)
    if staged.state is _Deployment.DROPPING:
        await _after_drop(write, staged, to, seen)
        return
    if staged.state is not _Deployment.STAGED:
        return
    if (seen is steps.Seen.PUBLIC) or ((to is State.CHECKING) and (seen not in _ELSEWHERE)):
        await _kept(write, staged, _Deployment.PUBLISHED)
    elif to is State.LIVE:
        # Another one made the version public, or the platform is slow to say that it was this one: it is asked.
        staged.due_at = write.now
    elif to in {State.ABORTED, State.PUBLISHING}:
        staged.drop_reason = staged.drop_by = ""
    elif to is State.REFUSED:
        # The scan, which leaves it alone while it is promoted, sees at once what became of it.
        staged.due_at = write.now
        if differs:
            # It holds something else than was captured: it is captured anew, behind the same wall, and the page, the
            # check and the gates see that from then on.
            staged.file_set_digest, staged.captured_at = None, None
            staged.side_problems, staged.remarks = [], []
            staged.read_done = 0
            staged.version += 1


async def _after_drop(
    write: transaction.Transaction, staged: tables.Deployment, to: State | None, seen: steps.Seen | None
) -> None:
    """What became of a drop that its promotion asked for."""
    if (seen is steps.Seen.PUBLIC) or ((to is State.CHECKING) and (seen not in _ELSEWHERE)):
        await _kept(write, staged, _Deployment.PUBLISHED)
    elif (to is State.PUBLISHING) or (seen is steps.Seen.STAGED):
        await _kept(write, staged, _Deployment.STAGED, "It was not dropped.")
    elif (to is State.ABORTED) and (seen is steps.Seen.GONE):
        await deployment(write, staged, _Deployment.DROPPED)
    elif (to is not None) and (to not in states.OPEN):
        # Its own scan finds out, by the same drop: it never sends another one beside it.
        staged.due_at = write.now


async def _kept(
    write: transaction.Transaction, staged: tables.Deployment, to: states.DeploymentState, problem: str = ""
) -> None:
    """It was not given up after all."""
    await deployment(write, staged, to, problem)
    staged.drop_reason = staged.drop_by = ""


async def _wake_behind(write: transaction.Transaction, row: tables.Promotion) -> None:
    """A promotion moved: those behind it that are still asked for are looked at now, or learn what stopped them."""
    if all(gates.turn(row.state, stop_at_trouble=stops) is gates.Turn.WAITS for stops in (False, True)):
        return
    behind = await queries.promotions(
        write.data,
        col(tables.Promotion.after_id) == row.id,
        col(tables.Promotion.state) == states.State.REQUESTED,
    )
    for follower in behind:
        turn = gates.turn(row.state, stop_at_trouble=follower.stop_at_trouble)
        if turn is gates.Turn.WAITS:
            continue
        follower.due_at = write.now
        if turn is gates.Turn.STOPPED:
            _, stopped_by = (await eligibility.turns_of(write.data, [follower]))[follower.id]
            await write.event_of(follower, "promotion_stopped", by=stopped_by)
