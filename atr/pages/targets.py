# SPDX-License-Identifier: Apache-2.0
"""The namespaces of projects on platforms, and the deployments that are outside of them."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Final

import atr.models.sql as sql
import atr.pages.changes as changes
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.storage.eligibility as eligibility
import atr.storage.names as names
import atr.storage.readers.events as events
import atr.storage.readers.projects as projects
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_ADMINS_ONLY: Final = reasons.of("admins-only", what="set namespaces").sentence


@dataclasses.dataclass(frozen=True)
class TargetPlatform:
    """The namespaces of a project on one platform."""

    member: str
    name: str
    namespaces: tuple[str, ...]
    source: str
    target: str
    # Empty and None if they were never set.
    set_by: str
    set_at: datetime.datetime | None
    digest: str
    # Projects of the same committee with an overlapping namespace: (key, name, their namespace).
    overlaps: tuple[tuple[str, str, str], ...]
    # A reason for each deployment of a release in progress that is outside the current namespaces.
    outside: tuple[reasons.Reason, ...]


@dataclasses.dataclass(frozen=True)
class TargetView:
    """The page of one project's namespaces."""

    project_key: str
    project_name: str
    committee_name: str
    platforms: tuple[TargetPlatform, ...]
    # Empty if the reader may change them.
    edit_why_not: str
    changes: tuple[changes.Change, ...]


@dataclasses.dataclass(frozen=True)
class TargetLine:
    """One project in the list, with (platform, namespaces) pairs."""

    project_key: str
    project_name: str
    committee_name: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]


@dataclasses.dataclass(frozen=True)
class TargetList:
    """The list of all projects."""

    lines: tuple[TargetLine, ...]


async def page(read: transaction.Transaction, project_key: str) -> TargetView:
    """Return the namespaces of one project, which everybody may read. Raises NotFoundError."""
    of = await projects.one(read, project_key)
    platforms = read.data.built.platforms
    ours = {one.name: of.targets[one.name].namespaces for one in platforms if one.name in of.targets}
    shared = await names.overlapping(read, project_key, ours)
    outside = await names.outside_of(read, project_key, ours)
    return TargetView(
        project_key=of.row.key,
        project_name=of.row.name,
        committee_name=of.committee.name,
        platforms=tuple(_platform(of, one, shared.get(one.name, ()), outside.get(one.name, ())) for one in platforms),
        edit_why_not="" if await rights.is_admin(read) else _ADMINS_ONLY,
        changes=changes.of(await events.of_project(read, project_key, ("target_set",))),
    )


async def listing(read: transaction.Transaction) -> TargetList:
    """Return every project with its namespaces on each platform that can promote."""
    found = await projects.every(read)
    rows = await eligibility.targets(read.data, [project.key for project, _ in found])
    return TargetList(
        tuple(
            TargetLine(
                project_key=project.key,
                project_name=project.name,
                committee_name=committee.name if committee else project.committee_key,
                targets=tuple(
                    (distribution.DistributionPlatform[row.platform].display_name, tuple(row.namespaces))
                    for row in rows.get(project.key, {}).values()
                ),
            )
            for project, committee in found
        )
    )


def _platform(
    of: projects.Project,
    platform: distribution.DistributionPlatform,
    shared: Sequence[tuple[sql.Project, str, str]],
    outside: Sequence[reasons.Reason],
) -> TargetPlatform:
    row = of.targets.get(platform.name)
    return TargetPlatform(
        member=platform.name,
        name=platform.display_name,
        namespaces=tuple(row.namespaces) if row else (),
        source=row.source if row else "",
        target=row.target if row else "",
        set_by=row.set_by if row else "",
        set_at=row.set_at if row else None,
        digest=names.seen_target(row),
        overlaps=tuple((other.key, other.name, theirs) for other, theirs, _ in shared),
        outside=tuple(outside),
    )
