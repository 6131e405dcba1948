# SPDX-License-Identifier: Apache-2.0
"""Tables of what holds for everybody: the database, guards, switches, accounts of platforms, and the worker's tasks."""

import datetime
import enum
from typing import Any, Final

import sqlalchemy
import sqlmodel

import atr.models.sql as sql


class TaskStatus(enum.StrEnum):
    """States of a task of ours."""

    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


class TaskType(enum.StrEnum):
    """What the worker can be asked to do. What polls is no task: the scan finds it by its row."""

    DISTRIBUTION_STAGE = "distribution_stage"
    DISTRIBUTION_CAPTURE = "distribution_capture"
    STAGED_FILES_CHECK = "staged_files_check"
    # Read every staged file once more because somebody asked; nothing follows from it.
    DISTRIBUTION_VERIFY = "distribution_verify"
    # Look for a deployment by its coordinates.
    DISTRIBUTION_FIND = "distribution_find"
    # Ask a platform what would be refused at Finish: the credential, the names, the version.
    READINESS_CHECK = "readiness_check"
    # Keep our own copy of what was captured before the project wanted copies.
    COPY_KEEP = "copy_keep"
    # Free the bytes that no kept copy needs any more.
    COPY_SWEEP = "copy_sweep"


# What reads or writes the files below the state directory: revisions and kept copies.
NEEDS_FILES: Final = frozenset(
    {TaskType.DISTRIBUTION_STAGE, TaskType.DISTRIBUTION_CAPTURE, TaskType.COPY_KEEP, TaskType.COPY_SWEEP}
)


class Site(sqlmodel.SQLModel, table=True):
    """What holds for the whole database: one row, or none while everything is as at first."""

    # Always 1.
    id: int = sqlmodel.Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    # Grows with each restore. What was asked for in an earlier one may have been done without a row that tells of it.
    generation: int = 0
    # When it was last restored, and when the backup was taken (None: nobody said).
    restored_at: datetime.datetime | None = None
    backup_at: datetime.datetime | None = None
    # When the ends of all chains of events were last told.
    heads_at: datetime.datetime | None = None


class Guard(sqlmodel.SQLModel, table=True):
    """A scope that a transaction may hold (db/guards.py): the row is there to be locked, and says nothing."""

    scope: str = sqlmodel.Field(primary_key=True)
    rank: int


class Switch(sqlmodel.SQLModel, table=True):
    """Everything on a platform, or the whole site, switched off and on again. Its scope is a guard's (db/guards.py)."""

    scope: str = sqlmodel.Field(primary_key=True)
    off: bool = False
    # Why it was moved last, by whom and when; what it was before stands in the events.
    reason: str = ""
    set_by: str
    set_at: datetime.datetime


class EmbargoLift(sqlmodel.SQLModel, table=True):
    """A committee member let an expedited release leave ATR before it is out. `expedited` itself is ATR's to change."""

    __tablename__ = "embargo_lift"

    release_key: str = sqlmodel.Field(primary_key=True)
    # When the release was started: another one of the same version, after a deletion, is not lifted by this.
    release_created: datetime.datetime
    lifted_by: str
    lifted_at: datetime.datetime
    reason: str


class PlatformAccount(sqlmodel.SQLModel, table=True):
    """How often an account was used, and whether its platform answers: one row that every process keeps to.

    One credential for each mechanism today, so its name is the account; a platform that is only looked at has its own.
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
    """Work for the worker. Every task can be repeated and can be lost: the rows it works on carry the truth.

    A table of ours beside ATR's `task`: no worker takes the other's.
    """

    __tablename__ = "promotion_task"
    __table_args__ = (
        # One live task for one piece of work, whoever asks.
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
    # Of the arguments.
    inputs_hash: str
    asf_uid: str
    added: datetime.datetime
    # Not before.
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
