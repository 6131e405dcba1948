# SPDX-License-Identifier: Apache-2.0
"""Which names on which platform belong to which project, and what a change of them would put outside."""

from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.policy_views as views
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.readers.changes as changes
import atr.storage.seen as seen
import atr.storage.transaction as transaction
import atr.storage.walls as walls

_ADMINS_ONLY: Final = "Only foundation admins can set namespaces."


async def page(read: transaction.Transaction, project_key: str) -> views.TargetView:
    """The names of one project, as everybody may read them. Raises NotFoundError."""
    project = await queries.demand_project(read.data, project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    platforms = [platform for platform in distribution.DistributionPlatform if platform.supports_remote_promotion]
    admin = bool(read.asf_uid) and await read.data.get(sql.FoundationAdmin, read.asf_uid) is not None
    return views.TargetView(
        project_key=project.key,
        project_name=project.name,
        committee_name=committee.name,
        platforms=tuple([await _platform(read, project, platform) for platform in platforms]),
        may_edit=admin,
        edit_why_not="" if admin else _ADMINS_ONLY,
        changes=await changes.of(read, project_key, ("target_set",)),
    )


async def listing(read: transaction.Transaction) -> views.TargetList:
    """Every project with its names on each platform that can promote."""
    projects = (await read.data.exec(sqlmodel.select(sql.Project).order_by(col(sql.Project.key)))).all()
    committees = {one.key: one.name for one in (await read.data.exec(sqlmodel.select(sql.Committee))).all()}
    rows: dict[str, list[tables.PlatformTarget]] = {}
    for row in (await read.data.exec(sqlmodel.select(tables.PlatformTarget))).all():
        rows.setdefault(row.project_key, []).append(row)
    return views.TargetList(
        tuple(
            views.TargetLine(
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
) -> views.TargetPlatform:
    row = await queries.target(read.data, project.key, platform.name)
    names = tuple(row.namespaces) if row else ()
    shared = await walls.overlapping(read, project.key, platform, names)
    return views.TargetPlatform(
        member=platform.name,
        name=platform.display_name,
        namespaces=names,
        source=row.source if row else "",
        target=row.target if row else "",
        set_by=row.set_by if row else "",
        set_at=row.set_at if row else None,
        digest=seen.target(row),
        overlaps=tuple((other.key, other.name, theirs) for other, theirs, _ in shared),
        outside=await walls.outside_of(read, project.key, platform, names) if row else (),
    )
