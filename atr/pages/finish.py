# SPDX-License-Identifier: Apache-2.0
"""The finish page of a release, and one row of it."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Final

import atr.models.paging as paging
import atr.models.sql as sql
import atr.pages.acts as acts
import atr.pages.deployments as deployments
import atr.pages.distributions as distributions
import atr.pages.not_public as not_public
import atr.pages.readiness as readiness
import atr.pages.views as views
import atr.promotion.announcing as announcing
import atr.promotion.beside as beside
import atr.promotion.order as order
import atr.promotion.states as states
import atr.promotion.voted as voted
import atr.reasons as reasons
import atr.shared.words as words
import atr.storage.announcing as rule_facts
import atr.storage.ballots as ballots
import atr.storage.candidates as candidates
import atr.storage.eligibility as eligibility
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_AFTER_VOTE: Final = frozenset({sql.ReleasePhase.RELEASE_PREVIEW, sql.ReleasePhase.RELEASE})
# How many rows a sentence names.
_NAMED: Final = 10
# CSS classes, the worst first: the page has the worst one of its rows.
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


@dataclasses.dataclass(frozen=True)
class Missing:
    """One line of the list of what is missing."""

    css: str
    what: str
    who: str
    since: datetime.datetime
    you: bool
    anchor: str
    # More about it, if `what` does not say everything.
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishView(views.ReleaseHead):
    """The finish page."""

    sentence: str
    css: str
    vote_passed_at: datetime.datetime | None
    binding_plus: int
    binding_minus: int
    voted_revision: str
    ballot_digest: str
    # The rows of this page; the sentence above them is about all rows.
    rows: tuple[views.DeploymentView, ...]
    # Whether several can be promoted now, with one form.
    promote_all: bool
    missing: tuple[Missing, ...]
    # Shown instead if nothing is missing.
    nothing_missing: str
    # Distributions on platforms that cannot promote, not found yet, or unverified.
    others: tuple[distributions.DistributionView, ...]
    # Why it cannot be announced now, or empty; and a note for the person who announces it.
    announce_why_not: str
    announce_note: str
    # Whether the announcement needs a reason, for example because a voted file set is not public.
    announce_needs_reason: bool
    # None until it is announced.
    announced: not_public.Announced | None
    # Empty if the reader may record and stage.
    record_why_not: str
    readiness: readiness.Panel
    part: paging.Part = paging.WHOLE


async def page(read: transaction.Transaction, release_key: str, asked: paging.Asked = paging.FIRST) -> FinishView:
    """Return the finish page. Anyone may read it; the actions on it depend on the reader."""
    of = await eligibility.release(read.data, release_key)
    release, committee = of.row, of.committee
    known = await deployment_rows.of_releases(read, {release_key: of})
    every = deployments.shown(read, known).get(release_key, ())
    rows = acts.beside_one_another(every)
    member = rights.is_member(committee, read.asf_uid)
    count = await ballots.tally(read, release)
    shown = [row for row in rows if not not_public.is_given_up(row)]
    measure = await candidates.measure(read.data, release_key)
    lacking = not_public.told(measure, rows, release)
    facts = await rule_facts.facts(read.data, of, measure, known.incident_sentences)
    holds = announcing.standing(facts)
    here, part = deployments.cut(rows, asked)
    # A file set with a row is described by that row.
    unheld = [one for one in lacking if not one.has_row]
    return FinishView(
        **vars(distributions.heading(of)),
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
        announce_why_not=reasons.sentences(announcing.held(holds)),
        announce_note=_announce_note(measure, holds, not_public.of_no_vote(rows, lacking)),
        announce_needs_reason=bool(holds),
        announced=await not_public.announced(read, release),
        record_why_not=distributions.record_why_not(read, of),
        readiness=await readiness.panel(read, of, known.cases),
        part=part,
    )


async def row(read: transaction.Transaction, release_key: str, row_key: str) -> views.DeploymentView:
    """Return one row of the finish page, as it is shown among the others. Raises NotFoundError."""
    alone = await deployments.one(read, release_key, row_key)
    if not acts.is_ready(alone):
        return alone
    beside = acts.beside_one_another(await deployments.all_of(read, release_key))
    return next(row for row in beside if row.deployment_id == alone.deployment_id)


def _sentence(
    release: sql.Release,
    measure: voted.Measure,
    rows: Sequence[views.DeploymentView],
    unheld: Sequence[not_public.NotPublic],
) -> str:
    if not (rows or measure.sets):
        if release.phase in _AFTER_VOTE:
            return "The ballot has no files for a platform, so there is nothing to promote."
        return "Nothing is staged yet. Stage the files on a platform, or record an existing deployment."
    if release.phase not in _AFTER_VOTE:
        live = sum(1 for row in rows if row.state is states.State.LIVE)
        vote_is_open = release.phase is sql.ReleasePhase.RELEASE_CANDIDATE
        said = "the vote is open" if vote_is_open else "no vote has passed yet"
        return f"{live} of {words.count(len(rows), 'deployment is', 'deployments are')} live; {said}."
    rest = [f"{one.packages_line} on {one.platform.display_name} is not published" for one in unheld]
    rest += [_clause(row, _name(row, rows)) for row in rows if row.state is not states.State.LIVE]
    count = measure.count if measure.sets else "The ballot has no files for a platform"
    if not rest:
        looked = bool(rows) and all(row.looked_beside and not row.accepted for row in rows)
        said = beside.EVERYTHING if looked else beside.VOTED
        return f"{count}; {words.lower(said)}."
    if len(rest) > _NAMED:
        rest = [*rest[:_NAMED], f"{len(rest) - _NAMED:,} more are not live"]
    return f"{count}; {words.listed(rest)}."


def _nothing_missing(release: sql.Release, measure: voted.Measure) -> str:
    if release.phase not in _AFTER_VOTE:
        return "No vote has passed yet, so nothing is outstanding."
    if not measure.sets:
        return "The ballot has no files for a platform, so nothing is outstanding."
    return "Nothing is outstanding. Everything voted on for a platform is published and identical to the voted files."


def _name(row: views.DeploymentView, rows: Sequence[views.DeploymentView]) -> str:
    """Return its name in a sentence: the platform, and if the platform has several rows also the packages."""
    name = row.platform.display_name
    alone = sum(1 for one in rows if one.platform is row.platform) == 1
    return name if alone else f"{row.packages_line} on {name}"


def _clause(row: views.DeploymentView, name: str) -> str:
    if row.standing.css == "ready":
        return f"{name} is waiting for {'you' if row.needs_you else 'a committee member'}"
    return f"{name} is {row.standing.word.lower()}"


def _css(rows: Sequence[views.DeploymentView], unheld: Sequence[not_public.NotPublic]) -> str:
    there = {*(row.standing.css for row in rows), *(["warning"] if unheld else [])}
    return next((css for css in _WORST if css in there), "requested")


def _missing(row: views.DeploymentView, name: str) -> Missing:
    return Missing(
        css=row.standing.css,
        what=f"{name}: {words.lower(row.next_sentence)}",
        who="you" if row.needs_you else (row.needs_person or "nobody"),
        since=row.standing.since,
        you=row.needs_you,
        anchor=row.row_key,
    )


def _unheld(one: not_public.NotPublic, *, member: bool) -> Missing:
    return Missing(
        css="warning",
        what=f"{one.name} is not published.",
        note=one.sentence,
        who="you" if member else "a committee member",
        since=one.since,
        you=member,
        anchor=one.anchor,
    )


def _announce_note(
    measure: voted.Measure, holds: Sequence[reasons.Reason], others: Sequence[views.DeploymentView]
) -> str:
    if holds:
        return reasons.sentences(announcing.with_cures(holds))
    said = (
        "Everything voted on for a platform is published."
        if measure.sets
        else "The ballot has no files for a platform."
    )
    if not others:
        return f"The release can be announced. {said}"
    many = words.count(len(others), "deployment is", "deployments are")
    return f"The release can be announced. {said} {many} not live and will not be."


@dataclasses.dataclass(frozen=True)
class PromoteAllView:
    """The deployments that would be promoted, in order, and those that are left out."""

    head: views.ReleaseHead
    # In the proposed order: those that are hardest to undo come last.
    rows: tuple[views.DeploymentView, ...]
    # Its name, its page ("d4"), and why it is left out.
    left_out: tuple[tuple[str, str, str], ...]
    # Why the reader cannot do it; empty if they can.
    why_not: str
    # What can be undone afterwards; each sentence occurs once.
    undo: tuple[str, ...]


async def promote_all(read: transaction.Transaction, release_key: str) -> PromoteAllView:
    """Return the page that promotes several deployments with one form."""
    of = await eligibility.release(read.data, release_key)
    every = deployments.shown(read, await deployment_rows.of_releases(read, {release_key: of})).get(release_key, ())
    ready = {row.deployment_id or 0: row for row in every if acts.is_ready(row) and not row.mechanism.needs_code}
    offered = [
        order.Candidate(number, row.mechanism, frozenset(package.purl for package in row.packages))
        for number, row in ready.items()
    ]
    twins = order.twins(offered)
    chosen = order.in_order([one for one in offered if one.deployment_id not in twins])
    rows = tuple(ready[one.deployment_id] for one in chosen)
    left_out = [(row, _why_not(row, twins)) for row in every if row not in rows]
    return PromoteAllView(
        head=distributions.heading(of),
        rows=rows,
        left_out=tuple((_row_name(row), row.row_key, why) for row, why in left_out if why),
        why_not=_not_you(every) if not rows else "",
        undo=tuple(dict.fromkeys(row.mechanism.undo for row in rows)),
    )


def _row_name(row: views.DeploymentView) -> str:
    return f"{row.packages_line} on {row.platform.display_name}"


def _why_not(row: views.DeploymentView, twins: Mapping[int, int]) -> str:
    """Return why it is left out; empty for a deployment that is live or abandoned, which needs no explanation."""
    twin = twins.get(row.deployment_id or 0)
    if twin is not None:
        return f"Deployment {twin} is newer and contains the same package. Only one of them can be published."
    if (row.state is states.State.LIVE) or not_public.is_given_up(row):
        return ""
    if (row.state is not None) and (row.state in states.HOLDING):
        return f"Already {row.standing.word.lower()}."
    if row.blockers:
        return row.blockers[0].sentence
    if acts.is_ready(row):
        return "The platform may ask for a one-time code, which is good for one request. Promote it by itself."
    return row.next_sentence


def _not_you(rows: Sequence[views.DeploymentView]) -> str:
    waiting = any(row.standing.css == "ready" for row in rows)
    if waiting:
        return reasons.of("members-only", what="promote").sentence
    return reasons.of("nothing-ready").sentence
