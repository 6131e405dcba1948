# SPDX-License-Identifier: Apache-2.0
"""The views of rows by which the rules decide what the worker does, loaded for many rows at once."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.promotion.deployments as deployments
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.promotion.timing as timing
import atr.shared.mechanisms as mechanisms
import atr.storage.attempts as attempts
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction

_Deployment = states.DeploymentState
# States from which a publish request or a drop may have to be sent.
_SENT_FROM: Final = frozenset(
    {states.State.REQUESTED, states.State.SENDING, states.State.ABORTING, states.State.IN_DOUBT}
)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The view of a promotion, with its attempts and its deployment."""

    view: steps.View
    attempts: attempts.History
    deployment: tables.Deployment | None


async def load(read: transaction.Transaction, rows: Sequence[tables.Promotion]) -> Mapping[int, Loaded]:
    """Return the views of these promotions, by id."""
    if not rows:
        return {}
    made = await attempts.of_promotions(read, (row.id for row in rows))
    generation = (await queries.site(read.data)).generation
    sent_from = [row for row in rows if row.state in _SENT_FROM]
    turns = await eligibility.turns_of(read.data, rows)
    off = await lanes.off(read.data) if sent_from else {}
    embargoed = await embargo.held_keys(read.data, {row.release_key for row in sent_from}) if sent_from else frozenset()
    numbers = [row.deployment_id for row in rows if row.deployment_id is not None]
    deployment_of = {row.id: row for row in await queries.deployments_by_id(read.data, numbers)}
    found = {}
    for row in rows:
        deployment = deployment_of.get(row.deployment_id)
        history = made[row.id or 0]
        found[row.id or 0] = Loaded(
            _view(
                read,
                row,
                history,
                generation=generation,
                unsure=(not row.by_hand) and (deployment is not None) and (deployment.made_in < generation),
                waits=any(turns[row.id]),
                off=bool(off.get(row.mechanism)) or (row.release_key in embargoed),
            ),
            history,
            deployment,
        )
    return found


async def resting(read: transaction.Transaction, rows: Sequence[tables.Promotion]) -> Mapping[int, steps.View]:
    """Return views that suffice to tell when these promotions are checked next: for most, the row alone is read."""
    loaded = await load(read, [row for row in rows if row.state in _SENT_FROM])
    return {
        row.id or 0: loaded[row.id or 0].view
        if row.id in loaded
        else _view(read, row, attempts.History(), generation=0, unsure=False, waits=False, off=False)
        for row in rows
    }


async def of_promotion(read: transaction.Transaction, row: tables.Promotion) -> steps.View:
    """Return the view of one promotion."""
    return (await load(read, [row]))[row.id or 0].view


async def load_deployments(
    read: transaction.Transaction, rows: Sequence[tables.Deployment]
) -> Mapping[int, tuple[deployments.View, attempts.History]]:
    """Return the views of these deployments and their attempts, by id."""
    made = await attempts.of_deployments(read, (row.id for row in rows))
    generation = (await queries.site(read.data)).generation
    return {
        row.id or 0: (_deployment_view(read, row, made[row.id or 0], generation), made[row.id or 0]) for row in rows
    }


async def of_deployment(read: transaction.Transaction, row: tables.Deployment) -> deployments.View:
    """Return the view of one deployment."""
    return (await load_deployments(read, [row]))[row.id or 0][0]


def jitter(row: Any) -> float:
    """Return a number between 0 and 1 that differs by row and claim, so that rows are not all due at once."""
    return float(((row.id or 0) * 7_919 + row.lease_epoch * 104_729) % 997) / 997


def later(read: transaction.Transaction, seconds: float) -> datetime.datetime:
    """Return the instant that is `seconds` from now."""
    return read.now + datetime.timedelta(seconds=seconds)


def _view(
    read: transaction.Transaction,
    row: tables.Promotion,
    history: attempts.History,
    *,
    generation: int,
    unsure: bool,
    waits: bool,
    off: bool,
) -> steps.View:
    publishes = history.publishes
    # Drops count only while a promotion is being stopped; they say nothing in another state.
    drops = history.drops if (row.state is states.State.ABORTING) else ()
    asked = [attempt for attempt in drops if attempt.marked_at >= row.entered_at]
    table = read.place.timing(row.mechanism)
    resends = row.state in _SENT_FROM
    return steps.View(
        state=row.state,
        now=read.now,
        mechanism=mechanisms.Mechanism[row.mechanism],
        entered=row.entered_at,
        timing=table,
        answers=tuple(attempt.answer for attempt in publishes),
        marked=publishes[-1].marked_at if publishes else None,
        deadline=row.deadline,
        by_hand=row.by_hand,
        held=row.held or ((not row.by_hand) and (row.asked_in < generation)),
        unsure=unsure,
        gone_looks=row.gone_looks,
        gone_since=row.gone_since,
        resend=row.resend,
        waits=waits,
        off=off,
        drops=tuple(attempt.answer for attempt in asked),
        drop_marked=drops[-1].marked_at if drops else None,
        drop_taken=any(attempt.answer is steps.Answer.TAKEN for attempt in drops),
        limit=timing.holding(attempts.wait(publishes, table), read.now) if resends else None,
        drop_limit=timing.holding(attempts.wait(asked, table), read.now) if resends else None,
    )


def _deployment_view(
    read: transaction.Transaction, row: tables.Deployment, history: attempts.History, generation: int
) -> deployments.View:
    table = read.place.timing(row.mechanism)
    uploads, drops = history.uploads, history.drops_since(row)
    told = attempts.wait({_Deployment.UPLOADING: uploads, _Deployment.DROPPING: drops}.get(row.state, ()), table)
    refused = drops and (drops[-1].answer in steps.CERTAIN_NO)
    return deployments.View(
        state=row.state,
        now=read.now,
        entered=row.entered_at,
        timing=table,
        gone_looks=row.gone_looks,
        gone_since=row.gone_since,
        drop_answer=drops[-1].answer if drops else steps.Answer.NONE,
        drop_taken=history.drop_was_taken,
        publishing_since=row.publishing_since,
        unsure=row.made_in < generation,
        drop_said=attempts.quoted(drops[-1]) if refused else "",
        limit=timing.holding(told, read.now),
        given_up=told is not None and told.is_over,
        marked=uploads[-1].marked_at if uploads else row.created,
    )
