# SPDX-License-Identifier: Apache-2.0
"""The namespaces of projects: which packages are outside them, and which namespaces overlap.

Also the digests that the forms for a project's policy and namespaces carry: if a digest does not match any more,
another person has changed the row since the form was shown.
"""

import collections
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.storage.candidates as candidates
import atr.storage.transaction as transaction


async def blocker(
    data: session.Session, project_key: str, packages: Sequence[distribution.Coordinates]
) -> reasons.Reason | None:
    """Return why these packages of one platform are not this project's to release; None if they are.

    If the platform can promote, or namespaces were set for the project there, the project has only those. Otherwise
    only packages inside the namespaces of another project are refused.
    """
    platform = packages[0].platform
    target = await queries.target(data, project_key, platform.name)
    if (target is not None) or data.built.supports(platform):
        return blocked(data.built, platform, packages, target)
    return is_outside(await of_others(data, project_key, packages))


def blocked(
    built: layouts.Layouts,
    platform: distribution.DistributionPlatform,
    packages: Iterable[distribution.Coordinates],
    target: tables.PlatformTarget | None,
) -> reasons.Reason | None:
    """Return the same for a platform that can promote, by the project's namespaces there."""
    return no_target(platform) if target is None else is_outside(outside(built, packages, target))


def no_target(platform: distribution.DistributionPlatform) -> reasons.Reason:
    """Return why nothing of a project may go to a platform where it has no namespaces."""
    return reasons.of("no-target", platform=platform.display_name)


def is_outside(packages: Sequence[str]) -> reasons.Reason | None:
    """Return the reason for packages that are outside a project's namespaces; None without packages."""
    return reasons.of("outside-target", packages=words.some(packages)) if packages else None


def outside(
    built: layouts.Layouts, packages: Iterable[distribution.Coordinates], target: tables.PlatformTarget | None
) -> tuple[str, ...]:
    """Return the packages that are outside the project's namespaces; none if it has no namespaces."""
    return tuple(str(one) for one in built.outside(packages, target.namespaces)) if target else ()


async def of_others(
    data: session.Session, project_key: str, packages: Sequence[distribution.Coordinates]
) -> tuple[str, ...]:
    """Return those of these packages that are outside this project's namespaces and inside another one's."""
    platform = packages[0].platform_name
    target = await queries.target(data, project_key, platform)
    beyond = data.built.outside(packages, target.namespaces if target else ())
    free = data.built.outside(beyond, await queries.names(data, platform))
    return tuple(str(one) for one in beyond if one not in free)


async def overlapping(
    read: transaction.Transaction,
    project_key: str,
    names: Mapping[str, Sequence[str]],
) -> Mapping[str, Sequence[tuple[sql.Project, str, str]]]:
    """Return by platform the overlaps with other projects' namespaces: (project, its namespace, the one in `names`)."""
    wanted = (
        sqlmodel.select(tables.PlatformTarget, sql.Project)
        .join(sql.Project, col(sql.Project.key) == col(tables.PlatformTarget.project_key))
        .where(col(tables.PlatformTarget.platform).in_(names), tables.PlatformTarget.project_key != project_key)
        .order_by(col(sql.Project.key))
    )
    # Case is ignored: some file systems, and people, do not distinguish it.
    covers, found = read.data.built.covers, collections.defaultdict(list)
    for row, project in (await read.data.exec(wanted)).all():
        platform = distribution.DistributionPlatform[row.platform]
        for theirs, name in itertools.product(row.namespaces, names[row.platform]):
            if covers(platform, theirs.lower(), name.lower()) or covers(platform, name.lower(), theirs.lower()):
                found[row.platform].append((project, theirs, name))
    return found


async def outside_of(
    read: transaction.Transaction,
    project_key: str,
    names: Mapping[str, Sequence[str]],
) -> Mapping[str, Sequence[reasons.Reason]]:
    """Return by platform a reason for each deployment of a release on its way that these namespaces would exclude."""
    wanted = (
        sqlmodel.select(tables.Deployment, sql.Release)
        .join(sql.Release, col(sql.Release.key) == col(tables.Deployment.release_key))
        .where(
            sql.Release.project_key == project_key,
            col(sql.Release.phase) != sql.ReleasePhase.RELEASE,
            col(tables.Deployment.platform).in_(names),
            col(tables.Deployment.state).not_in(list(candidates.OUT)),
        )
        .order_by(col(tables.Deployment.id))
    )
    found = (await read.data.exec(wanted)).all()
    packages = await queries.packages_of(read.data, [row for row, _ in found])
    outside = collections.defaultdict(list)
    for row, release in found:
        if beyond := read.data.built.outside(packages[row.id], names[row.platform]):
            outside[row.platform].append(
                reasons.of(
                    "would-be-outside",
                    version=release.version,
                    deployment=row.external_id or row.name,
                    packages=words.some(beyond),
                )
            )
    return outside


def seen_policy(row: sql.ReleasePolicy) -> str:
    """Return the digest of a policy, for its form."""
    return _digest([*policy_facts(row).items()])


def policy_facts(row: sql.ReleasePolicy) -> dict[str, Any]:
    """Return the contents of a policy, as its event stores them before and after a change."""
    return {
        "min_hours": row.min_hours,
        "file_tag_mappings": row.file_tag_mappings,
        "remote_promotion": row.remote_promotion,
        "keep_copies": row.keep_copies,
    }


def seen_target(row: tables.PlatformTarget | None) -> str:
    """Return the digest of a project's namespaces on a platform, or of there being none, for their form."""
    return _digest(target_facts(row))


def target_facts(row: tables.PlatformTarget | None) -> dict[str, Any]:
    """Return a project's namespaces on a platform, as their event stores them; empty if there are none."""
    if row is None:
        return {}
    return {"namespaces": row.namespaces, "source": row.source, "target": row.target}


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
