# SPDX-License-Identifier: Apache-2.0
"""How many refusals become events: nothing is ever deleted from the log, so nobody may fill it by asking again.

Each process keeps its own account, in memory: what a person asks for is refused all the same, and the log of the
process has a line for each.
"""

import dataclasses
import datetime
from typing import Final


@dataclasses.dataclass(frozen=True)
class Rate:
    """So many at once, and one more each time so many seconds have passed."""

    burst: int
    seconds: float

    @property
    def whole(self) -> float:
        """After so many seconds without any, all of the burst is there again."""
        return self.burst * self.seconds


# Of one person, and of everybody together.
EACH: Final = Rate(burst=20, seconds=60)
ALL: Final = Rate(burst=200, seconds=3)
# Of so many people it is known how many were left out.
_PEOPLE: Final = 10_000


class Account:
    """What was noted lately."""

    def __init__(self) -> None:
        # By person, and for everybody under the empty name: the instant at which the whole burst is there again.
        self._until: dict[str, datetime.datetime] = {}
        self._left_out: dict[str, int] = {}

    def take(self, asf_uid: str, now: datetime.datetime) -> int | None:
        """How many of this person's refusals were left out since the last noted one; None to leave this one out."""
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
