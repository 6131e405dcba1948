# SPDX-License-Identifier: Apache-2.0
"""Votes: the ballot is frozen when one opens, and the last paper of each person counts."""

import dataclasses
from collections.abc import Mapping

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.ballots as proposals
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.writers.ballots as ballots
import atr.storage.writers.moves as moves
import atr.storage.writers.own as own
import atr.storage.writers.release as releases


@dataclasses.dataclass(frozen=True)
class Tally:
    """The binding votes, each person's last paper."""

    plus: int
    minus: int


class CommitteeParticipant:
    """What every committer of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def cast(
        self,
        release_key: str,
        choice: sql.VoteChoice,
        comment: str = "",
        *,
        vote_seq: int | None = None,
        ballot_digest: str = "",
    ) -> None:
        """Cast a vote; whoever votes again replaces their first one. Binding for committee members.

        `vote_seq` and `ballot_digest` are what the person voted on. Raises ConflictError when that vote is over.
        """
        write = self._write
        release = await own.release(write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError("No vote on this release is open, so your vote was not counted.")
        _, digest = await proposals.opened(write.data, release)
        if (vote_seq not in {None, release.current_vote_seq}) or (ballot_digest not in {"", digest}):
            raise errors.ConflictError(
                f"The vote that you saw is over, so yours was not counted. The vote on candidate "
                f"{release.current_vote_seq} is open now, over another ballot."
            )
        project = await queries.demand_project(write.data, release.project_key)
        committee = await queries.demand_committee(write.data, project.committee_key)
        revision = await queries.latest_revision(write.data, release_key)
        paper = sql.BallotPaper(
            release_key=release_key,
            vote_seq=release.current_vote_seq,
            voter_asf_uid=write.asf_uid,
            choice=choice,
            comment=comment,
            is_binding_at_cast=rights.is_member(committee, write.asf_uid),
            revision_number_at_cast=revision.number if revision else "",
            created=write.now,
        )
        before = (await papers(write, release)).get(write.asf_uid)
        if (before is not None) and (_said(before) == _said(paper)):
            # A double click: it is cast.
            return
        write.data.add(paper)
        await write.event(release_key, "release", "vote_cast", choice=choice.value, vote=release.current_vote_seq)


class ReleaseManager(CommitteeParticipant):
    """What release managers may do besides."""

    async def open_vote(self, release_key: str, *, revision_number: str = "", ballot_digest: str = "") -> int:
        """Freeze the ballot, open the vote, and answer its number. One transaction, no network.

        `revision_number` and `ballot_digest` are what the person saw; empty for whoever takes what is there. Raises
        ConflictError when it is not what they saw, BlockedError with a sentence for everything that holds it: what
        is neither captured nor taken off the ballot, a mapping that cannot be read, two sets of files for a package.
        """
        write = self._write
        release = await own.release(write, release_key)
        project = await queries.demand_project(write.data, release.project_key)
        releases.ensure_project_active(project)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            return await self._opened_already(release, ballot_digest)
        proposal = await proposals.proposed(write.data, release)
        number = proposal.revision.number if proposal.revision else ""
        if revision_number and (revision_number != number):
            raise errors.ConflictError(
                f"The ballot is not what you saw: revision {number} was made after revision {revision_number}. "
                "No vote was opened; look at the ballot as it is now."
            )
        if ballot_digest and (ballot_digest != proposal.digest):
            raise errors.ConflictError(
                "The ballot is not what you saw: something came onto it, left it or was read anew meanwhile. "
                "No vote was opened; look at the ballot as it is now."
            )
        # Before anything is written: a vote that was started must not stand without its ballot.
        ballots.demand_free(proposal)
        vote_seq = release.current_vote_seq + 1
        await moves.phase(
            write,
            release,
            sql.ReleasePhase.RELEASE_CANDIDATE,
            current_vote_seq=vote_seq,
            vote_started=write.now,
            vote_resolved=None,
            voted_revision_number=number or None,
            # What voters are told now holds to the end, whatever becomes of the policy.
            vote_hours=(await queries.policy(write.data, project)).min_hours,
        )
        await ballots.ReleaseManager(write).freeze(release_key, proposal=proposal)
        return vote_seq

    async def _opened_already(self, release: sql.Release, ballot_digest: str) -> int:
        """The same person's second click is led to the vote that the first one opened. Raises ConflictError."""
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError("Only a release in Compose can be put to the vote.")
        _, digest = await proposals.opened(self._write.data, release)
        by = await opened_by(self._write, release)
        if ballot_digest and (ballot_digest == digest) and (by == self._write.asf_uid):
            return release.current_vote_seq
        raise errors.ConflictError(
            f"The vote on candidate {release.current_vote_seq} is open already{f', opened by {by}' if by else ''}. "
            "Nothing was opened again."
        )


async def opened_by(read: transaction.Transaction, release: sql.Release) -> str:
    """Who opened the newest vote; empty if that was before our records."""
    wanted = (
        sqlmodel.select(tables.Event.actor)
        .where(tables.Event.chain == release.key, tables.Event.what == "vote_opened")
        .order_by(col(tables.Event.number).desc())
        .limit(1)
    )
    return (await read.data.exec(wanted)).first() or ""


async def papers(read: transaction.Transaction, release: sql.Release) -> Mapping[str, sql.BallotPaper]:
    """The last paper of each person in the newest vote, in the order in which they were cast."""
    wanted = (
        sqlmodel.select(sql.BallotPaper)
        .where(sql.BallotPaper.release_key == release.key, sql.BallotPaper.vote_seq == release.current_vote_seq)
        .order_by(col(sql.BallotPaper.id))
    )
    last: dict[str, sql.BallotPaper] = {}
    for paper in (await read.data.exec(wanted)).all():
        # Whoever votes again stands where their last paper does.
        last.pop(paper.voter_asf_uid, None)
        last[paper.voter_asf_uid] = paper
    return last


async def tally(read: transaction.Transaction, release: sql.Release) -> Tally:
    """Count the binding papers of the newest vote, the last one of each person."""
    binding = [paper.choice for paper in (await papers(read, release)).values() if paper.is_binding_at_cast]
    return Tally(binding.count(sql.VoteChoice.YES), binding.count(sql.VoteChoice.NO))


def _said(paper: sql.BallotPaper) -> tuple[str, str, bool]:
    return paper.choice.value, paper.comment, paper.is_binding_at_cast
