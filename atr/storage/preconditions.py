# SPDX-License-Identifier: Apache-2.0
"""Why something cannot be done now, in one sentence: the writer refuses with it, the page shows it. Empty: it can.

What is asked about deployments is answered for many of them at once, by a fixed number of statements.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.holdings as holdings
import atr.storage.names as names
import atr.storage.transaction as transaction

_State = states.State
_Deployment = states.DeploymentState
# What a deployment in one of these held can be staged once more.
OVER: Final = frozenset({_Deployment.FAILED, _Deployment.GONE, _Deployment.DROPPED})
_SENT: Final = states.OPEN - {_State.REQUESTED}
_VOTED_ON: Final = frozenset({sql.ReleasePhase.RELEASE_CANDIDATE, sql.ReleasePhase.RELEASE_PREVIEW})
_RESTORED: Final = "The database was restored, and the platform must be queried first. Try again soon."
_TOO_LATE: Final = "so it cannot be withdrawn. If it is faulty, release a new version."


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Why not, of one deployment; each is empty where it can be done."""

    drop: str
    verify: str
    prove_published: str
    keep_copy: str
    forget_copy: str
    stage_again: str
    # Whether its files were voted on and nothing else stages them, so that staging them again is worth an offer.
    is_worth_staging_again: bool
    is_kept: bool


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


def start_vote(of: eligibility.Release, *, manager: bool) -> str:
    """Why the page on which a vote opens is of no use to a person now, a release manager or not; empty if it is."""
    if of.row.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return "The vote is open." if of.row.phase is sql.ReleasePhase.RELEASE_CANDIDATE else "The vote has passed."
    if of.newest_revision is None:
        return "The vote can be started once the release has files."
    who = f"Only release managers and members of the {of.committee.name} committee"
    return "" if manager else f"{who} can start a vote."


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
    if any((promotion.state not in candidates.UNSENT) or promotion.found_at for promotion in every):
        return f"Some of it is public, or may be, {_TOO_LATE}"
    for deployment in await queries.deployments(read.data, release.key):
        if deployment.state is _Deployment.PUBLISHED:
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
    rows = [
        row
        for row in await queries.deployments(read.data, release_key)
        if (row.made_in < site.generation) and ((row.last_look is None) or (row.last_look <= site.restored_at))
    ]
    return [one.purl for packages in (await queries.packages_of(read.data, rows)).values() for one in packages]


def stop(row: tables.Promotion) -> str:
    """Why this promotion cannot be stopped after a call, in one sentence; empty if that can be tried."""
    match row.state:
        case _State.SENDING | _State.IN_DOUBT:
            if row.by_hand or (row.deployment_id is None):
                return "It was published by hand and is only tracked, so there is no publish request to stop."
            return ""
        case _State.ABORTING:
            return "" if row.held else "A stop is already in progress."
        case _:
            return f"It is {row.state.value}, so it can no longer be stopped."


def may_give_up(read: transaction.Transaction, row: tables.Promotion, *, unsure: bool = False) -> bool:
    """Whether a person may call this promotion stopped now; `unsure` where a call may have been made before a restore.

    What counts is the time between two looks that found nothing, not the time in which nobody looked.
    """
    view = steps.View(
        state=row.state,
        now=row.last_look or row.entered_at,
        mechanism=mechanisms.Mechanism[row.mechanism],
        entered=row.entered_at,
        timing=read.place.timing(row.mechanism),
        unsure=unsure,
    )
    return steps.may_give_up(view, row.absent_since)


async def of(read: transaction.Transaction, row: tables.Deployment) -> Deployment:
    """All of it for one deployment. Raises NotFoundError where its release is not there any more."""
    cases = await eligibility.load(read.data, [row], read.asf_uid)
    return (await load(read, cases))[row.id]


async def load(
    read: transaction.Transaction, cases: Mapping[int | None, eligibility.Case]
) -> Mapping[int | None, Deployment]:
    """All of it for many deployments."""
    releases = {case.release.key: case.of for case in cases.values()}
    projects = {one.project.key for one in releases.values()}
    kept, voted_on = await holdings.kept_copies(read, projects), await holdings.on_open_ballots(read, projects)
    staging = await _being_staged(read)
    again = await stage_again(
        read, releases, {(case.release.key, _digest(case)) for case in cases.values() if _is_over(case)}
    )
    held = await holdings.holders(read, {key: one.row for key, one in releases.items()}, _worth_keeping(cases))
    parts = await ballots.parts(
        read.data,
        {
            (one.platform, one.file_set_digest)
            for case in cases.values()
            if _is_unread(case)
            for one in _on_ballot(case)
        },
    )
    found = {}
    for number, case in cases.items():
        digest = case.deployment.file_set_digest or ""
        why_not, other = again.get((case.release.key, _digest(case)), ("", None))
        is_kept = (case.of.project.key, digest) in kept
        found[number] = Deployment(
            drop=_drop(case),
            verify=_verify(case),
            prove_published=_prove_published(read.data.built, case, parts),
            keep_copy=_keep_copy(case, held.get((case.release.key, digest))),
            forget_copy=_forget_copy(
                is_kept=is_kept,
                on_open_ballot=(case.of.project.key, digest) in voted_on,
                is_staged_again=digest in staging,
            ),
            stage_again=why_not,
            is_worth_staging_again=_is_over(case)
            and (case.release.phase is not sql.ReleasePhase.RELEASE)
            and (voted_platform(case.of.ballot, _digest(case)) is not None)
            and (other is None),
            is_kept=is_kept,
        )
    return found


async def stage_again(
    read: transaction.Transaction,
    releases: Mapping[str, eligibility.Release],
    wanted: Collection[tuple[str, str]],
) -> Mapping[tuple[str, str], tuple[str, tables.Deployment | None]]:
    """By release and file set: why these files cannot be staged once more from here, and what stages them already."""
    if not wanted:
        return {}
    digests = {digest for _, digest in wanted}
    row = tables.Deployment
    standing = sqlmodel.select(row).where(
        col(row.release_key).in_(releases),
        col(row.state).not_in(list(OVER)),
        col(row.file_set_digest).in_(digests) | col(row.stage_digest).in_(digests),
    )
    others: dict[tuple[str, str], tables.Deployment] = {}
    for other in (await read.data.exec(standing.order_by(col(row.id).desc()))).all():
        others |= {(other.release_key, one): other for one in (other.file_set_digest, other.stage_digest) if one}
    # What nobody voted on may be no file set at all.
    voted_on = {digest for key, digest in wanted if voted_platform(releases[key].ballot, digest)}
    files = await queries.file_sets(read.data, voted_on)
    held = await holdings.holders(read, {key: one.row for key, one in releases.items()}, wanted)
    built, found = read.data.built, {}
    for where in wanted:
        key, digest = where
        stands = others.get(where)
        why_not = _stage_again(built, releases[key], digest, files.get(digest), stands, held.get(where))
        found[where] = why_not, stands
    return found


def voted_platform(ballot: Iterable[tables.BallotEntry], digest: str) -> distribution.DistributionPlatform | None:
    """The platform for which this file set is on the ballot; None if it is not."""
    found = (entry.platform for entry in ballot if entry.platform and (entry.file_set_digest == digest))
    name = next(found, None)
    return distribution.DistributionPlatform[name] if name else None


def _stage_again(
    built: layouts.Layouts,
    release: eligibility.Release,
    digest: str,
    files: fileset.FileSet | None,
    other: tables.Deployment | None,
    held: holdings.Holder | None,
) -> str:
    if release.is_embargoed:
        return gates.EMBARGOED
    platform = voted_platform(release.ballot, digest)
    if (release.row.phase not in _VOTED_ON) or (platform is None) or (files is None):
        return "Only files on the ballot of an open or passed vote can be restaged."
    if other is not None:
        called = ballots.name(other)
        return f"{words.upper(called)} already has these files; it is {other.state.value}."
    target = release.targets.get(platform.name)
    if target is None:
        return gates.no_target(platform)
    if beyond := names.outside(built, {built.on(platform).package(file.path) for file in files.files}, target):
        return gates.is_outside(beyond)
    if held is None:
        return (
            "ATR has no copy of the voted files, so it cannot upload them. Stage the same files from where they were "
            "built, and record that deployment: the vote remains valid."
        )
    return ""


def _drop(case: eligibility.Case) -> str:
    row = case.deployment
    if row.state not in {_Deployment.STAGED, _Deployment.FAILED}:
        return f"It is {row.state.value}, so there is nothing to drop."
    if row.publishing_since:
        return "The platform is publishing it and cannot drop it. It is polled until it is published or has failed."
    if not (row.name or row.file_set_digest):
        # One account stages for every committee, and an id is only what somebody said. What was captured lies inside
        # the project's names; what carries our own name we have uploaded.
        return "Its files have not been captured, so its owner is unknown. Drop it on the platform itself."
    is_voted_on = case.release.phase is sql.ReleasePhase.RELEASE_CANDIDATE
    if is_voted_on and any(entry.deployment_id == row.id for entry in case.of.ballot):
        return "It is on the ballot of an open vote."
    if any(promotion.state in states.OPEN for promotion in case.promotions):
        return "A promotion of it is open. Stop the promotion first."
    return ""


def _verify(case: eligibility.Case) -> str:
    row = case.deployment
    if row.state is not _Deployment.STAGED:
        return f"It is {row.state.value}, so there are no staged files to read."
    if not row.file_set_digest:
        return "The staged files have not been captured yet."
    if any(promotion.state in _SENT for promotion in case.promotions):
        return "It is being published; its public files are compared as soon as they appear."
    return ""


def _prove_published(
    built: layouts.Layouts,
    case: eligibility.Case,
    parts: Mapping[str, Mapping[distribution.Coordinates, fileset.FileSet]],
) -> str:
    """Why what somebody else published cannot be proved now."""
    if case.deployment.state is not _Deployment.PUBLISHED:
        return "The platform does not report it as published."
    if not case.packages:
        return "The platform does not list its packages, and none are recorded. Check the platform itself."
    if not (case.voted_digest and case.of.has_passed):
        return "There is no passed vote to compare it with."
    if foreign := names.blocked(built, case.platform, case.packages, case.target):
        return foreign.sentence
    if case.deployment.file_set_digest not in {None, case.voted_digest}:
        # Only voted paths are read in public: what else it made public would be called live unseen.
        return (
            "Its files differed from the voted files when it was captured, so it can never become live. Its page "
            "lists the differences; tell the committee."
        )
    held = [parts[entry.file_set_digest] for entry in _on_ballot(case)] if _is_unread(case) else []
    if _is_unread(case) and (ballots.voted_of(held, case.packages) is None):
        return "The platform lists packages in it that were not voted on, so it can never become live."
    return ""


def _keep_copy(case: eligibility.Case, held: holdings.Holder | None) -> str:
    """Why no copy can be made of a deployment now."""
    if not case.of.policy.keep_copies:
        return "The project's policy does not keep copies. A release manager can enable them."
    if (case.deployment.state is not _Deployment.STAGED) or not case.deployment.file_set_digest:
        return "A copy can be made only while it is staged and captured."
    return f"ATR already has its files, in {held.described}." if held else ""


def _forget_copy(*, is_kept: bool, on_open_ballot: bool, is_staged_again: bool) -> str:
    """Why the copy of a deployment's files cannot be given up now."""
    if not is_kept:
        return "There is no copy of it."
    if on_open_ballot:
        return "It is on the ballot of an open vote, and voters download the files from here."
    return "It is being restaged from the copy." if is_staged_again else ""


def _worth_keeping(cases: Mapping[int | None, eligibility.Case]) -> Collection[tuple[str, str]]:
    """Release and file set of what may have to be kept: staged, and read."""
    return {
        (case.release.key, case.deployment.file_set_digest)
        for case in cases.values()
        if case.of.policy.keep_copies
        and (case.deployment.state is _Deployment.STAGED)
        and case.deployment.file_set_digest
    }


async def _being_staged(read: transaction.Transaction) -> Collection[str | None]:
    """The file sets that are being staged once more, by anybody."""
    row = tables.Deployment
    wanted = sqlmodel.select(row.stage_digest).where(
        col(row.stage_digest).is_not(None), row.state == _Deployment.UPLOADING
    )
    return set((await read.data.exec(wanted)).all())


def _on_ballot(case: eligibility.Case) -> Sequence[tables.BallotEntry]:
    return case.of.on_ballot(case.deployment.platform)


def _is_unread(case: eligibility.Case) -> bool:
    """Whether nobody has read what it held before somebody published it."""
    return (case.deployment.state is _Deployment.PUBLISHED) and (case.deployment.file_set_digest is None)


def _is_over(case: eligibility.Case) -> bool:
    return (case.deployment.state in OVER) and bool(_digest(case))


def _digest(case: eligibility.Case) -> str:
    return case.deployment.file_set_digest or case.deployment.stage_digest or ""
