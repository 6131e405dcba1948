# SPDX-License-Identifier: Apache-2.0
"""What happened to a project or to the site, from the event log."""

from collections.abc import Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.storage.transaction as transaction

_LAST: Final = 10


async def of_project(read: transaction.Transaction, project_key: str, kinds: Sequence[str]) -> Sequence[tables.Event]:
    """The last changes of these kinds, newest first."""
    event = tables.Event
    wanted = (
        sqlmodel.select(event)
        .where(event.subject == f"project:{project_key}", col(event.what).in_(kinds))
        .order_by(col(event.seq).desc())
        .limit(_LAST)
    )
    return (await read.data.exec(wanted)).all()
