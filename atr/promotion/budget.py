# SPDX-License-Identifier: Apache-2.0
"""Rate limits and circuit breakers: how often a platform is polled, and when not. Pure: time is an argument.

All processes share one row per lane, so more workers do not poll a platform more often. A breaker opens when the
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
    """What a check contacts: two servers whose failures and limits are independent."""

    # The platform, with the credential.
    ACCOUNT = "account"
    # The public repository, which shows everyone the same.
    PUBLIC = "public"


class Breaker(enum.StrEnum):
    """Whether the platform is polled as usual."""

    CLOSED = "closed"
    # One read is allowed, as a probe: its result is for all workers.
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of one lane. Durations in seconds."""

    # The number of rows that are checked per `per`, and the size of the token bucket; None for no limit.
    looks: int | None = None
    per: float = 60
    # `faults` faults (no complete answer, or a 5xx) within `within` open the breaker for `rest`.
    faults: int = 5
    within: float = 120
    rest: float = 60

    def faster(self, factor: float) -> "Limits":
        """Return the same limits with every duration divided by the factor."""
        return dataclasses.replace(self, per=self.per / factor, within=self.within / factor, rest=self.rest / factor)


# The public repository has its own minimum pause between two reads of files (ATR_PACE).
LIMITS: Final[Mapping[Reach, Limits]] = {Reach.ACCOUNT: Limits(looks=10), Reach.PUBLIC: Limits()}
# The longest pause that a platform may ask for.
_LONGEST: Final = 3_600.0
_ANSWERED: Final = 500
# Tolerance for rounding, so that a check is allowed at the instant that was computed for it.
_HAIR: Final = 1e-6


@dataclasses.dataclass(frozen=True)
class Account:
    """The state of a lane's rate limit and breaker. The initial state is full and closed."""

    # The number of checks that may be made at once; None for the full limit.
    tokens: float | None = None
    filled_at: datetime.datetime | None = None
    # The newest faults, oldest first.
    faults: tuple[datetime.datetime, ...] = ()
    # When the breaker opened; None while it is closed.
    opened_at: datetime.datetime | None = None
    # Until when a probe in progress may take; None if there is none.
    probing_until: datetime.datetime | None = None
    # Until when the platform asked for a pause.
    paused_until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How many rows may be checked now."""

    looks: int
    breaker: Breaker


def verdict(account: Account, limits: Limits, now: datetime.datetime, *, at_most: int) -> Verdict:
    """Return how many rows may be checked now. While the breaker is half-open this is one, which only reads."""
    breaker = breaker_of(account, limits, now)
    if _wait_until(account, limits, now, breaker) is not None:
        return Verdict(0, breaker)
    if breaker is Breaker.HALF_OPEN:
        return Verdict(1, breaker)
    return Verdict(
        min(at_most, math.floor(_tokens(account, limits, now) + _HAIR)) if limits.looks else at_most, breaker
    )


def breaker_of(account: Account, limits: Limits, now: datetime.datetime) -> Breaker:
    """Return the state of the breaker."""
    if account.opened_at is None:
        return Breaker.CLOSED
    rested = now >= account.opened_at + datetime.timedelta(seconds=limits.rest)
    return Breaker.HALF_OPEN if rested else Breaker.OPEN


def spent(account: Account, limits: Limits, now: datetime.datetime, looks: int) -> Account:
    """Return the account after a check of `looks` rows has begun."""
    if limits.looks is None:
        return account
    return dataclasses.replace(account, tokens=max(0.0, _tokens(account, limits, now) - looks), filled_at=now)


def after_fault(account: Account, limits: Limits, now: datetime.datetime) -> Account:
    """Return the account after no complete answer or a fault of the platform. An open breaker starts its rest again."""
    if account.opened_at is not None:
        return dataclasses.replace(account, opened_at=now, probing_until=None)
    since = now - datetime.timedelta(seconds=limits.within)
    faults = (*(one for one in account.faults if one > since), now)
    if len(faults) < limits.faults:
        return dataclasses.replace(account, faults=faults)
    return dataclasses.replace(account, faults=(), opened_at=now, probing_until=None)


def after_probe(account: Account) -> Account:
    """Return the account after an answer to a probe: every worker may poll again."""
    return dataclasses.replace(account, faults=(), opened_at=None, probing_until=None)


def after_told(account: Account, now: datetime.datetime, retry_after: float) -> Account:
    """Return the account after the platform asked for a pause: at most an hour, for every row."""
    until = now + datetime.timedelta(seconds=min(retry_after, _LONGEST))
    return dataclasses.replace(account, paused_until=max(until, account.paused_until or until))


def is_fault(status: int | None) -> bool:
    """Return whether a useless answer counts as a fault. None is no complete answer; a 4xx is an answer."""
    return (status is None) or (status >= _ANSWERED)


def silence(name: str, limits: Limits) -> reasons.Reason:
    """Return why nothing is sent while the breaker is open."""
    return reasons.of("silent", platform=name, faults=limits.faults, within=_minutes(limits.within))


def waiting(
    name: str, account: Account, limits: Limits, now: datetime.datetime
) -> tuple[str, datetime.datetime] | None:
    """Return a sentence on why no row is checked now, and when that may change; None if rows are checked."""
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
    """Return when the first condition that blocks every row may have changed; None if nothing blocks them."""
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
