# SPDX-License-Identifier: Apache-2.0
"""The mark of a drop that stops a promotion, and what came back."""

from collections.abc import Sequence

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.mechanisms as mechanisms
import atr.storage.lanes as lanes
import atr.storage.rights as rights
import atr.storage.switchboard as switchboard
import atr.storage.transaction as transaction
import atr.storage.writers.gatekeeping as gatekeeping
import atr.storage.writers.moves as moves
import atr.storage.writers.rows as rows

State = states.State
_Deployment = states.DeploymentState


class SystemService:
    """What the worker does. Every write is fenced by the epoch under which the row was claimed."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def abort_deleted(self) -> int:
        """Stop every promotion that waits and whose release a host has deleted, and answer how many those were.

        What was sent goes on: what the platform makes public is compared and told as ever.
        """
        write, row = self._write, tables.Promotion
        there = sqlmodel.select(sql.Release.key).where(col(sql.Release.key) == col(row.release_key)).exists()
        waiting = (col(row.state) == State.REQUESTED, ~there)
        found = await queries.promotions(write.data, *waiting)
        await guards.hold(write.data, *(guards.release(one.release_key) for one in found))
        for one in await queries.promotions(write.data, *waiting) if found else ():
            await moves.promotion(write, one, State.ABORTED, f"{gatekeeping.DELETED} Nothing was sent.")
        return len(found)

    async def mark(self, claimed: work.Promotion, *, seconds: float) -> work.Permit | None:
        """The mark of a drop: every fact once more, at this instant, and the attempt on disk before its first byte.

        Answers the permit to send once, or None when something does not hold any more: then nothing is sent. Raises
        ConflictError when the row is not ours, or is not being stopped any more.
        """
        write = self._write
        await gatekeeping.hold(write, claimed.release_key, claimed.mechanism.name)
        row = await rows.claimed_promotion(write, claimed)
        if (row.state is not State.ABORTING) or (row.deployment_id is None):
            raise errors.ConflictError(f"It is {row.state.value}, so nothing is dropped.")
        deployment = await queries.demand_deployment(write.data, row.deployment_id, fresh=True)
        problem = await self._why_wait(row, deployment)
        if problem:
            await self._wait(row, problem)
            return None
        if deployment.state is _Deployment.STAGED:
            await moves.deployment(write, deployment, _Deployment.DROPPING, reason=deployment.drop_reason)
        before = await self._drops(col(tables.Attempt.deployment_id) == deployment.id)
        attempt = tables.Attempt(
            promotion_id=row.id,
            deployment_id=rows.number(deployment.id),
            kind=tables.AttemptKind.DROP,
            number=len(before) + 1,
            lease_epoch=claimed.epoch,
            marked_at=write.now,
            marked_for=deployment.drop_by,
        )
        # Absence is counted anew: what was not there before this drop says nothing of it.
        row.gone_looks, row.gone_since, row.absent_since = 0, None, None
        return await rows.mark(write, row, attempt, seconds=seconds)

    async def answered(self, claimed: work.Promotion, permit: work.Permit, outcome: work.Outcome) -> work.Promotion:
        """Store what came back from the drop, a hint, and answer the row as it is now."""
        write = self._write
        row = await rows.claimed_promotion(write, claimed)
        await rows.store_outcome(write, permit, outcome, subject=f"promotion:{row.id}", chain=row.release_key)
        if (outcome.answer is steps.Answer.CHALLENGED) and (row.state is State.ABORTING):
            row.held, row.blocker = True, f"A code is wanted before it is dropped {rows.said(outcome)}."
        elif (outcome.answer is steps.Answer.REFUSED) and (row.state is State.ABORTING):
            row.held = True
            row.blocker = (
                f"The platform refused to drop it {rows.said(outcome)}. It may still be published. If it stays "
                "staged, check the credential; a committee member can then request the stop again."
            )
        elif (outcome.answer is steps.Answer.LIMITED) and (row.state is State.ABORTING):
            drops = await self._drops(col(tables.Attempt.promotion_id) == row.id)
            asked = [attempt for attempt in drops if attempt.marked_at >= row.entered_at]
            wait = rows.wait(asked, write.place.timing(claimed.mechanism.name))
            row.held = wait is not None and wait.is_over
            row.blocker = wait.sentence("drop") if wait else ""
        return await rows.work_of(write, row)

    async def _why_wait(self, row: tables.Promotion, deployment: tables.Deployment) -> str:
        """Why the drop may not be sent now, in one sentence; empty if it may."""
        write = self._write
        mechanism = mechanisms.Mechanism[row.mechanism]
        why_not = await switchboard.why_off(write.data, mechanism) or await lanes.silence(write.data, mechanism)
        if why_not:
            return why_not
        view = await rows.view_of(write, row, await rows.publish_attempts(write, row))
        if steps.after_ask(view, steps.Seen.STAGED).then is not steps.Do.DROP:
            return (
                "It has changed since the platform was queried, so the platform is queried again before anything "
                "is dropped."
            )
        if deployment.state not in {_Deployment.STAGED, _Deployment.DROPPING}:
            return f"The deployment is {deployment.state.value}, so it is not dropped."
        release = await queries.get_release(write.data, row.release_key)
        if release is None:
            # Whoever asked for the stop was allowed to then, and nobody can ask again.
            return ""
        project = await queries.demand_project(write.data, release.project_key)
        committee = await queries.demand_committee(write.data, project.committee_key)
        if not rights.is_member(committee, deployment.drop_by):
            row.held = True
            return f"{deployment.drop_by} requested the stop and is no longer a committee member. Request it again."
        return ""

    async def _wait(self, row: tables.Promotion, why: str) -> None:
        row.lease_until, row.blocker = None, why
        view = await rows.view_of(self._write, row, await rows.publish_attempts(self._write, row))
        row.due_at = steps.next_look(view, jitter=rows.jitter(row))
        await self._write.event(row.release_key, f"promotion:{row.id}", "promotion_not_sent", reason=why)

    async def _drops(self, where: object) -> Sequence[tables.Attempt]:
        return await queries.attempts(self._write.data, where, col(tables.Attempt.kind) == tables.AttemptKind.DROP)
