# SPDX-License-Identifier: Apache-2.0
"""What a look at a platform means for a deployment that no promotion is at work on. Pure."""

import dataclasses
import datetime
import typing
from typing import Final

import atr.promotion.states as states
import atr.promotion.steps as steps

_State = states.DeploymentState


@dataclasses.dataclass(frozen=True)
class View:
    """What the rules may know of a deployment."""

    state: _State
    now: datetime.datetime
    entered: datetime.datetime
    timing: steps.Timing
    # How often in a row, this look included, the platform had nothing under this id, and since when.
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # The answer to our request to drop it; NONE before there is one.
    drop_answer: steps.Answer = steps.Answer.NONE


@dataclasses.dataclass(frozen=True)
class Decision:
    """Where the row goes (None: it stays) and what is wrong, for people."""

    to: _State | None
    problem: str = ""


_STAY: Final = Decision(None)


def after_look(view: View, seen: steps.Seen, detail: str) -> Decision:
    """What the platform's answer means for a deployment in VALIDATING, STAGED or DROPPING."""
    match seen:
        case steps.Seen.PUBLIC | steps.Seen.WORKING:
            return Decision(_State.PUBLISHED, _too_early(view))
        case steps.Seen.GONE:
            return _gone(view)
        case steps.Seen.FAILED:
            return _failed(view, detail)
        case steps.Seen.STAGED:
            return _staged(view)
        case steps.Seen.WAITING | steps.Seen.UNKNOWN:
            return _STAY
        case _:
            typing.assert_never(seen)


def next_look(view: View, *, retry_after: float | None = None, jitter: float = 0.0) -> datetime.datetime:
    """When the row is due again: often while it moves, rarely while it rests."""
    if retry_after is not None:
        return steps.told(view.now, retry_after, view.timing)
    if view.state in {_State.VALIDATING, _State.DROPPING, _State.UPLOADING} or view.gone_looks:
        seconds = steps.interval(view.timing.asking, (view.now - view.entered).total_seconds())
    else:
        seconds = view.timing.resting
    return view.now + datetime.timedelta(seconds=seconds * (1 + jitter / 10))


def next_pending_look(
    now: datetime.datetime, looks: int, timing: steps.Timing, *, retry_after: float | None = None
) -> datetime.datetime:
    """When a row that is said to be public is looked for again: each time later, up to once a day, never given up."""
    if retry_after is not None:
        return steps.told(now, retry_after, timing)
    seconds = min(timing.probing[0][1] * 2 ** min(looks, 12), timing.deadline)
    return now + datetime.timedelta(seconds=seconds)


def after_search(view: View, *, found: bool, looks: int) -> Decision:
    """What looking for an upload by its name means, after its reply was lost. A second upload is never the answer."""
    if found:
        return Decision(_State.VALIDATING)
    waited = (view.now - view.entered).total_seconds() >= view.timing.vanishing
    if waited and (looks >= view.timing.looks):
        return Decision(
            _State.LOST,
            "We sent the files, got no answer, and the platform shows nothing under the name we gave it. "
            "Look at the platform's own page: give us its id if it is there, or say that it never arrived.",
        )
    return _STAY


def _too_early(view: View) -> str:
    if view.state is _State.VALIDATING:
        return (
            "The platform published it by itself, without waiting for the vote: it was staged as automatic. "
            "Tell the committee, and stage as user-managed next time."
        )
    return ""


def _gone(view: View) -> Decision:
    if view.state is _State.DROPPING:
        if (view.drop_answer is steps.Answer.TAKEN) or (view.gone_looks >= view.timing.looks):
            return Decision(_State.DROPPED)
        return _STAY
    since = view.gone_since or view.now
    # An id that was just given may not be found at first, and a 404 may be an outage; GONE has no way back.
    long_enough = (view.now - since).total_seconds() >= view.timing.vanishing
    if long_enough and (view.gone_looks >= view.timing.looks):
        return Decision(
            _State.GONE,
            "The platform does not show it to our account: it was dropped, it expired, or another account staged it.",
        )
    return _STAY


def _failed(view: View, detail: str) -> Decision:
    if view.state is _State.DROPPING:
        return Decision(_State.FAILED, "It was not dropped.") if _answered(view) else _STAY
    if view.state is _State.STAGED:
        # The table has no arrow from STAGED to FAILED: what was validated and then failed counts as gone.
        return Decision(_State.GONE, f"The platform says it failed. {detail}".strip())
    return Decision(_State.FAILED, detail or "The platform refused the files and gave no reason.")


def _staged(view: View) -> Decision:
    if view.state is _State.VALIDATING:
        return Decision(_State.STAGED)
    if (view.state is _State.DROPPING) and _answered(view):
        return Decision(_State.STAGED, "The platform did not drop it.")
    return _STAY


def _answered(view: View) -> bool:
    settled = (view.now - view.entered).total_seconds() >= view.timing.settling
    return (view.drop_answer in {steps.Answer.REFUSED, steps.Answer.LIMITED}) or settled
