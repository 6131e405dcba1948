# SPDX-License-Identifier: Apache-2.0
"""What the worker notes of promotions: claim, mark and answer."""

import dataclasses
import datetime
import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlmodel import col

import atr.db.leases as leases
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.budget as budget
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.agreement as agreement
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.reads as reads
import atr.storage.transaction as transaction
import atr.storage.writers.gatekeeping as gatekeeping
import atr.storage.writers.moves as moves
import atr.storage.writers.rows as rows

_LOG = logging.getLogger(__name__)
State = states.State
_REACH: Final = {False: budget.Reach.ACCOUNT, True: budget.Reach.PUBLIC}
# Where a call may be made from; nothing is ever sent for what is being stopped.
_SENT_FROM: Final = frozenset({State.REQUESTED, State.SENDING, State.IN_DOUBT})
# While the program is being replaced a newer one may use a state or a platform that this one does not know: the row is
# left alone.
_KNOWN = col(tables.Promotion.state).in_(list(State)) & lanes.known(
    col(tables.Promotion.platform), col(tables.Promotion.mechanism)
)
# Nothing of a release under embargo is looked for before a call; after it, what came of it must be found out.
_KNOWN &= embargo.may_leave(tables.Promotion.release_key) | (col(tables.Promotion.state) != State.REQUESTED)
# What a row that nothing of ours wrote may raise when it is read. A database's own errors are missing.
_BAD_ROW: Final = (errors.AtrError, AttributeError, LookupError, TypeError, ValueError)


class SystemService:
    """What the worker does. Every write is fenced by the epoch under which the row was claimed."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def due(self, *, limit: int, shut: Collection[lanes.Lane] = ()) -> Sequence[lanes.Due]:
        """The oldest rows that are due, but for those of lanes that are shut."""
        row = tables.Promotion
        found = await leases.due(
            self._write.data,
            row,
            self._write.now,
            _KNOWN,
            *(~_in(lane) for lane in shut),
            columns=(row.mechanism, lanes.is_public()),
            limit=limit,
        )
        return [lanes.Due(since, lanes.Lane(mechanism, _REACH[bool(public)])) for since, mechanism, public in found]

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Promotion]:
        """Take the promotions that are due, of one lane or of all, oldest first."""
        write = self._write
        where = [_in(lane)] if lane else []
        claimed = await leases.claim(
            write.data, tables.Promotion, write.now, _KNOWN, *where, owner=owner, seconds=seconds, limit=limit
        )
        return [found for row in claimed if (found := await self._begun(row)) is not None]

    async def _begun(self, row: tables.Promotion) -> work.Promotion | None:
        """What is to be done with it; None, and a look much later, for one that cannot be read: it stops no other."""
        try:
            return None if await self._is_frozen(row) else await rows.work_of(self._write, row)
        except _BAD_ROW:
            extra = {"action": "bad_row", "promotion": row.id, "release": row.release_key}
            _LOG.exception("promotion %s cannot be read", row.id, extra=extra)
            self._give_back(row)
            return None

    def _give_back(self, row: tables.Promotion) -> None:
        row.lease_until = None
        row.due_at = self._write.now + datetime.timedelta(seconds=self._write.place.plain.doubting)

    async def renew(self, claimed: work.Promotion, *, seconds: float) -> None:
        """Hold it longer. Raises ConflictError when somebody else does."""
        await leases.renew(
            self._write.data, tables.Promotion, {"id": claimed.id}, claimed.epoch, self._write.now, seconds=seconds
        )

    async def progress(
        self, claimed: work.Promotion, side: tables.Side, done: Sequence[work.Read], count: int, total: int
    ) -> None:
        """Keep files that were read in this round, and how far we are."""
        row = await rows.claimed_promotion(self._write, claimed)
        await reads.keep(self._write, f"promotion:{row.id}", side, claimed.round, done)
        row.read_done, row.read_total = count, total

    async def verified(self, claimed: work.Promotion, staged: fileset.FileSet) -> None:
        """Store a complete reading of the staged files."""
        row = await rows.claimed_promotion(self._write, claimed)
        row.verified_digest = await queries.store_file_set(self._write.data, staged, self._write.now)
        row.verified_at = self._write.now
        row.read_done = row.read_total = len(staged.files)
        # The next proof, should another call be needed, reads every byte again.
        row.read_round += 1
        await reads.forget(self._write, f"promotion:{row.id}")
        await self._write.event(
            row.release_key,
            f"promotion:{row.id}",
            "staged_files_read",
            files=len(staged.files),
            digest=staged.digest,
            equal=staged.digest == row.voted_digest,
        )

    async def mark(self, claimed: work.Promotion, staged_digest: str, *, seconds: float) -> work.Permit | None:
        """The mark: every gate once more, at this instant, and the attempt on disk before its first byte.

        Answers the permit to send once, or None when a gate said no: then the row has moved, and nothing is sent.
        Raises ConflictError when the row is not ours any more.
        """
        write = self._write
        await gatekeeping.hold(write, claimed.release_key, claimed.mechanism.name)
        row = await rows.claimed_promotion(self._write, claimed)
        if (row.deployment_id is None) or row.by_hand or (row.verified_digest != staged_digest):
            raise errors.ConflictError("The verified files are not the files that would be published.")
        if row.state not in _SENT_FROM:
            # A person stopped it while we read: nothing is sent, and what they decided stays as it is.
            raise errors.ConflictError(f"It is {row.state.value} now, so nothing is sent.")
        if await self._is_frozen(row):
            return None
        before = await rows.publish_attempts(write, row)
        if await queries.get_release(write.data, row.release_key) is None:
            await self._refuse(row, before, gatekeeping.DELETED)
            return None
        deployment = await queries.demand_deployment(write.data, row.deployment_id)
        case = await eligibility.one(write.data, deployment, row.requested_by, sending=row)
        blockers = gates.blockers(case.facts)
        reasons = [blocker.sentence for blocker in blockers if blocker.code not in gates.WAITING]
        if (staged_digest != row.voted_digest) or (staged_digest not in case.facts.ballot):
            reasons.append("The staged files differ from the files that the committee voted on.")
        if reasons:
            await self._refuse(row, before, " ".join(reasons))
            return None
        if blockers:
            await self._wait(row, blockers[0])
            return None
        by_person, why = row.resend, "All gates passed; the publish request is about to be sent."
        await moves.promotion(write, row, State.SENDING, why, by_person=by_person)
        # Absence is counted anew: what was seen before this call says nothing of it.
        row.resend, row.held, row.absent_since = False, False, None
        number = 1 + len(
            await queries.attempts(
                write.data,
                col(tables.Attempt.deployment_id) == deployment.id,
                col(tables.Attempt.kind) == tables.AttemptKind.PUBLISH,
            )
        )
        attempt = tables.Attempt(
            promotion_id=row.id,
            deployment_id=rows.number(deployment.id),
            kind=tables.AttemptKind.PUBLISH,
            number=number,
            lease_epoch=claimed.epoch,
            marked_at=write.now,
            marked_for=row.requested_by,
        )
        timing = write.place.timing(case.deployment.mechanism)
        # A call that was refused for certain never left anything behind to wait for.
        first = all(one.answer in steps.CERTAIN_NO for one in before)
        if first or (by_person and row.deadline and row.deadline <= write.now):
            row.deadline = write.now + datetime.timedelta(seconds=timing.deadline)
        code, row.one_time_code = row.one_time_code, ""
        permit = await rows.mark(write, row, attempt, seconds=seconds, digest=staged_digest)
        return dataclasses.replace(permit, pointer=case.target.pointer if case.target else "", code=code)

    async def answered(self, claimed: work.Promotion, permit: work.Permit, outcome: work.Outcome) -> work.Promotion:
        """Store what came back from the call, a hint, and answer the row as it is now."""
        write = self._write
        row = await rows.claimed_promotion(self._write, claimed)
        await rows.store_outcome(write, permit, outcome, subject=f"promotion:{row.id}", chain=row.release_key)
        every = await rows.publish_attempts(write, row)
        wait = rows.wait(every, write.place.timing(claimed.mechanism.name))
        if row.state is State.ABORTING:
            return await rows.work_of(self._write, row)
        if outcome.answer is steps.Answer.CHALLENGED:
            row.held = True
            row.blocker = (
                f"A code is wanted {rows.said(outcome)}. A committee member promotes again with the one-time code "
                "that the platform asks for."
            )
        elif outcome.answer is steps.Answer.REFUSED:
            row.held = True
            # An earlier call without a clear answer may still have been taken.
            so = "" if any(one.answer not in steps.CERTAIN_NO for one in every) else " No publish request was accepted."
            row.blocker = (
                f"The platform refused the publish request {rows.said(outcome)}.{so} Check the credential; a "
                "committee member can then promote again."
            )
        elif wait is not None:
            row.held, row.blocker = wait.is_over, wait.sentence("call")
        return await rows.work_of(self._write, row)

    async def _wait(self, row: tables.Promotion, blocker: gates.Blocker) -> None:
        """Nothing of it ends: it stays where it is until its turn comes, it is switched on, or a person has looked."""
        row.lease_until = None
        if blocker.code in gates.ASKED_ANEW:
            row.resend, row.held, row.blocker = False, True, blocker.sentence
        row.due_at = steps.next_look(await _view(self._write, row), jitter=rows.jitter(row))
        await self._write.event(row.release_key, f"promotion:{row.id}", "promotion_not_sent", reason=blocker.sentence)

    async def _is_frozen(self, row: tables.Promotion) -> bool:
        """Whether the row disagrees with its events: then it is given back as it is, and the operator is told."""
        write = self._write
        wrong = await agreement.disagreement(write.data, row)
        if not wrong:
            return False
        extra = {"action": "row_disagrees", "promotion": row.id, "release": row.release_key}
        _LOG.error("promotion %s is frozen: %s", row.id, wrong, extra=extra)
        self._give_back(row)
        return True

    async def _refuse(self, row: tables.Promotion, before: Sequence[tables.Attempt], reason: str) -> None:
        row.lease_until = None
        if (row.state is State.REQUESTED) and (await rows.view_of(self._write, row, before)).surely_unsent:
            to = State.ABORTED if (reason == gatekeeping.DELETED) else State.REFUSED
            await moves.promotion(self._write, row, to, f"{reason} Nothing was sent.")
        elif row.state is State.SENDING:
            await moves.promotion(
                self._write, row, State.IN_DOUBT, f"{reason} A publish request was sent earlier, so polling continues."
            )
        else:
            row.resend, row.blocker = False, reason
            row.due_at = self._write.now + datetime.timedelta(seconds=self._write.place.timing(row.mechanism).doubting)
            await self._write.event(row.release_key, f"promotion:{row.id}", "promotion_not_sent", reason=reason)


async def _view(read: transaction.Transaction, row: tables.Promotion) -> steps.View:
    return await rows.view_of(read, row, await rows.publish_attempts(read, row))


def _in(lane: lanes.Lane) -> Any:
    """Whether a promotion's next look is of this lane."""
    public = lanes.is_public()
    reached = public if (lane.reach is budget.Reach.PUBLIC) else ~public
    return (col(tables.Promotion.mechanism) == lane.name) & reached
