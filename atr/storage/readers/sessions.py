# SPDX-License-Identifier: Apache-2.0
"""The sessions of the person who is signed in."""

from collections.abc import Sequence

import sqlmodel
from sqlmodel import col

import atr.models.sessions as sessions
import atr.models.sql as sql
import atr.storage.transaction as transaction


async def own(read: transaction.Transaction, limits: sessions.Limits) -> Sequence[sessions.Session]:
    """Return the valid sessions of the person who is signed in, the last used one first."""
    wanted = sqlmodel.select(sql.UserSession).where(sql.UserSession.uid == read.asf_uid)
    rows = (await read.data.exec(wanted.order_by(col(sql.UserSession.uts).desc()))).all()
    return [one for one in map(sessions.Session.of, rows) if limits.holds(one, read.now)]
