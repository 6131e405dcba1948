# SPDX-License-Identifier: Apache-2.0
"""What several writers need of the rows they share."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.leases as leases
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.beside as beside
import atr.promotion.deployments as deployments
import atr.promotion.limited as limited
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.promotion.timing as timing
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.beside_rows as beside_rows
import atr.storage.eligibility as eligibility
import atr.storage.embargo as embargo
import atr.storage.reads as reads
import atr.storage.switchboard as switchboard
import atr.storage.transaction as transaction

_MAX_REASON: Final = 500
_Deployment = states.DeploymentState
# From these a call, or a drop, may have to be sent again.
_SENT_FROM: Final = frozenset(
    {states.State.REQUESTED, states.State.SENDING, states.State.ABORTING, states.State.IN_DOUBT}
)


async def view_of(
    write: transaction.Transaction, row: tables.Promotion, attempts: Sequence[tables.Attempt]
) -> steps.View:
    """What the rules may know of a promotion's row."""
    mechanism = mechanisms.Mechanism[row.mechanism]
    # Only a promotion that is being stopped has drops, and they tell nothing of another state.
    drops = await _drop_attempts(write, row) if (row.state is states.State.ABORTING) else ()
    asked = [attempt for attempt in drops if attempt.marked_at >= row.entered_at]
    generation = (await queries.site(write.data)).generation
    table = write.place.timing(row.mechanism)
    resends = row.state in _SENT_FROM
    return steps.View(
        state=row.state,
        now=write.now,
        mechanism=mechanism,
        entered=row.entered_at,
        timing=table,
        answers=tuple(attempt.answer for attempt in attempts),
        marked=attempts[-1].marked_at if attempts else None,
        deadline=row.deadline,
        by_hand=row.by_hand,
        held=row.held or ((not row.by_hand) and (row.asked_in < generation)),
        unsure=await is_unsure(write, row),
        gone_looks=row.gone_looks,
        gone_since=row.gone_since,
        resend=row.resend,
        waits=any((await eligibility.turns_of(write.data, [row]))[row.id]),
        off=bool(await switchboard.why_off(write.data, mechanism))
        or await embargo.holds_key(write.data, row.release_key),
        drops=tuple(attempt.answer for attempt in asked),
        drop_marked=drops[-1].marked_at if drops else None,
        drop_taken=any(attempt.answer is steps.Answer.TAKEN for attempt in drops),
        limit=limited.holding(wait(attempts, table), write.now) if resends else None,
        drop_limit=limited.holding(wait(asked, table), write.now) if resends else None,
    )


def wait(attempts: Sequence[tables.Attempt], table: timing.Timing) -> limited.Wait | None:
    """What the answers to requests of one kind, oldest first, mean for the next; None unless the last is a 429."""
    return limited.wait(
        (limited.Reply(one.answer, one.answered_at or one.marked_at, one.retry_after, one.sample) for one in attempts),
        table,
    )


async def is_unsure(write: transaction.Transaction, row: tables.Promotion) -> bool:
    """Whether a call may have been made that no row tells of. What we made after the restore is certain."""
    generation = (await queries.site(write.data)).generation
    if (not generation) or row.by_hand or (row.deployment_id is None):
        return False
    return (await queries.demand_deployment(write.data, row.deployment_id)).made_in < generation


async def mark(
    write: transaction.Transaction, row: tables.Promotion, attempt: tables.Attempt, *, seconds: float, **told: Any
) -> work.Permit:
    """Write an attempt of a promotion down, with its event, and answer the permit to send once.

    The row stays held for so many `seconds`, and is due: whoever takes it up after a crash asks the platform, and never
    sends for this mark.
    """
    write.data.add(attempt)
    row.due_at = write.now
    await leases.renew(write.data, tables.Promotion, {"id": row.id}, attempt.lease_epoch, write.now, seconds=seconds)
    await write.data.flush()
    await write.event(
        row.release_key,
        f"promotion:{row.id}",
        "attempt_marked",
        actor=attempt.marked_for,
        kind=attempt.kind.value,
        number=attempt.number,
        **told,
    )
    return work.Permit(number(attempt.id), attempt.number)


async def drop_was_taken(write: transaction.Transaction, row: tables.Deployment) -> bool:
    """Whether the platform has ever answered that it gave this deployment up."""
    return _was_taken(await _attempts(write, row))


def _was_taken(every: Sequence[tables.Attempt]) -> bool:
    return any((one.kind is tables.AttemptKind.DROP) and (one.answer is steps.Answer.TAKEN) for one in every)


def later(write: transaction.Transaction, seconds: float) -> datetime.datetime:
    """So many seconds from now."""
    return write.now + datetime.timedelta(seconds=seconds)


def jitter(row: Any) -> float:
    """Between 0 and 1, another one for each row and look: so that rows do not march in step."""
    return float((number(row.id) * 7_919 + row.lease_epoch * 104_729) % 997) / 997


def checked_reason(reason: str) -> str:
    """A reason that a person gave. Raises InputError when there is none."""
    text = " ".join(reason.split())
    if (not text) or (len(text) > _MAX_REASON):
        raise errors.InputError(f"Enter a reason of at most {_MAX_REASON} characters.", field="reason")
    return text


async def note(write: transaction.Transaction, row: tables.Promotion, learnt: work.Learnt) -> None:
    """An observation is an event when it says something new; the row keeps the last look."""
    if (learnt.seen is None) and (row.absent_since is not None) and (row.last_look is not None):
        # We could not look, so this time does not count as observed.
        row.absent_since += write.now - row.last_look
    row.last_look = write.now
    gone = learnt.seen is steps.Seen.GONE
    if learnt.seen is not None:
        row.gone_looks = row.gone_looks + 1 if gone else 0
        row.gone_since = (row.gone_since or write.now) if gone else None
        # Absent is only what the platform and the public place both say: anything else starts the count anew.
        absent = learnt.look is steps.Look.NONE
        row.absent_since = (row.absent_since or write.now) if absent else None
    news = any(
        (
            learnt.word not in {"", row.platform_word},
            learnt.blocker not in {"", row.blocker},
            learnt.difference not in {"", row.difference},
        )
    )
    if learnt.word:
        row.platform_word = learnt.word
    if not (row.held and not learnt.blocker):
        row.blocker = learnt.blocker
    if learnt.complete:
        row.difference = learnt.difference
        row.read_round += 1
        row.read_done = 0
        await reads.forget(write, f"promotion:{row.id}")
    if learnt.staged is not None:
        row.verified_digest = await queries.store_file_set(write.data, learnt.staged, write.now)
        row.verified_at = write.now
    if learnt.public is not None:
        row.public_digest = await queries.store_file_set(write.data, learnt.public, write.now)
        row.public_at = write.now
    if learnt.looked_beside is not None:
        _note_beside(write, row, learnt.looked_beside)
    if news or learnt.complete:
        await write.event(
            row.release_key,
            f"promotion:{row.id}",
            "promotion_looked",
            seen=learnt.seen.value if learnt.seen else "",
            word=learnt.word,
            blocker=learnt.blocker,
            difference=learnt.difference,
            public_digest=learnt.public.digest if learnt.public else "",
            public_files=len(learnt.public.files) if learnt.public else 0,
            extra_files=[beside_rows.as_json(file) for file in learnt.looked_beside.extras]
            if learnt.looked_beside
            else [],
            not_looked=learnt.looked_beside.problem if learnt.looked_beside else "",
        )


def _note_beside(write: transaction.Transaction, row: tables.Promotion, looked: beside.Looked) -> None:
    row.extra_files = [beside_rows.as_json(file) for file in looked.extras]
    if not looked.asked:
        return
    row.beside_asked_at, row.beside_problem = write.now, looked.problem
    if not looked.problem:
        row.beside_at = write.now


async def publish_attempts(write: transaction.Transaction, row: tables.Promotion) -> Sequence[tables.Attempt]:
    """The publish attempts of a promotion, oldest first."""
    return await queries.publish_attempts(write.data, row.id)


async def _drop_attempts(write: transaction.Transaction, row: tables.Promotion) -> Sequence[tables.Attempt]:
    return await queries.attempts(
        write.data,
        col(tables.Attempt.promotion_id) == row.id,
        col(tables.Attempt.kind) == tables.AttemptKind.DROP,
    )


def key(release_key: str, where: distribution.Coordinates) -> tuple[str, str, str, str, str]:
    """The key of the third-party distribution's row."""
    return release_key, where.platform_name, where.owner_namespace, where.package, where.version


async def distribution_of(
    write: transaction.Transaction, release_key: str, where: distribution.Coordinates
) -> sql.Distribution | None:
    """The row of this version of this package, under whatever spelling it was recorded; None if it is not.

    ATR and earlier versions of this code stored names as people wrote them.
    """
    row = await write.data.get(sql.Distribution, key(release_key, where))
    if row is not None:
        return row
    wanted = sqlmodel.select(sql.Distribution).where(
        sql.Distribution.release_key == release_key, sql.Distribution.platform == where.platform_name
    )
    return next((one for one in (await write.data.exec(wanted)).all() if one.coordinates == where), None)


def number(value: int | None) -> int:
    """The number of a row that was flushed."""
    if value is None:
        raise RuntimeError("The row was not flushed.")
    return value


async def store_outcome(
    write: transaction.Transaction, permit: work.Permit, outcome: work.Outcome, *, subject: str, chain: str
) -> tables.AttemptKind:
    """Store what came back beside its mark, once, and answer the kind of the attempt."""
    attempt = await write.data.get(tables.Attempt, permit.attempt_id)
    if (attempt is None) or (attempt.answered_at is not None):
        raise errors.ConflictError("This attempt already has a reply.")
    attempt.answered_at, attempt.answer, attempt.status = write.now, outcome.answer, outcome.status
    attempt.sample, attempt.bytes_sent, attempt.retry_after = outcome.sample, outcome.bytes_sent, outcome.retry_after
    await write.event(
        chain,
        subject,
        "attempt_answered",
        kind=attempt.kind.value,
        number=attempt.number,
        answer=outcome.answer.value,
        status=outcome.status,
        sample=outcome.sample,
        bytes_sent=outcome.bytes_sent,
        retry_after=outcome.retry_after,
    )
    return attempt.kind


def said(answer: work.Outcome | tables.Attempt) -> str:
    """The status of a complete answer with the platform's own words, for a sentence: (403): “…”."""
    words = f": “{answer.sample}”" if answer.sample else ""
    return f"({answer.status}){words}"


async def claimed_promotion(write: transaction.Transaction, claimed: work.Promotion) -> tables.Promotion:
    """The row that the worker holds. Raises ConflictError when somebody else does."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_promotion(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row


async def work_of(write: transaction.Transaction, row: tables.Promotion) -> work.Promotion:
    """The row as the worker is handed it."""
    deployment = (
        await queries.demand_deployment(write.data, row.deployment_id) if row.deployment_id is not None else None
    )
    return work.Promotion(
        id=number(row.id),
        epoch=row.lease_epoch,
        release_key=row.release_key,
        platform=platform_of(row),
        deployment_id=row.deployment_id,
        external_id=(deployment.external_id or "") if deployment else "",
        packages=await queries.targets(write.data, row),
        view=await view_of(write, row, await publish_attempts(write, row)),
        voted_digest=row.voted_digest,
        round=row.read_round,
        difference=row.difference,
        memory=beside_rows.memory(row),
    )


def platform_of(row: tables.Promotion) -> distribution.DistributionPlatform:
    """The promotion's platform."""
    return distribution.DistributionPlatform[row.platform]


async def claimed_deployment(write: transaction.Transaction, claimed: work.Deployment) -> tables.Deployment:
    """The row that the worker holds. Raises ConflictError when somebody else does."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_deployment(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row


async def asked(
    write: transaction.Transaction, row: tables.Deployment, kind: tables.AttemptKind
) -> Sequence[tables.Attempt]:
    """The uploads of a deployment, or the drops since it was last asked to be dropped, oldest first."""
    return _asked(row, await _attempts(write, row), kind)


async def answers(
    write: transaction.Transaction, row: tables.Deployment
) -> tuple[steps.Answer | None, steps.Answer | None]:
    """The answers to a deployment's newest upload and drop; NONE for marked and not answered, None for not marked."""
    every = await _attempts(write, row)
    uploads, drops = _asked(row, every, tables.AttemptKind.UPLOAD), _asked(row, every, tables.AttemptKind.DROP)
    return uploads[-1].answer if uploads else None, drops[-1].answer if drops else None


async def _attempts(write: transaction.Transaction, row: tables.Deployment) -> Sequence[tables.Attempt]:
    return await queries.attempts(write.data, col(tables.Attempt.deployment_id) == row.id)


def _asked(
    row: tables.Deployment, every: Sequence[tables.Attempt], kind: tables.AttemptKind
) -> Sequence[tables.Attempt]:
    # A drop that was asked for again is a new request.
    is_any = kind is not tables.AttemptKind.DROP
    return [one for one in every if (one.kind is kind) and (is_any or (one.marked_at >= row.entered_at))]


async def deployment_view(write: transaction.Transaction, row: tables.Deployment) -> deployments.View:
    """What the rules may know of a deployment's row."""
    table = write.place.timing(row.mechanism)
    every = await _attempts(write, row)
    uploads, drops = _asked(row, every, tables.AttemptKind.UPLOAD), _asked(row, every, tables.AttemptKind.DROP)
    told = wait({_Deployment.UPLOADING: uploads, _Deployment.DROPPING: drops}.get(row.state, ()), table)
    refused = drops and (drops[-1].answer in steps.CERTAIN_NO)
    return deployments.View(
        state=row.state,
        now=write.now,
        entered=row.entered_at,
        timing=table,
        gone_looks=row.gone_looks,
        gone_since=row.gone_since,
        drop_answer=drops[-1].answer if drops else steps.Answer.NONE,
        drop_taken=_was_taken(every),
        publishing_since=row.publishing_since,
        unsure=row.made_in < (await queries.site(write.data)).generation,
        drop_said=said(drops[-1]) if refused else "",
        limit=limited.holding(told, write.now),
        given_up=told is not None and told.is_over,
        marked=uploads[-1].marked_at if uploads else row.created,
    )


async def note_problem(write: transaction.Transaction, row: tables.Deployment, problem: str) -> None:
    """What is wrong with a deployment, for people; news of it is an event."""
    if problem and (problem != row.problem):
        await write.event(row.release_key, f"deployment:{row.id}", "deployment_looked", problem=problem)
    row.problem = problem


async def targets(write: transaction.Transaction, row: tables.Promotion) -> tuple[distribution.Coordinates, ...]:
    """The packages of a promotion that have rows in ATR's list; none where a host has deleted it with the release."""
    is_there = await queries.get_release(write.data, row.release_key) is not None
    return await queries.targets(write.data, row) if is_there else ()
