# SPDX-License-Identifier: Apache-2.0
"""The policy and the namespaces of a project; committees and projects."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.mapping as mapping
import atr.promotion.patterns as wildcards
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.storage.audit as audit
import atr.storage.incidents as incidents
import atr.storage.names as names
import atr.storage.transaction as transaction
import atr.storage.writers.deployments as deployments
import atr.storage.writers.readiness as readiness

_MAX_NAMESPACES: Final = 50


class ReleaseManager(transaction.Writer):
    """What release managers may do."""

    async def edit(
        self,
        project_key: str,
        *,
        file_tag_mappings: Mapping[str, Sequence[str]] | None = None,
        remote_promotion: Mapping[distribution.DistributionPlatform, bool] | None = None,
        min_hours: int | None = None,
        keep_copies: bool | None = None,
        seen: str | None = None,
    ) -> bool:
        """Change what is given, and return whether that is a change. Remote promotion is off by default.

        With `keep_copies` ATR keeps a copy of what it captures, and of what is staged and was captured before. `seen`
        is the policy that the person saw, as a digest: raises ConflictError if it has changed, InputError for a mapping
        that cannot be used.
        """
        write = self._write
        project = await transaction.load_project(write, project_key)
        policy = await queries.policy(write.data, project)
        write.data.add(policy)
        await write.data.flush()
        project.release_policy_id = policy.id
        before = names.policy_facts(policy)
        if seen not in {None, names.seen_policy(policy)}:
            raise errors.ConflictError(reasons.of("stale", what="The policy"))
        if file_tag_mappings is not None:
            # Tags are kept as written: ATR's workflows fetch by them. Tags without a platform must not be dropped here.
            others = mapping.unknown_tags(policy.file_tag_mappings)
            policy.file_tag_mappings = {tag: policy.file_tag_mappings[tag] for tag in others} | {
                tag: _checked(patterns) for tag, patterns in file_tag_mappings.items() if patterns
            }
        if remote_promotion is not None:
            for platform, allowed in remote_promotion.items():
                if allowed and not write.data.built.supports(platform):
                    raise errors.UnsupportedError(reasons.of("unsupported", why=platform.why_not))
            policy.remote_promotion = policy.remote_promotion | {
                platform.gh_slug: allowed for platform, allowed in remote_promotion.items()
            }
        if min_hours is not None:
            policy.min_hours = min_hours
        if keep_copies is not None:
            if keep_copies and not policy.keep_copies:
                await deployments.ask_to_keep_all(write, project_key)
            policy.keep_copies = keep_copies
        after = names.policy_facts(policy)
        if after == before:
            return False
        await write.event(audit.SITE, f"project:{project_key}", "policy_edited", before=before, after=after)
        await readiness.queue_project(write, project_key)
        return True


def _checked(patterns: Sequence[str]) -> list[str]:
    if len(patterns) > wildcards.MAX_PATTERNS:
        raise errors.InputError(
            f"Enter at most {wildcards.MAX_PATTERNS} patterns for a tag; there are {len(patterns)}."
        )
    for pattern in patterns:
        wildcards.compiled(pattern)
    return list(patterns)


class FoundationAdmin(transaction.Writer):
    """What foundation admins may do."""

    async def set_target(
        self,
        project_key: str,
        platform: distribution.DistributionPlatform,
        *,
        namespaces: Sequence[str],
        source: str = "",
        target: str = "",
        seen: str | None = None,
        outside_is_meant: bool = True,
    ) -> bool:
        """Set the namespaces of a project on a platform, which separate committees that share a credential.

        Returns whether that is a change. Raises ConflictError if the namespaces are not those that the person saw
        (`seen`), InputError for namespaces that are not valid or overlap with another committee's, and BlockedError,
        unless `outside_is_meant`, if packages of deployments that are on their way would be outside.
        """
        write = self._write
        # Namespaces of all committees are compared, so the lock is for all of them.
        project = await queries.demand_project(write.data, project_key)
        await guards.hold(write.data, guards.SITE, guards.committee(project.committee_key))
        mechanism = await queries.mechanism(write.data, project_key, platform)
        layout = write.data.built.of(mechanism)
        # If none is given, the error for an empty one says what a namespace is.
        wanted = [layout.checked_name(name) for name in dict.fromkeys(namespaces or [""])]
        if len(wanted) > _MAX_NAMESPACES:
            raise errors.InputError(
                f"Enter at most {_MAX_NAMESPACES} namespaces; there are {len(wanted)}.", field="namespaces"
            )
        row = await queries.target(write.data, project_key, platform.name)
        if seen not in {None, names.seen_target(row)}:
            raise errors.ConflictError(reasons.of("stale", what="The namespaces"))
        await self._ensure_apart(project, platform, wanted)
        outside = await names.outside_of(write, project_key, {platform.name: wanted})
        transaction.demand_free(*(() if outside_is_meant else outside.get(platform.name, ())))
        before = names.target_facts(row)
        if row is None:
            row = tables.PlatformTarget(
                project_key=project_key,
                platform=platform.name,
                mechanism=mechanism.name,
                set_by=write.asf_uid,
                set_at=write.now,
            )
        row.namespaces, row.source, row.target = wanted, source, target
        after = names.target_facts(row)
        if after == before:
            return False
        row.set_by, row.set_at = write.asf_uid, write.now
        write.data.add(row)
        await write.event(
            audit.SITE, f"project:{project_key}", "target_set", platform=platform.name, before=before, after=after
        )
        await readiness.queue_project(write, project_key)
        # Packages that are public in these namespaces and were not compared can be compared now.
        await incidents.look_anew(write, col(sql.Release.project_key) == project_key)
        return True

    async def _ensure_apart(
        self, project: sql.Project, platform: distribution.DistributionPlatform, wanted: Sequence[str]
    ) -> None:
        """Raise InputError if one of these namespaces overlaps with one of another committee."""
        shared = await names.overlapping(self._write, project.key, {platform.name: wanted})
        for other, theirs, name in shared.get(platform.name, ()):
            if other.committee_key != project.committee_key:
                committee = (await queries.demand_committee(self._write.data, other.committee_key)).name
                why = reasons.of("overlaps", name=name, theirs=theirs, project=other.name, committee=committee)
                raise errors.InputError(why, field="namespaces")

    async def set_committee(
        self,
        key: str,
        name: str,
        *,
        committee_members: Sequence[str],
        committers: Sequence[str] = (),
        release_managers: Sequence[str] = (),
    ) -> None:
        """Create a committee, or replace its name and its people."""
        write = self._write
        await guards.hold(write.data, guards.committee(key))
        row = await write.data.get(sql.Committee, key, populate_existing=True) or sql.Committee(key=key)
        row.stored_name = name
        row.committee_members = list(committee_members)
        row.committers = list(committers)
        row.release_managers = list(release_managers)
        write.data.add(row)
        await write.event(audit.SITE, f"committee:{key}", "committee_set", members=list(committee_members))

    async def set_project(
        self, key: str, name: str, committee_key: str, *, status: sql.ProjectStatus = sql.ProjectStatus.ACTIVE
    ) -> None:
        """Create a project of a committee, or change its name, status or committee.

        Raises InputError if it moves to another committee with a namespace that overlaps with one outside of it.
        """
        write = self._write
        await queries.demand_committee(write.data, committee_key)
        there = await write.data.get(sql.Project, key)
        # The committee that it belonged to, and the one that it will belong to.
        await guards.hold(
            write.data,
            *(guards.committee(one) for one in {committee_key, there.committee_key if there else committee_key}),
        )
        row = there or sql.Project(key=key, committee_key=committee_key)
        moves = row.committee_key != committee_key
        row.stored_name, row.status, row.committee_key = name, status, committee_key
        write.data.add(row)
        # Namespaces that overlap within one committee would overlap between two committees after the move.
        for platform in distribution.DistributionPlatform if moves else ():
            target = await queries.target(write.data, key, platform.name)
            if target is not None:
                await self._ensure_apart(row, platform, target.namespaces)
        await write.event(audit.SITE, f"project:{key}", "project_set", status=status.value)
