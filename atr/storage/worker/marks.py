# SPDX-License-Identifier: Apache-2.0
"""The marks of the worker: the conditions at the instant of each irreversible request, and what follows if one fails.

A request cannot be taken back. So each is made in the same way: every scope is locked, every fact is read again, the
attempt is on disk before the first byte is sent, the request is sent once, and its reply is only a hint.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.reasons as reasons
import atr.storage.attempts as attempts
import atr.storage.audit as audit
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.leased_rows as leased_rows
import atr.storage.rights as rights
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.worker.promotions as promotions

State = states.State
_Deployment = states.DeploymentState
# The states from which a publish request may be sent; none is ever sent for a promotion that is being stopped.
_SENT_FROM: Final = frozenset({State.REQUESTED, State.SENDING, State.IN_DOUBT})


class Marks(transaction.Writer):
    """Each method returns the permit to send one request. Every write is fenced by the epoch of the claim."""

    async def publish(self, claimed: work.Promotion, staged_digest: str, *, seconds: float) -> work.Permit | None:
        """Mark a publish request, after evaluating every gate again at this instant.

        Returns None if a gate is not met or the row disagrees with its events: then nothing is sent. Raises
        ConflictError if other files were verified or the state has changed, LeaseLostError if the lease was lost.
        """
        write = self._write
        await attempts.lock(write, claimed.release_key, claimed.mechanism.name)
        row = await leased_rows.promotion(write, claimed)
        if (row.deployment_id is None) or row.by_hand or (row.verified_digest != staged_digest):
            raise errors.ConflictError(reasons.of("not-verified"))
        if row.state not in _SENT_FROM:
            # A person stopped it during the reading: nothing is sent, and their decision is not changed.
            raise errors.ConflictError(reasons.of("nothing-sent", state=row.state.value))
        calls = (await attempts.of_deployments(write, [row.deployment_id]))[row.deployment_id].publishes
        before = [one for one in calls if one.promotion_id == row.id]
        wrong = (await audit.disagreements(write.data, [row], {row.id: len(before)}))[row.id]
        if wrong:
            promotions.freeze(write, row, wrong)
            return None
        if await queries.get_release(write.data, row.release_key) is None:
            await self._refuse(row, attempts.DELETED)
            return None
        deployment = await queries.demand_deployment(write.data, row.deployment_id)
        case = await eligibility.one(write.data, deployment, row.requested_by, sending=row)
        blockers = gates.blockers(case.facts)
        refused = [blocker for blocker in blockers if blocker.code not in gates.WAITING]
        if (staged_digest != row.voted_digest) or (staged_digest not in case.facts.ballot):
            refused.append(reasons.of("not-on-ballot"))
        if refused:
            await self._refuse(row, *refused)
            return None
        if blockers:
            await self._wait(row, blockers[0])
            return None
        code = row.one_time_code
        await self._begin(row, before)
        permit = await attempts.mark(
            write,
            row,
            tables.AttemptKind.PUBLISH,
            before=calls,
            seconds=seconds,
            marked_for=row.requested_by,
            digest=staged_digest,
        )
        return dataclasses.replace(permit, pointer=case.target.pointer if case.target else "", code=code)

    async def drop(self, claimed: work.Promotion, *, seconds: float) -> work.Permit | None:
        """Mark a drop that stops a promotion: the platform decides whether the drop or the publication came first.

        Returns None if a condition is not met any more: then nothing is sent. Raises ConflictError if the promotion is
        not being stopped any more, LeaseLostError if the lease was lost.
        """
        write = self._write
        await attempts.lock(write, claimed.release_key, claimed.mechanism.name)
        row = await leased_rows.promotion(write, claimed)
        if (row.state is not State.ABORTING) or (row.deployment_id is None):
            raise errors.ConflictError(reasons.of("not-dropped", what="promotion", state=row.state.value))
        deployment = await queries.demand_deployment(write.data, row.deployment_id, fresh=True)
        problem = await self._why_no_drop(row, deployment)
        if problem:
            row.blocker = problem.sentence
            await self._rest(row, problem)
            return None
        if deployment.state is _Deployment.STAGED:
            await transitions.deployment(write, deployment, _Deployment.DROPPING, reason=deployment.drop_reason)
        # The count of absence restarts: that it was absent before this drop says nothing about the drop.
        row.gone_looks, row.gone_since, row.absent_since = 0, None, None
        return await attempts.mark(
            write,
            row,
            tables.AttemptKind.DROP,
            before=(await attempts.of_deployment(write, deployment)).drops,
            seconds=seconds,
            marked_for=deployment.drop_by,
        )

    async def transfer(self, claimed: work.Deployment, kind: tables.AttemptKind, *, seconds: float) -> work.Permit:
        """Mark an upload, or the drop of a deployment that no promotion works on.

        Raises ConflictError if one may be on its way, BlockedError while the platform is switched off or, for an
        upload, the release is under embargo.
        """
        write = self._write
        await attempts.lock(write, claimed.release_key, claimed.mechanism.name)
        row = await leased_rows.deployment(write, claimed)
        uploads = kind is tables.AttemptKind.UPLOAD
        if uploads and (await queries.get_release(write.data, row.release_key) is None):
            raise errors.BlockedError(attempts.DELETED)
        transaction.demand_free((await lanes.silent(write.data))[claimed.mechanism.name])
        transaction.demand_free((await lanes.off(write.data))[claimed.mechanism.name])
        if uploads and await embargo.holds(write.data, row.release_key):
            raise errors.BlockedError(gates.EMBARGOED)
        history = await attempts.of_deployment(write, row)
        before = history.uploads if uploads else history.drops
        unsettled = [
            attempt
            for attempt in before
            if (attempt.answer is not steps.Answer.LIMITED) and (attempt.marked_at >= row.entered_at)
        ]
        asked_before = row.asked_in < (await queries.site(write.data)).generation
        expected = _Deployment.UPLOADING if uploads else _Deployment.DROPPING
        if (row.state is not expected) or unsettled or asked_before:
            raise errors.ConflictError(reasons.of("already-sent"))
        row.sent_bytes = row.send_total = 0
        # That it was absent before this request says nothing about the request.
        row.gone_looks, row.gone_since = 0, None
        return await attempts.mark(
            write, row, kind, before=before, seconds=seconds, marked_for=row.drop_by or row.created_by
        )

    async def _begin(self, row: tables.Promotion, before: Sequence[tables.Attempt]) -> None:
        """Make the transition of a publish request whose gates are all met, and set the deadline of its outcome."""
        write = self._write
        by_person, why = row.resend, "All gates passed; the publish request is about to be sent."
        await transitions.promotion(write, row, State.SENDING, why, by_person=by_person)
        # The count of absence restarts: what was seen before this request says nothing about it.
        row.resend, row.held, row.absent_since = False, False, None
        # A request that was certainly refused has no outcome to wait for, so its deadline does not count.
        first = all(one.answer in steps.CERTAIN_NO for one in before)
        if first or (by_person and row.deadline and row.deadline <= write.now):
            row.deadline = row_views.later(write, self._write.place.timing(row.mechanism).deadline)

    async def _wait(self, row: tables.Promotion, blocker: reasons.Reason) -> None:
        """Keep the promotion in its state until it is not queued any more, the switch is on, or a person has acted."""
        if blocker.code in gates.ASKED_ANEW:
            row.resend, row.held, row.blocker = False, True, blocker.sentence
        await self._rest(row, blocker)

    async def _rest(self, row: tables.Promotion, why: reasons.Reason) -> None:
        row.lease_until = None
        row.due_at = steps.next_look(await row_views.of_promotion(self._write, row), jitter=row_views.jitter(row))
        await self._write.event_of(row, "promotion_not_sent", reason=why.sentence)

    async def _refuse(self, row: tables.Promotion, *why: reasons.Reason) -> None:
        row.lease_until, reason = None, reasons.sentences(why)
        unsent = (row.state is State.REQUESTED) and (await row_views.of_promotion(self._write, row)).surely_unsent
        if unsent:
            to = State.ABORTED if (attempts.DELETED in why) else State.REFUSED
            await transitions.promotion(self._write, row, to, f"{reason} Nothing was sent.")
        elif row.state is State.SENDING:
            await transitions.promotion(
                self._write, row, State.IN_DOUBT, f"{reason} A publish request was sent earlier, so polling continues."
            )
        else:
            row.resend, row.blocker = False, reason
            row.due_at = row_views.later(self._write, self._write.place.timing(row.mechanism).doubting)
            await self._write.event_of(row, "promotion_not_sent", reason=reason)

    async def _why_no_drop(self, row: tables.Promotion, deployment: tables.Deployment) -> reasons.Reason | None:
        """Return why the drop may not be sent now; None if it may."""
        write = self._write
        if why_not := (await lanes.off(write.data))[row.mechanism] or (await lanes.silent(write.data))[row.mechanism]:
            return why_not
        view = await row_views.of_promotion(write, row)
        if steps.after_ask(view, steps.Seen.STAGED).then is not steps.Do.DROP:
            return reasons.of("asked-before-change")
        if deployment.state not in {_Deployment.STAGED, _Deployment.DROPPING}:
            return reasons.of("not-dropped", what="deployment", state=deployment.state.value)
        release = await queries.get_release(write.data, row.release_key)
        if release is None:
            # The person who requested the stop had the right to, and no one can request it again.
            return None
        project = await queries.demand_project(write.data, release.project_key)
        committee = await queries.demand_committee(write.data, project.committee_key)
        if not rights.is_member(committee, deployment.drop_by):
            row.held = True
            return reasons.of("stop-disowned", asf_uid=deployment.drop_by)
        return None
