# SPDX-License-Identifier: Apache-2.0
"""The inputs of the worker's tasks: the files to upload, and what the checks compare."""

import asyncio
import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import atr.db.queries as queries
import atr.disk as disk
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.ballot as ballots
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms
import atr.shared.pom as poms
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.holdings as holdings
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction
import atr.storage.writers.requests as requests

# A platform's answer about the same packages is reused for this long.
_RECENTLY = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class StagedCase:
    """What the check of staged files compares."""

    staged: fileset.FileSet | None
    side_problems: tuple[str, ...]
    # Remarks about the files, which block nothing.
    remarks: tuple[str, ...]
    # What the files should be: the ballot's file sets for the platform once a vote was opened, before that the files
    # that the policy maps.
    ballot: tuple[fileset.FileSet, ...]
    mapped: fileset.FileSet | None
    mapping_problem: str
    vote_opened: bool


@dataclasses.dataclass(frozen=True)
class Pom:
    """A POM of a release: its package, and where its bytes may be read."""

    package: distribution.Coordinates
    path: str
    size: int
    sha256: str
    # On ATR's disk, if it is there.
    files: tuple[disk.Recorded, ...] = ()
    # The platform's id of the deployment that has it; empty if none does.
    external_id: str = ""


@dataclasses.dataclass(frozen=True)
class ReadinessCase:
    """What one platform is asked about a release, and the files that are compared meanwhile."""

    platform: distribution.DistributionPlatform
    mechanism: mechanisms.Mechanism
    # The staged packages, and those that a publish request of ATR may have made public.
    staged_packages: tuple[distribution.Coordinates, ...]
    spoken_for: frozenset[distribution.Coordinates]
    # The policy's mapping of the newest revision, or the ballot's file set once a vote was opened.
    patterns: tuple[str, ...]
    revision: fileset.FileSet | None
    voted: fileset.FileSet | None
    # Each captured deployment that is part of the candidate, with its id.
    staged: tuple[tuple[int, fileset.FileSet], ...]
    # What the comparison depends on; see `candidates.mapping_basis`.
    basis: str
    # Every POM that is mapped or staged, each once, and what an earlier check found in them.
    has_poms: bool = True
    poms: tuple[Pom, ...] = ()
    parents_known: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    # The results of the platform's last pre-flight checks that are less than an hour old.
    heard: tuple[sql.CheckResult, ...] = ()


async def uploads(read: transaction.Transaction, deployment_id: int) -> tuple[tuple[str, disk.Recorded], ...]:
    """Return each file to upload: its path on the platform, and the file on ATR's disk.

    The file is from the deployment's own revision, or from where the voted files are that it stages again. Raises
    NotFoundError if the files do not exist any more, BlockedError for files that may not be uploaded now: the policy
    and the namespaces may have changed since the request.
    """
    row = await queries.demand_deployment(read.data, deployment_id)
    release = await queries.demand_release(read.data, row.release_key)
    # No irreversible request is sent to a platform that does not answer.
    transaction.demand_free((await lanes.silent(read.data))[row.mechanism])
    if row.stage_digest:
        layout = read.data.built.of(mechanisms.Mechanism[row.mechanism])
        return await _voted(read, release, row.stage_digest, layout)
    project = await queries.demand_project(read.data, release.project_key)
    revision = await queries.revision(read.data, release.key, row.revision_number or "")
    platform = distribution.DistributionPlatform[row.platform]
    await requests.demand_uploadable(read, project, revision, platform)
    patterns = mapping.patterns_of((await queries.policy(read.data, project)).file_tag_mappings, platform)
    files = await queries.revision_files(read.data, revision)
    by_path, whose = files.by_path, (project.key, release.version, revision.number)
    return tuple(
        (where, read.place.of_revision(*whose, by_path[path]))
        for where, path in sorted(mapping.sources(files, patterns).items())
    )


async def readiness_cases(read: transaction.Transaction, release_key: str) -> tuple[ReadinessCase, ...]:
    """Return a case for each platform of the release; none once it was announced, or while it is under embargo."""
    of = await eligibility.release(read.data, release_key)
    release, revision = of.row, of.newest_revision
    if (release.phase is sql.ReleasePhase.RELEASE) or of.is_embargoed:
        return ()
    files = None
    if (revision is not None) and revision.digest:
        files = await queries.revision_files(read.data, revision)
    deployments = await queries.deployments(read.data, release_key)
    packages = await queries.packages_of(read.data, deployments)
    spoken_for = await candidates.spoken_for(read.data, release, deployments)
    results = await candidates.readiness_results(read.data, release_key)
    kept = await holdings.kept_copies(read, [of.project.key])
    platforms = candidates.wanted_platforms(read.data.built, of.policy, deployments)
    voted = {platform: candidates.voted_mapping(release, of.ballot, platform) for platform in platforms}
    captured = {row.file_set_digest for row in deployments if row.file_set_digest}
    sets = await queries.file_sets(read.data, captured.union(filter(None, voted.values())))
    cases = []
    for platform in platforms:
        mine = candidates.on_platform(deployments, platform)
        patterns = mapping.patterns_of(of.policy.file_tag_mappings, platform)
        mechanism = await queries.mechanism(read.data, of.project.key, platform)
        has_poms = read.data.built.of(mechanism).is_maven_repository
        staged = [(row, sets[row.file_set_digest]) for row in mine if row.file_set_digest]
        whose = (of.project.key, release.version, revision.number if revision else "")
        heard = results.get(platform.name, ())
        cases.append(
            ReadinessCase(
                platform=platform,
                mechanism=mechanism,
                has_poms=has_poms,
                poms=_poms(read, whose, files, patterns, staged, kept) if has_poms else (),
                parents_known=next((one.data["known"] for one in heard if "known" in one.data), {}),
                staged_packages=tuple(one for row in mine for one in packages[row.id]),
                spoken_for=spoken_for,
                patterns=patterns,
                revision=files,
                voted=sets.get(voted[platform]),
                staged=tuple((row.id or 0, each) for row, each in staged),
                basis=candidates.mapping_basis(revision, of.policy, platform, voted[platform], mine),
                heard=tuple(one for one in heard if one.created > read.now - _RECENTLY),
            )
        )
    return tuple(cases)


def _poms(
    read: transaction.Transaction,
    whose: tuple[str, str, str],
    revision: fileset.FileSet | None,
    patterns: Sequence[str],
    staged: Sequence[tuple[tables.Deployment, fileset.FileSet]],
    copies: Collection[tuple[str, str]],
) -> tuple[Pom, ...]:
    """Return the POMs that the policy maps of a revision (`whose`: project, version, number), and the staged ones."""
    found: dict[tuple[str, str], Pom] = {}
    by_path = revision.by_path if revision else {}
    for where, path in mapping.sources(revision, patterns).items() if revision else ():
        pom = _pom(where, by_path[path])
        if pom is not None:
            found[where, pom.sha256] = dataclasses.replace(pom, files=(read.place.of_revision(*whose, by_path[path]),))
    for row, files in staged:
        is_kept = (whose[0], files.digest) in copies
        for file in files.files:
            pom = _pom(file.path, file)
            if (pom is None) or ((file.path, file.sha256) in found):
                continue
            here = (read.place.blobs.recorded(file.sha256, file.size),) if is_kept else ()
            found[file.path, file.sha256] = dataclasses.replace(pom, files=here, external_id=row.external_id or "")
    return tuple(found.values())


def _pom(where: str, file: fileset.File) -> Pom | None:
    """Return the POM of the package at this path of a Maven repository; None for another file."""
    if (not where.endswith(".pom")) or (file.size > poms.MAX_BYTES):
        return None
    try:
        package = maven.parse_path(where).coordinates
    except errors.InputError:
        # The check of the mapping reports it.
        return None
    return Pom(package, where, file.size, file.sha256) if where == maven.pom_path(package) else None


async def _voted(
    read: transaction.Transaction, release: sql.Release, digest: str, layout: layouts.Layout
) -> tuple[tuple[str, disk.Recorded], ...]:
    files = await queries.file_set(read.data, digest)
    await requests.demand_inside(read, release, tuple(ballots.packages(files, layout)))
    held = await holdings.holder(read, release, digest)
    if held is None:
        raise errors.NotFoundError(reasons.of("no-bytes"))
    found = await holdings.sources(read, release, digest, held)
    await asyncio.to_thread(_demand_whole, found)
    return found


def _demand_whole(found: Sequence[tuple[str, disk.Recorded]]) -> None:
    """Raise NotFoundError unless all these files are on ATR's disk in their size."""
    for path, file in found:
        try:
            file.opened().close()
        except errors.DamagedError as damage:
            raise errors.NotFoundError(reasons.of("damaged", path=path, damage=str(damage))) from damage


async def staged_case(read: transaction.Transaction, deployment_id: int) -> StagedCase:
    """Return everything that the check of staged files compares."""
    row = await queries.demand_deployment(read.data, deployment_id)
    of = await eligibility.release(read.data, row.release_key)
    opened = of.row.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
    entries = [entry.file_set_digest for entry in of.on_ballot(row.platform)] if opened else []
    sets = await queries.file_sets(read.data, {*entries, *filter(None, [row.file_set_digest])})
    mapped, problem = None, ""
    if of.newest_revision is not None:
        files = await queries.revision_files(read.data, of.newest_revision)
        platform = distribution.DistributionPlatform[row.platform]
        try:
            mapped = candidates.mapped(read.data.built, files, of.policy, platform)
        except errors.InputError as error:
            problem = str(error)
    return StagedCase(
        staged=sets.get(row.file_set_digest or ""),
        side_problems=tuple(row.side_problems),
        remarks=tuple(row.remarks),
        ballot=tuple(sets[digest] for digest in entries),
        mapped=mapped,
        mapping_problem=problem,
        vote_opened=opened,
    )
