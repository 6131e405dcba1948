# SPDX-License-Identifier: Apache-2.0
"""What the worker does with tasks, and the hourly chain heads."""

import datetime
import logging
from collections.abc import Sequence
from typing import Final

import sqlalchemy
from sqlmodel import col

import atr.db.guards as guards
import atr.db.leases as leases
import atr.db.queue as queue
import atr.models.operating as operating
import atr.models.work as work
import atr.storage.audit as audit
import atr.storage.transaction as transaction


class Tasks(transaction.Writer):
    """What the worker does with tasks."""

    async def claim(self, *, owner: str, seconds: float, limit: int, has_files: bool = True) -> Sequence[work.Task]:
        """Take the oldest tasks that may run now.

        Without `has_files` none that reads or writes the files of revisions and copies.
        """
        rows = await queue.claim(
            self._write.data,
            self._write.now,
            owner=owner,
            seconds=seconds,
            limit=limit,
            has_files=has_files,
        )
        return [
            work.Task(row.id or 0, row.lease_epoch, row.task_type, row.task_args, row.tries, row.tries >= queue.TRIES)
            for row in rows
        ]

    async def renew(self, task_id: int, epoch: int, *, seconds: float) -> None:
        """Hold a task longer. Raises ConflictError when somebody else has it."""
        await leases.renew(self._write.data, operating.Task, {"id": task_id}, epoch, self._write.now, seconds=seconds)

    async def finish(self, task: work.Task, *, error: str = "", retry_after: float = 0.0) -> bool:
        """The task is done or failed for now, `retry_after` as the platform told; False when somebody else has it."""
        return await queue.finish(
            self._write.data,
            task.id,
            task.epoch,
            self._write.now,
            tries=task.tries,
            error=error,
            retry_after=retry_after,
        )


_LOG = logging.getLogger(__name__)
EVERY: Final = datetime.timedelta(hours=1)
# So many heads are in one line; with more that moved there are more lines.
_A_LINE: Final = 100


class Heads(transaction.Writer):
    """The ends of all chains of events, told to the log."""

    async def tell(self) -> audit.Told | None:
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
        every = await audit.heads(write.data)
        # An hour back: an event may be committed later than its time says. Told twice does no harm.
        moved = await audit.heads(write.data, since=before - EVERY) if before else every
        told = audit.Told(len(every), audit.heads_digest(every))
        names = [sorted(moved)[at : at + _A_LINE] for at in range(0, len(moved), _A_LINE)]
        for some in names or [[]]:
            extra = {
                "action": audit.ACTION,
                "chains": told.chains,
                "sha256": told.sha256,
                audit.HEADS: {chain: list(moved[chain]) for chain in some},
            }
            _LOG.info("the ends of %d chains of events", told.chains, extra=extra)
        return told
