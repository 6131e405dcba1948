# SPDX-License-Identifier: Apache-2.0
"""What to do next with a promotion, and when to check it again. Pure: no clock, no I/O; time is an argument.

The worker calls `plan`, does what it returns, and passes the result to one of the `after_...` functions. Each of them
returns a Decision; only storage/transitions.py changes the state. Figures and reasons: docs/how-it-works.md.
"""

import dataclasses
import datetime
import enum
import typing
from collections.abc import Sequence
from typing import Final

import atr.promotion.beside as beside
import atr.promotion.heard as heard
import atr.promotion.states as states
import atr.promotion.timing as timing
import atr.shared.mechanisms as mechanisms

State = states.State
Timing = timing.Timing
Wait = timing.Wait
TIMINGS: Final = timing.TIMINGS
interval = timing.interval
told = timing.told
again = timing.again
Answer = heard.Answer
Look = heard.Look
Seen = heard.Seen
Version = heard.Version


class Do(enum.StrEnum):
    """The next action of the worker for a row."""

    NOTHING = "nothing"
    # Read the platform's state, then the staged files; then mark and send.
    VERIFY = "verify"
    # Read the platform's state.
    ASK = "ask"
    # Read the public files.
    CHECK = "check"
    # Ask the platform to drop the deployment.
    DROP = "drop"
    # The promotion has ended: check whether it is public after all.
    LOOK_AGAIN = "look-again"


# Irreversible requests of one kind that may have been accepted, per promotion and per request of a person.
_BUDGET: Final = 3


@dataclasses.dataclass(frozen=True)
class View:
    """What the rules know about a promotion."""

    state: State
    now: datetime.datetime
    mechanism: mechanisms.Mechanism
    # When it entered its state.
    entered: datetime.datetime
    timing: Timing
    # The answers to its publish attempts, oldest first, and when the last one was marked.
    answers: Sequence[Answer] = ()
    marked: datetime.datetime | None = None
    # When it is late; None before the first attempt.
    deadline: datetime.datetime | None = None
    by_hand: bool = False
    # A refusal (400, 401, 403) that waits for a person's click.
    held: bool = False
    # How often in a row, and since when, the platform had nothing under this id.
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # A person requested to send again, from IN_DOUBT.
    resend: bool = False
    # The database was restored after its deployment was created: a request may have been sent that no row records.
    unsure: bool = False
    # It is queued: another promotion must be live first, or the failure of that one stopped it.
    waits: bool = False
    # The platform, or all platforms, are switched off: nothing irreversible is sent. Polling continues.
    off: bool = False
    # The answers to the drops since the stop was requested, oldest first, and when the last one was marked.
    drops: Sequence[Answer] = ()
    drop_marked: datetime.datetime | None = None
    # Whether the platform has ever answered that it accepted a drop.
    drop_taken: bool = False
    # The wait after a 429 to the last publish request, or the last drop, while it is too early for the next one.
    limit: Wait | None = None
    drop_limit: Wait | None = None

    @property
    def attempted(self) -> bool:
        """Whether a publish request may have been accepted: any attempt without a complete refusal."""
        return any(answer not in CERTAIN_NO for answer in self.answers)

    @property
    def surely_unsent(self) -> bool:
        """Whether it is certain that no publish request was accepted."""
        return not (self.attempted or self.unsure)

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return (self.deadline is not None) and (self.now >= self.deadline)


@dataclasses.dataclass(frozen=True)
class Decision:
    """The new state of the row (None: unchanged), why, and what the worker does at once.

    VERIFY: verify again and send. DROP: have the platform drop it.
    """

    to: State | None
    reason: str = ""
    then: Do = Do.NOTHING
    # It was published outside ATR, before any publish request of ATR was accepted.
    out_of_band: bool = False


# Complete refusals: these requests were certainly not accepted.
CERTAIN_NO: Final = frozenset({Answer.REFUSED, Answer.LIMITED, Answer.CHALLENGED})
_STAY: Final = Decision(None)
_LATE: Final = Decision(State.IN_DOUBT, "It did not finish in time. Polling continues.")
_VANISHED: Final = Decision(State.IN_DOUBT, "The platform no longer shows this deployment.")


def plan(view: View) -> Do:
    """Return what to do with a due row. A promotion that is tracked by hand is never verified and sent, only polled."""
    match view.state:
        case State.REQUESTED:
            return Do.ASK if (view.by_hand or view.held or view.waits or view.off or view.limit) else Do.VERIFY
        case State.SENDING | State.PUBLISHING | State.IN_DOUBT | State.ABORTING:
            return Do.ASK
        case State.CHECKING | State.LIVE:
            return Do.CHECK
        case State.ABORTED | State.REFUSED:
            return Do.LOOK_AGAIN
        case State.DIVERGED:
            return Do.NOTHING
        case _:
            typing.assert_never(view.state)


def needs_public_look(view: View, seen: Seen) -> bool:
    """Return whether an answer is believed only together with a check of the public repository.

    Not while a deployment with a publish request is still staged: it would be too early, and caches keep a "no".
    """
    if (view.state in {State.SENDING, State.ABORTING}) and (seen is Seen.STAGED) and view.attempted:
        return False
    after = (
        view.answers
        or view.by_hand
        or view.unsure
        or (view.state in {State.PUBLISHING, State.ABORTING, State.IN_DOUBT})
    )
    return bool(after) and (seen in {Seen.FAILED, Seen.GONE, Seen.STAGED}) and (view.state is not State.CHECKING)


def after_ask(view: View, seen: Seen, look: Look = Look.NOT_LOOKED) -> Decision:
    """Return what a platform's answer means in REQUESTED, SENDING, PUBLISHING, ABORTING or IN_DOUBT."""
    if view.state is State.IN_DOUBT:
        return _after_ask_in_doubt(view, seen, look)
    if view.state is State.ABORTING:
        return _after_ask_aborting(view, seen, look)
    if seen is Seen.PUBLIC:
        return Decision(State.CHECKING, "The platform reports it as published.", out_of_band=view.surely_unsent)
    if (seen is Seen.WORKING) and (view.state is not State.PUBLISHING):
        return Decision(State.PUBLISHING, "The platform is publishing it.", out_of_band=view.surely_unsent)
    if look is Look.SOME:
        return Decision(State.CHECKING, "Some of its files are public.", out_of_band=view.surely_unsent)
    if view.state is State.REQUESTED:
        return _after_ask_requested(view, seen, look)
    if (seen is Seen.FAILED) and (look is Look.NONE):
        return Decision(State.REFUSED, "The platform rejected it, and none of its files is public.")
    if (view.state is State.SENDING) and (seen is Seen.STAGED):
        return _still_staged(view)
    return _undecided(view, seen)


def after_verify(view: View, *, equal: bool, twice: bool, difference: str) -> Decision:
    """Return what a read of the staged files means. A difference counts only after two complete reads found one."""
    if equal:
        return _STAY
    if not twice:
        return Decision(None, difference, then=Do.VERIFY)
    if (view.state is State.REQUESTED) and view.surely_unsent:
        so = "The platform accepted no publish request." if view.answers else "Nothing was sent."
        return Decision(State.REFUSED, f"{difference} {so}")
    if view.state is State.SENDING:
        return Decision(State.IN_DOUBT, f"{difference} A publish request was sent earlier, so polling continues.")
    return Decision(None, difference)


def after_check(view: View, *, complete: bool, equal: bool, twice: bool, difference: str) -> Decision:
    """Return what a read of the public files means for a promotion in CHECKING or LIVE."""
    checking = view.state is State.CHECKING
    if complete and equal:
        return Decision(State.LIVE, beside.VOTED + ".") if checking else _STAY
    if complete and twice:
        return Decision(State.DIVERGED, difference)
    if complete:
        return Decision(None, difference, then=Do.CHECK)
    if checking and view.overdue:
        return Decision(
            State.IN_DOUBT, "The platform reports it as published, but the public files did not appear in time."
        )
    return _STAY


def next_look(
    view: View, *, then: Do = Do.NOTHING, retry_after: float | None = None, jitter: float = 0.0
) -> datetime.datetime:
    """Return when the row is due again: at once to verify again, after a probe's interval to read public files again.

    `jitter`, 0 to 1, adds up to a tenth. Retry-After takes precedence, up to an hour.
    """
    if retry_after is not None:
        return told(view.now, retry_after, view.timing)
    if then is Do.VERIFY:
        return view.now
    if wait := (view.drop_limit if (view.state is State.ABORTING) else view.limit):
        return min(wait.until, view.now + datetime.timedelta(seconds=view.timing.resting))
    age = (view.now - view.entered).total_seconds()
    if then is Do.CHECK:
        return view.now + datetime.timedelta(seconds=view.timing.probing[0][1])
    match view.state:
        case State.CHECKING:
            seconds = interval(view.timing.probing, age)
        case State.REQUESTED if view.by_hand or view.answers or view.unsure:
            # By hand, or after a refused request or a restore: it is not urgent, and each check may ask in public too.
            seconds = interval(view.timing.probing, age)
        case State.REQUESTED if (view.waits or view.off) and not view.gone_looks:
            # It becomes due when the one before it moves, or the platform is switched on again; until then a person
            # may drop or publish it on the platform.
            seconds = view.timing.resting
        case State.LIVE:
            seconds = interval(view.timing.caring, age)
        case State.IN_DOUBT:
            seconds = view.timing.doubting
        case _:
            seconds = interval(view.timing.asking, age)
    return view.now + datetime.timedelta(seconds=seconds * (1 + jitter / 10))


def may_give_up(view: View, absent_since: datetime.datetime | None) -> bool:
    """Return whether a person may end a promotion as stopped although a publish request may have been accepted.

    The promotion is in doubt, or was requested before the database was restored; and its files have been observed as
    absent for as long as a deadline.
    """
    in_question = (view.state is State.IN_DOUBT) or ((view.state is State.REQUESTED) and view.unsure)
    if (not in_question) or (absent_since is None):
        return False
    return (view.now - absent_since).total_seconds() >= view.timing.deadline


def _after_ask_requested(view: View, seen: Seen, look: Look) -> Decision:
    if view.by_hand:
        # ATR sends nothing, so no answer but "public" means anything: a platform forgets ids.
        return _STAY
    match seen:
        case Seen.FAILED:
            if (view.answers or view.unsure) and (look is not Look.NONE):
                return _STAY
            return Decision(State.REFUSED, "The platform rejected the deployment, and no publish request was accepted.")
        case Seen.GONE:
            if view.answers or view.unsure:
                return Decision(None, "The platform no longer shows this deployment.")
            return _gone(
                view,
                Decision(State.REFUSED, "The platform no longer shows the staged deployment, so nothing was sent."),
                patient=False,
            )
        case Seen.STAGED:
            waits = view.held or view.attempted or view.waits or view.off
            return _STAY if waits else _proved_and_sent(view)
        case _:
            return _STAY


def _after_ask_in_doubt(view: View, seen: Seen, look: Look) -> Decision:
    if (seen is Seen.PUBLIC) or (look is Look.SOME):
        # Past the deadline the worker makes this transition only after it has read all public bytes.
        return Decision(State.CHECKING, "It has been published after all.")
    if (seen is Seen.FAILED) and (look is Look.NONE):
        return Decision(State.REFUSED, "The platform rejected it, and none of its files is public.")
    if (seen is Seen.WORKING) and not view.overdue:
        return Decision(State.PUBLISHING, "The platform is publishing it.")
    if (seen is Seen.STAGED) and view.resend and not (view.by_hand or view.off) and _is_past(view, view.marked):
        return _proved_and_sent(view)
    return _STAY


def _still_staged(view: View) -> Decision:
    if view.answers and view.surely_unsent:
        # This is certain, so no person needs to check, even past the deadline.
        return Decision(State.REQUESTED, "The platform refused the publish request, and the files are still staged.")
    if view.overdue:
        return _LATE
    if not _is_past(view, view.marked):
        return _STAY
    if view.mechanism.repeatable and view.mechanism.content_pinned and (_used(view.answers) < _BUDGET):
        if view.held or view.by_hand or view.off:
            return _STAY
        return _proved_and_sent(view, "The publish request was not accepted; the files are verified again.")
    return Decision(
        State.IN_DOUBT, "The files are still staged after the publish request, which may not be repeated automatically."
    )


def _after_ask_aborting(view: View, seen: Seen, look: Look) -> Decision:
    """Decide after a stop that followed a publish request: the platform's state shows which of them came first."""
    outside = view.surely_unsent
    if (seen is Seen.PUBLIC) or (look is Look.SOME):
        return Decision(State.CHECKING, "Too late to stop it: it is published.", out_of_band=outside)
    if seen is Seen.WORKING:
        return Decision(State.PUBLISHING, "Too late to stop it: the platform is publishing it.", out_of_band=outside)
    if (seen is Seen.FAILED) and (look is Look.NONE):
        return Decision(State.ABORTED, "The platform rejected it, and none of its files is public.")
    if seen is Seen.STAGED:
        return _not_dropped(view)
    if (seen is Seen.GONE) and (look is Look.NONE) and _proves_a_drop(view):
        return Decision(State.ABORTED, "The platform dropped it, and none of its files is public.")
    return _undecided(view, seen)


def _not_dropped(view: View) -> Decision:
    """Decide after a stop, while the files are still staged."""
    if view.answers and view.surely_unsent:
        # No publish request can take effect any more, so no drop is needed.
        return Decision(State.ABORTED, "The platform refused the publish request, and the files are still staged.")
    if view.overdue:
        return _LATE
    if view.held or view.off or not _is_past(view, view.marked):
        # Wait until the publish request has arrived or is lost: a drop that overtakes it would only seem to stop it.
        return _STAY
    last = view.drops[-1] if view.drops else Answer.NONE
    if (last not in CERTAIN_NO) and not _is_past(view, view.drop_marked):
        return _STAY
    if view.drop_limit:
        return Decision(None, view.drop_limit.sentence("drop"))
    if _used(view.drops) < (_BUDGET if view.mechanism.repeatable and view.mechanism.content_pinned else 1):
        return Decision(None, "It is still staged, so the platform is asked to drop it.", then=Do.DROP)
    return Decision(
        State.IN_DOUBT, "The files are still staged after the drop request, which may not be repeated automatically."
    )


def _proves_a_drop(view: View) -> bool:
    """Return whether an id that has been missing for long enough means that the drop was carried out.

    Only after a complete reply accepted one: a drop without an answer may never have arrived, and then the same 404
    hides a publish request in progress. And only if a deployment that is not staged any more cannot be published.
    """
    return view.drop_taken and view.mechanism.repeatable and (_gone(view, _VANISHED).to is not None)


def _undecided(view: View, seen: Seen) -> Decision:
    """Decide without a definite answer: a late or vanished deployment needs a person; else it is polled again."""
    if view.overdue:
        return _LATE
    return _gone(view, _VANISHED) if (seen is Seen.GONE) else _STAY


def _gone(view: View, end: Decision, *, patient: bool = True) -> Decision:
    since = view.gone_since or view.now
    long_enough = (not patient) or ((view.now - since).total_seconds() >= view.timing.vanishing)
    return end if (long_enough and view.gone_looks >= view.timing.looks) else _STAY


def _proved_and_sent(view: View, reason: str = "") -> Decision:
    """Verify the files and send the publish request, once no wait is left; until then nothing is verified again."""
    return (
        Decision(None, view.limit.sentence("publish request")) if view.limit else Decision(None, reason, then=Do.VERIFY)
    )


def _is_past(view: View, marked: datetime.datetime | None) -> bool:
    """Return whether a delayed request has certainly arrived by now."""
    return (marked is None) or ((view.now - marked).total_seconds() >= view.timing.settling)


def _used(answers: Sequence[Answer]) -> int:
    """Return how much of the budget these requests used: a complete refusal uses none."""
    return sum(1 for answer in answers if answer not in CERTAIN_NO)
