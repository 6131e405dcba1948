# SPDX-License-Identifier: Apache-2.0
"""Who may do what, decided from a committee's row as it is now; an operator is a foundation admin (docs/adr/0031)."""

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
