# SPDX-License-Identifier: Apache-2.0
"""Who is signed in where, and for how long that holds: values beside the row."""

import dataclasses
import datetime

import atr.models.sql as sql


@dataclasses.dataclass(frozen=True)
class Session:
    """One browser in which somebody is signed in."""

    sid_hash: str
    asf_uid: str
    address: str
    began: datetime.datetime
    seen: datetime.datetime
    # When the person last proved who they are.
    proved: datetime.datetime

    @classmethod
    def of(cls, row: sql.UserSession) -> "Session":
        """What a row says."""
        began, seen = _instant(row.cts), _instant(row.uts)
        proved = began if row.auth_time is None else _instant(row.auth_time)
        return cls(row.sid_hash, row.uid, row.ip_address or "", began, seen, proved)


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long a session holds: after its last use, after its beginning, and for what cannot be undone."""

    idle: datetime.timedelta
    absolute: datetime.timedelta
    # None where signing in proves nothing: in sandbox mode.
    fresh: datetime.timedelta | None

    def holds(self, one: Session, now: datetime.datetime) -> bool:
        """Whether somebody is still signed in by it."""
        return (now - one.seen < self.idle) and (now - one.began < self.absolute)

    def is_fresh(self, one: Session, now: datetime.datetime) -> bool:
        """Whether the person proved who they are so recently that they may do what cannot be undone."""
        return (self.fresh is None) or (now - one.proved < self.fresh)


def _instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
