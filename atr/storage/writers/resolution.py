# SPDX-License-Identifier: Apache-2.0
"""The end of a vote: passed, failed, or the candidate abandoned before anything of it could become public."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.reasons as reasons
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.incidents as incidents
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.readiness as readiness

# The columns of a release whose vote did not pass.
_NO_VOTE: Final[Mapping[str, Any]] = MappingProxyType({"vote_resolved": None, "voted_revision_number": None})


class ReleaseManager(transaction.Writer):
    """What release managers may do."""

    async def resolve_passed(
        self, release_key: str, *, vote_seq: int | None = None, seen: ballots.Tally | None = None
    ) -> None:
        """Resolve the vote as passed and move the release to Finish, with the files as they were voted on.

        `vote_seq` and `seen` are the vote and the count that the person saw. Raises ConflictError if either has
        changed, BlockedError while there are too few votes or it is too early.
        """
        write = self._write
        release, count = await self._open_vote(release_key, vote_seq, seen)
        of = await eligibility.release(write.data, release_key)
        transaction.demand_free(*ballots.why_not_passed(of, count, write.now))
        await transitions.phase(write, release, sql.ReleasePhase.RELEASE_PREVIEW, vote_resolved=write.now)
        # Files that became public before the end of the vote can be compared with the voted files now.
        for deployment in await queries.deployments(write.data, release_key):
            if deployment.state is states.DeploymentState.PUBLISHED:
                deployment.due_at = write.now
        await incidents.look_anew(write, col(sql.Release.key) == release_key)
        await write.event(
            release_key, "release", "vote_passed", vote=release.current_vote_seq, plus=count.plus, minus=count.minus
        )
        await readiness.queue_all(write, release)

    async def resolve_failed(
        self, release_key: str, reason: str, *, vote_seq: int | None = None, seen: ballots.Tally | None = None
    ) -> None:
        """Resolve the vote as failed, with a reason: back to Compose. Deployments stay staged, off the next ballot."""
        write = self._write
        release, count = await self._open_vote(release_key, vote_seq, seen)
        why = transaction.checked_reason(reason)
        await transitions.phase(write, release, sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT, **_NO_VOTE)
        await write.event(
            release_key,
            "release",
            "vote_failed",
            vote=release.current_vote_seq,
            reason=why,
            plus=count.plus,
            minus=count.minus,
        )
        await _set_aside(write, release, "whose vote failed")
        await readiness.queue_all(write, release)

    async def abandon(self, release_key: str, reason: str, *, vote_seq: int | None = None) -> None:
        """Abandon a candidate, in Vote or in Finish, before the first publish request: back to Compose.

        Every requested promotion is stopped with the reason; deployments stay staged, off the next ballot. Raises
        ConflictError if any part of it may be public.
        """
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        if vote_seq not in {None, release.current_vote_seq}:
            raise errors.ConflictError(reasons.of("other-candidate", vote=release.current_vote_seq))
        transaction.demand(await preconditions.abandon(write, release))
        why = transaction.checked_reason(reason)
        waiting = await queries.promotions(
            write.data,
            col(tables.Promotion.release_key) == release_key,
            col(tables.Promotion.state) == states.State.REQUESTED,
        )
        for promotion in waiting:
            await transitions.promotion(write, promotion, states.State.ABORTED, f"{write.asf_uid} abandoned it: {why}")
        was = release.phase
        await transitions.phase(write, release, sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT, **_NO_VOTE)
        await write.event(
            release_key,
            "release",
            "candidate_abandoned",
            vote=release.current_vote_seq,
            phase=was.value,
            reason=why,
            stopped=[promotion.id for promotion in waiting],
        )
        for deployment in await queries.deployments(write.data, release_key):
            # It may have been published since the last check.
            if deployment.due_at is not None:
                deployment.due_at = write.now
        await _set_aside(write, release, "which was abandoned")
        await readiness.queue_all(write, release)

    async def _open_vote(
        self, release_key: str, vote_seq: int | None, seen: ballots.Tally | None
    ) -> tuple[sql.Release, ballots.Tally]:
        release = await transaction.load_release_for_update(self._write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE:
            raise errors.ConflictError(reasons.of("no-open-vote"))
        if vote_seq not in {None, release.current_vote_seq}:
            raise errors.ConflictError(reasons.of("other-candidate", vote=release.current_vote_seq))
        count = await ballots.tally(self._write, release)
        if seen not in {None, count}:
            raise errors.ConflictError(reasons.of("votes-changed", plus=count.plus, minus=count.minus))
        return release, count


async def _set_aside(write: transaction.Transaction, release: sql.Release, what_became: str) -> None:
    """Take the candidate's deployments off the next ballot, until a person puts them on it again."""
    reason = f"It was staged for candidate {release.current_vote_seq}, {what_became}."
    for row in await queries.deployments(write.data, release.key):
        if ballots.is_meant(row):
            row.off_ballot = reason
            row.version += 1
            await write.event_of(row, "deployment_off_ballot", reason=reason)
