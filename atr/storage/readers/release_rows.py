# SPDX-License-Identifier: Apache-2.0
"""The releases that lists show: those that the reader may see."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.paging as paging
import atr.models.sql as sql
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction

_Phase = sql.ReleasePhase


@dataclasses.dataclass(frozen=True)
class Page:
    """The keys of a page of releases, and how many of all that were found are not announced yet."""

    keys: Sequence[str]
    on_their_way: int
    part: paging.Part


async def one(read: transaction.Transaction, release_key: str) -> tuple[sql.Release, sql.Project]:
    """Return a release and its project. Raises NotFoundError."""
    release, project = sql.Release, sql.Project
    joined = col(project.key) == col(release.project_key)
    found = (
        await read.data.exec(sqlmodel.select(release, project).join(project, joined).where(release.key == release_key))
    ).first()
    if found is None:
        raise queries.no_release(release_key)
    return found


async def page(read: transaction.Transaction, asked: paging.Asked) -> Page:
    """Return a page of the releases: those not announced come first, and newer ones before older ones."""
    release, project, is_over = sql.Release, sql.Project, col(sql.Release.phase) == _Phase.RELEASE
    where = [await embargo.seen_by(read), col(project.committee_key) != "", *map(_names, asked.words)]
    joined = col(project.key) == col(release.project_key)
    counted = sqlmodel.select(is_over, sqlalchemy.func.count()).join(project, joined).where(*where).group_by(is_over)
    counts = {bool(over): count for over, count in (await read.data.exec(counted)).all()}
    part = asked.part(sum(counts.values()))
    wanted = (
        sqlmodel.select(release.key)
        .join(project, joined)
        .where(*where)
        .order_by(is_over, col(release.created).desc(), col(release.key))
        .offset(part.offset)
        .limit(paging.SHOWN)
    )
    return Page((await read.data.exec(wanted)).all(), counts.get(False, 0), part)


async def newest_of(read: transaction.Transaction, project_key: str, limit: int) -> Sequence[sql.Release]:
    """Return the newest releases of a project."""
    row = sql.Release
    wanted = sqlmodel.select(row).where(row.project_key == project_key, await embargo.seen_by(read))
    return (await read.data.exec(wanted.order_by(col(row.created).desc()).limit(limit))).all()


async def on_their_way(read: transaction.Transaction, project_key: str, limit: int) -> Sequence[sql.Release]:
    """Return the newest unannounced releases of a project, first those in Compose, whose files can change."""
    row = sql.Release
    wanted = (
        sqlmodel.select(row)
        .where(row.project_key == project_key, col(row.phase) != _Phase.RELEASE, await embargo.seen_by(read))
        .order_by((col(row.phase) == _Phase.RELEASE_CANDIDATE_DRAFT).desc(), col(row.created).desc())
        .limit(limit)
    )
    return (await read.data.exec(wanted)).all()


def _names(word: str) -> Any:
    """Return the condition under which a release is found by this word."""
    release, project = sql.Release, sql.Project
    named = (col(project.stored_name), col(project.key), col(release.version))
    return sqlalchemy.or_(*(column.icontains(word, autoescape=True) for column in named))
