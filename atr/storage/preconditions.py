# SPDX-License-Identifier: Apache-2.0
"""Why something cannot be done now, or None: the writer refuses with the reason, and the page shows it.

The reasons of deployments are computed for many of them at once, with a fixed number of statements.
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
import atr.reasons as reasons
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
# The files of a deployment in one of these states can be staged again.
OVER: Final = frozenset({_Deployment.FAILED, _Deployment.GONE, _Deployment.DROPPED})
_SENT: Final = states.OPEN - {_State.REQUESTED}
_UNCHANGEABLE: Final = {
    sql.ReleasePhase.RELEASE_CANDIDATE: "files-on-vote",
    sql.ReleasePhase.RELEASE_PREVIEW: "files-voted-on",
    sql.ReleasePhase.RELEASE: "files-announced",
}
_VOTED_ON: Final = frozenset({sql.ReleasePhase.RELEASE_CANDIDATE, sql.ReleasePhase.RELEASE_PREVIEW})


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Why each action on one deployment cannot be done now; None where it can."""

    drop: reasons.Reason | None
    verify: reasons.Reason | None
    prove_published: reasons.Reason | None
    keep_copy: reasons.Reason | None
    forget_copy: reasons.Reason | None
    stage_again: reasons.Reason | None
    # Whether its files were voted on and no other deployment stages them, so that pages offer to stage them again.
    is_worth_staging_again: bool
    is_kept: bool


def change_files(release: sql.Release) -> reasons.Reason | None:
    """Return why the release's files must not change now; None if they may."""
    return reasons.of(_UNCHANGEABLE[release.phase]) if release.phase in _UNCHANGEABLE else None


def start_vote(of: eligibility.Release, *, manager: bool) -> reasons.Reason | None:
    """Return why a person, a release manager or not, cannot use the page that opens a vote; None if they can."""
    if of.row.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        is_open = of.row.phase is sql.ReleasePhase.RELEASE_CANDIDATE
        return reasons.of("vote-is-open" if is_open else "vote-has-passed")
    if of.newest_revision is None:
        return reasons.of("nothing-to-vote-on")
    return None if manager else reasons.of("managers-only", what="start a vote")


async def abandon(read: transaction.Transaction, release: sql.Release) -> reasons.Reason | None:
    """Return why the candidate cannot be abandoned now; None if it can."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return reasons.of("no-candidate")
    if release.phase is sql.ReleasePhase.RELEASE:
        return reasons.of("announced-for-good")
    called = (
        sqlmodel.select(tables.Attempt.id)
        .join(tables.Promotion, col(tables.Promotion.id) == col(tables.Attempt.promotion_id))
        .where(tables.Promotion.release_key == release.key, tables.Attempt.kind == tables.AttemptKind.PUBLISH)
        .limit(1)
    )
    if (await read.data.exec(called)).first() is not None:
        return reasons.of("request-sent")
    every = await queries.promotions(read.data, col(tables.Promotion.release_key) == release.key)
    if any((promotion.state not in candidates.UNSENT) or promotion.found_at for promotion in every):
        return reasons.of("maybe-public")
    for deployment in await queries.deployments(read.data, release.key):
        if deployment.state is _Deployment.PUBLISHED:
            return reasons.of("published-there", deployment=deployment.external_id or deployment.name)
        if deployment.publishing_since:
            return reasons.of("publishing-there", deployment=deployment.external_id or "")
    return None


async def deletions(read: transaction.Transaction, release_key: str) -> Mapping[str, reasons.Reason]:
    """Return by purl why rows of this release cannot be deleted; those that are missing can be."""
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
    why_not = dict.fromkeys(await _not_asked_since_the_restore(read, release_key), reasons.of("asked-too-soon"))
    for purl, was_called in (await read.data.exec(wanted)).all():
        if was_called:
            why_not[purl] = reasons.of("record-kept")
        else:
            why_not.setdefault(purl, reasons.of("promotion-requested"))
    return why_not


async def _not_asked_since_the_restore(read: transaction.Transaction, release_key: str) -> list[str]:
    """Return the packages whose publish request a restore may have lost, until their platform has been polled."""
    site = await queries.site(read.data)
    if site.restored_at is None:
        return []
    rows = [
        row
        for row in await queries.deployments(read.data, release_key)
        if (row.made_in < site.generation) and ((row.last_look is None) or (row.last_look <= site.restored_at))
    ]
    return [one.purl for packages in (await queries.packages_of(read.data, rows)).values() for one in packages]


def stop(row: tables.Promotion) -> reasons.Reason | None:
    """Return why this promotion cannot be stopped after its publish request; None if that can be tried."""
    match row.state:
        case _State.SENDING | _State.IN_DOUBT:
            if row.by_hand or (row.deployment_id is None):
                return reasons.of("by-hand")
            return None
        case _State.ABORTING:
            return None if row.held else reasons.of("being-stopped")
        case _:
            return reasons.of("not-stoppable", state=row.state.value)


def may_give_up(read: transaction.Transaction, row: tables.Promotion, *, unsure: bool = False) -> bool:
    """Return whether a person may declare this promotion stopped; `unsure`: a restore may have lost a publish request.

    Only the time between checks that found nothing counts, not the time without checks.
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
    """Return the reasons of one deployment. Raises NotFoundError if its release does not exist any more."""
    cases = await eligibility.load(read.data, [row], read.asf_uid)
    return (await load(read, cases))[row.id]


async def load(
    read: transaction.Transaction, cases: Mapping[int | None, eligibility.Case]
) -> Mapping[int | None, Deployment]:
    """Return the reasons of many deployments, by id."""
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
        why_not, other = again.get((case.release.key, _digest(case)), (None, None))
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
) -> Mapping[tuple[str, str], tuple[reasons.Reason | None, tables.Deployment | None]]:
    """Return by release and file set why ATR cannot stage it again, and the deployment that stages it already."""
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
    # A digest that was not voted on may not belong to any stored file set.
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
    """Return the platform for which this file set is on the ballot; None if it is not."""
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
) -> reasons.Reason | None:
    if release.is_embargoed:
        return gates.EMBARGOED
    platform = voted_platform(release.ballot, digest)
    if (release.row.phase not in _VOTED_ON) or (platform is None) or (files is None):
        return reasons.of("not-voted-on")
    if other is not None:
        return reasons.of("staged-already", deployment=words.upper(ballots.name(other)), state=other.state.value)
    packages = {built.on(platform).package(file.path) for file in files.files}
    foreign = names.blocked(built, platform, packages, release.targets.get(platform.name))
    return foreign or (reasons.of("no-bytes") if held is None else None)


def _drop(case: eligibility.Case) -> reasons.Reason | None:
    row = case.deployment
    if row.state not in {_Deployment.STAGED, _Deployment.FAILED}:
        return reasons.of("nothing-to-drop", state=row.state.value)
    if row.publishing_since:
        return reasons.of("publishing-not-droppable")
    if not (row.name or row.file_set_digest):
        # One account stages for every committee, and a person may have entered any id. What was captured is inside the
        # project's namespaces, and a deployment with a name was uploaded by ATR.
        return reasons.of("owner-unknown")
    is_voted_on = case.release.phase is sql.ReleasePhase.RELEASE_CANDIDATE
    if is_voted_on and any(entry.deployment_id == row.id for entry in case.of.ballot):
        return reasons.of("on-open-ballot")
    if any(promotion.state in states.OPEN for promotion in case.promotions):
        return reasons.of("promotion-open")
    return None


def _verify(case: eligibility.Case) -> reasons.Reason | None:
    row = case.deployment
    if row.state is not _Deployment.STAGED:
        return reasons.of("nothing-staged", state=row.state.value)
    if not row.file_set_digest:
        return reasons.of("not-captured")
    if any(promotion.state in _SENT for promotion in case.promotions):
        return reasons.of("compared-when-public")
    return None


def _prove_published(
    built: layouts.Layouts,
    case: eligibility.Case,
    parts: Mapping[str, Mapping[distribution.Coordinates, fileset.FileSet]],
) -> reasons.Reason | None:
    """Return why a deployment that was not published by a promotion cannot be verified now."""
    if case.deployment.state is not _Deployment.PUBLISHED:
        return reasons.of("not-published")
    if not case.packages:
        return reasons.of("packages-unknown")
    if not (case.voted_digest and case.of.has_passed):
        return reasons.of("nothing-to-compare-with")
    if foreign := names.blocked(built, case.platform, case.packages, case.target):
        return foreign
    if case.deployment.file_set_digest not in {None, case.voted_digest}:
        # Only voted paths are read in public: other files that it made public would not be seen.
        return reasons.of("differed")
    held = [parts[entry.file_set_digest] for entry in _on_ballot(case)] if _is_unread(case) else []
    if _is_unread(case) and (ballots.voted_of(held, case.packages) is None):
        return reasons.of("packages-not-voted-on")
    return None


def _keep_copy(case: eligibility.Case, held: holdings.Holder | None) -> reasons.Reason | None:
    """Return why no copy can be made of a deployment now."""
    if not case.of.policy.keep_copies:
        return reasons.of("copies-off")
    if (case.deployment.state is not _Deployment.STAGED) or not case.deployment.file_set_digest:
        return reasons.of("not-copyable")
    return reasons.of("held-already", holder=held.described) if held else None


def _forget_copy(*, is_kept: bool, on_open_ballot: bool, is_staged_again: bool) -> reasons.Reason | None:
    """Return why the copy of a deployment's files cannot be deleted now."""
    if not is_kept:
        return reasons.of("no-copy")
    if on_open_ballot:
        return reasons.of("copy-on-open-ballot")
    return reasons.of("copy-in-use") if is_staged_again else None


def _worth_keeping(cases: Mapping[int | None, eligibility.Case]) -> Collection[tuple[str, str]]:
    """Return release and file set of the deployments that may need a copy: staged and captured ones."""
    return {
        (case.release.key, case.deployment.file_set_digest)
        for case in cases.values()
        if case.of.policy.keep_copies
        and (case.deployment.state is _Deployment.STAGED)
        and case.deployment.file_set_digest
    }


async def _being_staged(read: transaction.Transaction) -> Collection[str | None]:
    """Return the file sets that are being staged again, in any project."""
    row = tables.Deployment
    wanted = sqlmodel.select(row.stage_digest).where(
        col(row.stage_digest).is_not(None), row.state == _Deployment.UPLOADING
    )
    return set((await read.data.exec(wanted)).all())


def _on_ballot(case: eligibility.Case) -> Sequence[tables.BallotEntry]:
    return case.of.on_ballot(case.deployment.platform)


def _is_unread(case: eligibility.Case) -> bool:
    """Return whether the deployment was published before its files were captured."""
    return (case.deployment.state is _Deployment.PUBLISHED) and (case.deployment.file_set_digest is None)


def _is_over(case: eligibility.Case) -> bool:
    return (case.deployment.state in OVER) and bool(_digest(case))


def _digest(case: eligibility.Case) -> str:
    return case.deployment.file_set_digest or case.deployment.stage_digest or ""
