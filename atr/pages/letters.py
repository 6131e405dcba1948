# SPDX-License-Identifier: Apache-2.0
"""Texts for the mailing list, made from views, for a person to send. They contain no staging address."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Final

import atr.pages.ballot as ballot
import atr.pages.repository as repository
import atr.pages.resolution as resolution
import atr.pages.vote as vote
import atr.pages.voting as voting
import atr.shared.words as words

_CHOICES: Final = (("+1", "Release it"), (" 0", "No opinion"), ("-1", "Do not release it, because ..."))
_CHECKS: Final = (
    "Before voting +1, check that the files have these digests, the signatures are valid, LICENSE and NOTICE are "
    "correct, and the source builds."
)


@dataclasses.dataclass(frozen=True)
class Letter:
    """A text for the mailing list. A person sends it: ATR sends no mail."""

    subject: str
    body: str


def call_for_votes(
    view: voting.VotingView | vote.VoteView,
    *,
    page: str,
    until: datetime.datetime | None = None,
    files: Sequence[str] = (),
) -> Letter:
    """Return the call for votes. `page` is the address of the vote; `files` say where voters get the files."""
    what = _plain(f"{view.head.project_name} {view.head.version_key}")
    open_until = f", until {until:%a} {until.day} {until:%b %Y, %H:%M} UTC" if until else ""
    return _letter(
        f"[VOTE] Release {what} (candidate {view.candidate})",
        f"this is the vote on releasing {what}, candidate {view.candidate}, from revision {view.revision_number}.",
        f"All files and votes:\n{_inset(page)}",
        "The vote covers exactly these files. The ballot digest (SHA-256) identifies them:\n"
        f"{_inset(view.ballot_digest)}",
        "\n".join(_entry(line) for line in view.lines if line.digest),
        f"Download the files from:\n{_inset(*files)}" if files else "",
        f"The vote is open for at least {view.min_hours} hours{open_until}.",
        "Vote on the page above; only votes cast there are counted.\n"
        + _inset(*(f"[ ] {choice}  {text}" for choice, text in _CHOICES)),
        _CHECKS,
    )


def for_vote(view: vote.VoteView, *, page: str, address: Callable[..., str]) -> Letter:
    """Return the letter for the vote's state: the call while it is open, the result afterwards.

    `address(digest=...)` is where ATR serves a file set of the ballot.
    """
    if view.word == "open":
        return call_for_votes(view, page=page, until=view.until, files=_places(view.entries, address))
    return result(view, page=page)


def result(view: vote.VoteView, *, page: str) -> Letter:
    """Return the result of the vote, with the name of every voter."""
    what = _plain(f"{view.head.project_name} {view.head.version_key}")
    how = "has [passed or failed]" if view.passed_why_not else "has passed"
    if view.ended:
        how = "was abandoned" if view.word == "abandoned" else f"has {view.word}"
    counts = []
    for binding, kind in ((True, "binding"), (False, "other")):
        for choice in ("+1", "0", "-1"):
            who = [paper.who for paper in view.papers if (paper.is_binding is binding) and (paper.choice == choice)]
            if who or (binding and choice != "0"):
                counts.append(f"{len(who)} {kind} {choice}{': ' if who else ''}{', '.join(who)}")
    return _letter(
        f"[RESULT] [VOTE] Release {what} (candidate {view.candidate})",
        f"the vote on releasing {what}, candidate {view.candidate}, {how}:",
        _inset(*counts),
        f"Why: {_plain(view.ended.reason)}" if view.ended and view.ended.reason else "",
        f"Ballot and all votes:\n{_inset(page)}",
        f"Ballot digest:\n{_inset(view.ballot_digest)}",
        "Thanks to everyone who voted.",
    )


def announcement(view: resolution.AnnounceView, *, page: str) -> Letter:
    """Return a draft of the announcement, with the public addresses of the live deployments."""
    what = _plain(f"{view.head.project_name} {view.head.version_key}")
    public = [f"{_plain(name)}\n{_inset(*(href or label for label, href in where))}" for name, where in view.live]
    return _letter(
        f"[ANNOUNCE] {what} released",
        f"the {_plain(view.head.committee_name)} committee announces the release of {what}.",
        "[Describe the release and what is new in a few sentences.]",
        "\n\n".join(("It is available from:", *public)) if public else "",
        f"The published files were compared with the files that the committee voted on. Ballot "
        f"digest:\n{_inset(view.ballot_digest)}"
        if public
        else "",
        f"[Voted on, but not published:]\n{_inset(*(one.name for one in view.not_public))}" if view.not_public else "",
        f"The vote:\n{_inset(page)}",
    )


def _places(entries: Sequence[repository.VoterEntry], address: Callable[..., str]) -> Sequence[str]:
    """Return where ATR serves each entry and how to use it, or why it does not."""
    served = [f"{entry.title}: {address(digest=entry.digest)}" for entry in entries if not entry.why_not]
    withheld = [f"{entry.title}: not available from here. {entry.why_not}" for entry in entries if entry.why_not]
    settings = ["The Maven settings are on the vote's page."]
    return (*served, *withheld, *(settings if any(one.repository_id and not one.why_not for one in entries) else []))


def _entry(line: ballot.BallotLine) -> str:
    count = words.count(line.files, "file")
    return f"  * {_plain(line.name)}: {count}\n      {_plain(line.detail)}\n      sha256 {line.digest}"


def _inset(*lines: str) -> str:
    return "\n".join(f"  {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    """Join a text into one line, so that nothing that a person or a platform has set begins a line of its own."""
    return " ".join(text.split()) if len(text.splitlines()) > 1 else text


def _letter(subject: str, *parts: str) -> Letter:
    return Letter(" ".join(subject.split()), "\n\n".join(("Hello,", *(part for part in parts if part))) + "\n")
