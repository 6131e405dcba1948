# SPDX-License-Identifier: Apache-2.0
"""What the worker notes of deployments."""

import dataclasses
import datetime
from collections.abc import Collection, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.leases as leases
import atr.db.queries as queries
import atr.db.queue as queue
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.deployments as rules
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.check_results as check_results
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction
import atr.storage.worker.findings as findings
import atr.storage.writers.moves as moves
import atr.storage.writers.readiness as readiness
import atr.storage.writers.revision as revisions
import atr.storage.writers.rows as rows

_State = states.DeploymentState
_NOT_SEEN: Final = "The platform does not know this id, or ATR's account cannot see it. It will be checked again."
# A state that only a newer program knows: the row is left to it.
_KNOWN = col(tables.Deployment.state).in_(list(_State)) & lanes.known(
    col(tables.Deployment.platform), col(tables.Deployment.mechanism)
)
# Nothing of a release under embargo is looked for; a request that may be on its way is followed to its end.
_MAY_LEAVE = embargo.may_leave(tables.Deployment.release_key) | col(tables.Deployment.state).in_(
    [_State.UPLOADING, _State.DROPPING]
)


class SystemService:
    """What the worker notes. Every write is fenced by the epoch under which the row was claimed."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def due(self, *, limit: int, shut: Collection[lanes.Lane] = ()) -> Sequence[lanes.Due]:
        """The oldest rows that are due, but for those of lanes that are shut."""
        row, closed = tables.Deployment, [lane.name for lane in shut if lane == lanes.Lane(lane.name)]
        found = await leases.due(
            self._write.data,
            row,
            self._write.now,
            _KNOWN,
            _MAY_LEAVE,
            col(row.mechanism).not_in(closed),
            columns=(row.mechanism,),
            limit=limit,
        )
        return [lanes.Due(since, lanes.Lane(mechanism)) for since, mechanism in found]

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Deployment]:
        """Take the deployments that are due, of one lane or of all, oldest first.

        One that an open promotion works on is passed over, and one whose release a host has deleted is left alone.
        """
        write = self._write
        where = [col(tables.Deployment.mechanism) == lane.name] if lane else []
        claimed = await leases.claim(
            write.data,
            tables.Deployment,
            write.now,
            _KNOWN,
            _MAY_LEAVE,
            *where,
            owner=owner,
            seconds=seconds,
            limit=limit,
        )
        keys = [row.release_key for row in claimed]
        there = set(
            (await write.data.exec(sqlmodel.select(sql.Release.key).where(col(sql.Release.key).in_(keys)))).all()
        )
        mine = []
        for row in claimed:
            open_promotions = await queries.promotions(
                write.data,
                col(tables.Promotion.deployment_id) == row.id,
                col(tables.Promotion.state).in_(list(states.OPEN)),
            )
            if open_promotions:
                row.due_at = rules.next_look(await rows.deployment_view(self._write, row))
                row.lease_until = None
                continue
            work_on = await self._work(row)
            if (row.release_key in there) or work_on.is_on_its_way:
                mine.append(work_on)
            else:
                # A host has deleted the release. What stands on the platform is nobody's any more.
                row.due_at = row.lease_until = None
        return mine

    async def take(self, deployment_id: int, *, owner: str, seconds: float) -> work.Deployment | None:
        """Take one deployment for a task; None while somebody else works on it, or nothing of its release may leave."""
        row = await queries.demand_deployment(self._write.data, deployment_id)
        if await embargo.holds_key(self._write.data, row.release_key):
            return None
        if not await leases.take(self._write.data, row, self._write.now, owner=owner, seconds=seconds):
            return None
        return await self._work(row)

    async def renew(self, deployment_id: int, epoch: int, *, seconds: float) -> None:
        """Hold it longer. Raises ConflictError when somebody else does."""
        await leases.renew(
            self._write.data, tables.Deployment, {"id": deployment_id}, epoch, self._write.now, seconds=seconds
        )

    async def release(self, claimed: work.Deployment) -> None:
        """Give it back, due again at once."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.lease_until = None

    async def looked(self, claimed: work.Deployment, looked: work.Looked, *, problem: str = "") -> None:
        """Note a look at the platform and draw the arrow it means; `problem` is a failed look, as a sentence."""
        write = self._write
        row = await rows.claimed_deployment(self._write, claimed)
        seen = looked.seen
        row.last_look, row.lease_until = write.now, None
        row.platform_word = looked.word or row.platform_word
        view = (await rows.deployment_view(self._write, row)).counted(seen)
        row.gone_looks, row.gone_since = view.gone_looks, view.gone_since
        if row.publishing_since != view.publishing_since:
            row.publishing_since, row.version = view.publishing_since, row.version + 1
        decision = rules.after_look(view, seen, looked.detail, version=looked.version, held_by=looked.held_by)
        if decision.to is not None:
            await self._moved(row, decision, looked)
            view = dataclasses.replace(
                await rows.deployment_view(self._write, row), publishing_since=view.publishing_since
            )
        elif row.state not in {_State.PUBLISHED, *states.DEPLOYMENT_ENDED}:
            # What a capture found wrong stays until the next capture; before there is one, the last look speaks.
            captures = bool(row.file_set_digest) or ((row.state is _State.STAGED) and (seen is steps.Seen.STAGED))
            said = problem or decision.problem
            if said or not captures:
                await rows.note_problem(self._write, row, said or (_NOT_SEEN if seen is steps.Seen.GONE else ""))
        if row.state is _State.PUBLISHED:
            await findings.found(write, row, row)
        elif rules.is_elsewhere(view, seen, looked.version):
            await findings.found(write, row, None)
        if (row.state is _State.STAGED) and (seen is steps.Seen.STAGED) and not row.file_set_digest:
            await self._ask_for_capture(row)
        elif row.file_set_digest and not await check_results.is_checked(write.data, row):
            await revisions.queue_check(write, row)
        if row.state is _State.STAGED:
            await readiness.queue_old(write, row.release_key, row.platform)
        row.due_at = rules.next_look(view, jitter=rows.jitter(row))

    async def _moved(self, row: tables.Deployment, decision: rules.Decision, looked: work.Looked) -> None:
        """The arrow that a look means, and what else it says of the row then."""
        write = self._write
        to = decision.to or row.state
        if (to is _State.STAGED) and (row.state in states.DEPLOYMENT_ENDED):
            # It was not given up after all.
            row.drop_reason = row.drop_by = ""
        await moves.deployment(write, row, to, decision.problem, platform_word=looked.word)
        if (to is _State.PUBLISHED) and looked.packages and not row.file_set_digest:
            # Nobody has read what it held, so its packages are those that the platform names.
            await queries.replace_packages(write.data, row, looked.packages)

    async def found_again(self, claimed: work.Deployment, external_id: str, seen: steps.Seen) -> None:
        """Note a search, by our name, for an upload that was given up as lost."""
        write = self._write
        row = await rows.claimed_deployment(self._write, claimed)
        row.last_look, row.lease_until = write.now, None
        if (row.state is _State.LOST) and external_id and (await self._recorded_elsewhere(row, external_id) is None):
            if seen is steps.Seen.PUBLIC:
                row.external_id = external_id
                await moves.deployment(write, row, _State.PUBLISHED, f"It was found as deployment {external_id}.")
                # The next look asks by the id what it holds.
                row.due_at = write.now
                return
            found = f"The platform now lists it as deployment {external_id}. Enter this id here."
            await rows.note_problem(write, row, found)
        row.due_at = rules.next_look(await rows.deployment_view(self._write, row))

    async def searched(self, claimed: work.Deployment, external_id: str) -> None:
        """Note a search, by our name, for an upload whose reply was lost."""
        write = self._write
        row = await rows.claimed_deployment(self._write, claimed)
        row.last_look, row.lease_until = write.now, None
        row.gone_looks = 0 if external_id else row.gone_looks + 1
        view = await rows.deployment_view(self._write, row)
        other = await self._recorded_elsewhere(row, external_id)
        if other is not None:
            row.due_at = None
            why = f"The upload arrived, and has since been recorded as deployment {other}."
            await moves.deployment(write, row, _State.FAILED, why)
            return
        decision = rules.after_search(view, found=bool(external_id), looks=row.gone_looks)
        row.external_id = external_id or row.external_id
        row.due_at = write.now if external_id else rules.next_look(view, jitter=rows.jitter(row))
        if decision.to is not None:
            await moves.deployment(write, row, decision.to, decision.problem)

    async def _recorded_elsewhere(self, row: tables.Deployment, external_id: str) -> int | None:
        wanted = sqlmodel.select(tables.Deployment.id).where(
            tables.Deployment.platform == row.platform,
            tables.Deployment.external_id == external_id,
            tables.Deployment.id != row.id,
        )
        return (await self._write.data.exec(wanted)).first()

    async def nothing_to_drop(self, claimed: work.Deployment) -> None:
        """It has no id on the platform, so it never was there: giving it up is over at once."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.lease_until = row.due_at = None
        why = "It never got an id on the platform, so there is nothing to drop."
        await moves.deployment(self._write, row, _State.DROPPED, why)

    async def wait(self, claimed: work.Deployment) -> None:
        """It is not time for the next request yet: give it back until then."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.lease_until, row.due_at = None, rules.next_look(await rows.deployment_view(self._write, row))

    async def ask_to_stage(self, claimed: work.Deployment) -> None:
        """Ask again for an upload whose task was lost before anything was sent."""
        row = await rows.claimed_deployment(self._write, claimed)
        row.lease_until = None
        row.due_at = rules.next_look(await rows.deployment_view(self._write, row), jitter=rows.jitter(row))
        await queue.enqueue(
            self._write.data,
            operating.TaskType.DISTRIBUTION_STAGE,
            {"deployment_id": row.id},
            self._write.now,
            asf_uid=row.created_by,
        )

    async def failed_look(
        self, claimed: work.Deployment, problem: str, retry_after: float | None, *, is_outage: bool = True
    ) -> None:
        """Note that a task at work on it could not read the platform; it goes on later.

        An upload that is looked for is given to a person in the end, sooner if this is no outage: `is_outage`.
        """
        row = await rows.claimed_deployment(self._write, claimed)
        row.lease_until, row.last_look = None, self._write.now
        view = await rows.deployment_view(self._write, row)
        if row.state in {_State.PUBLISHED, *states.DEPLOYMENT_ENDED}:
            # Why it ended stays on the row, and this look is made up for.
            row.due_at = rows.later(self._write, view.timing.doubting)
            if retry_after is not None:
                row.due_at = steps.told(view.now, retry_after, view.timing)
            return
        if claimed.is_searched:
            row.gone_looks += 1
            decision = rules.after_failed_search(view, looks=row.gone_looks, trouble=problem, is_outage=is_outage)
            if decision.to is not None:
                row.due_at = None
                await moves.deployment(self._write, row, decision.to, decision.problem)
                return
        await rows.note_problem(self._write, row, problem)
        row.due_at = rules.next_look(view, retry_after=retry_after, jitter=rows.jitter(row))
        if (row.state is _State.STAGED) and (row.file_set_digest is None) and (retry_after is None):
            # A capture that broke off goes on soon: people wait for it.
            seconds = steps.interval(view.timing.asking, (view.now - view.entered).total_seconds())
            row.due_at = view.now + datetime.timedelta(seconds=seconds)

    async def _ask_for_capture(self, row: tables.Deployment) -> None:
        await queue.enqueue(
            self._write.data,
            operating.TaskType.DISTRIBUTION_CAPTURE,
            {"deployment_id": row.id},
            self._write.now,
            asf_uid=row.created_by,
        )

    async def _work(self, row: tables.Deployment) -> work.Deployment:
        generation = (await queries.site(self._write.data)).generation
        upload, drop = await rows.answers(self._write, row)
        return work.Deployment(
            id=rows.number(row.id),
            epoch=row.lease_epoch,
            release_key=row.release_key,
            platform=distribution.DistributionPlatform[row.platform],
            mechanism=mechanisms.Mechanism[row.mechanism],
            external_id=row.external_id or "",
            name=row.name,
            state=row.state,
            view=await rows.deployment_view(self._write, row),
            captured=row.file_set_digest is not None,
            verifying=row.is_verifying,
            packages=await queries.packages(self._write.data, row),
            upload_answer=upload,
            drop_answer=drop,
            asked_before=row.asked_in < generation,
        )
