# SPDX-License-Identifier: Apache-2.0
"""Votes: the ballot is frozen when one opens, and the last paper of each person counts."""

import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.reasons as reasons
import atr.storage.ballots as proposals
import atr.storage.eligibility as eligibility
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.ballots as ballots


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def cast(
        self,
        release_key: str,
        choice: sql.VoteChoice,
        comment: str = "",
        *,
        vote_seq: int | None = None,
        ballot_digest: str = "",
    ) -> None:
        """Cast a vote, in place of the person's earlier one. It is binding for committee members.

        `vote_seq` and `ballot_digest` are what the person voted on. Raises ConflictError if that vote is over.
        """
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError(reasons.of("no-open-vote"))
        _, digest = await proposals.opened(write.data, release)
        if (vote_seq not in {None, release.current_vote_seq}) or (ballot_digest not in {"", digest}):
            raise errors.ConflictError(reasons.of("other-candidate", vote=release.current_vote_seq))
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
        before = (await proposals.papers(write, release)).get(write.asf_uid)
        if (before is not None) and (_said(before) == _said(paper)):
            # A double click: the vote is cast already.
            return
        write.data.add(paper)
        await write.event(release_key, "release", "vote_cast", choice=choice.value, vote=release.current_vote_seq)


class ReleaseManager(CommitteeParticipant):
    """What release managers may do in addition."""

    async def open_vote(self, release_key: str, *, revision_number: str = "", ballot_digest: str = "") -> int:
        """Freeze the ballot, open the vote, and return its number. One transaction, no network.

        `revision_number` and `ballot_digest` are what the person saw; empty for the current ballot. Raises
        ConflictError if the ballot has changed, BlockedError with a reason for everything that blocks it: a deployment
        neither captured nor taken off the ballot, a mapping that cannot be read, two sets of files for a package.
        """
        write = self._write
        release, project = await transaction.load_active_release(write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            return await self._opened_already(release, ballot_digest)
        proposal = await proposals.proposed(write.data, await eligibility.release(write.data, release_key))
        number = proposal.revision.number if proposal.revision else ""
        if revision_number and (revision_number != number):
            raise errors.ConflictError(reasons.of("newer-than-seen", revision=revision_number, newest=number))
        if ballot_digest and (ballot_digest != proposal.digest):
            raise errors.ConflictError(reasons.of("stale", what="The ballot"))
        # Before anything is written: a vote must not be started without its ballot.
        transaction.demand_free(*proposal.blockers)
        vote_seq = release.current_vote_seq + 1
        await transitions.phase(
            write,
            release,
            sql.ReleasePhase.RELEASE_CANDIDATE,
            current_vote_seq=vote_seq,
            vote_started=write.now,
            vote_resolved=None,
            voted_revision_number=number or None,
            # The minimum that voters see now applies to the end of the vote, even if the policy changes.
            vote_hours=(await queries.policy(write.data, project)).min_hours,
        )
        await ballots.ReleaseManager(write).freeze(release_key, proposal=proposal)
        return vote_seq

    async def _opened_already(self, release: sql.Release, ballot_digest: str) -> int:
        """Return the number of the vote that the same person's first click opened. Raises ConflictError otherwise."""
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError(reasons.of("vote-has-passed"))
        _, digest = await proposals.opened(self._write.data, release)
        by = await proposals.opened_by(self._write, release)
        if ballot_digest and (ballot_digest == digest) and (by == self._write.asf_uid):
            return release.current_vote_seq
        said = f", opened by {by}" if by else ""
        raise errors.ConflictError(reasons.of("vote-opened", vote=release.current_vote_seq, by=said))


def _said(paper: sql.BallotPaper) -> tuple[str, str, bool]:
    return paper.choice.value, paper.comment, paper.is_binding_at_cast
