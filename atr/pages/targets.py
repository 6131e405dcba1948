# SPDX-License-Identifier: Apache-2.0
"""Which names on which platform belong to which project, and what a change of them would put outside."""

import dataclasses
import datetime
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.changes as changes
import atr.shared.distribution as distribution
import atr.storage.names as names
import atr.storage.readers.changes as change_events
import atr.storage.transaction as transaction

_ADMINS_ONLY: Final = "Only foundation admins can set namespaces."


@dataclasses.dataclass(frozen=True)
class TargetPlatform:
    """The names of a project on one platform."""

    member: str
    name: str
    namespaces: tuple[str, ...]
    source: str
    target: str
    # Empty and None while nobody has set them.
    set_by: str
    set_at: datetime.datetime | None
    digest: str
    # Projects of the same committee with a name that overlaps: (key, name, theirs).
    overlaps: tuple[tuple[str, str, str], ...]
    # Deployments on their way that lie outside as it is, a sentence each.
    outside: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TargetView:
    """Which names belong to one project."""

    project_key: str
    project_name: str
    committee_name: str
    platforms: tuple[TargetPlatform, ...]
    may_edit: bool
    edit_why_not: str
    changes: tuple[changes.Change, ...]


@dataclasses.dataclass(frozen=True)
class TargetLine:
    """One project in the list: (platform, its names) each."""

    project_key: str
    project_name: str
    committee_name: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]


@dataclasses.dataclass(frozen=True)
class TargetList:
    """All projects."""

    lines: tuple[TargetLine, ...]


async def page(read: transaction.Transaction, project_key: str) -> TargetView:
    """The names of one project, as everybody may read them. Raises NotFoundError."""
    project = await queries.demand_project(read.data, project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    platforms = [platform for platform in distribution.DistributionPlatform if platform.supports_remote_promotion]
    admin = bool(read.asf_uid) and await read.data.get(sql.FoundationAdmin, read.asf_uid) is not None
    return TargetView(
        project_key=project.key,
        project_name=project.name,
        committee_name=committee.name,
        platforms=tuple([await _platform(read, project, platform) for platform in platforms]),
        may_edit=admin,
        edit_why_not="" if admin else _ADMINS_ONLY,
        changes=changes.of(await change_events.of_project(read, project_key, ("target_set",))),
    )


async def listing(read: transaction.Transaction) -> TargetList:
    """Every project with its names on each platform that can promote."""
    projects = (await read.data.exec(sqlmodel.select(sql.Project).order_by(col(sql.Project.key)))).all()
    committees = {one.key: one.name for one in (await read.data.exec(sqlmodel.select(sql.Committee))).all()}
    rows: dict[str, list[tables.PlatformTarget]] = {}
    for row in (await read.data.exec(sqlmodel.select(tables.PlatformTarget))).all():
        rows.setdefault(row.project_key, []).append(row)
    return TargetList(
        tuple(
            TargetLine(
                project_key=project.key,
                project_name=project.name,
                committee_name=committees.get(project.committee_key, project.committee_key),
                targets=tuple(
                    (distribution.DistributionPlatform[row.platform].display_name, tuple(row.namespaces))
                    for row in rows.get(project.key, [])
                ),
            )
            for project in projects
        )
    )


async def _platform(
    read: transaction.Transaction, project: sql.Project, platform: distribution.DistributionPlatform
) -> TargetPlatform:
    row = await queries.target(read.data, project.key, platform.name)
    namespaces = tuple(row.namespaces) if row else ()
    shared = await names.overlapping(read, project.key, platform, namespaces)
    return TargetPlatform(
        member=platform.name,
        name=platform.display_name,
        namespaces=namespaces,
        source=row.source if row else "",
        target=row.target if row else "",
        set_by=row.set_by if row else "",
        set_at=row.set_at if row else None,
        digest=names.seen_target(row),
        overlaps=tuple((other.key, other.name, theirs) for other, theirs, _ in shared),
        outside=await names.outside_of(read, project.key, platform, namespaces) if row else (),
    )
