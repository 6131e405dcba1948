# SPDX-License-Identifier: Apache-2.0
"""The finish page of a release, and one row of it."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import col

import atr.models.announce_words as words
import atr.models.paging as paging
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
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.readers.acts as acts
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.deployments as deployments
import atr.storage.readers.distributions as distributions
import atr.storage.readers.not_public as not_public
import atr.storage.readers.readiness as readiness
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.voted as measures
import atr.storage.votes as votes

_AFTER_VOTE: Final = frozenset({sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE})
# A sentence names so many rows.
_NAMED: Final = 10
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


async def page(read: transaction.Transaction, release_key: str, asked: paging.Asked = paging.FIRST) -> views.FinishView:
    """The finish page. Anyone may read it; what can be done depends on the reader."""
    of = await eligibility.release(read.data, release_key)
    release, project, committee = of.row, of.project, of.committee
    known = await deployment_rows.of_releases(read, {release_key: of})
    every = deployments.shown(read, known).get(release_key, ())
    rows = acts.beside_one_another(every)
    member = rights.is_member(committee, read.asf_uid)
    manager = rights.is_release_manager(committee, read.asf_uid)
    count = await votes.tally(read, release)
    shown = [row for row in rows if not not_public.is_given_up(row)]
    measured = await measures.of_many(read.data, col(sql.Release.key) == release_key)
    measure = measured.get(release_key, voted.Measure())
    lacking = not_public.told(measure, rows, release)
    facts = await rule_facts.of_many(read.data, {release_key: of}, measured=measured, incident=known.incident_sentences)
    holds = announcing.reasons(facts[release_key])
    here, part = deployments.cut(rows, asked)
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
        ballot_digest=ballots.digest(of.ballot),
        rows=here,
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
        may_record=manager and not of.is_embargoed,
        may_record_why_not=gates.EMBARGOED
        if of.is_embargoed
        else ("" if manager else "Only release managers and committee members can record or stage deployments."),
        readiness=await readiness.panel(read, of, known.cases),
        embargo=embargo.sentence(release, of.lift),
        part=part,
    )


async def row(read: transaction.Transaction, release_key: str, row_key: str) -> views.DeploymentView:
    """One row of the finish page, as it stands beside the others. Raises NotFoundError."""
    alone = await deployments.one(read, release_key, row_key)
    if not acts.is_ready(alone):
        return alone
    beside = acts.beside_one_another(await deployments.all_of(read, release_key))
    return next(row for row in beside if row.deployment_id == alone.deployment_id)


def _sentence(
    release: sql.Release,
    measure: voted.Measure,
    rows: Sequence[views.DeploymentView],
    unheld: Sequence[public_views.NotPublic],
) -> str:
    if not (rows or measure.sets):
        if release.phase in _AFTER_VOTE:
            return "The ballot has no files for a platform, so there is nothing to promote."
        return "Nothing is staged yet. Stage the files on a platform, or record an existing deployment."
    if release.phase not in _AFTER_VOTE:
        live = sum(1 for row in rows if row.state is states.State.LIVE)
        vote_is_open = release.phase is sql.ReleasePhase.RELEASE_CANDIDATE
        said = "the vote is open" if vote_is_open else "no vote has passed yet"
        return f"{live} of {len(rows)} {'deployment is' if len(rows) == 1 else 'deployments are'} live; {said}."
    rest = [f"{one.packages_line} on {one.platform.display_name} is not published" for one in unheld]
    rest += [_clause(row, _name(row, rows)) for row in rows if row.state is not states.State.LIVE]
    count = measure.count if measure.sets else "The ballot has no files for a platform"
    if not rest:
        looked = bool(rows) and all(row.looked_beside and not row.accepted for row in rows)
        said = beside.EVERYTHING if looked else beside.VOTED
        return f"{count}; {said[:1].lower()}{said[1:]}."
    if len(rest) > _NAMED:
        rest = [*rest[:_NAMED], f"{len(rest) - _NAMED:,} more are not live"]
    joined = rest[0] if len(rest) == 1 else f"{', '.join(rest[:-1])} and {rest[-1]}"
    return f"{count}; {joined}."


def _nothing_missing(release: sql.Release, measure: voted.Measure) -> str:
    if release.phase not in _AFTER_VOTE:
        return "No vote has passed yet, so nothing is outstanding."
    if not measure.sets:
        return "The ballot has no files for a platform, so nothing is outstanding."
    return "Nothing is outstanding. Everything voted on for a platform is published and identical to the voted files."


def _name(row: views.DeploymentView, rows: Sequence[views.DeploymentView]) -> str:
    """What a sentence calls it: its platform, and where that has several of them its packages too."""
    name = row.platform.display_name
    alone = sum(1 for one in rows if one.platform is row.platform) == 1
    return name if alone else f"{row.packages_line} on {name}"


def _clause(row: views.DeploymentView, name: str) -> str:
    if row.standing.css == "ready":
        return f"{name} is waiting for {'you' if row.needs_you else 'a committee member'}"
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
        what=f"{one.name} is not published.",
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
        "Everything voted on for a platform is published."
        if measure.sets
        else "The ballot has no files for a platform."
    )
    if not others:
        return f"The release can be announced. {said}"
    many = (
        "1 deployment is not live and will not be"
        if len(others) == 1
        else f"{len(others)} deployments are not live and will not be"
    )
    return f"The release can be announced. {said} {many}."
