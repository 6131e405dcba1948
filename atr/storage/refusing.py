# SPDX-License-Identifier: Apache-2.0
"""Limits how many refusals become events: nothing is ever deleted from the event log, so nobody may fill it.

Each process counts on its own, in memory. A request is refused whether or not it becomes an event, and the log of the
process has a line for each.
"""

import dataclasses
import datetime
from typing import Final


@dataclasses.dataclass(frozen=True)
class Rate:
    """`burst` events at once, and one more each time `seconds` have passed."""

    burst: int
    seconds: float

    @property
    def whole(self) -> float:
        """The seconds without an event after which the whole burst is available again."""
        return self.burst * self.seconds


# For one person, and for all people together.
EACH: Final = Rate(burst=20, seconds=60)
ALL: Final = Rate(burst=200, seconds=3)
# The most people for whom omitted refusals are counted.
_PEOPLE: Final = 10_000


class Account:
    """The refusals that recently became events."""

    def __init__(self) -> None:
        # By person, and under the empty name for all: the instant at which the whole burst is available again.
        self._until: dict[str, datetime.datetime] = {}
        self._left_out: dict[str, int] = {}

    def take(self, asf_uid: str, now: datetime.datetime) -> int | None:
        """Return how many of this person's refusals were omitted since the last event; None to omit this one."""
        ends = {name: self._next(name, rate, now) for name, rate in ((asf_uid, EACH), ("", ALL))}
        if None in ends.values():
            if (asf_uid in self._left_out) or (len(self._left_out) < _PEOPLE):
                self._left_out[asf_uid] = self._left_out.get(asf_uid, 0) + 1
            return None
        self._until |= {name: until for name, until in ends.items() if until is not None}
        if len(self._until) > _PEOPLE:
            self._until = {name: until for name, until in self._until.items() if until > now}
        return self._left_out.pop(asf_uid, 0)

    def _next(self, name: str, rate: Rate, now: datetime.datetime) -> datetime.datetime | None:
        until = max(self._until.get(name, now), now) + datetime.timedelta(seconds=rate.seconds)
        return until if (until - now).total_seconds() <= rate.whole else None
