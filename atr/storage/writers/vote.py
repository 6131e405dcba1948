# SPDX-License-Identifier: Apache-2.0
"""Votes and what they are about."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.facts as facts
import atr.storage.files as files
import atr.storage.rights as rights
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.release as releases
import atr.storage.writers.revision as revisions

# https://www.apache.org/foundation/voting.html#ReleaseVotes
_BINDING_NEEDED: Final = 3
# Deployments in these states are not part of a candidate any more.
_OUT: Final = frozenset(
    {
        states.DeploymentState.FAILED,
        states.DeploymentState.GONE,
        states.DeploymentState.DROPPED,
        states.DeploymentState.DROPPING,
    }
)


@dataclasses.dataclass(frozen=True)
class Tally:
    """The binding votes, each person's last paper."""

    plus: int
    minus: int


class CommitteeParticipant:
    """What every committer of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def open_vote(self, release_key: str) -> int:
        """Freeze the ballot, open the vote, and answer its number. One transaction, no network.

        Raises BlockedError with a sentence for each deployment that is neither captured nor taken off the ballot, and
        for a mapping that cannot be read as the platform's layout.
        """
        write = self._write
        release = await own.release(write, release_key)
        project = await queries.demand_project(write.data, release.project_key)
        releases.ensure_project_active(project)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            raise errors.ConflictError("Only a release in Compose can be put to the vote.")
        revision = await queries.latest_revision(write.data, release_key)
        if revision is None:
            raise errors.BlockedError(["The release has no files yet."])
        if revision.file_set_digest == sql.NOT_RECORDED:
            raise errors.BlockedError(["The newest revision is older than our record of its files. Make a new one."])
        release.current_vote_seq += 1
        release.vote_started, release.vote_resolved = write.now, None
        release.phase = sql.ReleasePhase.RELEASE_CANDIDATE
        entries = [
            self._entry(release, tables.BallotKind.REVISION, revision.file_set_digest),
            *await self._mapped(release, project, revision),
            *await self._deployments(release),
        ]
        write.data.add_all(entries)
        await write.event(
            release_key,
            "release",
            "vote_opened",
            vote=release.current_vote_seq,
            revision=revision.number,
            ballot=[[entry.kind.value, entry.platform, entry.file_set_digest] for entry in entries],
        )
        return release.current_vote_seq

    async def cast(self, release_key: str, choice: sql.VoteChoice, comment: str = "") -> None:
        """Cast a vote; whoever votes again replaces their first one. Binding for committee members."""
        write = self._write
        release = await own.release(write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError("No vote on this release is open.")
        project = await queries.demand_project(write.data, release.project_key)
        committee = await queries.demand_committee(write.data, project.committee_key)
        revision = await queries.latest_revision(write.data, release_key)
        write.data.add(
            sql.BallotPaper(
                release_key=release_key,
                vote_seq=release.current_vote_seq,
                voter_asf_uid=write.asf_uid,
                choice=choice,
                comment=comment,
                is_binding_at_cast=rights.is_member(committee, write.asf_uid),
                revision_number_at_cast=revision.number if revision else "",
                created=write.now,
            )
        )
        await write.event(release_key, "release", "vote_cast", choice=choice.value, vote=release.current_vote_seq)

    async def _mapped(
        self, release: sql.Release, project: sql.Project, revision: sql.Revision
    ) -> Sequence[tables.BallotEntry]:
        entries = []
        for platform in distribution.DistributionPlatform:
            if not platform.supports_remote_promotion:
                continue
            try:
                mapped = await facts.mapped_now(self._write.data, project, revision, platform)
            except errors.InputError as error:
                raise errors.BlockedError([str(error)]) from error
            if mapped is not None:
                digest = await queries.store_file_set(self._write.data, mapped, self._write.now)
                entries.append(self._entry(release, tables.BallotKind.MAPPED, digest, platform.name))
        return entries

    async def _deployments(self, release: sql.Release) -> Sequence[tables.BallotEntry]:
        wanted = sqlmodel.select(tables.Deployment).where(tables.Deployment.release_key == release.key)
        rows = (await self._write.data.exec(wanted)).all()
        waiting = [
            row for row in rows if (not row.off_ballot) and (row.state not in _OUT) and (not row.file_set_digest)
        ]
        if waiting:
            raise errors.BlockedError(
                [
                    f"Deployment {row.external_id or row.name} has not been read yet. "
                    "Wait for it, or take it off the ballot with a reason."
                    for row in waiting
                ]
            )
        return [
            self._entry(release, tables.BallotKind.DEPLOYMENT, row.file_set_digest, row.platform, row.id)
            for row in rows
            if (not row.off_ballot) and (row.state not in _OUT) and row.file_set_digest
        ]

    def _entry(
        self,
        release: sql.Release,
        kind: tables.BallotKind,
        digest: str,
        platform: str = "",
        deployment_id: int | None = None,
    ) -> tables.BallotEntry:
        return tables.BallotEntry(
            release_key=release.key,
            vote_seq=release.current_vote_seq,
            kind=kind,
            platform=platform,
            deployment_id=deployment_id,
            file_set_digest=digest,
            opened=self._write.now,
        )


class ReleaseManager:
    """What release managers may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def resolve_passed(self, release_key: str, draft: files.Draft) -> str:
        """The vote passed: on to Finish, with the preview revision made from this draft. Answers its number.

        Raises BlockedError while the votes or the hours are not there.
        """
        write = self._write
        release = await self._open_vote(release_key)
        project = await queries.demand_project(write.data, release.project_key)
        policy = await queries.policy(write.data, project)
        count = await tally(write, release)
        reasons = []
        if (count.plus < _BINDING_NEEDED) or (count.plus <= count.minus):
            reasons.append(
                f"There are {count.plus} binding +1 and {count.minus} binding -1; "
                f"a release needs {_BINDING_NEEDED} binding +1 and more of them than -1."
            )
        ends = (release.vote_started or write.now) + datetime.timedelta(hours=policy.min_hours)
        if write.now < ends:
            reasons.append(f"The vote is open until {ends:%a %d %b %Y, %H:%M} UTC at least.")
        if reasons:
            raise errors.BlockedError(reasons)
        release.vote_resolved = write.now
        release.phase = sql.ReleasePhase.RELEASE_PREVIEW
        await write.event(
            release_key, "release", "vote_passed", vote=release.current_vote_seq, plus=count.plus, minus=count.minus
        )
        return await revisions.add_revision(write, release, project, draft, "Made when the vote passed")

    async def resolve_failed(self, release_key: str) -> None:
        """The vote failed: back to Compose. What is staged stays; it can be dropped."""
        write = self._write
        release = await self._open_vote(release_key)
        release.vote_resolved = write.now
        release.phase = sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT
        await write.event(release_key, "release", "vote_failed", vote=release.current_vote_seq)
        await revisions.queue_checks(write, release)

    async def _open_vote(self, release_key: str) -> sql.Release:
        release = await own.release(self._write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError("No vote on this release is open.")
        return release


async def tally(read: transaction.Transaction, release: sql.Release) -> Tally:
    """Count the binding papers of the newest vote, the last one of each person."""
    wanted = (
        sqlmodel.select(sql.BallotPaper)
        .where(sql.BallotPaper.release_key == release.key, sql.BallotPaper.vote_seq == release.current_vote_seq)
        .order_by(col(sql.BallotPaper.id))
    )
    last = {paper.voter_asf_uid: paper for paper in (await read.data.exec(wanted)).all()}
    binding = [paper.choice for paper in last.values() if paper.is_binding_at_cast]
    return Tally(binding.count(sql.VoteChoice.PLUS_ONE), binding.count(sql.VoteChoice.MINUS_ONE))
