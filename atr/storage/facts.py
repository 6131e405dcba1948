# SPDX-License-Identifier: Apache-2.0
"""What the gates look at, read from the rows in one transaction; the same for the page, the request and the mark."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.mapping as mapping
import atr.promotion.order as order
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.rights as rights
import atr.storage.switchboard as switchboard

# The check of staged files stores its results under this name (tasks/checks/staged.py).
STAGED_CHECKER = "atr.tasks.checks.staged.check"
# The same for what a platform was asked before the vote ended (tasks/checks/readiness.py).
READINESS_CHECKER = "atr.tasks.checks.readiness.check"
# Deployments in these states are not part of a candidate any more.
OUT: Final = frozenset(
    {
        states.DeploymentState.FAILED,
        states.DeploymentState.GONE,
        states.DeploymentState.DROPPED,
        states.DeploymentState.DROPPING,
    }
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A deployment with all that is decided about it now."""

    release: sql.Release
    project: sql.Project
    committee: sql.Committee
    deployment: tables.Deployment
    # The generation that the database is in.
    generation: int
    packages: tuple[distribution.Coordinates, ...]
    target: tables.PlatformTarget | None
    ballot: tuple[tables.BallotEntry, ...]
    facts: gates.Facts
    voted_digest: str
    evidence_digest: str

    @property
    def platform(self) -> distribution.DistributionPlatform:
        """The deployment's platform."""
        return self.facts.platform


async def case(
    data: session.Session,
    deployment: tables.Deployment,
    asf_uid: str,
    *,
    sending: tables.Promotion | None = None,
) -> Case:
    """Everything the gates and the evidence need about this deployment, for this person.

    `sending` is the promotion that is about to be sent; whoever only asks for one asks anew.
    """
    site = await queries.site(data)
    release = await queries.demand_release(data, deployment.release_key)
    project = await queries.demand_project(data, release.project_key)
    committee = await queries.demand_committee(data, project.committee_key)
    platform = distribution.DistributionPlatform[deployment.platform]
    mechanism = mechanisms.Mechanism[deployment.mechanism]
    policy = await queries.policy(data, project)
    target = await queries.target(data, project.key, deployment.platform)
    packages = await queries.packages(data, deployment)
    ballot = tuple(await queries.ballot(data, release))
    digests = frozenset(entry.file_set_digest for entry in ballot if entry.platform == deployment.platform)
    staged = deployment.file_set_digest or ""
    voted = voted_digest(ballot, deployment)
    newer_revision, newer_difference = await _newer(data, release, project, platform, ballot)
    results = await check_results(data, deployment)
    asked_for = await _asked_for(data, deployment)
    waits_for, stopped_by = await held_by(data, asked_for)
    facts = gates.Facts(
        platform=platform,
        project_active=project.status is sql.ProjectStatus.ACTIVE,
        phase=release.phase.value,
        vote_passed=vote_passed(release),
        deployment_state=deployment.state.value,
        staged_digest=staged,
        ballot=digests if vote_passed(release) else frozenset(),
        has_ballot=bool(ballot),
        has_target=target is not None,
        outside=outside(data, packages, target),
        policy_allows=bool(policy.remote_promotion.get(platform.gh_slug, False)),
        asf_uid=asf_uid,
        is_committee_member=rights.is_member(committee, asf_uid),
        checked=_since_capture(deployment, results),
        check_blockers=tuple(
            dict.fromkeys(
                (
                    *deployment.side_problems,
                    *(result.message for result in results if result.status is sql.CheckResultStatus.BLOCKER),
                )
            )
        ),
        waits_for=waits_for,
        stopped_by=stopped_by,
        restored=gates.restored(site.backup_at) if sending and (sending.asked_in < site.generation) else "",
        silence=await lanes.silence(data, mechanism) if asked_for else "",
        freed=await _freed(data, sending) if sending else (),
        newer_revision=newer_revision,
        newer_difference=newer_difference,
        embargoed=await embargo.holds(data, release),
        switched_off=await switchboard.why_off(data, mechanism),
    )
    evidence = fileset.evidence_digest(
        deployment.external_id or "",
        f"{deployment.platform} {target.target if target else ''}",
        (package.purl for package in packages),
        voted,
        staged,
    )
    return Case(
        release=release,
        project=project,
        committee=committee,
        deployment=deployment,
        generation=site.generation,
        packages=packages,
        target=target,
        ballot=ballot,
        facts=facts,
        voted_digest=voted,
        evidence_digest=evidence,
    )


async def _newer(
    data: session.Session,
    release: sql.Release,
    project: sql.Project,
    platform: distribution.DistributionPlatform,
    ballot: Sequence[tables.BallotEntry],
) -> tuple[str, str]:
    """A revision made after the vote, and how it differs from what was voted on for the platform; empty if it does not.

    Ours never makes one, a host may. Where the ballot maps nothing to the platform, the whole revision counts.
    """
    voted = {entry.kind: entry.file_set_digest for entry in ballot if entry.platform in {"", platform.name}}
    if (not vote_passed(release)) or (not voted):
        return "", ""
    named = await data.get(tables.RevisionFiles, (release.key, release.voted_revision_number or ""))
    if (named is not None) and (named.file_set_digest != voted[tables.BallotKind.REVISION]):
        return named.number, "the vote names this revision, but its ballot has the files of another."
    latest = await queries.latest_revision(data, release.key)
    if latest is None:
        # ATR deletes the revisions of a release that is announced.
        return "", ""
    if latest.digest == voted[tables.BallotKind.REVISION]:
        return "", ""
    if not latest.digest:
        return latest.number, "its files were not recorded."
    mapped = voted.get(tables.BallotKind.MAPPED)
    try:
        now = (
            await mapped_now(data, project, latest, platform) if mapped else await queries.revision_files(data, latest)
        )
    except errors.InputError as error:
        return latest.number, str(error)
    if now is None:
        return latest.number, "the policy maps nothing of it."
    before = await queries.file_set(data, mapped or voted[tables.BallotKind.REVISION])
    found = fileset.compare(before, now)
    return ("", "") if found.is_empty else (latest.number, found.described("mapped" if mapped else "revision"))


async def held_by(data: session.Session, promotion: tables.Promotion | None) -> tuple[str, str]:
    """Whom a requested promotion waits for, or whose trouble stopped it and how. Both empty: its turn is now."""
    if (promotion is None) or (promotion.state is not states.State.REQUESTED) or (promotion.after_id is None):
        return "", ""
    before = await queries.demand_promotion(data, promotion.after_id)
    turn = order.turn(before.state, stop_at_trouble=promotion.stop_at_trouble)
    if turn is order.Turn.NOW:
        return "", ""
    name = await named(data, before)
    if turn is order.Turn.WAITS:
        return name, ""
    return "", f"{name} is {states.WORDS[before.state].word.lower()}"


async def named(data: session.Session, promotion: tables.Promotion) -> str:
    """What a promotion makes public, in a few words."""
    platform = distribution.DistributionPlatform[promotion.platform]
    return f"{distribution.in_one_line(await queries.targets(data, promotion))} on {platform.display_name}"


async def _freed(data: session.Session, promotion: tables.Promotion) -> tuple[str, ...]:
    """The packages that a promotion asked for and does not hold now."""
    row = tables.PromotionTarget
    wanted = sqlmodel.select(row.purl).where(row.promotion_id == promotion.id, ~col(row.holding))
    return tuple((await data.exec(wanted.order_by(col(row.purl)))).all())


async def _asked_for(data: session.Session, deployment: tables.Deployment) -> tables.Promotion | None:
    """The promotion of this deployment that has a call before it, perhaps; there is at most one."""
    wanted = sqlmodel.select(tables.Promotion).where(
        tables.Promotion.deployment_id == deployment.id,
        col(tables.Promotion.state).in_([states.State.REQUESTED, states.State.SENDING, states.State.IN_DOUBT]),
    )
    return (await data.exec(wanted)).first()


def vote_passed(release: sql.Release) -> bool:
    """Whether the newest vote passed: it is over, and the release went on to Finish."""
    done = release.phase in {sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE}
    return done and (release.vote_resolved is not None)


def voted_digest(ballot: tuple[tables.BallotEntry, ...], deployment: tables.Deployment) -> str:
    """What was voted on for this deployment: its own digest if that is on the ballot, else the platform's entry.

    The mapped files come before other deployments. Empty when the ballot has nothing for the platform.
    """
    entries = [entry for entry in ballot if entry.platform == deployment.platform]
    if any(entry.file_set_digest == deployment.file_set_digest for entry in entries):
        return deployment.file_set_digest or ""
    ordered = sorted(entries, key=lambda entry: entry.kind is not tables.BallotKind.MAPPED)
    return ordered[0].file_set_digest if ordered else ""


def outside(
    data: session.Session, packages: Iterable[distribution.Coordinates], target: tables.PlatformTarget | None
) -> tuple[str, ...]:
    """The packages that lie outside the names that belong to the project."""
    return tuple(str(one) for one in data.built.outside(packages, target.namespaces)) if target else ()


async def is_checked(data: session.Session, deployment: tables.Deployment) -> bool:
    """Whether the check of the staged files has run since they were captured."""
    return _since_capture(deployment, await check_results(data, deployment))


def _since_capture(deployment: tables.Deployment, results: Sequence[sql.CheckResult]) -> bool:
    captured = deployment.captured_at
    return (captured is not None) and any(result.created >= captured for result in results)


async def check_results(data: session.Session, deployment: tables.Deployment) -> Sequence[sql.CheckResult]:
    """What the newest check of this deployment's staged files found."""
    wanted = (
        sqlmodel.select(sql.CheckResult)
        .where(
            sql.CheckResult.checker == STAGED_CHECKER,
            sql.CheckResult.primary_rel_path == f"deployment:{deployment.id}",
        )
        .order_by(col(sql.CheckResult.id))
    )
    return (await data.exec(wanted)).all()


async def mapped_now(
    data: session.Session, project: sql.Project, revision: queries.Revision, platform: distribution.DistributionPlatform
) -> fileset.FileSet | None:
    """What the policy maps of this revision to the platform; None without a mapping. Raises InputError as `mapped`."""
    patterns = mapping.patterns_of((await queries.policy(data, project)).file_tag_mappings, platform)
    if not patterns:
        return None
    return mapping.mapped(await queries.revision_files(data, revision), patterns, data.built.on(platform))


def why_no_files(revision: queries.Revision | None) -> str:
    """Why the files of the newest revision cannot be told, in a sentence; empty if they can."""
    if revision is None:
        return "The release has no files yet."
    if not revision.digest:
        return "The latest revision was created before file digests were recorded. Create a new one."
    return ""


def cannot_stage(data: session.Session, platform: distribution.DistributionPlatform) -> str:
    """Why ATR cannot stage on the platform, in a sentence or two; empty if it can."""
    if data.built.supports(platform):
        return ""
    return f"ATR cannot stage on {platform.display_name}. {platform.why_not}"


def uploads_supported(data: session.Session, platform: distribution.DistributionPlatform) -> None:
    """Raise UnsupportedError unless ATR can stage on the platform."""
    if why_not := cannot_stage(data, platform):
        raise errors.UnsupportedError(why_not)


async def wanted_platforms(
    data: session.Session, release: sql.Release, policy: sql.ReleasePolicy
) -> tuple[distribution.DistributionPlatform, ...]:
    """The platforms that a release goes to from here: the policy says so, or something is staged there."""
    staged = {row.platform for row in await queries.deployments(data, release.key) if row.state not in OUT}
    return tuple(
        platform
        for platform in distribution.DistributionPlatform
        if data.built.supports(platform)
        and (
            (platform.name in staged)
            or mapping.patterns_of(policy.file_tag_mappings, platform)
            or policy.remote_promotion.get(platform.gh_slug, False)
        )
    )


async def candidates(
    data: session.Session, release: sql.Release, platform: distribution.DistributionPlatform
) -> tuple[tables.Deployment, ...]:
    """The deployments on a platform that are part of the candidate now."""
    rows = await queries.deployments(data, release.key)
    return tuple(row for row in rows if (row.platform == platform.name) and (row.state not in OUT))


async def spoken_for(data: session.Session, release: sql.Release) -> frozenset[distribution.Coordinates]:
    """The packages whose staged deployment was published, or may have been: that they are public is no obstacle."""
    published = [
        row for row in await queries.deployments(data, release.key) if row.state is states.DeploymentState.PUBLISHED
    ]
    sent = [
        row
        for row in await queries.promotions(data, tables.Promotion.release_key == release.key)
        if row.state not in {states.State.REQUESTED, states.State.ABORTED, states.State.REFUSED}
    ]
    return frozenset(
        [
            *[one for row in sent for one in await queries.targets(data, row)],
            *[one for row in published for one in await queries.packages(data, row)],
        ]
    )


async def voted_mapping(
    data: session.Session, release: sql.Release, platform: distribution.DistributionPlatform
) -> str:
    """The digest of the mapped files on the ballot of the vote that is open or has passed; empty in Compose."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return ""
    mapped = (
        entry.file_set_digest
        for entry in await queries.ballot(data, release)
        if (entry.platform == platform.name) and (entry.kind is tables.BallotKind.MAPPED)
    )
    return next(mapped, "")


def mapping_basis(
    revision: queries.Revision | None,
    policy: sql.ReleasePolicy,
    platform: distribution.DistributionPlatform,
    voted: str,
    mine: Sequence[tables.Deployment],
) -> str:
    """What a comparison of the staged files with the mapped ones depends on: when it moves, the comparison is old."""
    mapped = voted or [
        revision.digest if revision else "",
        mapping.patterns_of(policy.file_tag_mappings, platform),
    ]
    staged = [[row.id, row.file_set_digest] for row in mine]
    return hashlib.sha256(json.dumps([mapped, staged]).encode()).hexdigest()


async def readiness_results(data: session.Session, release_key: str, platform: str) -> Sequence[sql.CheckResult]:
    """What a platform answered when it was last asked about this release."""
    wanted = (
        sqlmodel.select(sql.CheckResult)
        .where(
            sql.CheckResult.checker == READINESS_CHECKER,
            sql.CheckResult.release_key == release_key,
            sql.CheckResult.primary_rel_path == f"platform:{platform}",
        )
        .order_by(col(sql.CheckResult.id))
    )
    return (await data.exec(wanted)).all()
