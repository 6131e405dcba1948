# SPDX-License-Identifier: Apache-2.0
"""Sign-in, sign-out, and ending one's own sessions. None is an event; the log has a line for each."""

import datetime

import sqlalchemy
from sqlmodel import col

import atr.models.sessions as sessions
import atr.models.sql as sql
import atr.storage.transaction as transaction


class GeneralPublic(transaction.Writer):
    """The writes that need no session."""

    async def begin(
        self, sid_hash: str, *, address: str, proved: datetime.datetime | None, limits: sessions.Limits
    ) -> None:
        """Add a session for the person who acts, and delete every session that has expired."""
        data, now = self._write.data, self._write.now
        row = sql.UserSession
        over = (col(row.uts) <= (now - limits.idle).timestamp()) | (col(row.cts) <= (now - limits.absolute).timestamp())
        await data.exec(sqlalchemy.delete(row).where(over))
        at = now.timestamp()
        # If the provider's clock is ahead of ours, the sign-in is not in the future here.
        auth_time = at if proved is None else min(proved.timestamp(), at)
        data.add(
            row(sid_hash=sid_hash, uid=self._write.asf_uid, ip_address=address, cts=at, uts=at, auth_time=auth_time)
        )

    async def end(self, sid_hash: str) -> None:
        """End the session. The caller has its secret, which is enough to do so."""
        await self._write.data.exec(sqlalchemy.delete(sql.UserSession).where(col(sql.UserSession.sid_hash) == sid_hash))


class FoundationCommitter(transaction.Writer):
    """The writes of everybody who is signed in."""

    async def seen(self, sid_hash: str) -> None:
        """Record that the session is in use."""
        row = sql.UserSession
        at = self._write.now.timestamp()
        await self._write.data.exec(sqlalchemy.update(row).where(col(row.sid_hash) == sid_hash).values(uts=at))

    async def revoke(self, sid_hash: str) -> int:
        """End one of the person's own sessions. Return 1, or 0 if it is not theirs or has ended."""
        row = sql.UserSession
        mine = (col(row.sid_hash) == sid_hash) & (col(row.uid) == self._write.asf_uid)
        return (await self._write.data.exec(sqlalchemy.delete(row).where(mine))).rowcount

    async def revoke_others(self, sid_hash: str) -> int:
        """End all of the person's own sessions except this one, and return how many that were."""
        row = sql.UserSession
        others = (col(row.sid_hash) != sid_hash) & (col(row.uid) == self._write.asf_uid)
        return (await self._write.data.exec(sqlalchemy.delete(row).where(others))).rowcount
