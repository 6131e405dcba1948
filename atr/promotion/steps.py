# SPDX-License-Identifier: Apache-2.0
"""What to do next with a promotion, and when to look again. Pure: no clock, no I/O; time is an argument.

The worker asks `plan` what to do, does it, and hands what it learnt to one of the `after_...` functions. Each of them
answers with a Decision; storage/writers alone draws the arrow. Figures and reasons: docs/how-it-works.md.
"""

import dataclasses
import datetime
import enum
import typing
from collections.abc import Sequence
from typing import Final

import atr.promotion.states as states
import atr.shared.distribution as distribution

State = states.State


class Seen(enum.StrEnum):
    """What a platform said of a deployment, in our words."""

    WAITING = "waiting"
    STAGED = "staged"
    WORKING = "working"
    PUBLIC = "public"
    FAILED = "failed"
    # Nothing under this id. Not proof: an unknown id, no right to see it, and a lag all look the same.
    GONE = "gone"
    # An answer that says nothing definite: a fault, an unknown word, a missing field.
    UNKNOWN = "unknown"


class Answer(enum.StrEnum):
    """What came back from an irreversible request. Only a hint; the platform's state decides."""

    NONE = "none"
    # A complete 400, 401, 403 or 429: certainly not taken.
    REFUSED = "refused"
    # The same, and the platform said when to come back.
    LIMITED = "limited"
    TAKEN = "taken"
    UNCLEAR = "unclear"


class Look(enum.StrEnum):
    """What the public place showed of the files."""

    NOT_LOOKED = "not-looked"
    NONE = "none"
    SOME = "some"


class Do(enum.StrEnum):
    """What the worker does with a row now."""

    NOTHING = "nothing"
    # Read the platform's state, then the staged files; then mark and send.
    VERIFY = "verify"
    # Read the platform's state.
    ASK = "ask"
    # Read the public files.
    CHECK = "check"


@dataclasses.dataclass(frozen=True)
class Timing:
    """Every duration in seconds. Sandbox mode runs the same table faster, by `faster`."""

    # The age up to which an interval holds, and the interval: how often a moving deployment is asked about.
    asking: tuple[tuple[float, float], ...] = ((120, 10), (600, 30), (86_400, 60))
    # A public place bans those who poll it: one file, at long intervals.
    probing: tuple[tuple[float, float], ...] = ((600, 120), (86_400, 300))
    # A person must look; we go on looking, rarely.
    doubting: float = 600
    # A staged deployment nobody touches: somebody may drop it.
    resting: float = 3_600
    # After-care of what is live.
    caring: tuple[tuple[float, float], ...] = ((3_600, 3_600), (86_400, 82_800), (691_200, 604_800))
    # Between a mark and the next one, so that a delayed request has arrived.
    settling: float = 120
    # How long "not there" must last to be believed, and in how many looks.
    vanishing: float = 900
    looks: int = 3
    deadline: float = 86_400
    # What a person may be told to expect, from and to.
    usual: tuple[float, float] = (600, 2_400)

    def faster(self, factor: float) -> "Timing":
        """The same table, every duration divided by the factor."""
        return dataclasses.replace(
            self,
            asking=_divided(self.asking, factor),
            probing=_divided(self.probing, factor),
            doubting=self.doubting / factor,
            resting=self.resting / factor,
            caring=_divided(self.caring, factor),
            settling=self.settling / factor,
            vanishing=self.vanishing / factor,
            deadline=self.deadline / factor,
            usual=(self.usual[0] / factor, self.usual[1] / factor),
        )


# One polling table per mechanism; the other mechanisms come with their adapters.
# Central: 20 to 40 minutes are usual, more than an hour is seen. reference: Sonatype's answers to its users.
TIMINGS: Final = {distribution.Mechanism.CENTRAL_PORTAL: Timing()}

# Irreversible requests that may have been taken, for one promotion.
_BUDGET: Final = 3


@dataclasses.dataclass(frozen=True)
class View:
    """What the rules may know of a promotion."""

    state: State
    now: datetime.datetime
    mechanism: distribution.Mechanism
    # When it entered its state.
    entered: datetime.datetime
    timing: Timing
    # The answers to its publish attempts, oldest first, and when the last one was marked.
    answers: Sequence[Answer] = ()
    marked: datetime.datetime | None = None
    # The 24 hours count from here; None before the first attempt.
    deadline: datetime.datetime | None = None
    by_hand: bool = False
    # A refusal (400, 401, 403) that waits for a person's click.
    held: bool = False
    # How often in a row, and since when, the platform had nothing under this id.
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # A person asked to send again, from IN_DOUBT.
    resend: bool = False
    # The database was restored since its deployment was made: a call may have been made that no row tells of.
    unsure: bool = False
    # It is not its turn: another promotion must be live first, or that one's trouble stopped it.
    waits: bool = False

    @property
    def attempted(self) -> bool:
        """Whether a request may be anywhere: any attempt but the completely refused ones."""
        return any(answer not in CERTAIN_NO for answer in self.answers)

    @property
    def surely_unsent(self) -> bool:
        """Whether no call of ours can have been taken."""
        return not (self.attempted or self.unsure)

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return (self.deadline is not None) and (self.now >= self.deadline)


@dataclasses.dataclass(frozen=True)
class Decision:
    """Where the row goes (None: it stays), why, and what the worker does at once (VERIFY: look again and send)."""

    to: State | None
    reason: str = ""
    then: Do = Do.NOTHING
    # It was published outside ATR, before any call of ours.
    out_of_band: bool = False


# Complete refusals: whatever else is unclear, these were not taken.
CERTAIN_NO: Final = frozenset({Answer.REFUSED, Answer.LIMITED})
_STAY: Final = Decision(None)
_LATE: Final = Decision(State.IN_DOUBT, "It did not end in time. We keep looking.")


def plan(view: View) -> Do:
    """What to do with a due row. What is tracked by hand is never verified for sending: it is only asked about."""
    match view.state:
        case State.REQUESTED:
            return Do.ASK if (view.by_hand or view.held or view.waits) else Do.VERIFY
        case State.SENDING | State.PUBLISHING | State.IN_DOUBT | State.ABORTING:
            return Do.ASK
        case State.CHECKING | State.LIVE:
            return Do.CHECK
        case State.DIVERGED | State.ABORTED | State.REFUSED:
            return Do.NOTHING
        case _:
            typing.assert_never(view.state)


def needs_public_look(view: View, seen: Seen) -> bool:
    """Whether an answer is believed only together with a look at the public place.

    Not while the platform still holds what we may have published: it would be too early, and caches keep a "no".
    """
    if (view.state is State.SENDING) and (seen is Seen.STAGED) and view.attempted:
        return False
    after = (
        view.answers
        or view.by_hand
        or view.unsure
        or (view.state in {State.PUBLISHING, State.ABORTING, State.IN_DOUBT})
    )
    return bool(after) and (seen in {Seen.FAILED, Seen.GONE, Seen.STAGED}) and (view.state is not State.CHECKING)


def after_ask(view: View, seen: Seen, look: Look = Look.NOT_LOOKED) -> Decision:
    """What a platform's answer means for a promotion in REQUESTED, SENDING, PUBLISHING, ABORTING or IN_DOUBT."""
    if view.state is State.IN_DOUBT:
        return _after_ask_in_doubt(view, seen, look)
    if seen is Seen.PUBLIC:
        return Decision(State.CHECKING, "The platform says it is public.", out_of_band=view.surely_unsent)
    if (seen is Seen.WORKING) and (view.state is not State.PUBLISHING):
        return Decision(State.PUBLISHING, "The platform is publishing it.", out_of_band=view.surely_unsent)
    if look is Look.SOME:
        return Decision(State.CHECKING, "Files of it are public.", out_of_band=view.surely_unsent)
    if view.state is State.REQUESTED:
        return _after_ask_requested(view, seen, look)
    if (seen is Seen.FAILED) and (look is Look.NONE):
        end = State.ABORTED if (view.state is State.ABORTING) else State.REFUSED
        return Decision(end, "The platform gave up on it, and none of its files is public.")
    if (view.state is State.SENDING) and (seen is Seen.STAGED):
        return _still_staged(view)
    if view.overdue:
        return _LATE
    if seen is Seen.GONE:
        return _gone(view, Decision(State.IN_DOUBT, "The platform has nothing under this id any more."))
    return _STAY


def after_verify(view: View, *, equal: bool, twice: bool, difference: str) -> Decision:
    """What reading the staged files means. Two complete reads must differ before a difference counts."""
    if equal:
        return _STAY
    if not twice:
        return Decision(None, difference, then=Do.VERIFY)
    if (view.state is State.REQUESTED) and view.surely_unsent:
        so = "The platform took no call of ours." if view.answers else "Nothing was sent."
        return Decision(State.REFUSED, f"{difference} {so}")
    if view.state is State.SENDING:
        return Decision(State.IN_DOUBT, f"{difference} A call was made before, so we keep looking.")
    return Decision(None, difference)


def after_check(view: View, *, complete: bool, equal: bool, twice: bool, difference: str) -> Decision:
    """What reading the public files means for a promotion in CHECKING or LIVE."""
    if complete and equal:
        return Decision(State.LIVE, "Every public file is the file that was voted on.") if _checking(view) else _STAY
    if complete and twice:
        return Decision(State.DIVERGED, difference)
    if complete:
        return Decision(None, difference, then=Do.CHECK)
    if _checking(view) and view.overdue:
        return Decision(State.IN_DOUBT, "The platform says public, but the public files did not appear in time.")
    return _STAY


def next_look(
    view: View, *, then: Do = Do.NOTHING, retry_after: float | None = None, jitter: float = 0.0
) -> datetime.datetime:
    """When the row is due again: at once for another proof, a probe's interval later for another public reading.

    `jitter`, 0 to 1, adds up to a tenth; Retry-After wins, up to an hour.
    """
    if retry_after is not None:
        return told(view.now, retry_after, view.timing)
    if then is Do.VERIFY:
        return view.now
    age = (view.now - view.entered).total_seconds()
    if then is Do.CHECK:
        return view.now + datetime.timedelta(seconds=view.timing.probing[0][1])
    match view.state:
        case State.CHECKING:
            seconds = interval(view.timing.probing, age)
        case State.REQUESTED if view.by_hand or view.answers or view.unsure:
            # By hand, or after a refused call or a restore: nothing is in a hurry, and each look asks in public too.
            seconds = interval(view.timing.probing, age)
        case State.REQUESTED if view.waits and not view.gone_looks:
            # It becomes due when the one before it moves; until then somebody may drop or publish it elsewhere.
            seconds = view.timing.resting
        case State.LIVE:
            seconds = interval(view.timing.caring, age)
        case State.IN_DOUBT:
            seconds = view.timing.doubting
        case _:
            seconds = interval(view.timing.asking, age)
    return view.now + datetime.timedelta(seconds=seconds * (1 + jitter / 10))


def told(now: datetime.datetime, retry_after: float, timing: Timing) -> datetime.datetime:
    """When to come back as a platform asked: at most an hour later, and no faster than any platform is asked."""
    return now + datetime.timedelta(seconds=min(max(retry_after, timing.asking[0][1]), 3_600.0))


def may_give_up(view: View, absent_since: datetime.datetime | None) -> bool:
    """Whether a person may call a promotion stopped of which a call may have been taken.

    That is one in doubt, or one that was asked for before the database was restored; both only after a deadline's
    length of observed absence.
    """
    in_question = (view.state is State.IN_DOUBT) or ((view.state is State.REQUESTED) and view.unsure)
    if (not in_question) or (absent_since is None):
        return False
    return (view.now - absent_since).total_seconds() >= view.timing.deadline


def interval(table: tuple[tuple[float, float], ...], age: float) -> float:
    """The interval, in seconds, that a table of (up to this age, interval) has for this age."""
    return next((seconds for until, seconds in table if age < until), table[-1][1])


def _after_ask_requested(view: View, seen: Seen, look: Look) -> Decision:
    if view.by_hand:
        # Never sent, so nothing but "public" says anything of it: a platform forgets ids.
        return _STAY
    match seen:
        case Seen.FAILED:
            if (view.answers or view.unsure) and (look is not Look.NONE):
                return _STAY
            return Decision(State.REFUSED, "The platform gave up on the deployment; nothing was published.")
        case Seen.GONE:
            if view.answers or view.unsure:
                return Decision(None, "The platform has nothing under this id any more.")
            return _gone(
                view, Decision(State.REFUSED, "The staged deployment was dropped, so nothing was sent."), patient=False
            )
        case Seen.STAGED:
            return _STAY if (view.held or view.attempted or view.waits) else Decision(None, then=Do.VERIFY)
        case _:
            return _STAY


def _after_ask_in_doubt(view: View, seen: Seen, look: Look) -> Decision:
    if (seen is Seen.PUBLIC) or (look is Look.SOME):
        # Past the deadline the worker reads all public bytes first and only then draws this arrow.
        return Decision(State.CHECKING, "It is public after all.")
    if (seen is Seen.FAILED) and (look is Look.NONE):
        return Decision(State.REFUSED, "The platform gave up on it, and none of its files is public.")
    if (seen is Seen.WORKING) and not view.overdue:
        return Decision(State.PUBLISHING, "The platform is publishing it.")
    if (seen is Seen.STAGED) and view.resend and (not view.by_hand) and _settled(view):
        return Decision(None, then=Do.VERIFY)
    return _STAY


def _still_staged(view: View) -> Decision:
    if view.answers and view.surely_unsent:
        # Certain, so it needs nobody to look, however late it is.
        return Decision(State.REQUESTED, "The platform refused the call, and the files are still staged.")
    if view.overdue:
        return _LATE
    if not _settled(view):
        return _STAY
    used = sum(1 for answer in view.answers if answer not in CERTAIN_NO)
    if view.mechanism.repeatable and view.mechanism.content_pinned and (used < _BUDGET):
        if view.held or view.by_hand:
            return _STAY
        return Decision(None, "The call was not taken; proving the files again before the next one.", then=Do.VERIFY)
    return Decision(
        State.IN_DOUBT, "The files are still staged after our call, and we may not send it again by ourselves."
    )


def _gone(view: View, end: Decision, *, patient: bool = True) -> Decision:
    since = view.gone_since or view.now
    long_enough = (not patient) or ((view.now - since).total_seconds() >= view.timing.vanishing)
    return end if (long_enough and view.gone_looks >= view.timing.looks) else _STAY


def _settled(view: View) -> bool:
    """Whether a delayed request has arrived by now."""
    return (view.marked is None) or ((view.now - view.marked).total_seconds() >= view.timing.settling)


def _checking(view: View) -> bool:
    return view.state is State.CHECKING


def _divided(table: tuple[tuple[float, float], ...], factor: float) -> tuple[tuple[float, float], ...]:
    return tuple((until / factor, interval / factor) for until, interval in table)
