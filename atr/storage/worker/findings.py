# SPDX-License-Identifier: Apache-2.0
"""What is found public though no open promotion waits for it: it is tracked, and compared with what was voted on.

What is public outranks what we did. The old ending stays in the record; a new promotion that is never sent takes the
finding to CHECKING. Where nothing voted on can be compared, it is an incident (storage/incidents.py).
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
    """What the worker notes. Every write is fenced by the epoch under which the row was claimed."""

    async def looked_again(self, claimed: work.Promotion, looked: work.Observation, version: steps.Version) -> None:
        """Note a look at a promotion that has ended, and what follows if it is public after all."""
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
    """Whether a version that is public was made so by this deployment, as far as anybody can tell."""
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
    """Have these packages compared with what was voted on, since they are public; whether all of them are.

    Whoever of this release holds one of them already gets the finding; what another release holds is not compared with
    the vote of this one. `deployment` is what made them public, None for another one.
    """
    release = await queries.get_release(write.data, release_key)
    if release is None:
        return False
    holders = await requests.holders(write.data, packages)
    for holder in {id(row): row for row in holders.values() if row.release_key == release_key}.values():
        # What is live has its own after-care.
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
    """The deployment's packages are public, by itself or by another one: they are compared with what was voted on."""
    before = await queries.promotions(write.data, col(tables.Promotion.deployment_id) == row.id)
    person = before[-1].requested_by if before else row.created_by
    packages = await queries.packages(write.data, row)
    tracked = await public(write, row.release_key, packages, by, person=person)
    await note(write, row, tracked=tracked)


async def note(write: transaction.Transaction, row: tables.Promotion | tables.Deployment, *, tracked: bool) -> None:
    """Keep on the row that found it whether it is an incident: public, with nothing voted on to compare it with."""
    if tracked:
        row.found_at = None
    elif row.found_at is None:
        row.found_at, row.version = write.now, row.version + 1
        # What was voted on and cannot be compared is not said to be unvoted.
        known: dict[str, Any] = {"voted": True} if await incidents.was_voted(write.data, row) else {}
        await write.event_of(row, "public_not_voted", **known)


async def _voted(
    write: transaction.Transaction,
    release: sql.Release,
    packages: Sequence[distribution.Coordinates],
    deployment: tables.Deployment | None,
) -> fileset.FileSet | None:
    """What was voted on of these packages; None where nothing was, or it held something else when we read it."""
    if not (packages and candidates.has_passed(release)):
        return None
    target = await queries.target(write.data, release.project_key, packages[0].platform_name)
    if (target is None) or names.outside(write.data.built, packages, target):
        return None
    if (deployment is not None) and deployment.file_set_digest:
        ballot = await queries.ballot(write.data, release)
        if not incidents.is_on(ballot, deployment):
            # Only voted paths are compared: what else it made public would be called live unseen.
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
        # Nobody asked for it: it is there, and is compared in the name of this person.
        found=True,
        for_person=person,
    )
