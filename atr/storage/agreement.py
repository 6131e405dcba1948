# SPDX-License-Identifier: Apache-2.0
"""Whether a promotion's row says what its events say. One that was edited by hand is frozen."""

from collections.abc import Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.audit as audit

# After each of these the row is in a state that the event tells.
_MOVES: Final = ("promotion_requested", "promotion_moved")
_MARKED: Final = "attempt_marked"
_TO_DO: Final = "Nothing of it is sent. Run `atr verify-chain`, and find out who changed it."


async def disagreement(data: session.Session, row: tables.Promotion, attempts: Sequence[tables.Attempt]) -> str:
    """What is wrong between a promotion with its publish attempts and its events, as a sentence; empty if nothing is.

    What has no events of its own (it was recorded as published by hand) cannot disagree with them.
    """
    wanted = (
        sqlmodel.select(tables.Event)
        .where(
            tables.Event.subject == f"promotion:{row.id}",
            tables.Event.chain == row.release_key,
            col(tables.Event.what).in_((*_MOVES, _MARKED)),
        )
        .order_by(col(tables.Event.number))
    )
    events = (await data.exec(wanted)).all()
    moves = [event for event in events if event.what in _MOVES]
    if not moves:
        return ""
    last = moves[-1]
    if any(event.hash != audit.digest(event) for event in events):
        return f"The log of this promotion was changed by hand. {_TO_DO}"
    told = last.data.get("to", states.State.REQUESTED.value)
    if told != row.state.value:
        return f"The row says {row.state.value}, the log of events says {told}. {_TO_DO}"
    # A stop after a call marks drops, which are no calls to publish.
    publish = tables.AttemptKind.PUBLISH.value
    marked = sum(1 for event in events if (event.what == _MARKED) and (event.data.get("kind") == publish))
    if marked != len(attempts):
        return f"The rows tell of {len(attempts)} calls, the log of events of {marked}. {_TO_DO}"
    return ""
