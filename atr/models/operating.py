# SPDX-License-Identifier: Apache-2.0
"""Tables for the whole installation: the database, guards, switches, embargoes, rate limits, and the worker's tasks."""

import datetime
import enum
from typing import Any, Final

import sqlalchemy
import sqlmodel

import atr.models.sql as sql


class TaskStatus(enum.StrEnum):
    """The states of a task."""

    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


class TaskType(enum.StrEnum):
    """The kinds of tasks for the worker. Polling is not a task: the scan finds the due rows."""

    DISTRIBUTION_STAGE = "distribution_stage"
    DISTRIBUTION_CAPTURE = "distribution_capture"
    STAGED_FILES_CHECK = "staged_files_check"
    # Read every staged file once more because a person requested it; it changes nothing else.
    DISTRIBUTION_VERIFY = "distribution_verify"
    # Search for a deployment by its coordinates.
    DISTRIBUTION_FIND = "distribution_find"
    # Ask a platform what would be refused at Finish: the credential, the namespaces, the version.
    READINESS_CHECK = "readiness_check"
    # Keep a copy of files that were captured before the project wanted copies.
    COPY_KEEP = "copy_keep"
    # Free the bytes that no kept copy needs any more.
    COPY_SWEEP = "copy_sweep"


# Tasks that read or write files in the state directory: revisions and kept copies.
NEEDS_FILES: Final = frozenset(
    {TaskType.DISTRIBUTION_STAGE, TaskType.DISTRIBUTION_CAPTURE, TaskType.COPY_KEEP, TaskType.COPY_SWEEP}
)


class Site(sqlmodel.SQLModel, table=True):
    """Facts about the whole database: one row, or none while everything has its default."""

    # Always 1.
    id: int = sqlmodel.Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    # Incremented by each restore. A request of an earlier generation may have been sent without a row that records it.
    generation: int = 0
    # When it was last restored, and when the backup was taken (None: not known).
    restored_at: datetime.datetime | None = None
    backup_at: datetime.datetime | None = None
    # When the heads of all chains of events were last reported.
    heads_at: datetime.datetime | None = None


class Guard(sqlmodel.SQLModel, table=True):
    """A scope that transactions lock (db/guards.py). The row exists only to be locked."""

    scope: str = sqlmodel.Field(primary_key=True)
    rank: int


class Switch(sqlmodel.SQLModel, table=True):
    """A switch for a platform, or for all platforms. Its scope is that of a guard (db/guards.py)."""

    scope: str = sqlmodel.Field(primary_key=True)
    off: bool = False
    # Why it was last switched, by whom and when; the earlier changes are in the event log.
    reason: str = ""
    set_by: str
    set_at: datetime.datetime


class EmbargoLift(sqlmodel.SQLModel, table=True):
    """A committee member lifted the embargo of an expedited release. Only ATR changes `expedited` itself."""

    __tablename__ = "embargo_lift"

    release_key: str = sqlmodel.Field(primary_key=True)
    # When the release was started, so that this does not apply to a later release with the same key.
    release_created: datetime.datetime
    lifted_by: str
    lifted_at: datetime.datetime
    reason: str


class PlatformAccount(sqlmodel.SQLModel, table=True):
    """The rate limit and circuit breaker of a lane: one row, which all processes share.

    `name` is that of the mechanism, since each has one credential; or of the platform, where ATR does not promote.
    """

    __tablename__ = "platform_account"

    name: str = sqlmodel.Field(primary_key=True)
    # A budget.Reach: with the credential, or in public.
    reach: str = sqlmodel.Field(primary_key=True)
    tokens: float | None = None
    filled_at: datetime.datetime | None = None
    # Instants, as ISO 8601.
    faults: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    opened_at: datetime.datetime | None = None
    probing_until: datetime.datetime | None = None
    paused_until: datetime.datetime | None = None


class Task(sqlmodel.SQLModel, table=True):
    """A task for the worker. A task can be repeated or lost: the rows that it works on are authoritative.

    The table is separate from ATR's `task`, so that no worker takes a task of the other.
    """

    __tablename__ = "promotion_task"
    __table_args__ = (
        # One live task with the same arguments, no matter who requested it.
        sql.unique_where(
            "ix_promotion_task_one_live", "task_type", "inputs_hash", where="status IN ('queued', 'active')"
        ),
        sqlalchemy.Index("ix_promotion_task_status_scheduled", "status", "scheduled"),
    )

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    status: TaskStatus = sqlmodel.Field(default=TaskStatus.QUEUED, sa_column=sql.enum_column(TaskStatus, name="status"))
    # No CHECK: a new kind needs no migration.
    task_type: TaskType = sqlmodel.Field(sa_column=sql.enum_column(TaskType, name="task_type", check=False))
    task_args: dict[str, Any] = sqlmodel.Field(default_factory=dict, sa_column=sql.json_column())
    # A hash of the arguments.
    inputs_hash: str
    asf_uid: str
    added: datetime.datetime
    # The earliest start.
    scheduled: datetime.datetime
    started: datetime.datetime | None = None
    completed: datetime.datetime | None = None
    tries: int = sql.added(0)
    lease_owner: str = sql.added("")
    lease_epoch: int = sql.added(0)
    lease_until: datetime.datetime | None = None
    error: str | None = None
    project_key: str | None = None
    version_key: str | None = None
