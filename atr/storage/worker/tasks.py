# SPDX-License-Identifier: Apache-2.0
"""What the worker does with tasks, and the hourly chain heads."""

import datetime
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.leases as leases
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.work as work
import atr.storage.audit as audit
import atr.storage.transaction as transaction

# After this many tries a task fails; the scan notices what is missing and enqueues it again.
TRIES: Final = 5
_FIRST_WAIT: Final = 1.0
# In seconds. A platform that asks for a longer wait gets its next request earlier all the same, as everywhere.
_LONGEST_WAIT: Final = 3_600.0
_MODELS: Final[Mapping[type, type]] = {
    work.Task: operating.Task,
    work.Promotion: tables.Promotion,
    work.Deployment: tables.Deployment,
}


class Tasks(transaction.Writer):
    """What the worker does with tasks, and the renewal of leases of every kind."""

    async def claim(self, *, owner: str, seconds: float, limit: int, has_files: bool = True) -> Sequence[work.Task]:
        """Claim the oldest tasks that may run now, including those of a worker that stopped renewing its lease.

        Without `has_files`, tasks that read or write the files of revisions and copies are left out.
        """
        row, status, data, now = operating.Task, operating.TaskStatus, self._write.data, self._write.now
        due = (col(row.status) == status.QUEUED) & (col(row.scheduled) <= now)
        orphaned = (col(row.status) == status.ACTIVE) & leases.free(row, now)
        wanted = sqlmodel.select(row).where(due | orphaned).order_by(col(row.scheduled)).limit(limit)
        if not has_files:
            wanted = wanted.where(col(row.task_type).not_in(operating.NEEDS_FILES))
        found = (await data.exec(wanted.with_for_update(skip_locked=True))).all()
        rows = await leases.take(data, found, now, owner=owner, seconds=seconds)
        for one in rows:
            one.status, one.started, one.tries = status.ACTIVE, now, one.tries + 1
        return [
            work.Task(one.id or 0, one.lease_epoch, one.task_type, one.task_args, one.tries, one.tries >= TRIES)
            for one in rows
        ]

    async def renew(self, held: work.Task | work.Promotion | work.Deployment, *, seconds: float) -> None:
        """Renew the lease. Raises LeaseLostError if another worker has it."""
        write = self._write
        await leases.renew(write.data, _MODELS[type(held)], held.id, held.epoch, write.now, seconds=seconds)

    async def finish(self, task: work.Task, *, error: str = "", retry_after: float = 0.0) -> bool:
        """Record that the task is done, or failed: then it is tried again after longer waits, at least `retry_after`.

        Returns False, and writes nothing, if another worker has claimed it in the meantime.
        """
        row, status, now = operating.Task, operating.TaskStatus, self._write.now
        values: dict[str, Any] = {"status": status.COMPLETED, "completed": now}
        if error and task.is_last_try:
            values["status"] = status.FAILED
        elif error:
            wait = max(_FIRST_WAIT * 2**task.tries, min(retry_after, _LONGEST_WAIT))
            values = {"status": status.QUEUED, "scheduled": now + datetime.timedelta(seconds=wait)}
        statement = (
            sqlalchemy.update(row)
            .where(col(row.id) == task.id, col(row.lease_epoch) == task.epoch)
            .values(lease_until=None, error=error or None, **values)
            .execution_options(synchronize_session=False)
        )
        return bool((await self._write.data.exec(statement)).rowcount == 1)


_LOG = logging.getLogger(__name__)
EVERY: Final = datetime.timedelta(hours=1)
# The most heads in one line of the log; more heads take more lines.
_A_LINE: Final = 100


class Heads(transaction.Writer):
    """Logs the last event of each chain."""

    async def tell(self) -> audit.Told | None:
        """Log them if an hour has passed since any process did, by the database's time; return what was, or None."""
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
        # An hour back: an event may be committed later than its time says. To log a head twice does no harm.
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
