# SPDX-License-Identifier: Apache-2.0
"""Once an hour the ends of all chains of events are told, by one worker."""

import datetime
import logging
from typing import Final

import sqlalchemy
from sqlmodel import col

import atr.db.guards as guards
import atr.models.operating as operating
import atr.storage.chains as chains
import atr.storage.writer as writers

_LOG = logging.getLogger(__name__)
EVERY: Final = datetime.timedelta(hours=1)
# So many heads are in one line; with more that moved there are more lines.
_A_LINE: Final = 100


class Heads(writers.Writer):
    """What the worker does."""

    async def tell(self) -> chains.Told | None:
        """Tell them if an hour has passed since anybody did, by the database's time; what was told, or None."""
        write = self._write
        site = await write.data.get(operating.Site, 1)
        before = site.heads_at if site else None
        if (before is not None) and (before > write.now - EVERY):
            return None
        if site is None:
            await guards.hold(write.data, guards.SITE)
            if await write.data.get(operating.Site, 1) is None:
                write.data.add(operating.Site())
                await write.data.flush()
        untold = col(operating.Site.heads_at).is_(None) | (col(operating.Site.heads_at) <= write.now - EVERY)
        statement = (
            sqlalchemy.update(operating.Site)
            .where(col(operating.Site.id) == 1, untold)
            .values(heads_at=write.now)
            .execution_options(synchronize_session=False)
        )
        if (await write.data.exec(statement)).rowcount != 1:
            return None
        every = await chains.heads(write.data)
        # An hour back: an event may be committed later than its time says. Told twice does no harm.
        moved = await chains.heads(write.data, since=before - EVERY) if before else every
        told = chains.Told(len(every), chains.digest(every))
        names = [sorted(moved)[at : at + _A_LINE] for at in range(0, len(moved), _A_LINE)]
        for some in names or [[]]:
            extra = {
                "action": chains.ACTION,
                "chains": told.chains,
                "sha256": told.sha256,
                chains.HEADS: {chain: list(moved[chain]) for chain in some},
            }
            _LOG.info("the ends of %d chains of events", told.chains, extra=extra)
        return told
