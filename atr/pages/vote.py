# SPDX-License-Identifier: Apache-2.0
"""The pages of a vote: the ballot before it opens, the vote while it runs, and how earlier candidates ended."""

import dataclasses
import datetime
import hashlib
from collections.abc import Sequence
from typing import Final

import atr.models.sql as sql
import atr.pages.ballot as lines
import atr.pages.distributions as distributions
import atr.pages.readiness as panels
import atr.pages.repository as repository
import atr.pages.views as views
import atr.promotion.ballot as rules
import atr.promotion.states as states
import atr.reasons as reasons
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.readers.ballots as ballot_rows
import atr.storage.readers.events as events
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_State = states.DeploymentState
_Phase = sql.ReleasePhase
_ETAG: Final = 16
_ENDS: Final = {
    "vote_passed": ("passed", "passed"),
    "vote_failed": ("failed", "refused"),
    "candidate_abandoned": ("abandoned", "aborted"),
}


@dataclasses.dataclass(frozen=True)
class PastVote:
    """How an earlier candidate ended: `word` is "passed", "failed" or "abandoned"."""

    candidate: int
    word: str
    css: str
    at: datetime.datetime
    by: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Paper:
    """The last vote of one person. `before` is the number of votes that it replaced."""

    who: str
    choice: str
    comment: str
    at: datetime.datetime
    is_binding: bool
    before: int


@dataclasses.dataclass(frozen=True)
class VoteView:
    """The page of the newest vote. `word` is "open", "passed", "failed", "abandoned", or "none" before the first."""

    head: views.ReleaseHead
    sentence: str
    css: str
    word: str
    candidate: int
    revision_number: str
    opened_at: datetime.datetime | None
    opened_by: str
    until: datetime.datetime | None
    min_hours: int
    needed: int
    ballot_digest: str
    digest_lines: tuple[str, ...]
    lines: tuple[lines.BallotLine, ...]
    plus: int
    minus: int
    papers: tuple[Paper, ...]
    mine: Paper | None
    is_binding: bool
    # Empty if the reader may cast a vote now.
    cast_why_not: str
    # Empty if the reader may resolve the vote; its rules are checked separately.
    resolve_why_not: str
    passed_why_not: tuple[reasons.Reason, ...]
    ended: PastVote | None
    past: tuple[PastVote, ...]
    # Changes when the count does: the page requests the count again and shows it if this differs.
    etag: str
    # Where voters get the files, and the pre-flight checks; empty for the count alone.
    entries: tuple[repository.VoterEntry, ...] = ()
    readiness: panels.Panel | None = None


@dataclasses.dataclass(frozen=True)
class Reader:
    """A release with its committee, and the reader's roles."""

    of: eligibility.Release
    head: views.ReleaseHead
    is_participant: bool
    is_manager: bool
    is_member: bool

    @property
    def release(self) -> sql.Release:
        """Return the release's row."""
        return self.of.row

    def why_not(self, allowed: bool, code: str, what: str) -> str:  # noqa: FBT001  (reads like a sentence)
        """Return a sentence that says who may do it; empty if it is allowed."""
        return "" if allowed else reasons.of(code, committee=self.of.committee.name, what=what).sentence


async def reader(read: transaction.Transaction, release_key: str) -> Reader:
    """Return the release and the reader's roles. Raises NotFoundError."""
    of = await eligibility.release(read.data, release_key)
    return Reader(
        of=of,
        head=distributions.heading(of),
        is_participant=rights.is_participant(of.committee, read.asf_uid),
        is_manager=rights.is_release_manager(of.committee, read.asf_uid),
        is_member=rights.is_member(of.committee, read.asf_uid),
    )


async def newest(read: transaction.Transaction, release_key: str) -> VoteView:
    """Return the whole page of the newest vote on a release, open or over, as the reader sees it."""
    of = await reader(read, release_key)
    known = await ballot_rows.frozen(read, of.of)
    view = await _counted(read, of, known)
    return dataclasses.replace(
        view,
        entries=await repository.entries(read, of.of, known),
        readiness=await panels.of_release(read, of.of, known.deployments.values()) if view.word == "open" else None,
    )


async def counted(read: transaction.Transaction, release_key: str) -> VoteView:
    """Return the newest vote on a release with its count, without the files and checks of the page."""
    of = await reader(read, release_key)
    return await _counted(read, of, await ballot_rows.frozen(read, of.of))


async def _counted(read: transaction.Transaction, of: Reader, known: ballot_rows.Frozen) -> VoteView:
    release = of.release
    cast = await ballots.every_paper(read, release)
    papers, count = _papers(cast), ballots.counted(cast)
    every = await past(read, release.key)
    ended = next((one for one in every if one.candidate == release.current_vote_seq), None)
    is_open = release.phase is _Phase.RELEASE_CANDIDATE
    number = await ballots.voted_revision(read.data, release)
    # A host application that resolves a vote leaves no event in this log.
    over = "passed" if of.of.has_passed else "over"
    word = "open" if is_open else (ended.word if ended else (over if release.current_vote_seq else "none"))
    view = VoteView(
        head=of.head,
        sentence="",
        css="",
        word=word,
        candidate=release.current_vote_seq,
        revision_number=number,
        opened_at=release.vote_started,
        opened_by=await ballots.opened_by(read, release),
        until=ballots.ends(of.of, read.now) if release.vote_started else None,
        min_hours=ballots.hours(of.of),
        needed=ballots.BINDING_NEEDED,
        ballot_digest=ballots.digest(of.of.ballot),
        digest_lines=rules.lines(
            rules.Entry(one.kind.value, one.platform, one.file_set_digest) for one in of.of.ballot
        ),
        lines=lines.frozen(of.of, known, number),
        plus=count.plus,
        minus=count.minus,
        papers=papers,
        mine=next((paper for paper in papers if paper.who == read.asf_uid), None),
        is_binding=of.is_member,
        cast_why_not=of.why_not(of.is_participant, "committers-only", "vote here") if is_open else _no_vote(word),
        resolve_why_not=of.why_not(of.is_manager, "managers-only", "resolve the vote") if is_open else _no_vote(word),
        passed_why_not=tuple(ballots.why_not_passed(of.of, count, read.now)) if is_open else (),
        ended=ended,
        past=tuple(one for one in every if one.candidate != release.current_vote_seq),
        etag="",
    )
    css, sentence = _standing(view, read.now)
    shown = dataclasses.replace(view, css=css, sentence=sentence)
    return dataclasses.replace(shown, etag=hashlib.sha256(repr(shown).encode()).hexdigest()[:_ETAG])


async def past(read: transaction.Transaction, release_key: str) -> tuple[PastVote, ...]:
    """Return how each candidate ended, the newest first. One that passed and was then abandoned is abandoned."""
    ends: dict[int, PastVote] = {}
    for event in await events.of_release(read, release_key, _ENDS):
        word, css = _ENDS[event.what]
        number = int(event.data["vote"])
        ends[number] = PastVote(number, word, css, event.at, event.actor, event.data.get("reason", ""))
    return tuple(ends[number] for number in sorted(ends, reverse=True))


def _standing(view: VoteView, now: datetime.datetime) -> tuple[str, str]:
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


def _open_sentence(view: VoteView, now: datetime.datetime) -> str:
    until = view.until or now
    when = f"{until:%a} {until.day} {until:%b, %H:%M}"
    how_long = f"is open until at least {when}" if now < until else f"has met its minimum period since {when}"
    mine = ""
    if not view.cast_why_not:
        mine = f"; you voted {view.mine.choice}" if view.mine else ", and you have not voted"
    return f"The vote {how_long}; it has {view.plus} of {view.needed} binding +1{mine}."


def _no_vote(word: str) -> str:
    return "No vote has been opened yet." if word == "none" else "The vote is over."


def _papers(cast: Sequence[sql.BallotPaper]) -> tuple[Paper, ...]:
    every = [paper.voter_asf_uid for paper in cast]
    return tuple(
        Paper(who, paper.choice.value, paper.comment, paper.created, paper.is_binding_at_cast, every.count(who) - 1)
        for who, paper in ballots.last_papers(cast).items()
    )
