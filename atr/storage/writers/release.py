# SPDX-License-Identifier: Apache-2.0
"""Starts releases, lifts their embargo, and announces them."""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.operating as operating
import atr.models.sql as sql
import atr.promotion.announcing as announcing
import atr.reasons as reasons
import atr.storage.announcing as rule_facts
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction
import atr.storage.writers.readiness as readiness

_VERSION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.+-]*[A-Za-z0-9])?")
_MAX_VERSION: Final = 64


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def start(self, project_key: str, version: str, *, expedited: bool = False) -> str:
        """Start a release in Compose and return its key.

        An expedited one is under embargo until it is announced. Raises InputError, ConflictError; AccessError for an
        expedited one unless a committee member starts it.
        """
        write = self._write
        project = await transaction.load_project(write, project_key)
        transaction.ensure_active(project)
        if expedited and not write.is_committee_member:
            raise errors.AccessError(reasons.of("members-only", what="start an expedited release"))
        if (len(version) > _MAX_VERSION) or (".." in version) or not _VERSION.fullmatch(version):
            raise errors.InputError(
                "A version consists of letters, digits, dots, plus signs and hyphens, for example 2.4.0.",
                field="version",
            )
        key = sql.release_key(project_key, version)
        await guards.hold(write.data, guards.release(key))
        there = await write.data.get(sql.Release, key)
        if there is not None:
            # Only members of the committee are told that there is a release under embargo.
            if there.is_embargoed and not (write.is_committee_member and (there.project_key == project_key)):
                raise errors.ConflictError(reasons.of("version-taken", version=version, key=key))
            other = await queries.demand_project(write.data, there.project_key)
            raise errors.ConflictError(reasons.of("version-exists", release=f"{other.name} {there.version}", key=key))
        await self._ensure_apart(project_key, version)
        release = sql.Release(key=key, created=write.now, project_key=project_key, version=version, expedited=expedited)
        write.data.add(release)
        await write.event(key, "release", "release_started", version=version, expedited=expedited)
        return key

    async def _ensure_apart(self, project_key: str, version: str) -> None:
        """Raise InputError if the key could be that of a release of a project with a longer name."""
        pieces = version.split("-")
        longer = ["-".join([project_key, *pieces[:count]]) for count in range(1, len(pieces))]
        wanted = sqlmodel.select(sql.Project).where(col(sql.Project.key).in_(longer))
        other = (await self._write.data.exec(wanted)).first()
        if other is not None:
            raise errors.InputError(reasons.of("version-of-another", project=other.name), field="version")


class ReleaseManager(transaction.Writer):
    """What release managers may do."""

    async def announce(self, release_key: str, *, vouched: Collection[str] = (), reason: str = "") -> None:
        """Mark a release as announced, by the rule of promotion/announcing.py.

        `vouched` are the purls of unverified packages that this person vouches for, with the reason. Raises
        BlockedError with each reason that remains, ConflictError outside Finish, InputError without a reason to vouch.
        """
        release, _, found = await self._announceable(release_key)
        if announcing.lacking(found) or announcing.unvouched(found, vouched):
            raise errors.BlockedError(*announcing.with_cures(found))
        await self._close(release, found, reason)

    async def _announceable(self, release_key: str) -> tuple[sql.Release, announcing.Facts, tuple[reasons.Reason, ...]]:
        """Return the release, the facts that the rule reads, and the reasons against it, which can all be cured."""
        release = await transaction.load_release_for_update(self._write, release_key)
        facts = await rule_facts.facts(self._write.data, await eligibility.release(self._write.data, release.key))
        found = announcing.standing(facts)
        transaction.demand(next((one for one in found if one.code in {"announced", "not-in-finish"}), None))
        if announcing.held(found):
            raise errors.BlockedError(*announcing.with_cures(found))
        return release, facts, found

    async def _close(self, release: sql.Release, found: Sequence[reasons.Reason], reason: str, **facts: Any) -> None:
        """Announce the release. The event names what was waived or vouched for, with the reason."""
        if found:
            facts["reason"] = transaction.checked_reason(reason)
            facts["vouched"] = [
                {"purl": one.facts["key"], "name": one.facts["name"]} for one in announcing.unvouched(found)
            ]
        release.phase = sql.ReleasePhase.RELEASE
        release.released = self._write.now
        await self._write.event(release.key, "release", "release_announced", **facts)


class CommitteeMember(ReleaseManager):
    """What members of the committee may do in addition."""

    async def announce_without(
        self, release_key: str, *, seen: str, reason: str, vouched: Collection[str] = ()
    ) -> None:
        """Mark a release as announced although something is missing, with a reason that stays in the event log.

        Missing are voted file sets that are not public, and platforms that the policy maps with nothing public. `seen`
        is the digest of what was missing when the person decided. Raises ConflictError if that has changed, InputError
        without a reason, BlockedError for reasons without a cure and for packages neither verified nor `vouched` for.
        """
        release, facts, found = await self._announceable(release_key)
        if (not announcing.lacking(found)) or (announcing.digest(facts) != seen):
            raise errors.ConflictError(reasons.of("stale", what="What is not published"))
        if unvouched := announcing.unvouched(found, vouched):
            raise errors.BlockedError(*announcing.with_cures(unvouched))
        without = [
            {
                "name": one.name,
                "platform": one.platform.name,
                "packages": [str(package) for package in one.packages],
                "voted_digest": one.digest,
                "files": one.files,
                "not_public": one.not_public,
            }
            for one in facts.measure.not_public
        ]
        waived = [
            {"tag": one.facts["key"], "name": one.facts["name"]}
            for one in announcing.lacking(found)
            if one.code == "missing"
        ]
        await self._close(release, found, reason, without=without, waived=waived)

    async def lift_embargo(self, release_key: str, reason: str) -> None:
        """Allow this release to be staged, polled, served and promoted before it is announced, with a reason.

        Who sees its pages does not change. Raises ConflictError if no embargo applies, InputError without a reason.
        """
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        if not await embargo.holds(write.data, release.key):
            raise errors.ConflictError(reasons.of("no-embargo"))
        why = transaction.checked_reason(reason)
        row = operating.EmbargoLift(
            release_key=release.key,
            release_created=release.created,
            lifted_by=write.asf_uid,
            lifted_at=write.now,
            reason=why,
        )
        # It replaces the row of an earlier release with this key.
        await write.data.merge(row)
        await write.event(release.key, "release", "embargo_lifted", reason=why)
        await readiness.queue_check(write, release.key)
