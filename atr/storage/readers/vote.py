# SPDX-License-Identifier: Apache-2.0
"""The pages of a vote: the ballot before it opens, the vote while it runs, and how earlier candidates ended."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.views as views
import atr.models.vote_views as vote_views
import atr.promotion.ballot as rules
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.readers.ballot as lines
import atr.storage.readers.deployment_rows as deployment_rows
import atr.storage.readers.deployments as deployments
import atr.storage.readers.readiness as readiness
import atr.storage.readers.releases as releases
import atr.storage.readers.repository as repository
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.votes as votes

_State = states.DeploymentState
_Phase = sql.ReleasePhase
_ETAG: Final = 16
_ENDS: Final = {
    "vote_passed": ("passed", "passed"),
    "vote_failed": ("failed", "refused"),
    "candidate_abandoned": ("abandoned", "aborted"),
}
# A deployment that is none any more is no choice.
_NO_CHOICE: Final = frozenset({_State.GONE, _State.DROPPED})


@dataclasses.dataclass(frozen=True)
class Reader:
    """A release with its committee, and what the reader is to it."""

    of: eligibility.Release
    head: views.ReleaseHead
    is_participant: bool
    is_manager: bool
    is_member: bool

    @property
    def release(self) -> sql.Release:
        """The release itself."""
        return self.of.row

    def why_not(self, allowed: bool, who: str, what: str) -> str:  # noqa: FBT001  (reads like a sentence)
        """Empty where it is allowed; else who may, in a sentence."""
        return "" if allowed else f"Only {who} the {self.of.committee.name} committee can {what}."


async def reader(read: transaction.Transaction, release_key: str) -> Reader:
    """Whom the page is for. Raises NotFoundError."""
    of = await eligibility.release(read.data, release_key)
    return Reader(
        of=of,
        head=releases.heading(of),
        is_participant=rights.is_participant(of.committee, read.asf_uid),
        is_manager=rights.is_release_manager(of.committee, read.asf_uid),
        is_member=rights.is_member(of.committee, read.asf_uid),
    )


async def voting(read: transaction.Transaction, release_key: str) -> vote_views.VotingView:
    """The ballot as it would be frozen now, what holds it, and what can be done about it."""
    of = await reader(read, release_key)
    proposal = await ballots.proposed(read.data, of.of)
    number = proposal.revision.number if proposal.revision else ""
    composing = of.release.phase is _Phase.RELEASE_CANDIDATE_DRAFT
    candidate = of.release.current_vote_seq + composing
    known = await deployment_rows.of_releases(read, {release_key: of.of})
    rows = {row.deployment_id: row for row in deployments.shown(read, known).get(release_key, ())}
    mapped = {part.platform: part.digest for part in proposal.parts if part.mapped is not None}
    shown = [lines.proposed(part, number, rows, mapped) for part in proposal.parts]
    shown += [
        vote_views.BallotLine("mapped", platform.display_name, "Files mapped by the policy", 0, 0, "", problem=sentence)
        for platform, sentence in proposal.unreadable
    ]
    choices = await _choices(read, known, rows)
    if composing:
        css, sentence = _before(candidate, number, len(proposal.parts), len(proposal.blockers))
    else:
        css, sentence = _not_composing(of.release)
    return vote_views.VotingView(
        head=of.head,
        sentence=sentence,
        css=css,
        candidate=candidate,
        revision_number=number,
        ballot_digest=proposal.digest if proposal.parts else "",
        digest_lines=rules.lines(part.entry for part in proposal.parts),
        lines=tuple(shown),
        choices=choices,
        blockers=proposal.blockers if composing else (),
        warnings=(
            *_warnings(proposal),
            *await repository.warnings(read, of.of, [case.deployment for case in known.cases.values()]),
        )
        if composing
        else (),
        min_hours=of.of.policy.min_hours,
        open_why_not=of.why_not(of.is_manager, "release managers and members of", "open a vote")
        if composing
        else "A vote can be opened only in Compose.",
        change_why_not=of.why_not(of.is_manager, "release managers and members of", "change the ballot")
        if composing
        else "The ballot is fixed once the vote is open.",
        drop_why_not=of.why_not(of.is_member, "members of", "drop a deployment"),
        past=await past(read, release_key),
        readiness=await readiness.panel(read, of.of, known.cases),
    )


async def newest(read: transaction.Transaction, release_key: str) -> vote_views.VoteView:
    """The newest vote on a release, open or over, as the reader sees it, with all that belongs to its page."""
    view = await counted(read, release_key)
    of = await eligibility.release(read.data, release_key)
    return dataclasses.replace(
        view,
        entries=await repository.entries(read, of),
        readiness=await readiness.of_release(read, of) if view.word == "open" else None,
    )


async def counted(read: transaction.Transaction, release_key: str) -> vote_views.VoteView:
    """The newest vote on a release with its papers."""
    of = await reader(read, release_key)
    release = of.release
    cast = await votes.every_paper(read, release)
    papers, count = _papers(cast), votes.counted(cast)
    every = await past(read, release_key)
    ended = next((one for one in every if one.candidate == release.current_vote_seq), None)
    is_open = release.phase is _Phase.RELEASE_CANDIDATE
    number = await ballots.voted_revision(read.data, release)
    # A host that resolves a vote leaves no event of ours.
    over = "passed" if of.of.has_passed else "over"
    word = "open" if is_open else (ended.word if ended else (over if release.current_vote_seq else "none"))
    view = vote_views.VoteView(
        head=of.head,
        sentence="",
        css="",
        word=word,
        candidate=release.current_vote_seq,
        revision_number=number,
        opened_at=release.vote_started,
        opened_by=await votes.opened_by(read, release),
        until=votes.ends(of.of, read.now) if release.vote_started else None,
        min_hours=votes.hours(of.of),
        needed=votes.BINDING_NEEDED,
        ballot_digest=ballots.digest(of.of.ballot),
        digest_lines=rules.lines(
            rules.Entry(one.kind.value, one.platform, one.file_set_digest) for one in of.of.ballot
        ),
        lines=await lines.frozen(read, of.of, number),
        plus=count.plus,
        minus=count.minus,
        papers=papers,
        mine=next((paper for paper in papers if paper.who == read.asf_uid), None),
        is_binding=of.is_member,
        cast_why_not=of.why_not(of.is_participant, "committers of", "vote here") if is_open else _no_vote(word),
        resolve_why_not=of.why_not(of.is_manager, "release managers of", "resolve the vote")
        if is_open
        else _no_vote(word),
        passed_why_not=tuple(votes.why_not_passed(of.of, count, read.now)) if is_open else (),
        ended=ended,
        past=tuple(one for one in every if one.candidate != release.current_vote_seq),
        etag="",
    )
    css, sentence = _standing(view, read.now)
    shown = dataclasses.replace(view, css=css, sentence=sentence)
    return dataclasses.replace(shown, etag=hashlib.sha256(repr(shown).encode()).hexdigest()[:_ETAG])


async def own(read: transaction.Transaction, release_key: str, numbers: Sequence[int]) -> Sequence[int]:
    """The numbers of deployments, if all are this release's. Raises NotFoundError for one of another."""
    mine = {row.id for row in await queries.deployments(read.data, release_key)}
    strange = [number for number in numbers if number not in mine]
    if strange:
        raise errors.NotFoundError(f"This release has no deployment {strange[0]}.")
    return numbers


async def past(read: transaction.Transaction, release_key: str) -> tuple[vote_views.PastVote, ...]:
    """How each candidate ended, the newest first. One that passed and was abandoned then is abandoned."""
    wanted = (
        sqlmodel.select(tables.Event)
        .where(tables.Event.chain == release_key, col(tables.Event.what).in_(list(_ENDS)))
        .order_by(col(tables.Event.number))
    )
    ends: dict[int, vote_views.PastVote] = {}
    for event in (await read.data.exec(wanted)).all():
        word, css = _ENDS[event.what]
        number = int(event.data["vote"])
        ends[number] = vote_views.PastVote(number, word, css, event.at, event.actor, event.data.get("reason", ""))
    return tuple(ends[number] for number in sorted(ends, reverse=True))


def _before(candidate: int, revision: str, parts: int, blockers: int) -> tuple[str, str]:
    if blockers:
        noun = "condition" if blockers == 1 else "conditions"
        return "held", f"The vote on candidate {candidate} is blocked by {blockers} {noun}."
    sets = f"{parts} {'file set' if parts == 1 else 'file sets'}"
    return "ready", f"The vote on candidate {candidate} can be opened: {sets} of revision {revision}."


def _not_composing(release: sql.Release) -> tuple[str, str]:
    match release.phase:
        case _Phase.RELEASE_CANDIDATE:
            return "open", f"The vote on candidate {release.current_vote_seq} is open, so its ballot is fixed."
        case _Phase.RELEASE_PREVIEW:
            return "passed", f"The vote on candidate {release.current_vote_seq} has passed, so no other can be opened."
        case _:
            return "live", "This release was announced, so there is nothing to vote on."


def _standing(view: vote_views.VoteView, now: datetime.datetime) -> tuple[str, str]:
    match view.word:
        case "none":
            return "draft", "No vote on this release has been opened yet."
        case "open":
            return "open", _open_sentence(view, now)
        case "over":
            return "draft", f"The vote on candidate {view.candidate} is over."
        case word if view.ended is None:
            return word, f"The vote on candidate {view.candidate} has {word}."
        case word:
            said = f"was {word}" if word == "abandoned" else f"has {word}"
            sentence = f"Candidate {view.candidate} {said}, with {view.plus} binding +1 and {view.minus} binding -1."
            return view.ended.css, sentence


def _open_sentence(view: vote_views.VoteView, now: datetime.datetime) -> str:
    until = view.until or now
    when = f"{until:%a} {until.day} {until:%b, %H:%M}"
    how_long = f"is open until at least {when}" if now < until else f"has met its minimum period since {when}"
    mine = ""
    if not view.cast_why_not:
        mine = f"; you voted {view.mine.choice}" if view.mine else ", and you have not voted"
    return f"The vote {how_long}; it has {view.plus} of {view.needed} binding +1{mine}."


def _no_vote(word: str) -> str:
    return "No vote has been opened yet." if word == "none" else "The vote is over."


def _warnings(proposal: ballots.Proposal) -> tuple[str, ...]:
    """What does not hold the vote, and should be known before it opens."""
    staged = {part.platform for part in proposal.parts if part.kind is tables.BallotKind.DEPLOYMENT}
    mapped = {part.platform for part in proposal.parts if part.kind is tables.BallotKind.MAPPED}
    warnings = []
    for name in sorted(mapped - staged):
        where = distribution.DistributionPlatform[name].display_name
        warnings.append(
            f"No deployment on {where} is on the ballot. Anything staged there after the vote is compared with the "
            "files mapped by the policy."
        )
    if proposal.parts and not (mapped | staged):
        warnings.append("The ballot contains only the revision, so this vote allows no promotion to a platform.")
    return tuple(warnings)


async def _choices(
    read: transaction.Transaction, known: deployment_rows.Rows, rows: Mapping[int | None, views.DeploymentView]
) -> tuple[vote_views.DeploymentChoice, ...]:
    found = [case.deployment for case in known.cases.values() if _is_choice(case.deployment)]
    off = await _taken_off(read, [row for row in found if row.off_ballot])
    choices = []
    for row in found:
        standing, css, word, sentence = _choice(row, rows[row.id])
        event = off.get(f"deployment:{row.id}")
        choices.append(
            vote_views.DeploymentChoice(
                row=rows[row.id],
                standing=standing,
                css=css,
                word=word,
                sentence=sentence,
                off_by=event.actor if event and row.off_ballot else "",
                off_at=event.at if event and row.off_ballot else None,
                drop_why_not=known.preconditions[row.id].drop,
            )
        )
    return tuple(choices)


def _is_choice(row: tables.Deployment) -> bool:
    return row.state not in _NO_CHOICE


def _choice(row: tables.Deployment, shown: views.DeploymentView) -> tuple[str, str, str, str]:
    if row.state in ballots.ENDED:
        return "off", shown.standing.css, shown.standing.word, f"{shown.standing.sentence} It is not on the ballot."
    if row.off_ballot:
        return "off", "by-hand", "Not on the ballot", row.off_ballot
    if row.file_set_digest:
        return "on", "passed", "On the ballot", "Its files were captured and are on the ballot."
    return "waiting", shown.standing.css, "Waited for", shown.next_sentence or "The staged files are being captured."


async def _taken_off(read: transaction.Transaction, rows: Sequence[tables.Deployment]) -> Mapping[str, tables.Event]:
    """By subject: the last time that somebody took it off the ballot."""
    if not rows:
        return {}
    wanted = (
        sqlmodel.select(tables.Event)
        .where(
            col(tables.Event.subject).in_([f"deployment:{row.id}" for row in rows]),
            tables.Event.what == "deployment_off_ballot",
        )
        .order_by(col(tables.Event.seq))
    )
    return {event.subject: event for event in (await read.data.exec(wanted)).all()}


def _papers(cast: Sequence[sql.BallotPaper]) -> tuple[vote_views.Paper, ...]:
    every = [paper.voter_asf_uid for paper in cast]
    return tuple(
        vote_views.Paper(
            who, paper.choice.value, paper.comment, paper.created, paper.is_binding_at_cast, every.count(who) - 1
        )
        for who, paper in votes.last_papers(cast).items()
    )
