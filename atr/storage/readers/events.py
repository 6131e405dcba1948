# SPDX-License-Identifier: Apache-2.0
"""What happened to a project, a release, a row or the site, from the event log."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.models.promotion as tables
import atr.storage.transaction as transaction

_OF_PROJECT: Final = 10
_OF_SITE: Final = 20


async def of_project(read: transaction.Transaction, project_key: str, kinds: Collection[str]) -> Sequence[tables.Event]:
    """Return the last changes of these kinds, newest first."""
    event = tables.Event
    return await _newest(read, event.subject == f"project:{project_key}", col(event.what).in_(kinds), limit=_OF_PROJECT)


async def of_site(read: transaction.Transaction, kinds: Collection[str]) -> Sequence[tables.Event]:
    """Return the last events of these kinds, about any subject, newest first."""
    return await _newest(read, col(tables.Event.what).in_(kinds), limit=_OF_SITE)


async def of_release(read: transaction.Transaction, release_key: str, kinds: Collection[str]) -> Sequence[tables.Event]:
    """Return the events of these kinds in the release's chain, oldest first."""
    event = tables.Event
    wanted = sqlmodel.select(event).where(event.chain == release_key, col(event.what).in_(kinds))
    return (await read.data.exec(wanted.order_by(col(event.number)))).all()


async def of_subjects(
    read: transaction.Transaction, subjects: Collection[str], *kinds: str, limit: int | None = None
) -> Sequence[tables.Event]:
    """Return the last events of these kinds, or of all, that are about one of these subjects, oldest first."""
    event = tables.Event
    where = [col(event.subject).in_(subjects), *([col(event.what).in_(kinds)] if kinds else [])]
    return (await _newest(read, *where, limit=limit))[::-1]


async def _newest(read: transaction.Transaction, *where: Any, limit: int | None) -> Sequence[tables.Event]:
    event = tables.Event
    wanted = sqlmodel.select(event).where(*where).order_by(col(event.seq).desc()).limit(limit)
    return (await read.data.exec(wanted)).all()
