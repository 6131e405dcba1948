# SPDX-License-Identifier: Apache-2.0
"""Uploads and drops that nothing calls back: the mark before one, how far it is, and what came back."""

from sqlmodel import col

import atr.db.leases as leases
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.deployments as rules
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.embargo as embargo
import atr.storage.switchboard as switchboard
import atr.storage.transaction as transaction
import atr.storage.writers.gatekeeping as gatekeeping
import atr.storage.writers.moves as moves
import atr.storage.writers.requests as requests
import atr.storage.writers.rows as rows

_State = states.DeploymentState


class SystemService:
    """What the worker does. Every write is fenced by the epoch under which the row was claimed."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def mark(self, claimed: work.Deployment, kind: tables.AttemptKind, *, seconds: float) -> work.Permit:
        """Write down that one upload or drop is about to be sent.

        Raises ConflictError if one may be on its way, BlockedError while the platform is switched off or, for an
        upload, the release is under embargo.
        """
        write = self._write
        await gatekeeping.hold(self._write, claimed.release_key, claimed.mechanism.name)
        row = await rows.claimed_deployment(self._write, claimed)
        if (kind is tables.AttemptKind.UPLOAD) and (await queries.get_release(write.data, row.release_key) is None):
            raise errors.BlockedError([gatekeeping.DELETED])
        await requests.demand_answering(write, claimed.mechanism)
        why_off = await switchboard.why_off(write.data, claimed.mechanism)
        if why_off:
            raise errors.BlockedError([why_off])
        if (kind is tables.AttemptKind.UPLOAD) and await embargo.holds_key(write.data, row.release_key):
            raise errors.BlockedError([gates.EMBARGOED])
        expected = _State.UPLOADING if (kind is tables.AttemptKind.UPLOAD) else _State.DROPPING
        before = await queries.attempts(
            write.data, col(tables.Attempt.deployment_id) == row.id, col(tables.Attempt.kind) == kind
        )
        unsettled = [
            attempt
            for attempt in before
            if (attempt.answer is not steps.Answer.LIMITED) and (attempt.marked_at >= row.entered_at)
        ]
        asked_before = row.asked_in < (await queries.site(write.data)).generation
        if (row.state is not expected) or unsettled or asked_before:
            raise errors.ConflictError("This request was already sent; its outcome is being determined instead.")
        attempt = tables.Attempt(
            deployment_id=rows.number(row.id),
            kind=kind,
            number=len(before) + 1,
            lease_epoch=claimed.epoch,
            marked_at=write.now,
            marked_for=row.drop_by or row.created_by,
        )
        write.data.add(attempt)
        row.sent_bytes = row.send_total = 0
        # What was not there before this request says nothing of it.
        row.gone_looks, row.gone_since = 0, None
        # Whoever takes the row up after a crash looks for what came of it.
        row.due_at = write.now
        await leases.renew(write.data, tables.Deployment, {"id": row.id}, claimed.epoch, write.now, seconds=seconds)
        await write.data.flush()
        await write.event(
            row.release_key, f"deployment:{row.id}", "attempt_marked", kind=kind.value, number=attempt.number
        )
        return work.Permit(rows.number(attempt.id), attempt.number)

    async def sending(self, claimed: work.Deployment, done: int, total: int) -> None:
        """Note how far the upload is."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.sent_bytes, row.send_total = done, total

    async def answered(self, claimed: work.Deployment, permit: work.Permit, outcome: work.Outcome) -> None:
        """Store what came back from an upload or a drop, and what is certain from it."""
        write = self._write
        row = await rows.claimed_deployment(self._write, claimed)
        kind = await rows.store_outcome(write, permit, outcome, subject=f"deployment:{row.id}", chain=row.release_key)
        row.lease_until, row.due_at = None, write.now
        if outcome.answer is steps.Answer.LIMITED:
            view = await rows.deployment_view(write, row)
            wait = rows.wait(await rows.asked(write, row, kind), view.timing)
            sentence = wait.sentence(kind.value) if wait else ""
            if view.given_up and (kind is tables.AttemptKind.UPLOAD):
                await moves.deployment(write, row, _State.FAILED, sentence)
                return
            row.due_at = rules.next_look(view)
            await rows.note_problem(write, row, sentence)
        if kind is not tables.AttemptKind.UPLOAD:
            return
        if (outcome.answer is steps.Answer.TAKEN) and outcome.external_id:
            row.external_id = outcome.external_id
            await moves.deployment(write, row, _State.VALIDATING)
        elif outcome.answer in {steps.Answer.REFUSED, steps.Answer.CHALLENGED}:
            # Without a status nothing was sent: the sentence is ours.
            why = f"The platform refused the upload {rows.said(outcome)}" if outcome.status else outcome.sample
            await moves.deployment(write, row, _State.FAILED, why)
