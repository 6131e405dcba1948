# SPDX-License-Identifier: Apache-2.0
"""How often a platform is asked, how long is waited before something is believed, and when a request that was answered
429 is sent again: one table of data. Pure: time is an argument.

A wait is read off the stored answers and is not stored beside them, so no restart forgets it.
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
    # How long an index of a public directory that was not to be had is left alone.
    without_index: float = 86_400
    # What has ended is looked at again at these ages: somebody may publish it on the platform's own page, or a call of
    # ours may have been made that a restored database does not know of.
    again: tuple[float, ...] = (3_600, 86_400, 604_800, 2_592_000)
    # Between a mark and the next one, so that a delayed request has arrived.
    settling: float = 120
    # How long "not there" must last to be believed, and in how many looks.
    vanishing: float = 900
    looks: int = 3
    deadline: float = 86_400
    # After a 429 that does not say for how long: the first wait, twice as long each time up to the longest, and so long
    # in all. What was told is told: it is never divided.
    limited_first: float = 60
    limited_longest: float = 21_600
    limited_in_all: float = 259_200
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


# One polling table per mechanism; the other mechanisms come with their adapters.
# Central: 20 to 40 minutes are usual, more than an hour is seen. reference: Sonatype's answers to its users.
TIMINGS: Final = {mechanisms.Mechanism.CENTRAL_PORTAL: Timing()}

# What a platform asks for is obeyed for so long: the longest month, since Central caps publishing by month.
LONGEST_TOLD: Final = 31 * 86_400.0


@dataclasses.dataclass(frozen=True)
class Reply:
    """The answer to one request. `retry_after` is what the platform asked for; None if it said nothing."""

    answer: heard.Answer
    at: datetime.datetime
    retry_after: float | None = None
    # The platform's own words.
    words: str = ""


@dataclasses.dataclass(frozen=True)
class Wait:
    """What the newest answers, a 429 the last of them, mean for the next request of their kind."""

    # Nothing is sent before.
    until: datetime.datetime
    # It was tried for as long as a program should, so a person must ask for the next one.
    is_over: bool
    words: str

    def sentence(self, what: str) -> str:
        """The answer in the platform's words, and when the `what` (call, upload, drop) is sent again."""
        said = f": “{self.words}”." if self.words else "."
        answered = f"The platform rate-limits the {what} (429){said}"
        if self.is_over:
            return f"{answered} Retries have ended; it is sent again only when a person requests it."
        return f"{answered} It is sent again at {self.until:%H:%M} UTC on {self.until.day} {self.until:%B}."


def interval(table: tuple[tuple[float, float], ...], age: float) -> float:
    """The interval, in seconds, that a table of (up to this age, interval) has for this age."""
    return next((seconds for until, seconds in table if age < until), table[-1][1])


def again(entered: datetime.datetime, now: datetime.datetime, timing: Timing) -> datetime.datetime | None:
    """When something that ended at `entered` is looked at again; None once it was looked at for the last time."""
    # To the microsecond, as the rows keep their instants.
    ahead = (entered + datetime.timedelta(seconds=age) for age in timing.again)
    return next((at for at in ahead if at > now), None)


def told(now: datetime.datetime, retry_after: float, timing: Timing) -> datetime.datetime:
    """When to look again as a platform asked: at most an hour later, and no faster than any platform is asked.

    Looks only. What is sent waits for as long as it was told: `wait`.
    """
    return now + datetime.timedelta(seconds=min(max(retry_after, timing.asking[0][1]), 3_600.0))


def holding(wait: Wait | None, now: datetime.datetime) -> Wait | None:
    """The wait, if it is too early for the next request and time alone will change that."""
    return wait if (wait is not None) and (not wait.is_over) and (now < wait.until) else None


def wait(replies: Iterable[Reply], table: Timing) -> Wait | None:
    """What these answers, oldest first, mean for the next request; None unless the last one is a 429.

    What the platform asked for is waited for, and tried for `LONGEST_TOLD` in all. Where it said nothing, or less than
    the table would wait, the table counts: twice as long each time, and the last try when its whole time is over.
    """
    newest: Wait | None = None
    run = _Run()
    for reply in replies:
        is_limit = reply.answer is heard.Answer.LIMITED
        if (not is_limit) or ((newest is not None) and newest.is_over):
            # Another answer; or a person asked once more, and the table begins anew.
            newest, run = None, _Run()
        if is_limit:
            newest = run.after(reply, table)
    return newest


@dataclasses.dataclass
class _Run:
    """429s one after the other."""

    began: datetime.datetime | None = None
    # Since when, and how often, the platform has not said how long to wait.
    untold_since: datetime.datetime | None = None
    untold: int = 0

    def after(self, reply: Reply, table: Timing) -> Wait:
        """What this answer means, as the next one of the run."""
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
