# SPDX-License-Identifier: Apache-2.0
"""procrastinate, which carries tasks to the workers where the database is PostgreSQL.

A job holds the number of a task and nothing else: the row of the task says what is to be done, whether it is due and
who holds it. So a job may be lost or come twice. It is deferred in the transaction that writes the row, and every
worker is woken when that commits; what has no job and is due (a later try, a task whose worker died) is deferred by the
scan. procrastinate's own clock, retries and rescue of stalled jobs are not used: the lease on the row decides.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol, Self

import procrastinate
import procrastinate.worker
import sqlalchemy

import atr.db.session as session
import atr.models.operating as operating

_LOG: Final = logging.getLogger(__name__)
_QUEUE: Final = "atr"
# What only a worker that reaches the files of revisions and copies can do.
_FILES: Final = "atr-files"
_TASK: Final = "atr.task"
# The version is in the function's name: procrastinate changes none that it has given out.
_DEFER: Final = f"""
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    CASE WHEN task_type = ANY(:types) THEN '{_FILES}' ELSE '{_QUEUE}' END,
    '{_TASK}', 0, NULL, 'task:' || id, jsonb_build_object('task_id', id), NULL
)::procrastinate_job_to_defer_v1))
FROM promotion_task AS task
WHERE id = ANY(:ids)
AND NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = 'task:' || task.id AND status = 'todo')
HAVING count(*) > 0
"""  # noqa: S608  (three names of ours)
_NEED_FILES: Final = [one.value for one in operating.NEEDS_FILES]
# True of a row of `promotion_task` that no job waits to carry.
NOT_CARRIED: Final = (
    "NOT EXISTS (SELECT FROM procrastinate_jobs AS job WHERE job.queueing_lock = 'task:' || promotion_task.id AND"
    " job.status = 'todo')"
)
# What a worker that died was carrying; nobody ends these jobs, and their tasks have new ones.
_LEFT_BEHIND: Final = "DELETE FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL"
# Two beats may fail before a worker counts as dead; then it only loses its entry in procrastinate's list.
_BEAT: Final = 10.0
_SILENCE: Final = 30.0


class Carry(Protocol):
    """What a job is handed to."""

    async def __call__(self, task_id: int) -> None:
        """Do this task, if it is still to be done."""


async def defer(data: session.Session, ids: Sequence[int]) -> None:
    """Have these tasks carried, if the caller's transaction commits. One that waits to be carried is not added."""
    await data.exec(sqlalchemy.text(_DEFER), params={"ids": list(ids), "types": _NEED_FILES})  # type: ignore[call-overload]  # SQLModel types no plain text


async def sweep(data: session.Session) -> None:
    """Take away the jobs of workers that are gone."""
    await data.exec(sqlalchemy.text(_LEFT_BEHIND))  # type: ignore[call-overload]  # as above


@dataclasses.dataclass(frozen=True)
class Carrier:
    """The engine's half in a worker. Open it with `opened`, close it when the worker ends."""

    _connector: procrastinate.PsycopgConnector
    _has_files: bool

    @classmethod
    async def opened(cls, url: str, *, has_files: bool = True) -> Self:
        """Connected to this database. Without `has_files` it carries nothing that needs files."""
        address = session.driven(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connector = procrastinate.PsycopgConnector(conninfo=address, min_size=1, max_size=4)
        await connector.open_async()
        return cls(connector, has_files)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._connector.close_async()

    async def carry_until(self, stop: asyncio.Event, carry: Carry, *, slots: int, tick: float, grace: float) -> None:
        """Call `carry` with each task's number, at most `slots` at once, until the event is set.

        Then what runs has `grace` seconds to end. Outlives a database that is away for a while.
        """
        while not stop.is_set():
            runner = self._runner(carry, slots, polling=tick, grace=grace)
            running = asyncio.create_task(runner.run())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            runner.stop()
            await asyncio.wait({running})
            problem = running.exception()
            if problem is not None:
                _LOG.error("tasks could not be fetched", exc_info=problem)
                await asyncio.sleep(tick)

    async def carry_all(self, carry: Carry, *, slots: int) -> None:
        """Call `carry` for every task that waits to be carried, and end."""
        await self._runner(carry, slots, wait=False).run()

    def _runner(
        self, carry: Carry, slots: int, *, wait: bool = True, polling: float = 1.0, grace: float = 0.0
    ) -> Any:  # its methods say nothing of types
        app = procrastinate.App(connector=self._connector)
        queues = [_QUEUE, _FILES] if self._has_files else [_QUEUE]
        app.task(name=_TASK, queue=_QUEUE)(carry)
        return procrastinate.worker.Worker(
            app,
            queues=queues,
            name="atr",
            concurrency=slots,
            wait=wait,
            # Whoever waits is woken by NOTIFY.
            listen_notify=wait,
            fetch_job_polling_interval=polling,
            shutdown_graceful_timeout=grace,
            # The task's row is the record.
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=_BEAT,
            stalled_worker_timeout=_SILENCE,
        )
