# SPDX-License-Identifier: Apache-2.0
"""The pages for starting a release and composing it."""

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.models.paging as paging
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.distributions as distributions
import atr.pages.readiness as readiness
import atr.pages.revisions as revisions
import atr.pages.tree as trees
import atr.pages.views as views
import atr.promotion.fileset as fileset
import atr.promotion.mapping as mapping
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.sharing as sharing
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.preconditions as preconditions
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.projects as projects
import atr.storage.readers.release_rows as release_rows
import atr.storage.readers.revisions as revision_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

# How many problems of a mapping the page names; the others are counted.
_NAMED: Final = 5
_VERSIONS: Final = 10
_CHECKS: Final = {
    sql.CheckResultStatus.BLOCKER: ("refused", "Blocker"),
    sql.CheckResultStatus.CONCERN: ("concern", "Concern"),
    sql.CheckResultStatus.EXCEPTION: ("refused", "Not checked"),
    sql.CheckResultStatus.NOTE: ("passed", "Good"),
    sql.CheckResultStatus.SUGGESTION: ("draft", "Suggestion"),
}
_ENDED: Final = frozenset({states.DeploymentState.DROPPED, states.DeploymentState.GONE, states.DeploymentState.FAILED})


@dataclasses.dataclass(frozen=True)
class StartView:
    """The page for starting a release of one project. `why_not` is empty if the reader may start one."""

    project_key: str
    project_name: str
    why_not: str
    # The newest versions that were started, with the word of their phase.
    versions: tuple[tuple[str, str], ...]
    # Whether the reader may start an expedited one.
    may_expedite: bool = False


@dataclasses.dataclass(frozen=True)
class StartList:
    """The projects for which the reader may start a release: key, name, committee."""

    projects: tuple[tuple[str, str, str], ...]


@dataclasses.dataclass(frozen=True)
class PlatformMapping:
    """The files of the revision that the policy maps to one platform."""

    platform_name: str
    patterns: tuple[str, ...]
    files: int
    # The first problems, and the number of all.
    problems: tuple[str, ...]
    problems_total: int


@dataclasses.dataclass(frozen=True)
class Check:
    """One finding: its CSS class and word, its subject, and the sentence."""

    css: str
    word: str
    about: str
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComposeView(views.ReleaseHead):
    """The compose page of a release, in any phase."""

    sentence: str
    css: str
    revision: revisions.RevisionLine | None
    tree: trees.Tree
    mappings: tuple[PlatformMapping, ...]
    checks: tuple[Check, ...]
    rows: tuple[views.DeploymentView, ...]
    # Each is empty if the reader may.
    change_why_not: str
    record_why_not: str
    vote_why_not: str
    readiness: readiness.Panel
    part: paging.Part = paging.WHOLE


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangeView(views.ReleaseHead):
    """The page on which a file or a folder is removed or renamed. `why_not` is empty if the reader may."""

    path: str
    is_folder: bool
    files: int
    size: int
    revision_number: str
    why_not: str


_Mapped = tuple[Mapping[str, trees.Place], tuple[PlatformMapping, ...], tuple[Check, ...]]
# Where the files of a revision go; a few of the newest ones are remembered.
_MAPPED: Final[sharing.Shared[_Mapped]] = sharing.Shared(threads=1, kept=8)


async def startable(read: transaction.Transaction) -> StartList:
    """Return the active projects for which the reader may start a release."""
    return StartList(
        tuple(
            (row.key, row.name, committee.name)
            for row, committee in await projects.active(read)
            if rights.is_participant(committee, read.asf_uid)
        )
    )


async def start(read: transaction.Transaction, project_key: str) -> StartView:
    """Return the page for starting a release of this project. Raises NotFoundError."""
    of = await projects.one(read, project_key)
    project, committee = of.row, of.committee
    why_not = ""
    if project.status is not sql.ProjectStatus.ACTIVE:
        why_not = reasons.of("project-inactive").sentence
    elif not rights.is_participant(committee, read.asf_uid):
        why_not = reasons.of("committers-only", committee=committee.name, what="start a release").sentence
    found = await release_rows.newest_of(read, project.key, _VERSIONS)
    return StartView(
        project_key=project.key,
        project_name=project.name,
        why_not=why_not,
        versions=tuple((row.version, distributions.PHASE_WORDS[row.phase]) for row in found),
        may_expedite=rights.is_member(committee, read.asf_uid),
    )


async def page(
    read: transaction.Transaction,
    release_key: str,
    *,
    folder: str = "",
    query: str = "",
    asked: paging.Asked = paging.FIRST,
) -> ComposeView:
    """Return the compose page: the newest revision's files, where they are mapped, and their problems."""
    of = await eligibility.release(read.data, release_key)
    release, committee = of.row, of.committee
    newest = [of.newest_revision] if of.newest_revision else []
    revision = next((revisions.line(one) for one in await revision_rows.listed(read, newest)), None)
    recorded = await revision_rows.files(read, of.newest_revision)
    files = recorded.files if recorded else ()
    built, tags = read.data.built, of.policy.file_tag_mappings
    # Of 19,000 files this is half a second, in which nobody else would be served.
    key = (recorded.digest if recorded else "", _odd(files), json.dumps(tags, sort_keys=True), id(built))
    places, mappings, remarks = await _MAPPED.get(key, lambda: _mapped(built, tags, files))
    tree = await asyncio.to_thread(trees.of, files, places, folder, query)
    known = await deployment_rows.of_releases(read, {release_key: of})
    rows = deployments.shown(read, known).get(release_key, ())
    here, part = deployments.cut(rows, asked)
    participant = rights.is_participant(committee, read.asf_uid)
    change = "" if participant else _not_a_committer(committee)
    change = reasons.sentence(preconditions.change_files(release)) or change
    vote = preconditions.start_vote(of, manager=rights.is_release_manager(committee, read.asf_uid))
    return ComposeView(
        **vars(distributions.heading(of)),
        sentence=_sentence(release, revision, files, mappings, rows),
        css=_css(release, revision, mappings),
        revision=revision,
        tree=tree,
        mappings=mappings,
        checks=(*remarks, *_checks(known)),
        rows=here,
        part=part,
        change_why_not=change,
        record_why_not=distributions.record_why_not(read, of),
        vote_why_not=reasons.sentence(vote),
        readiness=await readiness.panel(read, of, known.cases),
    )


async def change(read: transaction.Transaction, release_key: str, path: str) -> ChangeView:
    """Return the page for removing or renaming a file or folder of the newest revision. Raises NotFoundError."""
    of = await eligibility.release(read.data, release_key)
    release, committee, revision = of.row, of.committee, of.newest_revision
    recorded = await revision_rows.files(read, revision)
    files = recorded.files if recorded else ()
    inside = [file for file in files if (file.path == path) or file.path.startswith(f"{path}/")]
    if (not inside) or (revision is None):
        raise errors.NotFoundError(
            "The latest revision has no such file or folder. It may have been changed in the meantime."
        )
    why_not = reasons.sentence(preconditions.change_files(release))
    if not rights.is_participant(committee, read.asf_uid):
        why_not = _not_a_committer(committee)
    return ChangeView(
        **vars(distributions.heading(of)),
        path=path,
        is_folder=inside[0].path != path,
        files=len(inside),
        size=sum(file.size for file in inside),
        revision_number=revision.number,
        why_not=why_not,
    )


def _odd(files: Sequence[fileset.File]) -> frozenset[tuple[str, fileset.Odd]]:
    return frozenset((file.path, file.odd) for file in files if file.odd is not None)


def _mapped(built: layouts.Layouts, tags: Mapping[str, Sequence[str]], files: Sequence[fileset.File]) -> _Mapped:
    """Return where each file is mapped, by path; a line per platform that the policy has patterns for; and remarks."""
    places: dict[str, trees.Place] = {}
    lines = []
    remarks = []
    for platform in distribution.DistributionPlatform:
        patterns = mapping.patterns_of(tags, platform)
        if not (patterns and files and built.supports(platform)):
            continue
        found: tuple[mapping.Placed, ...] = ()
        try:
            found = mapping.placed(fileset.FileSet.of(files), patterns, built.on(platform))
            problems = [one.problem for one in found if one.problem]
            if not found:
                problems = [f"The policy's patterns ({', '.join(patterns)}) match no file of the revision."]
        except errors.InputError as error:
            problems = [str(error)]
        for one in found:
            if one.checksum_of and not one.problem:
                continue
            where, problem = places.get(one.file.path, ((), ""))
            places[one.file.path] = ((*where, (platform.display_name, one.where)), problem or one.problem)
        lines.append(
            PlatformMapping(
                platform_name=platform.display_name,
                patterns=tuple(patterns),
                files=sum(1 for one in found if not (one.problem or one.checksum_of)),
                problems=tuple(problems[:_NAMED]),
                problems_total=len(problems),
            )
        )
        remarks += [_concern(f"files for {platform.display_name}", remark) for remark in mapping.remarks(found)]
    # Checksums of mapped files are among the problems above, which block the vote.
    wrong = [mapping.wrong_checksum(file) for file in files if file.path not in places]
    return places, tuple(lines), (*(_concern("files", one) for one in wrong if one), *remarks)


def _concern(about: str, sentence: str) -> Check:
    return Check(*_CHECKS[sql.CheckResultStatus.CONCERN], about, sentence)


def _checks(known: deployment_rows.Rows) -> tuple[Check, ...]:
    """Return the findings of the newest check of each deployment that has not ended, the worst first."""
    cases = [case for case in known.cases.values() if case.deployment.state not in _ENDED]
    found = [(case.deployment, result) for case in cases for result in case.results]
    order = list(_CHECKS)
    several = len(cases) > 1
    return tuple(
        Check(*_CHECKS[result.status], _about(row, result, several=several), result.message)
        for row, result in sorted(found, key=lambda pair: order.index(pair[1].status))
    )


def _about(row: tables.Deployment, result: sql.CheckResult, *, several: bool) -> str:
    name = distribution.DistributionPlatform[row.platform].display_name
    if result.member_rel_path:
        return f"{name}: {result.member_rel_path}"
    return f"staged on {name}{f', {ballots.name(row)}' if several else ''}"


def _css(release: sql.Release, revision: revisions.RevisionLine | None, mappings: Sequence[PlatformMapping]) -> str:
    if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
        return "open" if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE else "passed"
    if any(one.problems for one in mappings):
        return "refused"
    return "ready" if revision else "draft"


def _sentence(
    release: sql.Release,
    revision: revisions.RevisionLine | None,
    files: Sequence[fileset.File],
    mappings: Sequence[PlatformMapping],
    rows: Sequence[views.DeploymentView],
) -> str:
    """Return a sentence with the state of the files and the next step."""
    match release.phase:
        case sql.ReleasePhase.RELEASE_CANDIDATE:
            return "A vote on these files is open, so they cannot be changed until it ends."
        case sql.ReleasePhase.RELEASE_PREVIEW:
            return "The vote passed, so the files can no longer be changed."
        case sql.ReleasePhase.RELEASE:
            return "This release was announced, so its files can no longer be changed."
    if revision is None:
        return "There are no files yet. Upload the files to be voted on."
    count = f"{words.count(len(files), 'file')} in revision {revision.number}"
    wrong = next((one for one in mappings if one.problems), None)
    if wrong is not None:
        said = words.either(wrong.problems_total, "one thing", f"{wrong.problems_total:,} things")
        return f"{count}; {said} for {wrong.platform_name} must be corrected before a vote can start."
    if not mappings:
        return f"{count}. The policy maps none of them to a platform."
    mapped = f"{count}, {words.listed([f'{one.files:,} of them for {one.platform_name}' for one in mappings])}"
    standing = [row for row in rows if row.deployment_state not in _ENDED]
    there = [row for row in standing if not row.off_ballot]
    if standing and not there:
        return (
            f"{mapped}. All staged deployments are excluded from the ballot: restage the files, or add one to "
            "the ballot, before the vote."
        )
    if not there:
        return f"{mapped}. Stage them, or record an existing deployment; then start the vote."
    waiting = next((row for row in there if row.proof.staged is None), None)
    if waiting is not None:
        return (
            f"{mapped}. {waiting.platform.display_name}: {waiting.standing.word.lower()}. The vote can start "
            "afterwards."
        )
    captured = sorted({row.platform.display_name for row in there})
    return f"{mapped}. {words.listed(captured)} {words.either(len(captured), 'is', 'are')} captured; start the vote."


def _not_a_committer(committee: sql.Committee) -> str:
    return reasons.of("committers-only", committee=committee.name, what="change the files").sentence
