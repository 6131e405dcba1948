# SPDX-License-Identifier: Apache-2.0
"""Tasks: adds them to the table in the caller's transaction. The worker runs and ends them (storage/worker/tasks.py).

A task may be lost or run twice: the rows that it works on are authoritative. Workers claim tasks from the table, and
the worker with the lease on a task's row runs it.
"""

import datetime
import hashlib
import json
from typing import Any

import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.operating as operating


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
    """Add a task, unless the same one is queued or active. It does not start before `scheduled`."""
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
    """Return whether a task of this type with one of these arguments is queued or active."""
    row, status = operating.Task, operating.TaskStatus
    wanted = sqlmodel.select(row.id).where(
        row.task_type == task_type,
        col(row.inputs_hash).in_(map(_hashed, args)),
        col(row.status).in_([status.QUEUED, status.ACTIVE]),
    )
    return (await data.exec(wanted)).first() is not None


def _hashed(args: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(args, sort_keys=True).encode()).hexdigest()
