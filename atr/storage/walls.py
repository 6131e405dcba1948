# SPDX-License-Identifier: Apache-2.0
"""The walls between projects: what names would overlap with or leave outside, and what is held without right."""

from collections.abc import Sequence

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.shared.distribution as distribution
import atr.storage.candidates as candidates
import atr.storage.transaction as transaction


async def overlapping(
    read: transaction.Transaction,
    project_key: str,
    platform: distribution.DistributionPlatform,
    names: Sequence[str],
) -> tuple[tuple[sql.Project, str, str], ...]:
    """Projects that hold a name which lies inside one of these or the other way round: (project, theirs, ours)."""
    wanted = (
        sqlmodel.select(tables.PlatformTarget, sql.Project)
        .join(sql.Project, col(sql.Project.key) == col(tables.PlatformTarget.project_key))
        .where(tables.PlatformTarget.platform == platform.name, tables.PlatformTarget.project_key != project_key)
        .order_by(col(sql.Project.key))
    )
    # Whatever the case of the letters: some disks, and people, do not tell it apart.
    covers = read.data.built.covers
    return tuple(
        (project, theirs, name)
        for row, project in (await read.data.exec(wanted)).all()
        for theirs in row.namespaces
        for name in names
        if covers(platform, theirs.lower(), name.lower()) or covers(platform, name.lower(), theirs.lower())
    )


async def outside_of(
    read: transaction.Transaction,
    project_key: str,
    platform: distribution.DistributionPlatform,
    names: Sequence[str],
) -> tuple[str, ...]:
    """The deployments of releases on their way whose packages would lie outside these names, a sentence each."""
    wanted = (
        sqlmodel.select(tables.Deployment, sql.Release)
        .join(sql.Release, col(sql.Release.key) == col(tables.Deployment.release_key))
        .where(
            sql.Release.project_key == project_key,
            col(sql.Release.phase) != sql.ReleasePhase.RELEASE,
            tables.Deployment.platform == platform.name,
            col(tables.Deployment.state).not_in(list(candidates.OUT)),
        )
        .order_by(col(tables.Deployment.id))
    )
    found = (await read.data.exec(wanted)).all()
    packages = await queries.packages_of(read.data, [row for row, _ in found])
    sentences = []
    for row, release in found:
        beyond = tuple(str(one) for one in read.data.built.outside(packages[row.id], names))
        if beyond:
            sentences.append(
                f"{release.version}, deployment {row.external_id or row.name}: {gates.listed(beyond)} would be "
                "outside and could not be promoted."
            )
    return tuple(sentences)
