# SPDX-License-Identifier: Apache-2.0
"""Sign-in, sign-out, and ending one's other sessions. None is an event: the log has them (atr/sessions.py)."""

import datetime

import sqlalchemy
from sqlmodel import col

import atr.models.sessions as sessions
import atr.models.sql as sql
import atr.storage.transaction as transaction


class GeneralPublic(transaction.Writer):
    """What needs nobody to be signed in."""

    async def begin(
        self, sid_hash: str, *, address: str, proved: datetime.datetime | None, limits: sessions.Limits
    ) -> None:
        """A new session for who acts. Those of anybody that are over go."""
        data, now = self._write.data, self._write.now
        row = sql.UserSession
        over = (col(row.uts) <= (now - limits.idle).timestamp()) | (col(row.cts) <= (now - limits.absolute).timestamp())
        await data.exec(sqlalchemy.delete(row).where(over))
        at = now.timestamp()
        # A provider whose clock is ahead of ours makes nobody fresher than now.
        auth_time = at if proved is None else min(proved.timestamp(), at)
        data.add(
            row(sid_hash=sid_hash, uid=self._write.asf_uid, ip_address=address, cts=at, uts=at, auth_time=auth_time)
        )

    async def end(self, sid_hash: str) -> None:
        """Whoever knows the secret ends the session."""
        await self._write.data.exec(sqlalchemy.delete(sql.UserSession).where(col(sql.UserSession.sid_hash) == sid_hash))


class FoundationCommitter(transaction.Writer):
    """What everybody may do who is signed in."""

    async def seen(self, sid_hash: str) -> None:
        """The session is in use."""
        row = sql.UserSession
        at = self._write.now.timestamp()
        await self._write.data.exec(sqlalchemy.update(row).where(col(row.sid_hash) == sid_hash).values(uts=at))

    async def revoke(self, sid_hash: str) -> None:
        """End a session of one's own; another's, or one that is over, is left alone without a word."""
        row = sql.UserSession
        mine = (col(row.sid_hash) == sid_hash) & (col(row.uid) == self._write.asf_uid)
        await self._write.data.exec(sqlalchemy.delete(row).where(mine))

    async def revoke_others(self, sid_hash: str) -> None:
        """End every session of one's own but this one."""
        row = sql.UserSession
        others = (col(row.sid_hash) != sid_hash) & (col(row.uid) == self._write.asf_uid)
        await self._write.data.exec(sqlalchemy.delete(row).where(others))
