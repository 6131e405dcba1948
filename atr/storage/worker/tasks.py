# SPDX-License-Identifier: Apache-2.0
"""Tasks, for the worker."""

from collections.abc import Sequence

import atr.db.leases as leases
import atr.db.queue as queue
import atr.models.operating as operating
import atr.models.work as work
import atr.storage.writer as writers


class Tasks(writers.Writer):
    """What the worker does with tasks."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, has_files: bool = True, task_id: int | None = None
    ) -> Sequence[work.Task]:
        """Take the oldest tasks that may run now; with `task_id` only that one, if it may.

        Without `has_files` none that reads or writes the files of revisions and copies.
        """
        rows = await queue.claim(
            self._write.data,
            self._write.now,
            owner=owner,
            seconds=seconds,
            limit=limit,
            has_files=has_files,
            task_id=task_id,
        )
        return [
            work.Task(row.id or 0, row.lease_epoch, row.task_type, row.task_args, row.tries, row.tries >= queue.TRIES)
            for row in rows
        ]

    async def wake(self, *, limit: int) -> None:
        """Have the engine carry what is due and is not carried. PostgreSQL only."""
        await queue.wake(self._write.data, self._write.now, limit=limit)

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
