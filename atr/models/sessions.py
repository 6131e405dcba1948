# SPDX-License-Identifier: Apache-2.0
"""Sessions as values, and the limits of how long they are valid."""

import dataclasses
import datetime

import atr.models.sql as sql


@dataclasses.dataclass(frozen=True)
class Session:
    """One browser in which a person is signed in."""

    sid_hash: str
    asf_uid: str
    address: str
    began: datetime.datetime
    seen: datetime.datetime
    # When the person last proved who they are.
    proved: datetime.datetime

    @classmethod
    def of(cls, row: sql.UserSession) -> "Session":
        """Return the session of a row."""
        began, seen = _instant(row.cts), _instant(row.uts)
        proved = began if row.auth_time is None else _instant(row.auth_time)
        return cls(row.sid_hash, row.uid, row.ip_address or "", began, seen, proved)


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long a session is valid: after its last use, after its beginning, and for what cannot be undone."""

    idle: datetime.timedelta
    absolute: datetime.timedelta
    # None in sandbox mode, where a sign-in proves nothing.
    fresh: datetime.timedelta | None

    def holds(self, one: Session, now: datetime.datetime) -> bool:
        """Return whether the session is still valid."""
        return (now - one.seen < self.idle) and (now - one.began < self.absolute)

    def is_fresh(self, one: Session, now: datetime.datetime) -> bool:
        """Return whether the person proved who they are recently enough for what cannot be undone."""
        return (self.fresh is None) or (now - one.proved < self.fresh)


def _instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
