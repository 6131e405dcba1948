# SPDX-License-Identifier: Apache-2.0
"""Why something cannot be done now, in one sentence: the writer refuses with it, the page shows it. Empty: it can."""

from collections.abc import Mapping
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.facts as facts
import atr.storage.names as names
import atr.storage.transaction as transaction
import atr.storage.writers.requests as requests

# Nothing of a promotion in one of these states has become public.
_UNSENT: Final = frozenset({states.State.REQUESTED, states.State.ABORTED, states.State.REFUSED})
_RESTORED: Final = "The database was restored, and the platform must be queried first. Try again soon."
_TOO_LATE: Final = "so it cannot be withdrawn. If it is faulty, release a new version."


def change_files(release: sql.Release) -> str:
    """Why the release's files must stay as they are now, in one sentence; empty if they may change."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE:
        return "A vote on this release is open, so its files cannot be changed."
    if release.phase is sql.ReleasePhase.RELEASE_PREVIEW:
        return (
            "The vote on this release has passed, so its files cannot be changed. To change them, abandon the "
            "candidate first."
        )
    if release.phase is sql.ReleasePhase.RELEASE:
        return "This release was announced, so its files can no longer be changed."
    return ""


async def abandon(read: transaction.Transaction, release: sql.Release) -> str:
    """Why the candidate cannot be abandoned now, in one sentence; empty if it can."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return "The release is in Compose, so there is no candidate to abandon."
    if release.phase is sql.ReleasePhase.RELEASE:
        return "This release was announced, so it cannot be withdrawn."
    called = (
        sqlmodel.select(tables.Attempt.id)
        .join(tables.Promotion, col(tables.Promotion.id) == col(tables.Attempt.promotion_id))
        .where(tables.Promotion.release_key == release.key, tables.Attempt.kind == tables.AttemptKind.PUBLISH)
        .limit(1)
    )
    if (await read.data.exec(called)).first() is not None:
        return f"A publish request was sent, {_TOO_LATE}"
    every = await queries.promotions(read.data, col(tables.Promotion.release_key) == release.key)
    if any((promotion.state not in _UNSENT) or promotion.found_at for promotion in every):
        return f"Some of it is public, or may be, {_TOO_LATE}"
    for deployment in await queries.deployments(read.data, release.key):
        if deployment.state is states.DeploymentState.PUBLISHED:
            return f"Deployment {deployment.external_id or deployment.name} was published on the platform, {_TOO_LATE}"
        if deployment.publishing_since:
            return (
                f"The platform is publishing deployment {deployment.external_id}, so it can be withdrawn only if "
                "that fails. It is polled until it is published or has failed."
            )
    return ""


async def deletions(read: transaction.Transaction, release_key: str) -> Mapping[str, str]:
    """Why rows of this release cannot be deleted, by purl, in one sentence each. What is not named can be."""
    target, promotion, attempt = tables.PromotionTarget, tables.Promotion, tables.Attempt
    called = (
        sqlmodel.select(attempt.id)
        .where(col(attempt.promotion_id) == col(promotion.id), attempt.kind == tables.AttemptKind.PUBLISH)
        .exists()
    )
    wanted = (
        sqlmodel.select(target.purl, called)
        .join(promotion, col(promotion.id) == col(target.promotion_id))
        .where(promotion.release_key == release_key, called | col(promotion.state).in_(list(states.HOLDING)))
    )
    why_not = dict.fromkeys(await _not_asked_since_the_restore(read, release_key), _RESTORED)
    for purl, was_called in (await read.data.exec(wanted)).all():
        if was_called:
            why_not[purl] = "A publish request was sent, so the record is kept."
        else:
            why_not.setdefault(purl, "A promotion of it is requested. Stop the promotion first.")
    return why_not


async def _not_asked_since_the_restore(read: transaction.Transaction, release_key: str) -> list[str]:
    """The packages for which a call may have been made that no row tells of, until the platform has been asked."""
    site = await queries.site(read.data)
    if site.restored_at is None:
        return []
    return [
        package.purl
        for row in await queries.deployments(read.data, release_key)
        if (row.made_in < site.generation) and ((row.last_look is None) or (row.last_look <= site.restored_at))
        for package in await queries.packages(read.data, row)
    ]


async def prove_published(read: transaction.Transaction, case: facts.Case) -> str:
    """Why what somebody else published cannot be proved now, in one sentence; empty if it can."""
    if case.deployment.state is not states.DeploymentState.PUBLISHED:
        return "The platform does not report it as published."
    if not case.packages:
        return "The platform does not list its packages, and none are recorded. Check the platform itself."
    if not (case.voted_digest and facts.vote_passed(case.release)):
        return "There is no passed vote to compare it with."
    if foreign := await names.blocker(read.data, case.release.project_key, case.packages):
        return foreign.sentence
    if case.deployment.file_set_digest not in {None, case.voted_digest}:
        # Only voted paths are read in public: what else it made public would be called live unseen.
        return (
            "Its files differed from the voted files when it was captured, so it can never become live. Its page "
            "lists the differences; tell the committee."
        )
    if (case.deployment.file_set_digest is None) and (
        await requests.voted_of_all(read, case.release, case.packages) is None
    ):
        return "The platform lists packages in it that were not voted on, so it can never become live."
    return ""


async def verify(read: transaction.Transaction, row: tables.Deployment) -> str:
    """Why the staged files cannot be read again now, in one sentence; empty if they can."""
    if row.state is not states.DeploymentState.STAGED:
        return f"It is {row.state.value}, so there are no staged files to read."
    if not row.file_set_digest:
        return "The staged files have not been captured yet."
    sent = states.OPEN - {states.State.REQUESTED}
    if await queries.promotions(
        read.data, col(tables.Promotion.deployment_id) == row.id, col(tables.Promotion.state).in_(list(sent))
    ):
        return "It is being published; its public files are compared as soon as they appear."
    return ""


async def drop(read: transaction.Transaction, row: tables.Deployment) -> str:
    """Why a deployment cannot be dropped now, in one sentence; empty if it can."""
    if row.state not in {states.DeploymentState.STAGED, states.DeploymentState.FAILED}:
        return f"It is {row.state.value}, so there is nothing to drop."
    if row.publishing_since:
        return "The platform is publishing it and cannot drop it. It is polled until it is published or has failed."
    if not (row.name or row.file_set_digest):
        # One account stages for every committee, and an id is only what somebody said. What was captured lies inside
        # the project's names; what carries our own name we have uploaded.
        return "Its files have not been captured, so its owner is unknown. Drop it on the platform itself."
    release = await queries.demand_release(read.data, row.release_key)
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE:
        wanted = sqlmodel.select(tables.BallotEntry.id).where(
            *queries.of_newest_vote(release), tables.BallotEntry.deployment_id == row.id
        )
        if (await read.data.exec(wanted)).first() is not None:
            return "It is on the ballot of an open vote."
    if await queries.promotions(
        read.data, col(tables.Promotion.deployment_id) == row.id, col(tables.Promotion.state).in_(list(states.OPEN))
    ):
        return "A promotion of it is open. Stop the promotion first."
    return ""
