# SPDX-License-Identifier: Apache-2.0
"""The list of releases, and the finish page of one."""

import collections
from collections.abc import Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.models.announce_words as words
import atr.models.public_views as public_views
import atr.models.sql as sql
import atr.models.views as views
import atr.promotion.announcing as announcing
import atr.promotion.beside as beside
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.storage.announcing as rule_facts
import atr.storage.ballots as ballots
import atr.storage.embargo as embargo
import atr.storage.readers.acts as acts
import atr.storage.readers.compose as compose
import atr.storage.readers.deployments as deployments
import atr.storage.readers.distributions as distributions
import atr.storage.readers.not_public as not_public
import atr.storage.readers.readiness as readiness
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.voted as measures
import atr.storage.writers.vote as vote

_THIRDS: Final = {"Compose": 1, "Vote": 2, "Finish": 3, "Announced": 3}
_TO_COMPOSE: Final = "Upload its files, stage them, then start the vote."
# What a page is coloured by: the worst of its rows.
_WORST: Final = (
    "diverged",
    "in-doubt",
    "refused",
    "warning",
    "ready",
    "publishing",
    "sending",
    "checking",
    "requested",
    "live",
)


async def finish(read: transaction.Transaction, release_key: str) -> views.FinishView:
    """The finish page. Anyone may read it; what can be done depends on the reader."""
    release = await queries.demand_release(read.data, release_key)
    project = await queries.demand_project(read.data, release.project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    every = await deployments.all_of(read, release_key)
    rows = acts.beside_one_another(every)
    member = rights.is_member(committee, read.asf_uid)
    manager = rights.is_release_manager(committee, read.asf_uid)
    held = await embargo.holds(read.data, release)
    _, ballot_digest = await ballots.opened(read.data, release)
    count = await vote.tally(read, release)
    shown = [row for row in rows if not not_public.is_given_up(row)]
    measure = await measures.of(read.data, release)
    lacking = not_public.told(measure, rows, release)
    holds = announcing.reasons(await rule_facts.facts(read.data, release, measure))
    # What a row stands for is said by that row.
    unheld = [one for one in lacking if not one.has_row]
    return views.FinishView(
        project_key=project.key,
        project_name=project.name,
        committee_name=committee.name,
        version_key=release.version,
        release_key=release.key,
        phase=release.phase.value,
        phase_word=distributions.PHASE_WORDS[release.phase],
        sentence=_sentence(release, measure, shown, unheld),
        css=_css(shown, unheld),
        vote_passed_at=release.vote_resolved if release.phase in _AFTER_VOTE else None,
        binding_plus=count.plus,
        binding_minus=count.minus,
        voted_revision=await ballots.voted_revision(read.data, release),
        ballot_digest=ballot_digest,
        rows=rows,
        promote_all=sum(1 for row in every if acts.is_ready(row)) > 1,
        missing=(
            *(_unheld(one, member=member) for one in unheld),
            *(_missing(row, _name(row, shown)) for row in shown if row.state is not states.State.LIVE),
        ),
        nothing_missing=_nothing_missing(release, measure),
        others=await distributions.not_promoted(read, release),
        announce_why_not=" ".join(words.sentences(announcing.held(holds))),
        announce_note=_announce_note(measure, holds, not_public.of_no_vote(rows, lacking)),
        announce_needs_reason=bool(holds),
        announced=await not_public.announced(read, release),
        may_record=manager and not held,
        may_record_why_not=gates.EMBARGOED
        if held
        else ("" if manager else "Only release managers and members of the committee can record or stage."),
        readiness=await readiness.panel(read, release),
        embargo=await embargo.sentence(read.data, release),
    )


async def row(read: transaction.Transaction, release_key: str, row_key: str) -> views.DeploymentView:
    """One row of the finish page, as it stands beside the others. Raises NotFoundError."""
    alone = await deployments.one(read, release_key, row_key)
    if not acts.is_ready(alone):
        return alone
    beside = acts.beside_one_another(await deployments.all_of(read, release_key))
    return next(row for row in beside if row.deployment_id == alone.deployment_id)


async def key(read: transaction.Transaction, project_key: str, version_key: str) -> str:
    """The key of a release that the reader may see. Raises NotFoundError."""
    return await embargo.release_key(read, project_key, version_key)


async def head(read: transaction.Transaction, project_key: str, version_key: str) -> views.ReleaseHead:
    """What the top of a page about this release says. Raises NotFoundError."""
    release = await queries.demand_release(read.data, await key(read, project_key, version_key))
    project = await queries.demand_project(read.data, release.project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    return views.ReleaseHead(
        project_key=project.key,
        project_name=project.name,
        committee_name=committee.name,
        version_key=release.version,
        release_key=release.key,
        phase_word=distributions.PHASE_WORDS[release.phase],
        embargo=await embargo.sentence(read.data, release),
    )


async def listing(read: transaction.Transaction) -> views.ReleaseList:
    """Every release that is on its way, those that need the reader first."""
    wanted = sqlmodel.select(sql.Release).where(await embargo.seen_by(read))
    found = (await read.data.exec(wanted.order_by(col(sql.Release.created).desc()))).all()
    measured = await measures.of_many(read.data)
    lines = [await _line(read, release, measured.get(release.key, voted.Measure())) for release in found]
    yours = sum(1 for line in lines if line.group == "you")
    on_their_way = sum(1 for line in lines if line.group != "done")
    releases = "release" if on_their_way == 1 else "releases"
    if not on_their_way:
        sentence = "No release is in progress."
    elif yours:
        sentence = f"{yours} of {on_their_way} {releases} in progress {'needs' if yours == 1 else 'need'} you."
    else:
        sentence = f"{on_their_way} {releases} {'is' if on_their_way == 1 else 'are'} in progress"
        sentence += "; none needs you." if read.asf_uid else "."
    may_start = bool((await compose.startable(read)).projects)
    return views.ReleaseList(sentence, "ready" if yours else "live", tuple(lines), may_start)


def role(committee: sql.Committee, asf_uid: str) -> str:
    """What the person is to the committee, for the top of a page."""
    if rights.is_member(committee, asf_uid):
        return f"member of the {committee.name} committee"
    if rights.is_release_manager(committee, asf_uid):
        return f"release manager of {committee.name}"
    if rights.is_participant(committee, asf_uid):
        return f"committer of {committee.name}"
    return ""


_AFTER_VOTE: Final = frozenset({sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE})


async def _line(read: transaction.Transaction, release: sql.Release, measure: voted.Measure) -> views.ReleaseLine:
    project = await queries.demand_project(read.data, release.project_key)
    committee = await queries.demand_committee(read.data, project.committee_key)
    every = await deployments.all_of(read, release.key)
    rows = [row for row in every if not not_public.is_given_up(row)]
    unheld = [one for one in not_public.told(measure, every, release) if not one.has_row]
    word = distributions.PHASE_WORDS[release.phase]
    if release.phase is sql.ReleasePhase.RELEASE:
        group, todo = (
            "done",
            " ".join(["It was announced.", *(f"{one.name} is not public." for one in measure.not_public)]),
        )
    elif unheld:
        group = "you" if rights.is_member(committee, read.asf_uid) else "others"
        todo = f"{unheld[0].name} is not public. {unheld[0].sentence}"
    else:
        group, todo = await _ball(read, release, committee, rows, measure)
    shown = collections.Counter(
        [
            *(("warning", one.platform.display_name, "not public") for one in unheld),
            *((row.standing.css, row.platform.display_name, row.standing.word.lower()) for row in rows),
        ]
    )
    return views.ReleaseLine(
        project_key=project.key,
        project_name=project.name,
        version_key=release.version,
        phase_word=word,
        thirds=_THIRDS[word],
        group=group,
        todo=todo,
        where=tuple((css, name, said if many == 1 else f"{many} {said}") for (css, name, said), many in shown.items()),
    )


async def _ball(
    read: transaction.Transaction,
    release: sql.Release,
    committee: sql.Committee,
    rows: Sequence[views.DeploymentView],
    measure: voted.Measure,
) -> tuple[str, str]:
    """Who has the ball, as the group that the line stands in, and what is to do."""
    needs = next((row for row in rows if row.needs_you), None)
    if needs is not None:
        return "you", f"{needs.platform.display_name}: {needs.next_sentence}"
    match release.phase:
        case sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            if rights.is_release_manager(committee, read.asf_uid):
                return "you", "Start the vote when what is staged is right." if rows else _TO_COMPOSE
            mine = rights.is_participant(committee, read.asf_uid) and not rows
            return ("you", "Upload its files.") if mine else ("others", "It is being composed.")
        case sql.ReleasePhase.RELEASE_CANDIDATE:
            return await _ball_of_vote(read, release, committee)
    is_complete = (not measure.not_public) and (measure.sets or not rows)
    holds = announcing.reasons(await rule_facts.facts(read.data, release, measure)) if is_complete else ()
    if is_complete and not announcing.held(holds):
        may = rights.is_member if announcing.lacking(holds) else rights.is_release_manager
        said = "Everything that was voted on is live" if measure.sets else "Nothing was voted on for a platform"
        todo = " ".join(words.sentences(holds)) if holds else f"{said}; it can be announced."
        return ("you" if may(committee, read.asf_uid) else "others"), todo
    waiting = next((row for row in rows if row.state is not states.State.LIVE), None)
    said = (
        f"{waiting.platform.display_name}: {waiting.next_sentence}"
        if waiting
        else (" ".join(words.sentences(announcing.held(holds))) or "Nothing is staged yet.")
    )
    return ("itself" if any(row.is_moving for row in rows) else "others"), said


async def _ball_of_vote(
    read: transaction.Transaction, release: sql.Release, committee: sql.Committee
) -> tuple[str, str]:
    paper = (await vote.papers(read, release)).get(read.asf_uid)
    if paper is not None:
        return "others", f"The vote is open; you voted {paper.choice.value}."
    if rights.is_participant(committee, read.asf_uid):
        return "you", "The vote is open, and you have not voted."
    return "others", "The vote is open."


def _sentence(
    release: sql.Release,
    measure: voted.Measure,
    rows: Sequence[views.DeploymentView],
    unheld: Sequence[public_views.NotPublic],
) -> str:
    if not (rows or measure.sets):
        if release.phase in _AFTER_VOTE:
            return "Nothing was voted on for a platform, so nothing is promoted from here."
        return "Nothing is staged yet. Stage on a platform, or record what you have staged."
    if release.phase not in _AFTER_VOTE:
        live = sum(1 for row in rows if row.state is states.State.LIVE)
        vote_is_open = release.phase is sql.ReleasePhase.RELEASE_CANDIDATE
        said = "the vote is open" if vote_is_open else "no vote has passed yet"
        return f"{live} of {len(rows)} {'deployment is' if len(rows) == 1 else 'deployments are'} live; {said}."
    rest = [f"{one.packages_line} on {one.platform.display_name} is not public" for one in unheld]
    rest += [_clause(row, _name(row, rows)) for row in rows if row.state is not states.State.LIVE]
    count = measure.count if measure.sets else "Nothing was voted on for a platform"
    if not rest:
        looked = bool(rows) and all(row.looked_beside and not row.accepted for row in rows)
        said = beside.EVERYTHING if looked else beside.VOTED
        return f"{count}; {said[:1].lower()}{said[1:]}."
    joined = rest[0] if len(rest) == 1 else f"{', '.join(rest[:-1])} and {rest[-1]}"
    return f"{count}; {joined}."


def _nothing_missing(release: sql.Release, measure: voted.Measure) -> str:
    if release.phase not in _AFTER_VOTE:
        return "No vote has passed yet, so nothing is waited for."
    if not measure.sets:
        return "Nothing was voted on for a platform, so nothing is waited for."
    return "Nothing is missing. Everything that was voted on for a platform is public, and equal to what was voted on."


def _name(row: views.DeploymentView, rows: Sequence[views.DeploymentView]) -> str:
    """What a sentence calls it: its platform, and where that has several of them its packages too."""
    name = row.platform.display_name
    alone = sum(1 for one in rows if one.platform is row.platform) == 1
    return name if alone else f"{row.packages_line} on {name}"


def _clause(row: views.DeploymentView, name: str) -> str:
    if row.standing.css == "ready":
        return f"{name} waits for {'your click' if row.needs_you else 'a committee member'}"
    return f"{name} is {row.standing.word.lower()}"


def _css(rows: Sequence[views.DeploymentView], unheld: Sequence[public_views.NotPublic]) -> str:
    there = {*(row.standing.css for row in rows), *(["warning"] if unheld else [])}
    return next((css for css in _WORST if css in there), "requested")


def _missing(row: views.DeploymentView, name: str) -> views.Missing:
    return views.Missing(
        css=row.standing.css,
        what=f"{name}: {row.next_sentence[:1].lower()}{row.next_sentence[1:]}",
        who="you" if row.needs_you else (row.needs_person or "nobody"),
        since=row.standing.since,
        you=row.needs_you,
        anchor=not_public.anchor(row),
    )


def _unheld(one: public_views.NotPublic, *, member: bool) -> views.Missing:
    return views.Missing(
        css="warning",
        what=f"{one.name} is not public.",
        note=one.sentence,
        who="you" if member else "a committee member",
        since=one.since,
        you=member,
        anchor=one.anchor,
    )


def _announce_note(
    measure: voted.Measure, holds: Sequence[announcing.Reason], others: Sequence[views.DeploymentView]
) -> str:
    if holds:
        return " ".join(words.sentences(holds))
    said = (
        "Everything that was voted on for a platform is public."
        if measure.sets
        else "Nothing was voted on for a platform."
    )
    if not others:
        return f"Nothing holds it any more. {said}"
    many = (
        "1 deployment that is not live stays so"
        if len(others) == 1
        else f"{len(others)} deployments that are not live stay so"
    )
    return f"Nothing holds it any more. {said} {many}."


async def session_role(read: transaction.Transaction) -> str:
    """What the signed-in person is, over all committees, for the top bar."""
    if not read.asf_uid:
        return ""
    found = (await read.data.exec(sqlmodel.select(sql.Committee).order_by(col(sql.Committee.key)))).all()
    roles = [text for committee in found if (text := role(committee, read.asf_uid))]
    if await read.data.get(sql.FoundationAdmin, read.asf_uid) is not None:
        roles.append("foundation admin")
    return ", ".join(roles)


async def people(read: transaction.Transaction) -> tuple[tuple[str, str], ...]:
    """Everybody whom a committee names, with what they are. For local accounts in sandbox mode."""
    found = (await read.data.exec(sqlmodel.select(sql.Committee).order_by(col(sql.Committee.key)))).all()
    names: dict[str, str] = {}
    for committee in found:
        for asf_uid in [*committee.committee_members, *committee.release_managers, *committee.committers]:
            names.setdefault(asf_uid, role(committee, asf_uid))
    for admin in (await read.data.exec(sqlmodel.select(sql.FoundationAdmin))).all():
        names.setdefault(admin.asf_uid, "foundation admin")
    return tuple(names.items())
