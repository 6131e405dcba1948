# SPDX-License-Identifier: Apache-2.0
"""How often a platform is looked at, and when it is left alone. Pure: no clock, no I/O; time is an argument.

Every process keeps to the same account (a row), so more workers ask no platform more often. A breaker opens when the
platform stops answering; while it is open nothing is sent, and one read at a time finds out whether it answers again.
"""

import dataclasses
import datetime
import enum
import math
from collections.abc import Mapping
from typing import Final

import atr.reasons as reasons


class Reach(enum.StrEnum):
    """What a look reaches: two places that fail and limit apart from each other."""

    # The platform, with our credential.
    ACCOUNT = "account"
    # The public place, which shows everybody the same.
    PUBLIC = "public"


class Breaker(enum.StrEnum):
    """Whether the platform is asked as usual."""

    CLOSED = "closed"
    # It is time for one read; whoever takes it finds out for everybody.
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much is asked of one place. Durations in seconds."""

    # So many rows are looked at within `per`, saved up to as many; None for as many as are due.
    looks: int | None = None
    per: float = 60
    # So many faults (no complete answer, or a 5xx) within this time open the breaker, and it rests so long.
    faults: int = 5
    within: float = 120
    rest: float = 60

    def faster(self, factor: float) -> "Limits":
        """The same, every duration divided by the factor."""
        return dataclasses.replace(self, per=self.per / factor, within=self.within / factor, rest=self.rest / factor)


# The public place has a pace of its own between two reads of files (ATR_PACE).
LIMITS: Final[Mapping[Reach, Limits]] = {Reach.ACCOUNT: Limits(looks=10), Reach.PUBLIC: Limits()}
# However long a platform asks us to stay away.
_LONGEST: Final = 3_600.0
_ANSWERED: Final = 500
# So that the instant that was named for a look does have it, though fractions were rounded.
_HAIR: Final = 1e-6


@dataclasses.dataclass(frozen=True)
class Account:
    """Where an account stands; as it begins: full, and closed."""

    # Of the looks that may be made at once; None for all of them.
    tokens: float | None = None
    filled_at: datetime.datetime | None = None
    # The newest faults, oldest first.
    faults: tuple[datetime.datetime, ...] = ()
    # None while the breaker is closed; else since when it rests.
    opened_at: datetime.datetime | None = None
    # Until when somebody's probe may take.
    probing_until: datetime.datetime | None = None
    # The platform asked us to stay away until then.
    paused_until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How many rows may be looked at now."""

    looks: int
    breaker: Breaker


def verdict(account: Account, limits: Limits, now: datetime.datetime, *, at_most: int) -> Verdict:
    """How many rows may be looked at now: of a half-open account one, which only reads."""
    breaker = breaker_of(account, limits, now)
    if _wait_until(account, limits, now, breaker) is not None:
        return Verdict(0, breaker)
    if breaker is Breaker.HALF_OPEN:
        return Verdict(1, breaker)
    return Verdict(
        min(at_most, math.floor(_tokens(account, limits, now) + _HAIR)) if limits.looks else at_most, breaker
    )


def breaker_of(account: Account, limits: Limits, now: datetime.datetime) -> Breaker:
    """Whether the platform is asked as usual."""
    if account.opened_at is None:
        return Breaker.CLOSED
    rested = now >= account.opened_at + datetime.timedelta(seconds=limits.rest)
    return Breaker.HALF_OPEN if rested else Breaker.OPEN


def spent(account: Account, limits: Limits, now: datetime.datetime, looks: int) -> Account:
    """So many rows are being looked at."""
    if limits.looks is None:
        return account
    return dataclasses.replace(account, tokens=max(0.0, _tokens(account, limits, now) - looks), filled_at=now)


def after_fault(account: Account, limits: Limits, now: datetime.datetime) -> Account:
    """The platform gave no complete answer, or one of its own faults. An open breaker rests anew."""
    if account.opened_at is not None:
        return dataclasses.replace(account, opened_at=now, probing_until=None)
    since = now - datetime.timedelta(seconds=limits.within)
    faults = (*(one for one in account.faults if one > since), now)
    if len(faults) < limits.faults:
        return dataclasses.replace(account, faults=faults)
    return dataclasses.replace(account, faults=(), opened_at=now, probing_until=None)


def after_probe(account: Account) -> Account:
    """It answered the probe: everybody may ask again."""
    return dataclasses.replace(account, faults=(), opened_at=None, probing_until=None)


def after_told(account: Account, now: datetime.datetime, retry_after: float) -> Account:
    """It asked us to stay away, for at most an hour; that goes for every row."""
    until = now + datetime.timedelta(seconds=min(retry_after, _LONGEST))
    return dataclasses.replace(account, paused_until=max(until, account.paused_until or until))


def is_fault(status: int | None) -> bool:
    """Whether an answer without use counts against the platform; None for no complete answer. A 4xx is an answer."""
    return (status is None) or (status >= _ANSWERED)


def silence(name: str, limits: Limits) -> reasons.Reason:
    """Why nothing is sent through an account whose breaker is open."""
    return reasons.of("silent", platform=name, faults=limits.faults, within=_minutes(limits.within))


def waiting(
    name: str, account: Account, limits: Limits, now: datetime.datetime
) -> tuple[str, datetime.datetime] | None:
    """Why no row is looked at now, in a sentence, and when that may change; None if rows are looked at."""
    breaker = breaker_of(account, limits, now)
    until = _wait_until(account, limits, now, breaker)
    if until is None:
        return None
    at = f"{until:%H:%M:%S} UTC"
    if breaker is not Breaker.CLOSED:
        why = f"{name} failed to respond {limits.faults} times within {_minutes(limits.within)}; next request at {at}."
    elif (account.paused_until or now) > now:
        why = f"{name} asked for a pause; next request at {at}."
    else:
        why = f"The rate limit for {name} is used up; requests resume at {at}, longest waiting first."
    return why, until


def _wait_until(account: Account, limits: Limits, now: datetime.datetime, breaker: Breaker) -> datetime.datetime | None:
    """When the first thing that holds every row up may have changed; None if nothing does."""
    if (account.opened_at is not None) and (breaker is Breaker.OPEN):
        return account.opened_at + datetime.timedelta(seconds=limits.rest)
    for until in (account.probing_until, account.paused_until):
        if (until is not None) and (until > now):
            return until
    if (limits.looks is None) or (breaker is Breaker.HALF_OPEN):
        return None
    lacks = 1 - _tokens(account, limits, now)
    return now + datetime.timedelta(seconds=lacks * limits.per / limits.looks) if lacks > _HAIR else None


def _tokens(account: Account, limits: Limits, now: datetime.datetime) -> float:
    most = float(limits.looks or 0)
    if (account.tokens is None) or (account.filled_at is None):
        return most
    passed = max(0.0, (now - account.filled_at).total_seconds())
    return min(most, account.tokens + passed * most / limits.per)


def _minutes(seconds: float) -> str:
    return "two minutes" if seconds == 120 else f"{seconds:g} seconds"  # noqa: PLR2004  (the one that people read)
