# SPDX-License-Identifier: Apache-2.0
"""The panel of pre-flight checks: the stored answers of the platforms, and the current state of ATR's own rows."""

import dataclasses
import datetime
import functools
import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.usage as monthly
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.names as names
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_Deployment = states.DeploymentState
_ETAG: Final = 16
# How many namespaces a sentence names.
_NAMED: Final = 3
_YES: Final = ("passed", "Yes")
_UNKNOWN: Final = ("unproved", "Not known")
_WORDS: Final = {"yes": _YES, "no": ("refused", "No"), "unknown": _UNKNOWN, "unneeded": ("passed", "Not needed")}
_TITLES: Final = {
    "credential": "Credentials work",
    "right": "Permission to publish",
    "free": "Version not published yet",
    "names": "Within the project's namespaces",
    "policy": "Allowed by the policy",
    "mapping": "Staged files match the mapped files",
    "parents": "Parent POMs available",
    "sides": "Checksums match",
    "lasts": "Staged deployment still exists",
    "finish": "Conditions for promotion",
}
_NOT_ASKED: Final = "Not checked yet."
_MOVED: Final = "The files have changed since they were compared; they are compared again at the next check."


@dataclasses.dataclass(frozen=True)
class Line:
    """One sentence of an answer, and who can change the answer: "nobody" if only time does, empty if it is good."""

    sentence: str
    who: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """The answer for one platform. `css` is passed, refused, warning or unproved; `word` is the word for it."""

    css: str
    word: str
    lines: tuple[Line, ...]
    # When the platform was queried; None if the answer comes from ATR's own rows.
    at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Check:
    """One row of the panel: a condition, and its answer for each platform in order."""

    code: str
    title: str
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Panel:
    """The whole panel. Without platforms there is nothing to promote, and `sentence` says so."""

    project_key: str
    version_key: str
    css: str
    sentence: str
    platforms: tuple[str, ...]
    checks: tuple[Check, ...]
    # When the oldest of the stored answers was given; None if there is none.
    asked_at: datetime.datetime | None
    # Whether a check is queued or running.
    is_asking: bool
    # Why the reader cannot run the checks now; empty if they can.
    ask_why_not: str
    usage: tuple[monthly.Usage, ...] = ()
    # Changes when the panel does: the page requests the panel again and shows it if this differs.
    etag: str = ""


@dataclasses.dataclass(frozen=True)
class _Column:
    """All that is known about one platform."""

    platform: distribution.DistributionPlatform
    cases: tuple[eligibility.Case, ...]
    # The deployments that are no longer part of a candidate.
    lost: tuple[tables.Deployment, ...]
    results: Sequence[sql.CheckResult]
    basis: str
    policy: sql.ReleasePolicy
    target: tables.PlatformTarget | None


async def panel(
    read: transaction.Transaction, of: eligibility.Release, cases: Mapping[int | None, eligibility.Case]
) -> Panel:
    """Return the panel for this release with all its deployments, which everybody may read."""
    release, project, committee = of.row, of.project, of.committee
    over = release.phase is sql.ReleasePhase.RELEASE
    deployments = [case.deployment for case in cases.values()]
    platforms = () if over else candidates.wanted_platforms(read.data.built, of.policy, deployments)
    results = await candidates.readiness_results(read.data, release.key) if platforms else {}
    known = [_column(of, platform, cases, results.get(platform.name, ())) for platform in platforms]
    # A published deployment is followed on its own row; no check is left for it.
    columns = [column for column in known if not _is_sent(column)]
    checks = tuple(
        Check(code, title, tuple(_cell(read.data.built, code, release, column) for column in columns))
        for code, title in _TITLES.items()
    )
    used = await monthly.of(
        read,
        [case.deployment for column in columns for case in column.cases],
        {column.platform: monthly.planned(column.results, column.basis) for column in columns},
    )
    css, sentence = _summary(release, columns, checks)
    if any(one.is_over for one in used) and (css != "refused"):
        css, sentence = "warning", f"{sentence} It would exceed this month's limit."
    asked = [result.created for column in columns for result in column.results]
    made = Panel(
        project_key=project.key,
        version_key=release.version,
        css=css,
        sentence=sentence,
        platforms=tuple(column.platform.display_name for column in columns),
        checks=checks if columns else (),
        asked_at=min(asked) if asked else None,
        is_asking=await candidates.is_asking(read.data, release.key),
        ask_why_not="" if rights.is_participant(committee, read.asf_uid) else _who_may(committee),
        usage=used,
    )
    return dataclasses.replace(made, etag=hashlib.sha256(repr(made).encode()).hexdigest()[:_ETAG])


async def of(read: transaction.Transaction, release_key: str) -> Panel:
    """Return the panel of one release. Raises NotFoundError."""
    of = await eligibility.release(read.data, release_key)
    return await of_release(read, of, await deployment_rows.of_release(read, release_key))


async def of_release(
    read: transaction.Transaction, of: eligibility.Release, deployments: Collection[tables.Deployment]
) -> Panel:
    """Return the panel of a release with these deployments, whose cases are not loaded yet."""
    cases = await eligibility.load(read.data, deployments, read.asf_uid, releases={of.row.key: of})
    return await panel(read, of, cases)


def _who_may(committee: sql.Committee) -> str:
    return reasons.of("committers-only", committee=committee.name, what="run the checks").sentence


def _column(
    of: eligibility.Release,
    platform: distribution.DistributionPlatform,
    cases: Mapping[int | None, eligibility.Case],
    results: Sequence[sql.CheckResult],
) -> _Column:
    deployments = [case.deployment for case in cases.values()]
    mine = candidates.on_platform(deployments, platform)
    voted = candidates.voted_mapping(of.row, of.ballot, platform)
    return _Column(
        platform=platform,
        cases=tuple(cases[row.id] for row in mine),
        lost=tuple(row for row in deployments if (row.platform == platform.name) and (row.state in candidates.OUT)),
        results=results,
        basis=candidates.mapping_basis(of.newest_revision, of.policy, platform, voted, mine),
        policy=of.policy,
        target=of.targets.get(platform.name),
    )


def _is_sent(column: _Column) -> bool:
    return bool(column.cases) and all(case.deployment.state is _Deployment.PUBLISHED for case in column.cases)


def _cell(built: layouts.Layouts, code: str, release: sql.Release, column: _Column) -> Cell:
    match code:
        case "names":
            return _names(built, column)
        case "policy":
            return _policy(column)
        case "sides":
            return _sides(column)
        case "lasts":
            return _lasts(column)
        case "finish":
            return _finish(release, column)
        case _:
            return _told(code, column)


def _told(code: str, column: _Column) -> Cell:
    """Return the result that the worker stored."""
    found = next((result for result in column.results if result.member_rel_path == code), None)
    if found is None:
        return _of(_UNKNOWN, _NOT_ASKED, "nobody")
    if found.data["basis"] not in {"", column.basis}:
        return _of(_UNKNOWN, _MOVED, "nobody", found.created)
    css, word = _WORDS[found.data["answer"]]
    if (word == "No") and (found.status is sql.CheckResultStatus.CONCERN):
        css = "warning"
    return _of((css, word), found.message, found.data["who"], found.created)


def _names(built: layouts.Layouts, column: _Column) -> Cell:
    if column.target is None:
        return _no(names.no_target(column.platform))
    held = ", ".join(column.target.namespaces[:_NAMED])
    packages = sorted({package for case in column.cases for package in case.packages})
    outside = names.outside(built, packages, column.target)
    mapped: list[str] = next((one.data["owners"] for one in column.results if "owners" in one.data), [])
    covers, allowed = functools.partial(built.covers, column.platform), column.target.namespaces
    outside = outside or tuple(owner for owner in mapped if not any(covers(name, owner) for name in allowed))
    if foreign := names.is_outside(outside):
        return _no(foreign)
    if not (packages or mapped):
        return _of(_UNKNOWN, f"No package is known yet; the project's namespaces are {held}.", "nobody")
    return _of(_YES, f"All packages are within {held}.")


def _policy(column: _Column) -> Cell:
    name = column.platform.display_name
    if column.policy.remote_promotion.get(column.platform.gh_slug, False):
        return _of(_YES, f"Remote promotion to {name} is enabled.")
    return _no(reasons.of("policy", platform=name))


def _sides(column: _Column) -> Cell:
    read = [case for case in column.cases if case.deployment.captured_at is not None]
    problems = [problem for case in read for problem in case.deployment.side_problems]
    if problems:
        return _of(_WORDS["no"], words.first(problems), "the release manager")
    if not read:
        return _of(_UNKNOWN, "No staged files have been captured yet.", "nobody")
    remarks = [remark for case in read for remark in case.deployment.remarks]
    return _of(_YES, f"Every checksum file matches its file. {words.first(remarks)}".strip())


def _lasts(column: _Column) -> Cell:
    name = column.platform.display_name
    if not column.cases:
        gone = next((row for row in reversed(column.lost) if row.state is _Deployment.GONE), None)
        if gone is not None:
            said = f"The deployment on {name} has been gone since {words.short(gone.entered_at)}."
            return _of(_WORDS["no"], said, "the release manager")
        return _of(_UNKNOWN, f"Nothing is staged on {name} yet.", "the release manager")
    lines = []
    for case in column.cases:
        row, which = case.deployment, _which(column, case)
        if row.state is _Deployment.STAGED:
            seen = f", last seen {words.short(row.last_look)}" if row.last_look else ""
            lines.append(
                Line(
                    f"{which}Staged since {words.short(row.entered_at)}{seen}. {name} reports no expiry date.",
                    "nobody",
                )
            )
        else:
            lines.append(Line(f"{which}{states.DEPLOYMENT_WORDS[row.state].sentence}", "nobody"))
    return Cell(*_UNKNOWN, tuple(lines))


def _finish(release: sql.Release, column: _Column) -> Cell:
    """Return the blockers of a request that a committee member would make after the vote has passed."""
    if not column.cases:
        said = f"Nothing is staged on {column.platform.display_name}, so there is nothing to promote."
        return _of(_WORDS["no"] if column.lost or _voted(release) else _UNKNOWN, said, "the release manager")
    lines = [
        Line(f"{_which(column, case)}{blocker.sentence}", blocker.who)
        for case in column.cases
        for blocker in gates.blockers(_assumed(release, case))
    ]
    if not lines:
        return _of(
            _YES,
            "All conditions are met."
            if _voted(release)
            else "All conditions are met, except that the vote has not passed yet.",
        )
    # Blockers that only need time do not count as refused.
    waits = all(line.who == "nobody" for line in lines)
    return Cell(*(_UNKNOWN if waits else _WORDS["no"]), tuple(lines))


def _voted(release: sql.Release) -> bool:
    return release.phase is sql.ReleasePhase.RELEASE_PREVIEW


def _assumed(release: sql.Release, case: eligibility.Case) -> gates.Facts:
    """Return the facts as they would be at Finish, with the ballot as it is or would be if the vote opened now."""
    known = dataclasses.replace(case.facts, is_committee_member=True)
    if _voted(release):
        return known
    if release.phase is sql.ReleasePhase.RELEASE_CANDIDATE:
        platform = case.deployment.platform
        ballot = frozenset(entry.file_set_digest for entry in case.of.ballot if entry.platform == platform)
    else:
        ballot = frozenset() if case.deployment.off_ballot else frozenset({known.staged_digest})
        known = dataclasses.replace(known, has_ballot=True)
    return dataclasses.replace(known, phase=gates.RELEASE_PREVIEW, vote_passed=True, ballot=ballot)


def _summary(release: sql.Release, columns: Sequence[_Column], checks: Sequence[Check]) -> tuple[str, str]:
    if release.phase is sql.ReleasePhase.RELEASE:
        return "live", "This release was announced; there is nothing left to check."
    if not columns:
        return "draft", "There is nothing to promote, so there is nothing to check."
    if not any(column.cases or column.lost for column in columns):
        names = words.listed([column.platform.display_name for column in columns])
        return "draft", f"Nothing is staged on {names} yet. The checks below do not need a staged deployment."
    # The end of the staging is never known, so that answer is not counted.
    answers = [cell.css for check in checks if check.code != "lasts" for cell in check.cells]
    no, unsure = answers.count("refused"), answers.count("unproved") + answers.count("warning")
    if no:
        return "refused", f"The promotion would be refused: {words.count(no, 'check')} of {len(answers)} failed."
    if unsure:
        said = f"{words.count(unsure, 'check')} of {len(answers)} {words.either(unsure, 'is', 'are')} pending"
        return "warning", f"No check failed; {said}."
    return "passed", "All checks passed."


def _which(column: _Column, case: eligibility.Case) -> str:
    """Return the prefix that names the deployment of a sentence; empty if there is only one."""
    if len(column.cases) == 1:
        return ""
    return f"Deployment {case.deployment.external_id or case.deployment.name}: "


def _no(reason: reasons.Reason) -> Cell:
    return _of(_WORDS["no"], reason.sentence, reason.who)


def _of(answer: tuple[str, str], sentence: str, who: str = "", at: datetime.datetime | None = None) -> Cell:
    css, word = answer
    return Cell(css, word, (Line(sentence, who),), at)
