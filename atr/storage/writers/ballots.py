# SPDX-License-Identifier: Apache-2.0
"""Freezes the ballot of a vote: one call inside the transaction that starts it, here or in a host application."""

import datetime

import sqlalchemy.ext.asyncio

import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.reasons as reasons
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction
import atr.storage.writers.readiness as readiness


class ReleaseManager(transaction.Writer):
    """What release managers may do."""

    async def freeze(self, release_key: str, *, proposal: ballots.Proposal | None = None) -> str:
        """Store the ballot of the vote that this transaction has started, and return the ballot digest.

        It follows the statement that starts the vote, which has set the phase, the number of the vote, its beginning
        and `voted_revision_number`. `proposal` is the ballot, if the caller has read it in this transaction. Raises
        BlockedError with a reason for everything that blocks the vote: a deployment that is neither captured nor taken
        off the ballot, a mapping that cannot be read, two sets of files for a package. Raises ConflictError if the vote
        is not about the newest revision, or if no vote was started. The caller must then roll back: a vote without its
        ballot authorises nothing.
        """
        write = self._write
        await write.data.flush()
        release = await transaction.load_release_for_update(write, release_key)
        if (release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE) or (release.vote_started is None):
            raise errors.ConflictError(reasons.of("no-open-vote"))
        if await queries.ballot(write.data, release):
            raise errors.ConflictError(reasons.of("ballot-fixed"))
        if await queries.has_old_ballot(write.data, release):
            raise errors.ConflictError(reasons.of("old-ballot", vote=release.current_vote_seq))
        proposal = proposal or await ballots.proposed(write.data, await eligibility.release(write.data, release_key))
        transaction.demand_free(*proposal.blockers)
        number = proposal.revision.number if proposal.revision else ""
        if release.voted_revision_number != number:
            was = release.voted_revision_number or "none"
            raise errors.ConflictError(reasons.of("newer-than-seen", revision=was, newest=number))
        for part in proposal.parts:
            if part.mapped is not None:
                await queries.store_file_set(write.data, part.mapped, write.now)
            write.data.add(
                tables.BallotEntry(
                    release_key=release.key,
                    vote_seq=release.current_vote_seq,
                    kind=part.kind,
                    platform=part.platform,
                    deployment_id=part.deployment.id if part.deployment else None,
                    file_set_digest=part.digest,
                    # PostgreSQL lets the web process insert a ballot only when its vote starts (db/roles.py).
                    opened=release.vote_started,
                )
            )
        await write.event(
            release_key,
            "release",
            "vote_opened",
            vote=release.current_vote_seq,
            revision=number,
            ballot_digest=proposal.digest,
            ballot=[[part.kind.value, part.platform, part.digest] for part in proposal.parts],
        )
        await readiness.queue_check(write, release_key)
        return proposal.digest


class Host:
    """The same for a host application that starts votes itself, in its own session and transaction.

    The host application has checked that `asf_uid` may start a vote.
    """

    def __init__(
        self,
        data: sqlalchemy.ext.asyncio.AsyncSession,
        place: transaction.Place,
        now: datetime.datetime,
        asf_uid: str,
    ) -> None:
        self._data, self._place, self._now, self._asf_uid = data, place, now, asf_uid

    async def freeze(self, release_key: str) -> str:
        """As above. It commits with the host's transaction, or not at all; the host's session remains open."""
        await self._data.flush()
        async with session.joined(await self._data.connection()) as data:
            write = transaction.Transaction(self._place, data, self._now, self._asf_uid)
            return await ReleaseManager(write).freeze(release_key)
