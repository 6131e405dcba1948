# SPDX-License-Identifier: Apache-2.0
"""The list of releases, and the roles of people."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import atr.models.paging as paging
import atr.models.sql as sql
import atr.pages.compose as compose
import atr.pages.deployments as deployments
import atr.pages.distributions as distributions
import atr.pages.not_public as not_public
import atr.pages.views as views
import atr.promotion.announcing as announcing
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.words as words
import atr.storage.announcing as rule_facts
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.projects as projects
import atr.storage.readers.release_rows as release_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_THIRDS: Final = {"Compose": 1, "Vote": 2, "Finish": 3, "Announced": 3}
_TO_COMPOSE: Final = "Upload files, stage them, then start the vote."


@dataclasses.dataclass(frozen=True)
class ReleaseLine:
    """One release in the list: whose turn it is and what to do."""

    project_key: str
    project_name: str
    version_key: str
    phase_word: str
    # How many of the three phases Compose, Vote and Finish have begun: 1, 2 or 3.
    thirds: int
    group: str
    todo: str
    # The CSS class, the platform and the word of each deployment; equal ones are combined, with a count.
    where: tuple[tuple[str, str, str], ...]


@dataclasses.dataclass(frozen=True)
class ReleaseList:
    """The releases page: one sentence, then the groups "you", "others", "itself", "done"."""

    sentence: str
    css: str
    lines: tuple[ReleaseLine, ...]
    # Whether the reader may start a release of any project.
    may_start: bool = False
    part: paging.Part = paging.WHOLE


async def listing(read: transaction.Transaction, asked: paging.Asked = paging.FIRST) -> ReleaseList:
    """Return a page of the releases, those in progress first; the page shows those that need the reader first."""
    page = await release_rows.page(read, asked)
    lines = await _lines(read, page.keys)
    yours = sum(1 for line in lines if line.group == "you")
    may_start = bool((await compose.startable(read)).projects)
    sentence = _sentence(page.on_their_way, yours, page.part, is_known=bool(read.asf_uid))
    return ReleaseList(sentence, "ready" if yours else "live", tuple(lines), may_start, page.part)


def _sentence(on_their_way: int, yours: int, part: paging.Part, *, is_known: bool) -> str:
    if part.query and not part.found:
        return "No release has this in its name."
    if not on_their_way:
        return "No release is in progress."
    sentence = f"{words.count(on_their_way, 'release is', 'releases are')} in progress"
    if part.pages > 1:
        return f"{sentence}; {yours} of those on this page {words.either(yours, 'needs', 'need')} you."
    if yours:
        many = words.count(on_their_way, "release")
        return f"{yours} of {many} in progress {words.either(yours, 'is', 'are')} waiting for you."
    return sentence + ("; none is waiting for you." if is_known else ".")


def role(committee: sql.Committee, asf_uid: str) -> str:
    """Return the person's role in the committee, for the top of a page; empty if they have none."""
    if rights.is_member(committee, asf_uid):
        return f"member of the {committee.name} committee"
    if rights.is_release_manager(committee, asf_uid):
        return f"release manager of {committee.name}"
    if rights.is_participant(committee, asf_uid):
        return f"committer of {committee.name}"
    return ""


@dataclasses.dataclass(frozen=True)
class _Page:
    """The data from which the lines of a page are made, by release."""

    rows: Mapping[str, Sequence[views.DeploymentView]]
    measures: Mapping[str, voted.Measure]
    papers: Mapping[str, sql.BallotPaper]
    holds: Mapping[str, tuple[reasons.Reason, ...]]


async def _lines(read: transaction.Transaction, release_keys: Sequence[str]) -> list[ReleaseLine]:
    """Return a line for each of these releases, with a fixed number of statements."""
    if not release_keys:
        return []
    releases = await eligibility.releases_of(read.data, release_keys)
    known = await deployment_rows.of_releases(read, releases)
    measured = await candidates.measures(read.data, release_keys)
    facts = await rule_facts.of_many(read.data, releases, measured=measured, incident=known.incident_sentences)
    page = _Page(
        rows=deployments.shown(read, known),
        measures=measured,
        papers=await ballots.papers_by(read, release_keys, read.asf_uid),
        holds={key: announcing.standing(one) for key, one in facts.items()},
    )
    return [_line(read, releases[key], page) for key in release_keys]


def _line(read: transaction.Transaction, of: eligibility.Release, page: _Page) -> ReleaseLine:
    release, committee = of.row, of.committee
    every, measure = page.rows.get(release.key, ()), page.measures.get(release.key, voted.Measure())
    rows = [row for row in every if not not_public.is_given_up(row)]
    unheld = [one for one in not_public.told(measure, every, release) if not one.has_row]
    word = distributions.PHASE_WORDS[release.phase]
    if release.phase is sql.ReleasePhase.RELEASE:
        group, todo = (
            "done",
            " ".join(["Announced.", *(f"{one.name} is not published." for one in measure.not_public)]),
        )
    elif unheld:
        group = "you" if rights.is_member(committee, read.asf_uid) else "others"
        todo = f"{unheld[0].name} is not published. {unheld[0].sentence}"
    else:
        group, todo = _ball(read, of, rows, measure, page)
    shown = collections.Counter(
        [
            *(("warning", one.platform.display_name, "not public") for one in unheld),
            *((row.standing.css, row.platform.display_name, row.standing.word.lower()) for row in rows),
        ]
    )
    return ReleaseLine(
        project_key=of.project.key,
        project_name=of.project.name,
        version_key=release.version,
        phase_word=word,
        thirds=_THIRDS[word],
        group=group,
        todo=todo,
        where=tuple((css, name, said if many == 1 else f"{many} {said}") for (css, name, said), many in shown.items()),
    )


def _ball(
    read: transaction.Transaction,
    of: eligibility.Release,
    rows: Sequence[views.DeploymentView],
    measure: voted.Measure,
    page: _Page,
) -> tuple[str, str]:
    """Return whose turn it is, as the group of the line, and what to do."""
    committee = of.committee
    needs = next((row for row in rows if row.needs_you), None)
    if needs is not None:
        return "you", f"{needs.platform.display_name}: {needs.next_sentence}"
    match of.row.phase:
        case sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            if rights.is_release_manager(committee, read.asf_uid):
                return "you", "Review the staged deployments, then start the vote." if rows else _TO_COMPOSE
            mine = rights.is_participant(committee, read.asf_uid) and not rows
            return ("you", "Upload the files.") if mine else ("others", "Being composed.")
        case sql.ReleasePhase.RELEASE_CANDIDATE:
            return _ball_of_vote(read, committee, page.papers.get(of.row.key))
    is_complete = (not measure.not_public) and (measure.sets or not rows)
    holds = page.holds[of.row.key] if is_complete else ()
    if is_complete and not announcing.held(holds):
        may = rights.is_member if announcing.lacking(holds) else rights.is_release_manager
        said = "Everything voted on is live" if measure.sets else "The ballot has no files for a platform"
        todo = reasons.sentences(announcing.with_cures(holds)) if holds else f"{said}; it can be announced."
        return ("you" if may(committee, read.asf_uid) else "others"), todo
    waiting = next((row for row in rows if row.state is not states.State.LIVE), None)
    said = (
        f"{waiting.platform.display_name}: {waiting.next_sentence}"
        if waiting
        else (reasons.sentences(announcing.held(holds)) or "Nothing is staged yet.")
    )
    return ("itself" if any(row.is_moving for row in rows) else "others"), said


def _ball_of_vote(
    read: transaction.Transaction, committee: sql.Committee, paper: sql.BallotPaper | None
) -> tuple[str, str]:
    if paper is not None:
        return "others", f"The vote is open; you voted {paper.choice.value}."
    if rights.is_participant(committee, read.asf_uid):
        return "you", "The vote is open, and you have not voted."
    return "others", "The vote is open."


async def session_role(read: transaction.Transaction) -> str:
    """Return the roles of the signed-in person in all committees, for the top bar."""
    if not read.asf_uid:
        return ""
    roles = [text for committee in await projects.committees(read) if (text := role(committee, read.asf_uid))]
    if await rights.is_admin(read):
        roles.append("foundation admin")
    return ", ".join(roles)


async def people(read: transaction.Transaction) -> tuple[tuple[str, str], ...]:
    """Return everybody whom a committee names, and the admins, each with a role. For local accounts in sandbox mode."""
    names: dict[str, str] = {}
    for committee in await projects.committees(read):
        for asf_uid in [*committee.committee_members, *committee.release_managers, *committee.committers]:
            names.setdefault(asf_uid, role(committee, asf_uid))
    for admin in await projects.admins(read):
        names.setdefault(admin, "foundation admin")
    return tuple(names.items())


@dataclasses.dataclass(frozen=True)
class EmbargoView:
    """The embargo of a release, as the members of its committee see it."""

    head: views.ReleaseHead
    # Whether it is in force, so that it can be lifted.
    holds: bool


async def lifting(read: transaction.Transaction, release_key: str) -> EmbargoView:
    """Return the page that lifts the embargo."""
    of = await eligibility.release(read.data, release_key)
    return EmbargoView(distributions.heading(of), holds=of.is_embargoed)
