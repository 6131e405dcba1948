# SPDX-License-Identifier: Apache-2.0
"""How often a platform is polled, how long an absence must last to be believed, and when a request that was answered
429 is sent again: one table of data. Pure: time is an argument.

A wait is computed from the stored answers and not stored itself, so no restart forgets it.
"""

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Final

import atr.promotion.heard as heard
import atr.shared.mechanisms as mechanisms


@dataclasses.dataclass(frozen=True)
class Timing:
    """Every duration in seconds. Sandbox mode runs the same table faster, by `faster`."""

    # (age up to which an interval applies, interval): how often a deployment that is about to change is polled.
    asking: tuple[tuple[float, float], ...] = ((120, 10), (600, 30), (86_400, 60))
    # A public repository bans clients that poll it: one file, at long intervals.
    probing: tuple[tuple[float, float], ...] = ((600, 120), (86_400, 300))
    # A promotion in doubt waits for a person; polling continues, rarely.
    doubting: float = 600
    # A staged deployment without a promotion in progress: a person may drop it on the platform.
    resting: float = 3_600
    # After-care of live versions.
    caring: tuple[tuple[float, float], ...] = ((3_600, 3_600), (86_400, 82_800), (691_200, 604_800))
    # How long to wait before the index of a public directory is requested again after a failure.
    without_index: float = 86_400
    # The ages at which an ended row is checked again: a person may publish it on the platform's own page, or a request
    # may have been sent that a restored database does not record.
    again: tuple[float, ...] = (3_600, 86_400, 604_800, 2_592_000)
    # Between a mark and the next one, so that a delayed request has arrived.
    settling: float = 120
    # How long an absence must last to be believed, and how many checks must find it.
    vanishing: float = 900
    looks: int = 3
    deadline: float = 86_400
    # After a 429 without a Retry-After: the first wait, which doubles up to the longest one, and the time in which
    # ATR retries. A wait that the platform asked for is never divided.
    limited_first: float = 60
    limited_longest: float = 21_600
    limited_in_all: float = 259_200
    # The usual duration that people are given, from and to.
    usual: tuple[float, float] = (600, 2_400)

    def faster(self, factor: float) -> "Timing":
        """Return the same table with every duration divided by the factor."""
        return dataclasses.replace(
            self,
            asking=_divided(self.asking, factor),
            probing=_divided(self.probing, factor),
            doubting=self.doubting / factor,
            resting=self.resting / factor,
            caring=_divided(self.caring, factor),
            without_index=self.without_index / factor,
            again=tuple(age / factor for age in self.again),
            settling=self.settling / factor,
            vanishing=self.vanishing / factor,
            deadline=self.deadline / factor,
            limited_first=self.limited_first / factor,
            limited_longest=self.limited_longest / factor,
            limited_in_all=self.limited_in_all / factor,
            usual=(self.usual[0] / factor, self.usual[1] / factor),
        )


# One table per mechanism; other mechanisms come with their adapters.
# Central: 20 to 40 minutes are usual, more than an hour occurs. Source: Sonatype's answers to its users.
TIMINGS: Final = {mechanisms.Mechanism.CENTRAL_PORTAL: Timing()}

# The longest wait that a platform may ask for: the longest month, since Central limits publishing by month.
LONGEST_TOLD: Final = 31 * 86_400.0


@dataclasses.dataclass(frozen=True)
class Reply:
    """The answer to one request. `retry_after` is the wait that the platform asked for, or None."""

    answer: heard.Answer
    at: datetime.datetime
    retry_after: float | None = None
    # The platform's own words.
    words: str = ""


@dataclasses.dataclass(frozen=True)
class Wait:
    """The wait before the next request of a kind whose last answer was a 429."""

    # Nothing is sent before this time.
    until: datetime.datetime
    # Automatic retries have ended, so a person must request the next one.
    is_over: bool
    words: str

    def sentence(self, what: str) -> str:
        """Return the answer in the platform's words and when the `what`, such as "publish request", is sent again."""
        said = f": “{self.words}”." if self.words else "."
        answered = f"The platform rate-limits the {what} (429){said}"
        if self.is_over:
            return f"{answered} Retries have ended; it is sent again only when a person requests it."
        return f"{answered} It is sent again at {self.until:%H:%M} UTC on {self.until.day} {self.until:%B}."


def interval(table: tuple[tuple[float, float], ...], age: float) -> float:
    """Return the interval for this age, in seconds, from a table of (up to this age, interval)."""
    return next((seconds for until, seconds in table if age < until), table[-1][1])


def again(entered: datetime.datetime, now: datetime.datetime, timing: Timing) -> datetime.datetime | None:
    """Return when a row that ended at `entered` is checked again; None after the last check."""
    # Exact to the microsecond, like the times in the rows.
    ahead = (entered + datetime.timedelta(seconds=age) for age in timing.again)
    return next((at for at in ahead if at > now), None)


def told(now: datetime.datetime, retry_after: float, timing: Timing) -> datetime.datetime:
    """Return when to poll again after a Retry-After: at most an hour later, and not before the shortest interval.

    This is for polls only. A request with an effect waits for as long as the platform asked for: see `wait`.
    """
    return now + datetime.timedelta(seconds=min(max(retry_after, timing.asking[0][1]), 3_600.0))


def holding(wait: Wait | None, now: datetime.datetime) -> Wait | None:
    """Return the wait if it is too early for the next request and no person is needed; else None."""
    return wait if (wait is not None) and (not wait.is_over) and (now < wait.until) else None


def wait(replies: Iterable[Reply], table: Timing) -> Wait | None:
    """Return the wait after these answers, oldest first; None unless the last one is a 429.

    A wait that the platform asked for is kept, with retries for `LONGEST_TOLD` in all. If it asked for none, or for
    less than the table has, the table counts: the wait doubles each time, and the last retry is at the end of its time.
    """
    newest: Wait | None = None
    run = _Run()
    for reply in replies:
        is_limit = reply.answer is heard.Answer.LIMITED
        if (not is_limit) or ((newest is not None) and newest.is_over):
            # Another answer; or a person requested a retry, and the table starts again.
            newest, run = None, _Run()
        if is_limit:
            newest = run.after(reply, table)
    return newest


@dataclasses.dataclass
class _Run:
    """A run of consecutive 429s."""

    began: datetime.datetime | None = None
    # Since when, and how often, the platform has given no usable Retry-After.
    untold_since: datetime.datetime | None = None
    untold: int = 0

    def after(self, reply: Reply, table: Timing) -> Wait:
        """Return the wait after this answer, the next one of the run."""
        self.began = self.began or reply.at
        step = min(table.limited_first * 2 ** min(self.untold, 32), table.limited_longest)
        if (reply.retry_after is not None) and (reply.retry_after >= step):
            self.untold_since, self.untold = None, 0
            until = reply.at + datetime.timedelta(seconds=min(reply.retry_after, LONGEST_TOLD))
            return Wait(until, reply.at >= self.began + datetime.timedelta(seconds=LONGEST_TOLD), reply.words)
        self.untold_since = self.untold_since or reply.at
        self.untold += 1
        end = self.untold_since + datetime.timedelta(seconds=table.limited_in_all)
        return Wait(min(reply.at + datetime.timedelta(seconds=step), end), reply.at >= end, reply.words)


def _divided(table: tuple[tuple[float, float], ...], factor: float) -> tuple[tuple[float, float], ...]:
    return tuple((until / factor, interval / factor) for until, interval in table)
