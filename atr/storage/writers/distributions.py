# SPDX-License-Identifier: Apache-2.0
"""Third-party distributions: record, automate, delete, promote. The names are ATR's.

The verification cannot be bypassed: no row becomes public because a person says so. Only `settle`, with what the
platform and the public repository showed, calls `__upgrade_staging_to_final`.
"""

import datetime

import atr.db.leases as leases
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.leased_rows as leased_rows
import atr.storage.observations as observations
import atr.storage.preconditions as preconditions
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.requests as requests


class ReleaseManager(transaction.Writer):
    """What release managers may do."""

    async def record(
        self,
        release_key: str,
        where: distribution.Coordinates,
        *,
        staging: bool,
        deployment_id: str = "",
    ) -> int | None:
        """Record a package that was staged or published without ATR. Returns the id of its deployment, if it has one.

        If it is staged on a platform that promotes, `deployment_id` is the platform's own id, and the worker polls it
        at once. A package that is reported as public is not taken for public: if the ballot and an adapter allow it, a
        promotion that is never sent waits until the platform reports it and compares the public files; otherwise the
        row is pending until the scan finds it, and is unverified then. Raises InputError, ConflictError, AccessError,
        BlockedError outside the project's namespaces.
        """
        write = self._write
        release = await self._recordable(release_key, staging=staging)
        await requests.demand_inside(write, release, (where,))
        if not staging:
            await self._record_public(release, where)
            return None
        deployment: tables.Deployment | None = None
        if write.data.built.supports(where.platform):
            deployment = await requests.deployment_for(write, release, where, deployment_id.strip())
        where = (await self._row(release_key, where, staging=True)).coordinates
        await write.event(
            release_key,
            deployment.subject if deployment else f"distribution:{where.purl}",
            "distribution_recorded",
            platform=where.platform_name,
            purl=where.purl,
            staging=True,
            external_id=deployment.external_id if deployment else "",
        )
        return deployment.id if deployment else None

    async def record_from_data(
        self,
        claimed: work.Distribution,
        found: work.PublicAddress | None,
        *,
        error: str = "",
        next_look: datetime.datetime,
        looked: bool = True,
    ) -> None:
        """Record a check of a pending row: date and addresses, or not found yet; `looked`: the platform was asked.

        Raises AccessError unless the service acts.
        """
        write = self._write
        write.ensure_system()
        row = await write.data.get(sql.Distribution, requests.recorded_key(claimed.release_key, claimed.coordinates))
        if row is None:
            return
        leases.check(row, claimed.epoch)
        row.retries += looked
        if error and (error != row.last_error):
            await write.event(
                claimed.release_key, f"distribution:{claimed.coordinates.purl}", "distribution_not_read", error=error
            )
        row.last_error = error
        row.lease_until = None
        # A promotion that tracks it compares the files; that the version exists verifies nothing.
        if (found is None) or row.staging or await requests.holders(write.data, [claimed.coordinates]):
            row.due_at = next_look
            return
        # It was found, so it is not pending any more. That does not verify that its files are the voted ones.
        row.pending, row.due_at = False, None
        _note_address(row, found)
        await write.event(
            claimed.release_key, f"distribution:{claimed.coordinates.purl}", "distribution_found", api_url=found.api_url
        )

    async def automate(self, release_key: str, platform: distribution.DistributionPlatform, *, staging: bool) -> int:
        """Upload the revision's mapped files as a new deployment, and return its id.

        If a committee member requests it for production, the promotion follows with the same gates, in their name;
        otherwise it waits for a member's click. The platform's own automatic publishing is never used. Raises
        UnsupportedError, BlockedError (also without a mapping: the files are never guessed).
        """
        write = self._write
        candidates.uploads_supported(write.data.built, platform)
        release = await self._recordable(release_key, staging=staging)
        project = await queries.demand_project(write.data, release.project_key)
        revision = await queries.latest_revision(write.data, release_key)
        await requests.demand_uploadable(write, project, revision, platform)
        number = revision.number if revision else None
        then_promote = (not staging) and write.is_committee_member
        deployment = await requests.upload(write, release, platform, revision_number=number, then_promote=then_promote)
        await write.event_of(
            deployment,
            "distribution_automated",
            platform=platform.name,
            staging=staging,
            then_promote=then_promote,
            revision=deployment.revision_number,
        )
        return transaction.row_id(deployment.id)

    async def stage_again(self, release_key: str, digest: str) -> int:
        """Upload voted files again as a new deployment, and return its id.

        This is for files that the platform does not have any more: files on the ballot are voted whenever they are
        staged. Raises BlockedError if they were not voted on, are still staged, or ATR does not have their bytes.
        """
        release = await self._recordable(release_key, staging=True)
        return transaction.row_id((await requests.stage_again(self._write, release, digest)).id)

    async def delete_distribution(self, release_key: str, where: distribution.Coordinates, reason: str) -> None:
        """Delete a row from the list, with a reason. Nothing changes on the platform.

        Raises ConflictError once a publish attempt for it exists, or while a promotion has reserved it.
        """
        write = self._write
        await transaction.load_release_for_update(write, release_key)
        row = await requests.recorded(write.data, release_key, where)
        if row is None:
            raise errors.NotFoundError(f"{where} is not recorded for this release.")
        where = row.coordinates
        reason = transaction.checked_reason(reason)
        transaction.demand((await preconditions.deletions(write, release_key)).get(where.purl))
        await write.data.delete(row)
        await write.event(
            release_key,
            f"distribution:{where.purl}",
            "distribution_deleted",
            platform=where.platform_name,
            reason=reason,
            staging=row.staging,
            pending=row.pending,
        )

    async def _recordable(self, release_key: str, *, staging: bool) -> sql.Release:
        release, _ = await transaction.load_active_release(self._write, release_key)
        await embargo.demand_lifted(self._write.data, release.key)
        if staging and (release.phase is sql.ReleasePhase.RELEASE):
            raise errors.ConflictError(reasons.of("announced"))
        if (not staging) and (release.phase is not sql.ReleasePhase.RELEASE_PREVIEW):
            raise errors.ConflictError(reasons.of("phase"))
        return release

    async def _record_public(self, release: sql.Release, where: distribution.Coordinates) -> None:
        write = self._write
        row = await self._row(release.key, where, staging=False)
        where = row.coordinates
        voted = await requests.voted_of(write, release, where)
        tracked = voted is not None
        if voted is not None:
            await requests.track(write, release, (where,), voted, person=write.asf_uid)
            row.due_at = None
        await write.event(
            release.key,
            f"distribution:{where.purl}",
            "distribution_recorded",
            platform=where.platform_name,
            purl=where.purl,
            staging=False,
            tracked=tracked,
        )

    async def _row(self, release_key: str, where: distribution.Coordinates, *, staging: bool) -> sql.Distribution:
        row = await requests.recorded(self._write.data, release_key, where)
        if row is None:
            row = requests.listed(
                self._write, release_key, where, staging=staging, pending=True, created_by=self._write.asf_uid
            )
            await self._write.data.flush()
        elif not staging and row.pending:
            # A row that was found staged stays so until it is verified; one that is reported again is checked at once.
            row.staging, row.due_at = False, self._write.now
        return row


class CommitteeMember(ReleaseManager):
    """In addition, for members of the committee: the irreversible publish request."""

    async def promote_staging_to_production(
        self,
        release_key: str,
        platform: distribution.DistributionPlatform,
        deployment_id: int,
        *,
        evidence_digest: str,
        row_version: int,
        code: str = "",
    ) -> int:
        """Request the promotion of a staged deployment, and return the promotion's id. It does not use the network.

        `evidence_digest` and `row_version` are what the person saw, `code` is the one-time code that they entered. The
        same person's identical second request returns the first promotion. Raises UnsupportedError (the first gate),
        ConflictError (it has changed, or another person has requested it), BlockedError (gates).
        """
        write = self._write
        if not write.data.built.supports(platform):
            raise errors.UnsupportedError(reasons.of("unsupported", why=platform.why_not))
        deployment = await transaction.load_deployment_for_update(write, deployment_id)
        if (deployment.release_key != release_key) or (deployment.platform != platform.name):
            raise errors.NotFoundError(f"This release has no deployment {deployment_id} on {platform.display_name}.")
        case = await eligibility.one(write.data, deployment, write.asf_uid)
        held = await requests.already(write, case, evidence_digest=evidence_digest)
        fresh = (held is not None) and held.held and (deployment.version == row_version)
        if (held is not None) and (held.requested_by == write.asf_uid) and not fresh:
            await write.event_of(held, "promotion_asked_twice")
            return transaction.row_id(held.id)
        if (deployment.version != row_version) or (case.evidence_digest != evidence_digest):
            raise errors.ConflictError(reasons.of("stale", what="The deployment or its evidence"))
        transaction.demand_free(*gates.blockers(case.facts))
        if held is not None:
            await requests.ask_again(write, case, held)
        promotion = held or await requests.open_promotion(write, case, requested_by=write.asf_uid)
        # A secret that no request needs is not stored.
        promotion.one_time_code = code if mechanisms.Mechanism[promotion.mechanism].needs_code else ""
        return transaction.row_id(promotion.id)

    async def settle(self, claimed: work.Promotion, learnt: work.Learnt) -> states.State:
        """Record what the worker learnt about a promotion, make the transition it decided on, and return the state.

        At LIVE every third-party distribution of the promotion becomes final in the same transaction. Raises
        AccessError unless the service acts.
        """
        write = self._write
        write.ensure_system()
        row = await leased_rows.promotion(write, claimed)
        await observations.note(write, row, learnt)
        to = learnt.decision.to
        if to is not None:
            await self._move(row, to, learnt)
        if (to is not None) or (learnt.seen is steps.Seen.PUBLIC):
            await transitions.follow(write, row, to, learnt.seen, differs=learnt.staged is not None)
        if to in {states.State.LIVE, states.State.DIVERGED}:
            await self._note_public(row, to, learnt)
        observations.rest(row, (await row_views.resting(write, [row]))[claimed.id], learnt)
        return row.state

    async def _move(self, row: tables.Promotion, to: states.State, learnt: work.Learnt) -> None:
        """Make the transition that was decided on."""
        write = self._write
        row.out_of_band = row.out_of_band or learnt.decision.out_of_band
        await transitions.promotion(
            write,
            row,
            to,
            learnt.decision.reason,
            platform_word=learnt.word,
            public_digest=learnt.public.digest if learnt.public else "",
        )
        if (row.deadline is None) and (to in {states.State.PUBLISHING, states.State.CHECKING}):
            timing = write.place.timing(row.mechanism)
            row.deadline = row_views.later(write, timing.deadline)

    async def _note_public(self, row: tables.Promotion, to: states.State, learnt: work.Learnt) -> None:
        """Update each package of the promotion, which is public now; none if a host has deleted the release."""
        write = self._write
        if await queries.get_release(write.data, row.release_key) is None:
            return
        packages = await queries.targets(write.data, row)
        there = await requests.recorded_of(write.data, row.release_key, packages)
        for where in packages:
            address = next((url for url in learnt.urls if url.coordinates == where), None)
            if to is states.State.LIVE:
                await self.__upgrade_staging_to_final(row, where, there.get(where), address)
            elif where in there:
                _note_diverged(there[where], address)

    async def __upgrade_staging_to_final(
        self,
        promotion: tables.Promotion,
        where: distribution.Coordinates,
        row: sql.Distribution | None,
        address: work.PublicAddress | None,
    ) -> None:
        """Make a third-party distribution final: only here, and only after its public files were verified."""
        write = self._write
        if row is None:
            row = requests.listed(
                write, promotion.release_key, where, staging=False, pending=False, created_by=promotion.requested_by
            )
        row.staging, row.pending, row.due_at, row.last_error = False, False, None, ""
        row.proof = distribution.Proof.PROVED
        row.created_by = promotion.requested_by
        if address is not None:
            _note_address(row, address)
        await write.event(
            promotion.release_key,
            f"distribution:{where.purl}",
            "distribution_upgraded",
            actor=promotion.requested_by,
            platform=where.platform_name,
            promotion=promotion.id,
            public_digest=promotion.public_digest,
        )


def _note_diverged(row: sql.Distribution, address: work.PublicAddress | None) -> None:
    """Record that public files differ from the voted ones. A staged row stays staged: it does not become final."""
    row.pending, row.due_at, row.proof = False, None, distribution.Proof.DIVERGED
    if address is not None:
        # People must be able to find it at once.
        _note_address(row, address)


def _note_address(row: sql.Distribution, address: work.PublicAddress) -> None:
    row.upload_date, row.api_url, row.web_url = address.date, address.api_url, address.web_url
