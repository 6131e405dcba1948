# SPDX-License-Identifier: Apache-2.0
"""Who may do what, decided from a committee's row as it is now; an operator is a foundation admin (docs/adr/0031)."""

import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.reasons as reasons
import atr.storage.transaction as transaction


def is_member(committee: sql.Committee, asf_uid: str) -> bool:
    """Return whether the person is a member of the committee now."""
    return bool(asf_uid) and (asf_uid in committee.committee_members)


def is_release_manager(committee: sql.Committee, asf_uid: str) -> bool:
    """Return whether the person is a member, or a committer whom the committee made a release manager."""
    designated = (asf_uid in committee.release_managers) and (asf_uid in committee.committers)
    return is_member(committee, asf_uid) or (bool(asf_uid) and designated)


def is_participant(committee: sql.Committee, asf_uid: str) -> bool:
    """Return whether the person is a committer or a member."""
    return is_member(committee, asf_uid) or (bool(asf_uid) and (asf_uid in committee.committers))


async def is_admin(read: transaction.Transaction) -> bool:
    """Return whether the reader is a foundation admin."""
    return bool(read.asf_uid) and (await read.data.get(sql.FoundationAdmin, read.asf_uid) is not None)


async def demand_admin(read: transaction.Transaction) -> None:
    """Raise AccessError unless the reader is a foundation admin."""
    if not await is_admin(read):
        raise errors.AccessError(reasons.of("admins-only", what="do this"))


async def demand_participant(read: transaction.Transaction, project_key: str) -> None:
    """Raise AccessError unless a committer or a member of the project's committee reads, NotFoundError without one."""
    project = await queries.demand_project(read.data, project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    if not is_participant(committee, read.asf_uid):
        raise denied(read.asf_uid, "committers of", committee)


def denied(asf_uid: str, rung: str, committee: sql.Committee) -> errors.AccessError:
    """Return what a person is told who does not have this role."""
    code = "not-permitted" if asf_uid else "sign-in"
    return errors.AccessError(reasons.of(code, asf_uid=asf_uid, rung=rung, committee=committee.name))
