# SPDX-License-Identifier: Apache-2.0
"""What the pages of a vote are shown: the ballot, the papers, how it ended and what follows. Frozen, like all views."""

import dataclasses
import datetime

import atr.models.public_views as public_views
import atr.models.readiness_views as readiness_views
import atr.models.repository_views as repository_views
import atr.models.views as views
import atr.promotion.gates as gates


@dataclasses.dataclass(frozen=True)
class BallotLine:
    """One file set on a ballot. `kind` is "revision", "mapped" or "deployment".

    Without a digest it could not be read, and `problem` says why. `staged_*` say where a deployment's bytes stand.
    """

    kind: str
    name: str
    detail: str
    files: int
    size: int
    digest: str
    problem: str = ""
    # "d4": the row whose evidence this is; empty for what is no deployment.
    row_key: str = ""
    staged_css: str = ""
    staged_word: str = ""
    staged_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class DeploymentChoice:
    """A deployment before the vote: on the ballot, waited for, or off it. `standing` is "on", "waiting" or "off"."""

    row: views.DeploymentView
    standing: str
    css: str
    word: str
    sentence: str
    off_by: str = ""
    off_at: datetime.datetime | None = None
    # Empty if it can be dropped now.
    drop_why_not: str = ""


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
class Letter:
    """A text for the mailing list, to be sent by a person: we send none."""

    subject: str
    body: str


@dataclasses.dataclass(frozen=True)
class VotingView:
    """The page before a vote: the ballot as it would be frozen now."""

    head: views.ReleaseHead
    sentence: str
    css: str
    candidate: int
    revision_number: str
    ballot_digest: str
    digest_lines: tuple[str, ...]
    lines: tuple[BallotLine, ...]
    choices: tuple[DeploymentChoice, ...]
    blockers: tuple[gates.Blocker, ...]
    warnings: tuple[str, ...]
    min_hours: int
    # Empty if the reader may open the vote, apart from the blockers.
    open_why_not: str
    # Empty if the reader may take deployments off the ballot and put them on; and if they may give one up.
    change_why_not: str
    drop_why_not: str
    past: tuple[PastVote, ...]
    readiness: readiness_views.Panel

    @property
    def is_moving(self) -> bool:
        """Whether something of it is still being read."""
        return any(choice.row.is_moving for choice in self.choices)

    @property
    def droppable(self) -> tuple[DeploymentChoice, ...]:
        """What is off the ballot and could be given up."""
        return tuple(choice for choice in self.choices if (choice.standing == "off") and not choice.drop_why_not)


@dataclasses.dataclass(frozen=True)
class Paper:
    """The last paper of one person. `before` counts those that it replaced."""

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
    lines: tuple[BallotLine, ...]
    plus: int
    minus: int
    papers: tuple[Paper, ...]
    mine: Paper | None
    is_binding: bool
    # Empty if the reader may cast a vote now.
    cast_why_not: str
    # Empty if the reader may resolve the vote, apart from its rules.
    resolve_why_not: str
    passed_why_not: tuple[str, ...]
    ended: PastVote | None
    past: tuple[PastVote, ...]
    # One changing string: the page asks for the count again and shows it when this differs.
    etag: str
    # Where voters get what they vote on, and whether it would go through; the count alone has neither.
    entries: tuple[repository_views.VoterEntry, ...] = ()
    readiness: readiness_views.Panel | None = None


@dataclasses.dataclass(frozen=True)
class ResolveView:
    """The page on which an open vote is resolved: the vote, and what is staged for it."""

    vote: VoteView
    staged: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AbandonView:
    """The page on which a candidate is taken back, with everything that follows from it."""

    head: views.ReleaseHead
    candidate: int
    consequences: tuple[str, ...]
    # What stays as it is, and what can be done about it afterwards.
    stays: tuple[str, ...]
    why_not: str


@dataclasses.dataclass(frozen=True)
class AnnounceView:
    """The page on which a release is marked as announced."""

    head: views.ReleaseHead
    sentence: str
    css: str
    ballot_digest: str
    # For each deployment that is live: the platform, and (label, address) of each package.
    live: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    # The voted file sets that are not public; platforms of the policy on which nothing is public, a sentence each. One
    # digest for all that lacks; it is empty where nothing does.
    not_public: tuple[public_views.NotPublic, ...]
    missing: tuple[str, ...]
    lacking_digest: str
    # What is public and not proved, so that a release manager must vouch for it: its purl, and its name.
    unproved: tuple[tuple[str, str], ...]
    # What nobody can prove from here, a sentence each.
    unprovable: tuple[str, ...]
    # Tags of the policy that mean no platform: they hold nothing.
    unknown_tags: tuple[str, ...]
    # For each deployment that nobody voted on and that is not live: the platform and its next step.
    others: tuple[tuple[str, str], ...]
    why_not: str
    # None until it is announced.
    announced: public_views.Announced | None
