# SPDX-License-Identifier: Apache-2.0
"""The only module that makes transitions, and what follows from one.

Each transition is one UPDATE that names the state it expects, together with an event. There are two lists of them,
those of people and those of the worker (promotion/states.py); PostgreSQL's roles are generated from them (db/roles.py).
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
import atr.reasons as reasons
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction

State = states.State
_Deployment = states.DeploymentState
_MOVED: Final = reasons.of("moved")
# While the platform reports one of these for a deployment, it was another one that made the version public.
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
    """Make a transition. Raises TransitionError if the table has no such one, ConflictError if the row has changed."""
    states.check_move(row.state, to, by_person=by_person)
    frm = row.state
    values: dict[str, Any] = {
        "reason": reason,
        # Requests and partial results of the old state do not count in the new one.
        "resend": False,
        "difference": "",
        # A one-time code is for the request that it was entered for; if none is sent, it is not kept either.
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
    """Make a transition of a deployment. Raises as `promotion` does."""
    states.check_deployment_move(row.state, to, by_person=by_person)
    frm = row.state
    drawn = states.WORKERS_DEPLOYMENT_ARROWS if write.is_system else states.PEOPLES_DEPLOYMENT_ARROWS
    values: dict[str, Any] = {"problem": problem}
    if to is _Deployment.PUBLISHED:
        values["due_at"] = None
    elif to in states.DEPLOYMENT_ENDED:
        # A deployment without an id is searched for by its name while its upload may have arrived.
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
    """Write a state with one UPDATE, if the actor may make this transition and the row is still as it was read."""
    if to not in drawn.get(row.state, frozenset()):
        who = "people, not the worker" if write.is_system else "the worker, not people"
        raise errors.TransitionError(f"Only {who} take it from {row.state.value} to {to.value}.")
    table: Any = type(row)
    # Earlier changes of the row are written by the same statement, which expects the version that was read.
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
    """Move a release to another phase; the caller adds the event. Raises ConflictError if it has moved meanwhile.

    `vote` are the columns with the outcome of its vote; they are written by the same statement.
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
    """Update the deployment of a promotion: one that publishes may still fail, one that is public is published.

    This also applies if the promotion keeps its state (`to` is None), in doubt until its public files are there.
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
        # Another one made the version public, or the platform is slow to report that this one did: it is polled.
        staged.due_at = write.now
    elif to in {State.ABORTED, State.PUBLISHING}:
        staged.drop_reason = staged.drop_by = ""
    elif to is State.REFUSED:
        # The scan skips a deployment while it is promoted, and checks it at once now.
        staged.due_at = write.now
        if differs:
            # Its files are not the captured ones: it is captured again, with the same check of its namespaces, and the
            # page, the check and the gates see the new capture from then on.
            staged.file_set_digest, staged.captured_at = None, None
            staged.side_problems, staged.remarks = [], []
            staged.read_done = 0
            staged.version += 1


async def _after_drop(
    write: transaction.Transaction, staged: tables.Deployment, to: State | None, seen: steps.Seen | None
) -> None:
    """Update a deployment whose drop was requested by its promotion."""
    if (seen is steps.Seen.PUBLIC) or ((to is State.CHECKING) and (seen not in _ELSEWHERE)):
        await _kept(write, staged, _Deployment.PUBLISHED)
    elif (to is State.PUBLISHING) or (seen is steps.Seen.STAGED):
        await _kept(write, staged, _Deployment.STAGED, "It was not dropped.")
    elif (to is State.ABORTED) and (seen is steps.Seen.GONE):
        await deployment(write, staged, _Deployment.DROPPED)
    elif (to is not None) and (to not in states.OPEN):
        # Its own scan determines the outcome of the same drop, and never sends a second one.
        staged.due_at = write.now


async def _kept(
    write: transaction.Transaction, staged: tables.Deployment, to: states.DeploymentState, problem: str = ""
) -> None:
    """Move a deployment that was not dropped after all to `to`."""
    await deployment(write, staged, to, problem)
    staged.drop_reason = staged.drop_by = ""


async def _wake_behind(write: transaction.Transaction, row: tables.Promotion) -> None:
    """Make the promotions due that are queued behind this one, with an event for each that it stopped."""
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
