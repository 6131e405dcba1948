# SPDX-License-Identifier: Apache-2.0
"""Packages that are found public without an open promotion: they are tracked, and compared with the voted files.

What is public outranks what ATR recorded. The old end stays in the event log; a new promotion that is never sent takes
the packages to CHECKING. If there are no voted files to compare, it is an incident (storage/incidents.py).
"""

from collections.abc import Sequence
from typing import Any

from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.ballot as ballots
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage.attempts as attempts
import atr.storage.ballots as proposals
import atr.storage.candidates as candidates
import atr.storage.incidents as incidents
import atr.storage.leased_rows as leased_rows
import atr.storage.names as names
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.requests as requests

_Deployment = states.DeploymentState
_PUBLISHING = "The platform is publishing it. It is polled until it is published or has failed."
_RECORDED = "The platform's records list this version. It is checked until its files are public."


class Findings(transaction.Writer):
    """What the worker records about ended promotions. Every write is fenced by the epoch of the claim."""

    async def looked_again(self, claimed: work.Promotion, looked: work.Observation, version: steps.Version) -> None:
        """Record a check of a promotion that has ended, and what follows if it is public after all."""
        write = self._write
        row = await leased_rows.promotion(write, claimed)
        row.lease_until, row.last_look = None, write.now
        if row.state not in states.ENDED:
            return
        timing = write.place.timing(claimed.mechanism.name)
        row.platform_word = looked.word or row.platform_word
        row.due_at = steps.again(row.entered_at, write.now, timing)
        row.blocker = {
            steps.Seen.WORKING: _PUBLISHING,
            steps.Seen.PUBLIC: "",
        }.get(looked.seen, _RECORDED if version is steps.Version.RECORDED else "")
        if row.blocker:
            row.due_at = row_views.later(write, timing.doubting)
        deployment = (
            await queries.demand_deployment(write.data, row.deployment_id or 0, fresh=True)
            if (row.deployment_id is not None)
            else None
        )
        if looked.seen is steps.Seen.PUBLIC or version is steps.Version.PUBLIC:
            ours = deployment if (deployment is not None) and await _is_its(write, deployment, looked.seen) else None
            if (ours is not None) and (ours.state is not _Deployment.PUBLISHED):
                await transitions.deployment(write, ours, _Deployment.PUBLISHED)
            tracked = await public(write, row.release_key, claimed.packages, ours, person=row.requested_by)
            await note(write, row, tracked=tracked)


async def _is_its(write: transaction.Transaction, deployment: tables.Deployment, seen: steps.Seen) -> bool:
    """Return whether a public version was made public by this deployment, as far as can be known."""
    if seen is steps.Seen.PUBLIC:
        return True
    if (seen is not steps.Seen.GONE) or (deployment.state is _Deployment.FAILED):
        return False
    return not (await attempts.of_deployment(write, deployment)).drop_was_taken


async def public(
    write: transaction.Transaction,
    release_key: str,
    packages: Sequence[distribution.Coordinates],
    deployment: tables.Deployment | None,
    *,
    person: str,
) -> bool:
    """Have these public packages compared with the voted files, and return whether all of them will be.

    An open promotion of this release that has reserved one of them is checked at once; a package that another release
    has reserved is not compared with this vote. `deployment` made them public; None if another one did.
    """
    release = await queries.get_release(write.data, release_key)
    if release is None:
        return False
    holders = await requests.holders(write.data, packages)
    for holder in {id(row): row for row in holders.values() if row.release_key == release_key}.values():
        # A live one has its own after-care.
        if holder.state in states.OPEN:
            holder.due_at = write.now
    free = tuple(one for one in packages if one.purl not in holders)
    ours = all(row.release_key == release_key for row in holders.values())
    if packages and not free:
        return ours
    voted = await _voted(write, release, free, deployment)
    if voted is None:
        return False
    await _track(write, release, free, deployment, voted, person=person)
    return ours


async def found(write: transaction.Transaction, row: tables.Deployment, by: tables.Deployment | None) -> None:
    """Have the public packages of this deployment compared; `by` made them public, this deployment or None."""
    before = await queries.promotions(write.data, col(tables.Promotion.deployment_id) == row.id)
    person = before[-1].requested_by if before else row.created_by
    packages = await queries.packages(write.data, row)
    tracked = await public(write, row.release_key, packages, by, person=person)
    await note(write, row, tracked=tracked)


async def note(write: transaction.Transaction, row: tables.Promotion | tables.Deployment, *, tracked: bool) -> None:
    """Store on the row whether there is an incident: public packages without voted files to compare them with."""
    if tracked:
        row.found_at = None
    elif row.found_at is None:
        row.found_at, row.version = write.now, row.version + 1
        # Voted files that cannot be compared are not reported as unvoted.
        known: dict[str, Any] = {"voted": True} if await incidents.was_voted(write.data, row) else {}
        await write.event_of(row, "public_not_voted", **known)


async def _voted(
    write: transaction.Transaction,
    release: sql.Release,
    packages: Sequence[distribution.Coordinates],
    deployment: tables.Deployment | None,
) -> fileset.FileSet | None:
    """Return the voted files of these packages; None if there are none, or the captured files are not voted ones."""
    if not (packages and candidates.has_passed(release)):
        return None
    target = await queries.target(write.data, release.project_key, packages[0].platform_name)
    if (target is None) or names.outside(write.data.built, packages, target):
        return None
    if (deployment is not None) and deployment.file_set_digest:
        ballot = await queries.ballot(write.data, release)
        if not incidents.is_on(ballot, deployment):
            # Only voted paths are compared: other files that it made public would not be seen.
            return None
        held = ballots.packages(
            await queries.file_set(write.data, deployment.file_set_digest), write.data.built.on(packages[0].platform)
        )
        return proposals.voted_of([held], packages)
    return await requests.voted_of_all(write, release, packages)


async def _track(
    write: transaction.Transaction,
    release: sql.Release,
    packages: tuple[distribution.Coordinates, ...],
    deployment: tables.Deployment | None,
    voted: fileset.FileSet,
    *,
    person: str,
) -> None:
    promotion = await requests.track(write, release, packages, voted, person=person, deployment=deployment)
    if deployment is not None:
        deployment.version += 1
    await write.event_of(
        promotion,
        "promotion_requested",
        platform=promotion.platform,
        deployment=deployment.external_id if deployment else "",
        packages=[str(package) for package in packages],
        evidence_digest=promotion.evidence_digest,
        voted_digest=promotion.voted_digest,
        # It was not requested: it was found, and is compared in the name of this person.
        found=True,
        for_person=person,
    )
