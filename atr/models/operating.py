# SPDX-License-Identifier: Apache-2.0
"""Tables of what holds for everybody: the database itself, guards, switches, and the accounts of platforms."""

import datetime

import sqlmodel

import atr.models.sql as sql


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


class PlatformAccount(sqlmodel.SQLModel, table=True):
    """How often a platform was asked, and whether it answers: one row that every process keeps to.

    One credential for each platform today, so the platform's name is the account.
    """

    __tablename__ = "platform_account"

    platform: str = sqlmodel.Field(primary_key=True)
    # A budget.Reach: with the credential, or in public.
    reach: str = sqlmodel.Field(primary_key=True)
    tokens: float | None = None
    filled_at: datetime.datetime | None = None
    # Instants, as ISO 8601.
    faults: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    opened_at: datetime.datetime | None = None
    probing_until: datetime.datetime | None = None
    paused_until: datetime.datetime | None = None
