# SPDX-License-Identifier: Apache-2.0
"""What a project allows, and which names belong to it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.audit as audit
import atr.storage.transaction as transaction
import atr.storage.writers.copies as copies
import atr.storage.writers.own as own

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class CommitteeMember:
    """What members of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def edit(
        self,
        project_key: str,
        *,
        file_tag_mappings: Mapping[str, Sequence[str]] | None = None,
        remote_promotion: Mapping[distribution.DistributionPlatform, bool] | None = None,
        min_hours: int | None = None,
        keep_copies: bool | None = None,
    ) -> None:
        """Change what is given. Remote promotion is off for every platform until somebody switches it on.

        With `keep_copies` ATR keeps a copy of what it captures, and of what is staged and was captured before.
        """
        write = self._write
        project = await own.project(write, project_key)
        policy = await queries.policy(write.data, project)
        write.data.add(policy)
        await write.data.flush()
        project.release_policy_id = policy.id
        if file_tag_mappings is not None:
            # `maven` is the example people follow; the slug is what ATR looks for.
            policy.file_tag_mappings = {
                "mavencentral" if tag == "maven" else tag: list(patterns) for tag, patterns in file_tag_mappings.items()
            }
        if remote_promotion is not None:
            for platform, allowed in remote_promotion.items():
                if allowed and not platform.supports_remote_promotion:
                    raise errors.UnsupportedError(platform.why_not)
            policy.remote_promotion = policy.remote_promotion | {
                platform.gh_slug: allowed for platform, allowed in remote_promotion.items()
            }
        if min_hours is not None:
            policy.min_hours = min_hours
        if keep_copies is not None:
            if keep_copies and not policy.keep_copies:
                await copies.ask_to_keep_all(write, project_key)
            policy.keep_copies = keep_copies
        await write.event(
            audit.SITE,
            f"project:{project_key}",
            "policy_edited",
            file_tag_mappings=policy.file_tag_mappings,
            remote_promotion=policy.remote_promotion,
            min_hours=policy.min_hours,
            keep_copies=policy.keep_copies,
        )


class FoundationAdmin:
    """What foundation admins may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def set_target(
        self,
        project_key: str,
        platform: distribution.DistributionPlatform,
        *,
        namespaces: Sequence[str],
        source: str = "",
        target: str = "",
    ) -> None:
        """Say which names on a platform belong to a project: the wall between committees that share a credential."""
        write = self._write
        await queries.demand_project(write.data, project_key)
        if platform.mechanism is None:
            raise errors.UnsupportedError(platform.why_not)
        if (not namespaces) or not all(_NAMESPACE.fullmatch(namespace) for namespace in namespaces):
            raise errors.InputError("Name one groupId or more, like org.apache.commons.", field="namespaces")
        row = await queries.target(write.data, project_key, platform.name) or tables.PlatformTarget(
            project_key=project_key,
            platform=platform.name,
            mechanism=platform.mechanism.slug,
            set_by=write.asf_uid,
            set_at=write.now,
        )
        row.namespaces = list(namespaces)
        row.source, row.target = source, target
        row.set_by, row.set_at = write.asf_uid, write.now
        write.data.add(row)
        await write.event(
            audit.SITE, f"project:{project_key}", "target_set", platform=platform.name, namespaces=list(namespaces)
        )

    async def set_committee(
        self,
        key: str,
        name: str,
        *,
        committee_members: Sequence[str],
        committers: Sequence[str] = (),
        release_managers: Sequence[str] = (),
    ) -> None:
        """Make a committee, or say anew who is on it."""
        write = self._write
        row = await write.data.get(sql.Committee, key) or sql.Committee(key=key, name=name)
        row.name = name
        row.committee_members = list(committee_members)
        row.committers = list(committers)
        row.release_managers = list(release_managers)
        write.data.add(row)
        await write.event(audit.SITE, f"committee:{key}", "committee_set", members=list(committee_members))

    async def set_project(
        self, key: str, name: str, committee_key: str, *, status: sql.ProjectStatus = sql.ProjectStatus.ACTIVE
    ) -> None:
        """Make a project of a committee, or change its name or status."""
        write = self._write
        await queries.demand_committee(write.data, committee_key)
        row = await write.data.get(sql.Project, key) or sql.Project(key=key, name=name, committee_key=committee_key)
        row.name, row.status, row.committee_key = name, status, committee_key
        write.data.add(row)
        await write.event(audit.SITE, f"project:{key}", "project_set", status=status.value)
