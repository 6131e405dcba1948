# SPDX-License-Identifier: Apache-2.0
"""The scan: claim the rows that are due, decide by the pure rules, act, and store the result in a short transaction.

The steps of a promotion: verify (no transaction open), prepare, mark (one transaction), send once, poll, check. If a
process dies in between, the row says where to continue, and no process sends a request for another one's mark.
"""

import collections
import dataclasses
import datetime
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

import atr.errors as errors
import atr.log as log
import atr.models.work as work
import atr.promotion.budget as budget
import atr.promotion.deployments as deployment_rules
import atr.storage.lanes as lanes
import atr.storage.leased_rows as leased_rows
import atr.tasks.context as contexts
import atr.tasks.promote as promote
import atr.tasks.tend as tend


@dataclasses.dataclass(frozen=True)
class _Job:
    """The work on a claimed row of one kind, and how its failure is recorded."""

    advance: Callable[[contexts.Context, Any], Awaitable[object]]
    failed: Callable[[contexts.Context, Any, errors.AtrError], Awaitable[object]]


class Busy(collections.Counter[lanes.Lane]):
    """The number of rows of each lane that are being worked on."""

    # Whether a lane is at its limit after the last scan, so that more of its rows may be due.
    was_full = False


_LOG = logging.getLogger(__name__)


async def status_check(
    context: contexts.Context, *, limit: int, busy: Busy | None = None
) -> list[Coroutine[Any, Any, None]]:
    """Claim the rows that are due, oldest first, and return the work on each of them.

    At most `limit` rows of each lane are worked on at once, including the `busy` ones, and no more than its rate limit
    allows: a platform that answers slowly, or not at all, takes no capacity from another. Each piece of work handles
    its own errors, so one bad row stops no other.
    """
    busy = Busy() if busy is None else busy
    taken: list[tuple[_Job, Any, lanes.Lane]] = []
    async with context.service() as service:
        claims: Mapping[leased_rows.Kind, Any] = {
            leased_rows.Kind.PROMOTION: service.promotions,
            leased_rows.Kind.DEPLOYMENT: service.deployments,
            leased_rows.Kind.DISTRIBUTION: service.pending,
        }
        shut = frozenset(lane for lane, count in busy.items() if count >= limit)
        busy.was_full = bool(shut)
        waiting = await leased_rows.due(service.write, limit=limit, shut=shut)
        if not waiting:
            # A scan that finds nothing due costs this one read, and no lock.
            return []
        verdicts = await service.rate_limits.verdicts(at_most=limit)
        places = {lane: limit - busy[lane] for lane in verdicts}
        room = {lane: min(one.looks, places[lane]) for lane, one in verdicts.items()}
        while waiting:
            for (kind, lane), count in _shared(waiting, room).items():
                room[lane] -= count
                probe = verdicts[lane].breaker is not budget.Breaker.CLOSED
                if probe and not await service.rate_limits.take_probe(lane, seconds=context.lease):
                    continue
                claimed = await claims[kind].claim(owner=context.owner, seconds=context.lease, limit=count, lane=lane)
                await service.rate_limits.spend(lane, len(claimed))
                taken.extend((_JOBS[kind], dataclasses.replace(one, probe=probe), lane) for one in claimed)
            if len(waiting) < limit:
                # The query returned every row that was due.
                break
            full = frozenset(lane for lane, left in room.items() if left <= 0)
            waiting = await leased_rows.due(service.write, limit=limit, shut=full)
        if taken:
            context.failpoint("in_claim_tx")
    # The leases exist only now that the transaction is committed.
    begun = collections.Counter(lane for _, _, lane in taken)
    busy.update(begun)
    busy.was_full = any(begun[lane] >= free for lane, free in places.items())
    return [_work(context, job, one, lane, busy) for job, one, lane in taken]


def _shared(
    waiting: Iterable[leased_rows.Due], room: Mapping[lanes.Lane, int]
) -> collections.Counter[tuple[leased_rows.Kind, lanes.Lane]]:
    """Return how many rows of each kind and lane to take: the oldest ones, as far as the lane has room."""
    left = dict(room)
    taken: collections.Counter[tuple[leased_rows.Kind, lanes.Lane]] = collections.Counter()
    for due in waiting:
        if left[due.lane] > 0:
            left[due.lane] -= 1
            taken[due.kind, due.lane] += 1
    return taken


async def _work(context: contexts.Context, job: _Job, claimed: Any, lane: lanes.Lane, busy: Busy) -> None:
    try:
        with log.about(row=claimed.subject):
            try:
                error = await error_of(job.advance(context, claimed))
                if error is not None:
                    await job.failed(context, claimed, error)
            except errors.ConflictError as lost:
                _LOG.info("abandoned a row: %s", lost, extra={"action": "lost"})
                if isinstance(lost, errors.LeaseLostError):
                    context.meters.lease_losses.inc()
                return
            await _hear(context, claimed, lane, error)
    finally:
        busy[lane] -= 1


async def error_of(doing: Awaitable[object]) -> errors.AtrError | None:
    """Return the error of a piece of work, or None. One bad row stops no other.

    Raises ConflictError if another worker has the row.
    """
    try:
        await doing
    except errors.ConflictError:
        raise
    except errors.AtrError as error:
        return error
    except Exception as error:  # noqa: BLE001  (after any error the row waits and the others continue)
        _LOG.exception("a piece of work failed", extra={"action": "work_failed"})
        return errors.UnexpectedError(type(error).__name__)
    return None


async def _hear(context: contexts.Context, claimed: Any, lane: lanes.Lane, error: errors.AtrError | None) -> None:
    """Record what the work on one row showed about its platform, for all rows of the lane."""
    fault = isinstance(error, errors.UnavailableError) and (not error.faultless) and budget.is_fault(error.status)
    answered = (error is None) or (isinstance(error, errors.PlatformError) and not fault)
    retry_after = error.retry_after if error else None
    await context.hear(lane, fault=fault, probe=claimed.probe and answered, retry_after=retry_after)


async def _look_up(context: contexts.Context, claimed: work.Distribution) -> None:
    found = await context.catalogue(claimed.coordinates.platform).lookup(claimed.coordinates)
    await _note_pending(context, claimed, None, found)


async def _note_pending(
    context: contexts.Context,
    claimed: work.Distribution,
    problem: errors.AtrError | None,
    found: work.PublicAddress | None = None,
) -> None:
    timing = context.storage.place.plain
    retry_after = problem.retry_after if problem else None
    looked = not isinstance(problem, errors.UnsupportedError)
    async with context.service() as service:
        if looked:
            next_look = deployment_rules.next_pending_look(
                service.write.now, claimed.retries, timing, retry_after=retry_after
            )
        else:
            # No request was sent: the row waits for the operator, and is rarely due until then.
            next_look = service.write.now + datetime.timedelta(seconds=timing.resting)
        await service.distributions.record_from_data(
            claimed, found, error=str(problem or ""), next_look=next_look, looked=looked
        )
        if retry_after is not None:
            await service.pending.postpone(claimed.coordinates.platform, next_look)


_JOBS: Final[Mapping[leased_rows.Kind, _Job]] = {
    leased_rows.Kind.PROMOTION: _Job(promote.advance, promote.failed_look),
    leased_rows.Kind.DEPLOYMENT: _Job(tend.advance, tend.failed_look),
    leased_rows.Kind.DISTRIBUTION: _Job(_look_up, _note_pending),
}
