# SPDX-License-Identifier: Apache-2.0
"""A release's candidate: the mapped files, the staged ones, the results of checks, and how much of it is public.

The voted files, and those of them that were verified in public, take three statements for any number of releases.
"""

import collections
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.queue as queue
import atr.db.session as session
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts

# Deployments in these states are not part of a candidate any more.
OUT: Final = frozenset(
    {
        states.DeploymentState.FAILED,
        states.DeploymentState.GONE,
        states.DeploymentState.DROPPED,
        states.DeploymentState.DROPPING,
    }
)
# A promotion in one of these states has made nothing public.
UNSENT: Final = frozenset({states.State.REQUESTED, states.State.ABORTED, states.State.REFUSED})


def why_no_files(revision: queries.Revision | None) -> reasons.Reason | None:
    """Return why the files of the newest revision are not known; None if they are."""
    if revision is None:
        return reasons.of("no-files")
    return None if revision.digest else reasons.of("no-digests", revision=revision.number)


def cannot_stage(built: layouts.Layouts, platform: distribution.DistributionPlatform) -> reasons.Reason | None:
    """Return why ATR cannot stage on the platform; None if it can."""
    if built.supports(platform):
        return None
    return reasons.of("cannot-stage", platform=platform.display_name, why=platform.why_not)


def uploads_supported(built: layouts.Layouts, platform: distribution.DistributionPlatform) -> None:
    """Raise UnsupportedError unless ATR can stage on the platform."""
    if why_not := cannot_stage(built, platform):
        raise errors.UnsupportedError(why_not)


def mapped(
    built: layouts.Layouts,
    files: fileset.FileSet,
    policy: sql.ReleasePolicy,
    platform: distribution.DistributionPlatform,
) -> fileset.FileSet | None:
    """Return the files that the policy maps to the platform; None without a mapping. Raises InputError as `mapping`."""
    patterns = mapping.patterns_of(policy.file_tag_mappings, platform)
    return mapping.mapped(files, patterns, built.on(platform)) if patterns else None


def wanted_platforms(
    built: layouts.Layouts, policy: sql.ReleasePolicy, deployments: Iterable[tables.Deployment]
) -> tuple[distribution.DistributionPlatform, ...]:
    """Return the platforms to which ATR publishes a release: by its policy, or since some of it is staged there."""
    staged = {row.platform for row in deployments if row.state not in OUT}
    return tuple(
        platform
        for platform in built.platforms
        if (platform.name in staged)
        or mapping.patterns_of(policy.file_tag_mappings, platform)
        or policy.remote_promotion.get(platform.gh_slug, False)
    )


def on_platform(
    deployments: Iterable[tables.Deployment], platform: distribution.DistributionPlatform
) -> tuple[tables.Deployment, ...]:
    """Return those of a release's deployments that are on the platform and part of the candidate now."""
    return tuple(row for row in deployments if (row.platform == platform.name) and (row.state not in OUT))


async def spoken_for(
    data: session.Session, release: sql.Release, deployments: Iterable[tables.Deployment]
) -> frozenset[distribution.Coordinates]:
    """Return the packages of deployments that were or may have been published: that they are public is no problem."""
    published = [row for row in deployments if row.state is states.DeploymentState.PUBLISHED]
    every = await queries.promotions(data, tables.Promotion.release_key == release.key)
    sent = [row for row in every if row.state not in UNSENT]
    found = [*(await queries.targets_of(data, sent)).values(), *(await queries.packages_of(data, published)).values()]
    return frozenset(one for packages in found for one in packages)


def voted_mapping(
    release: sql.Release, ballot: Iterable[tables.BallotEntry], platform: distribution.DistributionPlatform
) -> str:
    """Return the digest of the mapped files on the ballot of the vote that is open or has passed; empty in Compose."""
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return ""
    found = (
        entry.file_set_digest
        for entry in ballot
        if (entry.platform == platform.name) and (entry.kind is tables.BallotKind.MAPPED)
    )
    return next(found, "")


def mapping_basis(
    revision: queries.Revision | None,
    policy: sql.ReleasePolicy,
    platform: distribution.DistributionPlatform,
    voted: str,
    mine: Sequence[tables.Deployment],
) -> str:
    """Return a digest of what a comparison of staged and mapped files depends on: if it changes, compare again."""
    basis = voted or [
        revision.digest if revision else "",
        mapping.patterns_of(policy.file_tag_mappings, platform),
    ]
    staged = [[row.id, row.file_set_digest] for row in mine]
    return hashlib.sha256(json.dumps([basis, staged]).encode()).hexdigest()


_AFTER_VOTE: Final = (sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE)
# A path up to its last slash, in SQL that SQLite and PostgreSQL share.
_DIRECTORY: Final[sqlalchemy.ColumnElement[str]] = sqlalchemy.literal_column(
    "rtrim(file_set_file.path, replace(file_set_file.path, '/', ''))"
)
# The key of a release, and the name of a platform.
_Where = tuple[str, str]


def has_passed(release: sql.Release) -> bool:
    """Return whether the newest vote passed: it is over, and the release moved on to Finish."""
    return (release.phase in _AFTER_VOTE) and (release.vote_resolved is not None)


async def measure(data: session.Session, release_key: str) -> voted.Measure:
    """Return the measure of one release; empty until its vote has passed."""
    return (await measures(data, [release_key])).get(release_key, voted.Measure())


async def measures(data: session.Session, release_keys: Collection[str]) -> Mapping[str, voted.Measure]:
    """Return by key the measure of each of these releases that was voted on for a platform."""
    entries = await _entries(data, release_keys)
    on_ballot: dict[_Where, set[str]] = collections.defaultdict(set)
    for entry, _ in entries:
        on_ballot[_where(entry)].add(entry.file_set_digest)
    live: dict[_Where, set[str]] = collections.defaultdict(set)
    for release_key, platform, digest in await _live(data, release_keys):
        live[release_key, platform].add(digest)
    # If every digest of a platform is live, its directories are not read.
    unsettled = {where for where, digests in on_ballot.items() if not digests <= live[where]}
    parts = await _parts(data, [entry for entry, _ in entries if _where(entry) in unsettled])
    found: dict[str, list[voted.Entry]] = collections.defaultdict(list)
    for entry, files in entries:
        found[entry.release_key].append(
            voted.Entry(
                platform=distribution.DistributionPlatform[entry.platform],
                digest=entry.file_set_digest,
                is_mapped=entry.kind is tables.BallotKind.MAPPED,
                parts=tuple(parts.get(entry.id, (voted.Part(f"{entry.file_set_digest}/", files, files),))),
            )
        )
    return {release_key: voted.measured(these, data.built) for release_key, these in found.items()}


def _where(entry: tables.BallotEntry) -> _Where:
    return entry.release_key, entry.platform


async def _entries(data: session.Session, release_keys: Collection[str]) -> Sequence[tuple[tables.BallotEntry, int]]:
    """Return the ballot entries for platforms, of votes that passed, each with its number of files."""
    entry, release = tables.BallotEntry, sql.Release
    wanted = (
        sqlmodel.select(entry, tables.FileSetRow.files)
        .join(release, queries.of_newest_vote())
        .join(tables.FileSetRow, col(tables.FileSetRow.digest) == col(entry.file_set_digest))
        .where(
            col(release.phase).in_(_AFTER_VOTE),
            col(release.vote_resolved).is_not(None),
            entry.platform != "",
            col(release.key).in_(release_keys),
        )
        .order_by(col(entry.id))
    )
    return (await data.exec(wanted)).all()


async def _live(data: session.Session, release_keys: Collection[str]) -> Sequence[tuple[str, str, str]]:
    """Return release, platform and voted digest of every live promotion."""
    promotion = tables.Promotion
    wanted = sqlmodel.select(promotion.release_key, promotion.platform, promotion.voted_digest).where(
        promotion.state == states.State.LIVE, col(promotion.release_key).in_(release_keys)
    )
    return (await data.exec(wanted)).all()


async def _parts(data: session.Session, entries: Sequence[tables.BallotEntry]) -> Mapping[int | None, list[voted.Part]]:
    """Return by entry its directories, each with its number of files and how many a live promotion verified."""
    found: dict[int | None, list[voted.Part]] = collections.defaultdict(list)
    if not entries:
        return found
    entry, file, promotion = tables.BallotEntry, tables.FileSetFile, tables.Promotion
    proved = sqlalchemy.orm.aliased(tables.FileSetFile)
    is_public = (
        sqlmodel.select(promotion.id)
        .join(proved, col(proved.digest) == col(promotion.voted_digest))
        .where(
            promotion.release_key == entry.release_key,
            promotion.platform == entry.platform,
            promotion.state == states.State.LIVE,
            proved.path == file.path,
            proved.size == file.size,
            proved.sha256 == file.sha256,
        )
        .correlate(entry, file)
        .exists()
    )
    wanted = (
        sqlmodel.select(
            entry.id,
            sqlalchemy.func.min(file.path),
            sqlalchemy.func.count(),
            sqlalchemy.func.sum(sqlalchemy.case((is_public, 1), else_=0)),
        )
        .join(file, col(file.digest) == col(entry.file_set_digest))
        .where(col(entry.id).in_([one.id for one in entries]))
        .group_by(col(entry.id), _DIRECTORY)
        .order_by(col(entry.id), _DIRECTORY)
    )
    for number, path, files, public in (await data.exec(wanted)).all():
        found[number].append(voted.Part(path, files, public))
    return found


# The check of staged files stores its results under this name (tasks/checks/staged.py).
STAGED_CHECK: Final = "atr.tasks.checks.staged.check"
# The same for the pre-flight checks of a platform (tasks/checks/readiness.py).
READINESS_CHECK: Final = "atr.tasks.checks.readiness.check"
_DEPLOYMENT: Final = "deployment:"
_PLATFORM: Final = "platform:"


async def staged_results(
    data: session.Session, deployment_ids: Collection[int | None]
) -> Mapping[int | None, Sequence[sql.CheckResult]]:
    """Return by deployment the results of the newest check of its staged files."""
    subjects = [f"{_DEPLOYMENT}{number}" for number in deployment_ids]
    found = await _by_subject(data, STAGED_CHECK, col(sql.CheckResult.primary_rel_path).in_(subjects))
    return {number: found.get(f"{_DEPLOYMENT}{number}", []) for number in deployment_ids}


async def readiness_results(data: session.Session, release_key: str) -> Mapping[str, Sequence[sql.CheckResult]]:
    """Return by platform the results of its last pre-flight checks for this release."""
    found = await _by_subject(data, READINESS_CHECK, sql.CheckResult.release_key == release_key)
    return {subject.removeprefix(_PLATFORM): results for subject, results in found.items()}


async def is_asking(data: session.Session, release_key: str) -> bool:
    """Return whether pre-flight checks of this release are queued or running."""
    asked: dict[str, Any] = {"release_key": release_key}
    # Requested by a change, or by a person (storage/writers/readiness.py).
    return await queue.is_waiting(data, operating.TaskType.READINESS_CHECK, asked, {**asked, "anew": True})


async def is_checked(data: session.Session, deployment: tables.Deployment) -> bool:
    """Return whether the check of the staged files has run since they were captured."""
    return checked_since(deployment, (await staged_results(data, [deployment.id]))[deployment.id])


def checked_since(deployment: tables.Deployment, results: Sequence[sql.CheckResult]) -> bool:
    """As `is_checked`, for results that were read already."""
    captured = deployment.captured_at
    return (captured is not None) and any(result.created >= captured for result in results)


async def _by_subject(data: session.Session, checker: str, where: Any) -> Mapping[str, Sequence[sql.CheckResult]]:
    row = sql.CheckResult
    wanted = sqlmodel.select(row).where(row.checker == checker, where).order_by(col(row.id))
    found: dict[str, list[sql.CheckResult]] = {}
    for one in (await data.exec(wanted)).all():
        found.setdefault(one.primary_rel_path or "", []).append(one)
    return found
