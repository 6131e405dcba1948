# SPDX-License-Identifier: Apache-2.0
"""When a request that was answered 429 is sent again, read off the answers so far. Pure: time is an argument.

Nothing of it is stored beside the answers, so no restart forgets it and no look comes before it.
"""

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Final

import atr.promotion.heard as heard
import atr.promotion.timing as timing

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


def holding(wait: Wait | None, now: datetime.datetime) -> Wait | None:
    """The wait, if it is too early for the next request and time alone will change that."""
    return wait if (wait is not None) and (not wait.is_over) and (now < wait.until) else None


def wait(replies: Iterable[Reply], table: timing.Timing) -> Wait | None:
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

    def after(self, reply: Reply, table: timing.Timing) -> Wait:
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
