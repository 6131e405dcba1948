# SPDX-License-Identifier: Apache-2.0
"""What the worker records about deployments: claims, checks, searches, uploads and drops."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.leases as leases
import atr.db.queries as queries
import atr.db.session as session
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.deployments as rules
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.attempts as attempts
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.leased_rows as leased_rows
import atr.storage.names as names
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.worker.findings as findings
import atr.storage.writers.readiness as readiness

_State = states.DeploymentState
_NOT_SEEN: Final = "The platform does not know this id, or ATR's account cannot see it. It will be checked again."


class Deployments(transaction.Writer):
    """What the worker records about deployments. Every write is fenced by the epoch of the claim."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Deployment]:
        """Claim the deployments that are due, of one lane or of all, oldest first.

        One with an open promotion is skipped, and one whose release a host application has deleted is never due again.
        """
        write = self._write
        rows: Sequence[tables.Deployment] = await leased_rows.claim(
            write, leased_rows.Kind.DEPLOYMENT, owner=owner, seconds=seconds, limit=limit, lane=lane
        )
        if not rows:
            return []
        release = sql.Release.key
        wanted = sqlmodel.select(release).where(col(release).in_({row.release_key for row in rows}))
        there = set((await write.data.exec(wanted)).all())
        promoted = {
            one.deployment_id
            for one in await queries.promotions(
                write.data,
                col(tables.Promotion.deployment_id).in_([row.id for row in rows]),
                col(tables.Promotion.state).in_(list(states.OPEN)),
            )
        }
        mine = []
        for row, work_on in zip(rows, await self._work(rows), strict=True):
            if row.id in promoted:
                row.due_at, row.lease_until = rules.next_look(work_on.view), None
            elif (row.release_key in there) or work_on.is_on_its_way:
                mine.append(work_on)
            else:
                # A host application has deleted the release, so the deployment belongs to no one any more.
                row.due_at = row.lease_until = None
        return mine

    async def take(self, deployment_id: int, *, owner: str, seconds: float) -> work.Deployment | None:
        """Claim one deployment for a task; None while another has its lease, or nothing of its release may leave."""
        row = await queries.demand_deployment(self._write.data, deployment_id)
        if await embargo.holds(self._write.data, row.release_key):
            return None
        mine = await leases.take(self._write.data, [row], self._write.now, owner=owner, seconds=seconds)
        return next(iter(await self._work(mine)), None)

    async def release(self, claimed: work.Deployment) -> None:
        """End the lease without a change; the deployment is due as before."""
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until = None

    async def looked(
        self,
        claimed: work.Deployment,
        looked: work.Observation,
        version: steps.Version = steps.Version.NOT_ASKED,
        *,
        problem: str = "",
    ) -> None:
        """Record a check of the platform and make the transition that follows; `problem` says why a check failed.

        `version` is what the platform's records say about the version, if they were read.
        """
        write = self._write
        row = await leased_rows.deployment(self._write, claimed)
        seen = looked.seen
        row.last_look, row.lease_until = write.now, None
        row.platform_word = looked.word or row.platform_word
        view = (await row_views.of_deployment(self._write, row)).counted(seen)
        row.gone_looks, row.gone_since = view.gone_looks, view.gone_since
        if row.publishing_since != view.publishing_since:
            row.publishing_since, row.version = view.publishing_since, row.version + 1
        decision = rules.after_look(view, seen, looked.detail, version=version, held_by=looked.held_by)
        if decision.to is not None:
            await self._moved(row, decision, looked)
            view = dataclasses.replace(
                await row_views.of_deployment(self._write, row), publishing_since=view.publishing_since
            )
        elif row.state not in {_State.PUBLISHED, *states.DEPLOYMENT_ENDED}:
            # A capture's problem remains until the next capture; before the first capture the last check's is shown.
            captures = bool(row.file_set_digest) or ((row.state is _State.STAGED) and (seen is steps.Seen.STAGED))
            said = problem or decision.problem
            if said or not captures:
                await note_problem(self._write, row, said or (_NOT_SEEN if seen is steps.Seen.GONE else ""))
        if row.state is _State.PUBLISHED:
            await findings.found(write, row, row)
        elif rules.is_elsewhere(view, seen, version):
            await findings.found(write, row, None)
        if (row.state is _State.STAGED) and (seen is steps.Seen.STAGED) and not row.file_set_digest:
            await write.enqueue(
                operating.TaskType.DISTRIBUTION_CAPTURE, {"deployment_id": row.id}, asf_uid=row.created_by
            )
        elif row.file_set_digest and not await candidates.is_checked(write.data, row):
            await readiness.queue_staged(write, row)
        if row.state is _State.STAGED:
            await readiness.queue_old(write, row.release_key, row.platform)
        row.due_at = rules.next_look(view, jitter=row_views.jitter(row))

    async def _moved(self, row: tables.Deployment, decision: rules.Decision, looked: work.Observation) -> None:
        """Make the transition that follows from a check, and update the row accordingly."""
        write = self._write
        to = decision.to or row.state
        if (to is _State.STAGED) and (row.state in states.DEPLOYMENT_ENDED):
            # It was not dropped after all.
            row.drop_reason = row.drop_by = ""
        await transitions.deployment(write, row, to, decision.problem, platform_word=looked.word)
        if (to is _State.PUBLISHED) and looked.coordinates and not row.file_set_digest:
            # Its files were never captured, so its packages are those that the platform names.
            await queries.replace_packages(write.data, row, looked.coordinates)

    async def found_again(self, claimed: work.Deployment, external_id: str, seen: steps.Seen) -> None:
        """Record a search, by ATR's name, for an upload that was declared lost."""
        write = self._write
        row = await leased_rows.deployment(self._write, claimed)
        row.last_look, row.lease_until = write.now, None
        if (row.state is _State.LOST) and external_id and (await self._recorded_elsewhere(row, external_id) is None):
            if seen is steps.Seen.PUBLIC:
                row.external_id = external_id
                await transitions.deployment(write, row, _State.PUBLISHED, f"It was found as deployment {external_id}.")
                # The next check reads by the id which packages it has.
                row.due_at = write.now
                return
            found = f"The platform now lists it as deployment {external_id}. Enter this id here."
            await note_problem(write, row, found)
        row.due_at = rules.next_look(await row_views.of_deployment(self._write, row))

    async def searched(self, claimed: work.Deployment, external_id: str) -> None:
        """Record a search, by ATR's name, for an upload whose reply was lost."""
        write = self._write
        row = await leased_rows.deployment(self._write, claimed)
        row.last_look, row.lease_until = write.now, None
        row.gone_looks = 0 if external_id else row.gone_looks + 1
        view = await row_views.of_deployment(self._write, row)
        other = await self._recorded_elsewhere(row, external_id)
        if other is not None:
            row.due_at = None
            why = f"The upload arrived, and has since been recorded as deployment {other}."
            await transitions.deployment(write, row, _State.FAILED, why)
            return
        decision = rules.after_search(view, found=bool(external_id), looks=row.gone_looks)
        row.external_id = external_id or row.external_id
        row.due_at = write.now if external_id else rules.next_look(view, jitter=row_views.jitter(row))
        if decision.to is not None:
            await transitions.deployment(write, row, decision.to, decision.problem)

    async def _recorded_elsewhere(self, row: tables.Deployment, external_id: str) -> int | None:
        other = await queries.deployment_named(self._write.data, row.platform, external_id)
        return other.id if other and (other.id != row.id) else None

    async def nothing_to_drop(self, claimed: work.Deployment) -> None:
        """Record as dropped a deployment that never got an id on the platform: there is nothing to drop."""
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until = row.due_at = None
        why = "It never got an id on the platform, so there is nothing to drop."
        await transitions.deployment(self._write, row, _State.DROPPED, why)

    async def wait(self, claimed: work.Deployment) -> None:
        """End the lease until the next request may be sent."""
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until, row.due_at = None, rules.next_look(await row_views.of_deployment(self._write, row))

    async def ask_to_stage(self, claimed: work.Deployment) -> None:
        """Enqueue again an upload whose task was lost before anything was sent."""
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until = None
        row.due_at = rules.next_look(await row_views.of_deployment(self._write, row), jitter=row_views.jitter(row))
        await self._write.enqueue(
            operating.TaskType.DISTRIBUTION_STAGE, {"deployment_id": row.id}, asf_uid=row.created_by
        )

    async def failed_look(
        self, claimed: work.Deployment, problem: str, retry_after: float | None, *, is_outage: bool = True
    ) -> None:
        """Record that a task could not read the platform; it continues later.

        After some failures an upload that is searched for is left to a person, sooner if not `is_outage`.
        """
        row = await leased_rows.deployment(self._write, claimed)
        row.lease_until, row.last_look = None, self._write.now
        view = await row_views.of_deployment(self._write, row)
        if row.state in {_State.PUBLISHED, *states.DEPLOYMENT_ENDED}:
            # The row keeps the reason why it ended, and the check is repeated.
            row.due_at = row_views.later(self._write, view.timing.doubting)
            if retry_after is not None:
                row.due_at = steps.told(view.now, retry_after, view.timing)
            return
        if claimed.is_searched:
            row.gone_looks += 1
            decision = rules.after_failed_search(view, looks=row.gone_looks, trouble=problem, is_outage=is_outage)
            if decision.to is not None:
                row.due_at = None
                await transitions.deployment(self._write, row, decision.to, decision.problem)
                return
        await note_problem(self._write, row, problem)
        row.due_at = rules.next_look(view, retry_after=retry_after, jitter=row_views.jitter(row))
        if (row.state is _State.STAGED) and (row.file_set_digest is None) and (retry_after is None):
            # A capture that was interrupted continues soon: people wait for it.
            seconds = steps.interval(view.timing.asking, (view.now - view.entered).total_seconds())
            row.due_at = view.now + datetime.timedelta(seconds=seconds)

    async def sending(self, claimed: work.Deployment, done: int, total: int) -> None:
        """Record the progress of the upload."""
        row = await leased_rows.deployment(self._write, claimed)
        row.sent_bytes, row.send_total = done, total

    async def answered(self, claimed: work.Deployment, permit: work.Permit, outcome: work.Outcome) -> None:
        """Store the reply to an upload or a drop, and what is certain from it."""
        write = self._write
        row = await leased_rows.deployment(write, claimed)
        uploads = await attempts.answer(write, row, permit, outcome) is tables.AttemptKind.UPLOAD
        row.lease_until, row.due_at = None, write.now
        if outcome.answer is steps.Answer.LIMITED:
            view, history = (await row_views.load_deployments(write, [row]))[claimed.id]
            wait = attempts.wait(history.uploads if uploads else history.drops_since(row), view.timing)
            kind = tables.AttemptKind.UPLOAD if uploads else tables.AttemptKind.DROP
            sentence = wait.sentence(kind.value) if wait else ""
            if view.given_up and uploads:
                await transitions.deployment(write, row, _State.FAILED, sentence)
                return
            row.due_at = rules.next_look(view)
            await note_problem(write, row, sentence)
        elif not uploads:
            return
        elif (outcome.answer is steps.Answer.TAKEN) and outcome.external_id:
            row.external_id = outcome.external_id
            await transitions.deployment(write, row, _State.VALIDATING)
        elif outcome.answer in {steps.Answer.REFUSED, steps.Answer.CHALLENGED}:
            # Without a status nothing was sent: the sentence is ATR's.
            why = f"The platform refused the upload {attempts.quoted(outcome)}" if outcome.status else outcome.sample
            await transitions.deployment(write, row, _State.FAILED, why)

    async def _work(self, rows: Sequence[tables.Deployment]) -> list[work.Deployment]:
        """Return the rows as values for the worker."""
        if not rows:
            return []
        generation = (await queries.site(self._write.data)).generation
        loaded = await row_views.load_deployments(self._write, rows)
        packages = await queries.packages_of(self._write.data, rows)
        return [_work(row, *loaded[row.id or 0], packages[row.id], generation) for row in rows]


def _work(
    row: tables.Deployment,
    view: rules.View,
    history: attempts.History,
    packages: tuple[distribution.Coordinates, ...],
    generation: int,
) -> work.Deployment:
    uploads, drops = history.uploads, history.drops_since(row)
    return work.Deployment(
        id=transaction.row_id(row.id),
        epoch=row.lease_epoch,
        release_key=row.release_key,
        platform=distribution.DistributionPlatform[row.platform],
        mechanism=mechanisms.Mechanism[row.mechanism],
        external_id=row.external_id or "",
        name=row.name,
        state=row.state,
        view=view,
        captured=row.file_set_digest is not None,
        verifying=row.is_verifying,
        packages=packages,
        upload_answer=uploads[-1].answer if uploads else None,
        drop_answer=drops[-1].answer if drops else None,
        asked_before=row.asked_in < generation,
    )


async def note_problem(write: transaction.Transaction, row: tables.Deployment, problem: str) -> None:
    """Store what is wrong with a deployment, for people; a new problem is an event."""
    if problem and (problem != row.problem):
        await write.event_of(row, "deployment_looked", problem=problem)
    row.problem = problem


# The most results that a row stores, the last ones.
_KEPT: Final = 50


class Searches(transaction.Writer):
    """The results of searches."""

    async def take(self, search_id: int) -> work.Search | None:
        """Return the search; None if it has its result, or nothing of its release may leave."""
        row = await self._write.data.get(tables.DeploymentSearch, search_id)
        if (row is None) or (row.answered_at is not None):
            return None
        if await embargo.holds(self._write.data, row.release_key):
            return None
        release = await queries.demand_release(self._write.data, row.release_key)
        where = distribution.Coordinates(row.platform, row.owner_namespace, row.package, row.version)
        return work.Search(
            search_id, where, await queries.mechanism(self._write.data, release.project_key, where.platform)
        )

    async def answered(self, search: work.Search, found: Sequence[work.Found], problem: str = "") -> None:
        """Store the results, once. `problem` says why there are none."""
        write = self._write
        row = await write.data.get(tables.DeploymentSearch, search.id)
        if (row is None) or (row.answered_at is not None):
            return
        release = await queries.demand_release(write.data, row.release_key)
        target = await queries.target(write.data, release.project_key, row.platform)
        row.answered_at, row.problem = write.now, problem
        row.found = [_kept(write.data, one, target) for one in found[-_KEPT:]]
        await write.event_of(row, "deployment_search_answered", found=len(found), problem=problem)


def _kept(data: session.Session, one: work.Found, target: tables.PlatformTarget | None) -> dict[str, Any]:
    """Return a result as it is stored; only the id of one that has packages outside the project's namespaces."""
    if (target is None) or names.outside(data.built, one.observation.coordinates, target):
        return {"external_id": one.external_id, "packages": []}
    return {
        "external_id": one.external_id,
        "name": one.name,
        "word": one.observation.word,
        "packages": [[where.owner_namespace, where.package, where.version] for where in one.observation.coordinates],
        "created": one.created.isoformat() if one.created else "",
    }
