# SPDX-License-Identifier: Apache-2.0
"""Tasks: put work there in the caller's transaction, take it, finish it.

A task may be lost or done twice; the rows it works on carry the truth. Workers take tasks from the table, and a task
is done by whoever holds the lease on its row.
"""

import datetime
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.operating as operating

# After so many tries a task waits for the scan to notice what is missing and ask again.
TRIES: Final = 5
_FIRST_WAIT: Final = 1.0
# A platform that asks for more than that is asked earlier all the same, as everywhere.
_LONGEST_WAIT: Final = 3_600.0


async def enqueue(  # noqa: PLR0913  (a task's columns, each by its name)
    data: session.Session,
    task_type: operating.TaskType,
    args: dict[str, Any],
    now: datetime.datetime,
    *,
    asf_uid: str,
    project_key: str | None = None,
    version_key: str | None = None,
    scheduled: datetime.datetime | None = None,
) -> None:
    """Ask for this work, once: while the same work is queued or active nothing is added. `scheduled`: not before."""
    values = {
        "status": operating.TaskStatus.QUEUED,
        "task_type": task_type,
        "task_args": args,
        "inputs_hash": _hashed(args),
        "asf_uid": asf_uid,
        "added": now,
        "scheduled": scheduled or now,
        "tries": 0,
        "lease_owner": "",
        "lease_epoch": 0,
        "project_key": project_key,
        "version_key": version_key,
    }
    is_sqlite = (await data.connection()).dialect.name == "sqlite"
    dialect = sqlalchemy.dialects.sqlite if is_sqlite else sqlalchemy.dialects.postgresql
    await data.exec(dialect.insert(operating.Task).values(**values).on_conflict_do_nothing())


async def is_waiting(data: session.Session, task_type: operating.TaskType, *args: dict[str, Any]) -> bool:
    """Whether this work, with one of these arguments, is queued or active."""
    row, status = operating.Task, operating.TaskStatus
    wanted = sqlmodel.select(row.id).where(
        row.task_type == task_type,
        col(row.inputs_hash).in_(map(_hashed, args)),
        col(row.status).in_([status.QUEUED, status.ACTIVE]),
    )
    return (await data.exec(wanted)).first() is not None


def _hashed(args: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(args, sort_keys=True).encode()).hexdigest()


async def claim(
    data: session.Session,
    now: datetime.datetime,
    *,
    owner: str,
    seconds: float,
    limit: int,
    has_files: bool = True,
) -> Sequence[operating.Task]:
    """The oldest tasks that may run now, taken by `owner`.

    Tasks of a worker that stopped renewing are among them; without `has_files` none that needs files.
    """
    wanted = _due(now).limit(limit)
    if not has_files:
        wanted = wanted.where(col(operating.Task.task_type).not_in(operating.NEEDS_FILES))
    claimed = []
    for task in (await data.exec(wanted)).all():
        statement = (
            sqlalchemy.update(operating.Task)
            .where(col(operating.Task.id) == task.id, col(operating.Task.lease_epoch) == task.lease_epoch)
            .values(
                status=operating.TaskStatus.ACTIVE,
                started=now,
                tries=task.tries + 1,
                lease_owner=owner,
                lease_epoch=task.lease_epoch + 1,
                lease_until=now + datetime.timedelta(seconds=seconds),
            )
            .execution_options(synchronize_session=False)
        )
        if (await data.exec(statement)).rowcount == 1:
            await data.refresh(task)
            claimed.append(task)
    return claimed


async def finish(
    data: session.Session,
    task_id: int,
    epoch: int,
    now: datetime.datetime,
    *,
    tries: int,
    error: str = "",
    retry_after: float = 0.0,
) -> bool:
    """The task is done, or failed for now: then it is tried again later, longer apart each time, never before told.

    False when somebody else has taken it meanwhile; then nothing is written.
    """
    if not error:
        values: dict[str, Any] = {"status": operating.TaskStatus.COMPLETED, "completed": now, "error": None}
    elif tries >= TRIES:
        values = {"status": operating.TaskStatus.FAILED, "completed": now, "error": error}
    else:
        wait = max(_FIRST_WAIT * 2**tries, min(retry_after, _LONGEST_WAIT))
        values = {
            "status": operating.TaskStatus.QUEUED,
            "scheduled": now + datetime.timedelta(seconds=wait),
            "error": error,
        }
    statement = (
        sqlalchemy.update(operating.Task)
        .where(col(operating.Task.id) == task_id, col(operating.Task.lease_epoch) == epoch)
        .values(lease_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    return bool((await data.exec(statement)).rowcount == 1)


def _due(now: datetime.datetime) -> Any:
    due = (col(operating.Task.status) == operating.TaskStatus.QUEUED) & (col(operating.Task.scheduled) <= now)
    free = col(operating.Task.lease_until).is_(None) | (col(operating.Task.lease_until) <= now)
    orphaned = (col(operating.Task.status) == operating.TaskStatus.ACTIVE) & free
    wanted = sqlmodel.select(operating.Task).where(due | orphaned).order_by(col(operating.Task.scheduled))
    return wanted.with_for_update(skip_locked=True)
