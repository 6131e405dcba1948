# SPDX-License-Identifier: Apache-2.0
"""The scan: take what is due, decide by the pure rules, act, write short.

A promotion goes: verify (nothing open), prepare, mark (one transaction), send once, ask, check. Whatever dies in
between, the row says where to go on, and nobody ever sends for a mark that somebody else wrote.
"""

import asyncio
import collections
import dataclasses
import datetime
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

import atr.errors as errors
import atr.log as log
import atr.models.work as work
import atr.promotion.budget as budget
import atr.promotion.deployments as deployment_rules
import atr.storage.lanes as lanes
import atr.storage.worker.services as services
import atr.tasks.context as contexts
import atr.tasks.promote as promote
import atr.tasks.tend as tend

# What is done with a claimed row, answering what went wrong; each kind of row has its own.
Work = Callable[[contexts.Context, Any], Coroutine[Any, Any, errors.AtrError | None]]


class Busy(collections.Counter[lanes.Lane]):
    """How many rows of each lane are being worked on."""

    # Whether the last scan took all that there was a place for, so that more may be due.
    was_full = False


_LOG = logging.getLogger(__name__)
_UNEXPECTED = "An unexpected error occurred; see the worker's log. It will be retried."


async def status_check(
    context: contexts.Context, *, limit: int, busy: Busy | None = None
) -> list[Coroutine[Any, Any, None]]:
    """One tick: claim what is due, oldest first, and answer the work on each row.

    At most `limit` rows of each lane are worked on, those that are `busy` counted in, and no more than its account
    allows: a platform that answers slowly, or not at all, takes no other's place. Each piece of work looks after its
    own errors, so one bad row stops no other.
    """
    busy = Busy() if busy is None else busy
    taken: list[tuple[Work, Any, lanes.Lane]] = []
    async with context.storage.write_as_system(services.PromotionService) as service:
        kinds: tuple[_Kind, ...] = (
            _Kind(service.promotions, _promotion),
            _Kind(service.deployments, _deployment),
            _Kind(service.pending, _pending),
        )
        shut = frozenset(lane for lane, count in busy.items() if count >= limit)
        busy.was_full = bool(shut)
        waiting = await _waiting(kinds, limit, shut)
        if not waiting:
            # What there is nothing to do for costs these few reads, and no lock.
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
                claimed = await kind.claimer.claim(owner=context.owner, seconds=context.lease, limit=count, lane=lane)
                await service.rate_limits.spend(lane, len(claimed))
                taken.extend((kind.work_on, dataclasses.replace(one, probe=probe), lane) for one in claimed)
            waiting = await _waiting(kinds, limit, frozenset(lane for lane, left in room.items() if left <= 0))
        if taken:
            context.failpoint("in_claim_tx")
    # Only now are they ours.
    begun = collections.Counter(lane for _, _, lane in taken)
    busy.update(begun)
    busy.was_full = any(begun[lane] >= free for lane, free in places.items())
    return [_work(context, work_on, one, lane, busy) for work_on, one, lane in taken]


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A kind of row: who claims it, and what is done with it."""

    claimer: Any
    work_on: Work


async def _waiting(kinds: Iterable[_Kind], limit: int, shut: Collection[lanes.Lane]) -> list[tuple[lanes.Due, _Kind]]:
    """The oldest rows that are due, over all kinds, so that many rows of one kind never starve another."""
    found = [(due, kind) for kind in kinds for due in await kind.claimer.due(limit=limit, shut=shut)]
    return sorted(found, key=_since)


def _since(one: tuple[lanes.Due, _Kind]) -> datetime.datetime:
    return one[0].since


def _shared(
    waiting: Iterable[tuple[lanes.Due, _Kind]], room: Mapping[lanes.Lane, int]
) -> collections.Counter[tuple[_Kind, lanes.Lane]]:
    """How many rows of each kind and lane are taken: the oldest, as far as there is room in the lane."""
    left = dict(room)
    taken: collections.Counter[tuple[_Kind, lanes.Lane]] = collections.Counter()
    for due, kind in waiting:
        if left[due.lane] > 0:
            left[due.lane] -= 1
            taken[kind, due.lane] += 1
    return taken


async def _work(context: contexts.Context, work_on: Work, claimed: Any, lane: lanes.Lane, busy: Busy) -> None:
    try:
        with log.about(row=claimed.subject):
            try:
                error = await work_on(context, claimed)
            except errors.ConflictError as lost:
                _LOG.info("gave up a row: %s", lost, extra={"action": "lost"})
                if isinstance(lost, errors.LeaseLostError):
                    context.meters.lease_losses.inc()
                return
            await _hear(context, claimed, lane, error)
    finally:
        busy[lane] -= 1


async def _hear(context: contexts.Context, claimed: Any, lane: lanes.Lane, error: errors.AtrError | None) -> None:
    """What came of a row says something of its platform, for all its rows."""
    fault = isinstance(error, errors.UnavailableError) and (not error.faultless) and budget.is_fault(error.status)
    answered = (error is None) or (isinstance(error, errors.PlatformError) and not fault)
    retry_after = getattr(error, "retry_after", None)
    if fault or (claimed.probe and answered) or (retry_after is not None):
        async with context.storage.write_as_system(services.PromotionService) as service:
            await service.rate_limits.heard(
                lane, fault=fault, probe=claimed.probe and answered, retry_after=retry_after
            )


async def _promotion(context: contexts.Context, claimed: work.Promotion) -> errors.AtrError | None:
    try:
        await promote.advance(context, claimed)
    except errors.ConflictError:
        raise
    except errors.AtrError as error:
        await promote.failed_look(context, claimed, error)
        return error
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("a promotion could not be worked on")
        unexpected = errors.AtrError(_UNEXPECTED)
        await promote.failed_look(context, claimed, unexpected, cause=error)
        return unexpected
    return None


async def _deployment(context: contexts.Context, claimed: work.Deployment) -> errors.AtrError | None:
    try:
        await tend.advance(context, claimed)
    except errors.ConflictError:
        raise
    except errors.AtrError as error:
        is_outage = not isinstance(error, errors.MalformedError)
        await _failed_look(context, claimed, str(error), getattr(error, "retry_after", None), is_outage=is_outage)
        return error
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("a deployment could not be worked on")
        await _failed_look(context, claimed, _UNEXPECTED, None)
        return errors.AtrError(_UNEXPECTED)
    return None


async def _failed_look(
    context: contexts.Context,
    claimed: work.Deployment,
    problem: str,
    retry_after: float | None,
    *,
    is_outage: bool = True,
) -> None:
    async with context.storage.write_as_system(services.PromotionService) as service:
        await service.deployments.failed_look(claimed, problem, retry_after, is_outage=is_outage)


async def _pending(context: contexts.Context, claimed: work.Distribution) -> errors.AtrError | None:
    found: work.PublicAddress | None = None
    problem: errors.AtrError | None = None
    try:
        found = await promote.address(context.catalogue(claimed.coordinates.platform), claimed.coordinates)
    except errors.AtrError as error:
        problem = error
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("%s could not be looked for", claimed.coordinates)
        problem = errors.AtrError(_UNEXPECTED)
    await _note_pending(context, claimed, found, problem)
    return problem


async def _note_pending(
    context: contexts.Context,
    claimed: work.Distribution,
    found: work.PublicAddress | None,
    problem: errors.AtrError | None,
) -> None:
    timing = context.storage.place.plain
    retry_after = getattr(problem, "retry_after", None)
    looked = not isinstance(problem, errors.UnsupportedError)
    async with context.storage.write_as_system(services.PromotionService) as service:
        if looked:
            next_look = deployment_rules.next_pending_look(
                service.write.now, claimed.retries, timing, retry_after=retry_after
            )
        else:
            # Nobody was asked: it waits for the operator, and costs next to nothing meanwhile.
            next_look = service.write.now + datetime.timedelta(seconds=timing.resting)
        await service.distributions.record_from_data(
            claimed, found, error=str(problem or ""), next_look=next_look, looked=looked
        )
        if retry_after is not None:
            await service.pending.postpone(claimed.coordinates.platform, next_look)
