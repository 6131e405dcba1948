# SPDX-License-Identifier: Apache-2.0
"""Projects with their committees, policies and namespaces; committees; and foundation admins."""

import dataclasses
from collections.abc import Mapping, Sequence

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction


@dataclasses.dataclass(frozen=True)
class Project:
    """A project, its committee and its policy, and its namespaces by platform."""

    row: sql.Project
    committee: sql.Committee
    policy: sql.ReleasePolicy
    targets: Mapping[str, tables.PlatformTarget]


async def one(read: transaction.Transaction, project_key: str) -> Project:
    """Return the project. Raises NotFoundError, also for one without a committee."""
    project, committee, policy = sql.Project, sql.Committee, sql.ReleasePolicy
    wanted = (
        sqlmodel.select(project, committee, policy)
        .join(committee, col(committee.key) == col(project.committee_key))
        .join(policy, col(policy.id) == col(project.release_policy_id), isouter=True)
        .where(project.key == project_key)
    )
    found = (await read.data.exec(wanted)).first()
    if found is None:
        orphan = await queries.demand_project(read.data, project_key)
        raise queries.no_committee(orphan.committee_key)
    row, its_committee, its_policy = found
    targets = await eligibility.targets(read.data, [project_key])
    return Project(row, its_committee, its_policy or sql.ReleasePolicy(), targets.get(project_key, {}))


async def every(read: transaction.Transaction) -> Sequence[tuple[sql.Project, sql.Committee | None]]:
    """Return every project with its committee, if it has one, in order of the keys."""
    project, committee = sql.Project, sql.Committee
    wanted = sqlmodel.select(project, committee).join(
        committee, col(committee.key) == col(project.committee_key), isouter=True
    )
    return (await read.data.exec(wanted.order_by(col(project.key)))).all()


async def active(read: transaction.Transaction) -> Sequence[tuple[sql.Project, sql.Committee]]:
    """Return every active project that has a committee, in order of the names."""
    project, committee = sql.Project, sql.Committee
    wanted = (
        sqlmodel.select(project, committee)
        .join(committee, col(committee.key) == col(project.committee_key))
        .where(project.status == sql.ProjectStatus.ACTIVE)
        .order_by(col(project.stored_name), col(project.key))
    )
    return (await read.data.exec(wanted)).all()


async def committees(read: transaction.Transaction) -> Sequence[sql.Committee]:
    """Return every committee, in order of the keys."""
    return (await read.data.exec(sqlmodel.select(sql.Committee).order_by(col(sql.Committee.key)))).all()


async def admins(read: transaction.Transaction) -> Sequence[str]:
    """Return the foundation admins."""
    return (await read.data.exec(sqlmodel.select(sql.FoundationAdmin.asf_uid))).all()
