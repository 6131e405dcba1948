# SPDX-License-Identifier: Apache-2.0
"""Whether a promotion's row says what its events say. One that was edited by hand is frozen."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.audit as audit

# After each of these the row is in a state that the event tells.
_MOVES: Final = ("promotion_requested", "promotion_moved")
_MARKED: Final = "attempt_marked"
_TO_DO: Final = "Nothing is sent. Run `atr verify-chain`, and find out who changed it."


async def disagreements(
    data: session.Session, promotions: Sequence[tables.Promotion], calls: Mapping[int | None, int] | None = None
) -> Mapping[int | None, str]:
    """By promotion: what is wrong between it with its publish attempts and its events, as a sentence; empty: nothing.

    What has no events of its own (it was recorded as published by hand) cannot disagree with them. `calls` are the
    numbers of attempts to publish, for whoever has read them in this transaction.
    """
    if not promotions:
        return {}
    subjects = {f"promotion:{row.id}": row for row in promotions}
    event = tables.Event
    wanted = (
        sqlmodel.select(event)
        .where(col(event.subject).in_(subjects), col(event.what).in_((*_MOVES, _MARKED)))
        .order_by(col(event.number))
    )
    events: dict[int | None, list[tables.Event]] = {row.id: [] for row in promotions}
    for one in (await data.exec(wanted)).all():
        if one.chain == subjects[one.subject].release_key:
            events[subjects[one.subject].id].append(one)
    if calls is None:
        calls = await _calls(data, events)
    return {row.id: _disagreement(row, calls.get(row.id, 0), events[row.id]) for row in promotions}


async def _calls(data: session.Session, ids: Collection[int | None]) -> Mapping[int | None, int]:
    attempt = tables.Attempt
    made = (
        sqlmodel.select(attempt.promotion_id, sqlalchemy.func.count())
        .where(col(attempt.promotion_id).in_(ids), attempt.kind == tables.AttemptKind.PUBLISH)
        .group_by(col(attempt.promotion_id))
    )
    return dict((await data.exec(made)).all())


def _disagreement(row: tables.Promotion, calls: int, events: Sequence[tables.Event]) -> str:
    moves = [event for event in events if event.what in _MOVES]
    if not moves:
        return ""
    last = moves[-1]
    if any(event.hash != audit.digest(event) for event in events):
        return f"The event log of this promotion was tampered with. {_TO_DO}"
    told = last.data.get("to", states.State.REQUESTED.value)
    if told != row.state.value:
        return f"The row is {row.state.value}, but the event log says {told}. {_TO_DO}"
    # A stop after a call marks drops, which are no calls to publish.
    publish = tables.AttemptKind.PUBLISH.value
    marked = sum(1 for event in events if (event.what == _MARKED) and (event.data.get("kind") == publish))
    if marked != calls:
        return f"There are {calls} attempt rows, but the event log has {marked}. {_TO_DO}"
    return ""
