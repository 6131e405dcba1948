# SPDX-License-Identifier: Apache-2.0
"""The scan: take what is due, decide by the pure rules, act, write short.

A promotion goes: verify (nothing open), prepare, mark (one transaction), send once, ask, check. Whatever dies in
between, the row says where to go on, and nobody ever sends for a mark that somebody else wrote.
"""

import asyncio
import datetime
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import atr.errors as errors
import atr.log as log
import atr.models.work as work
import atr.promotion.deployments as deployment_rules
import atr.tasks.context as contexts
import atr.tasks.promote as promote
import atr.tasks.tend as tend

# What is done with a claimed row; each kind of row has its own.
Work = Callable[[contexts.Context, Any], Coroutine[Any, Any, None]]

_LOG = logging.getLogger(__name__)
_UNEXPECTED = "Something unexpected happened while we worked on this; the operator's log has it. We try again."


async def status_check(context: contexts.Context, *, limit: int) -> list[Coroutine[Any, Any, None]]:
    """One tick: claim what is due, oldest first, at most `limit` rows, and answer the work on each.

    Each piece of work looks after its own errors, so one bad row stops no other.
    """
    taken: list[tuple[Work, Any]] = []
    async with context.storage.write_as_user_service() as service:
        kinds: tuple[tuple[Any, Work], ...] = (
            (service.promotions, _promotion),
            (service.deployments, _deployment),
            (service.pending, _pending),
        )
        for _ in range(limit):
            # Oldest first over all kinds, so that many rows of one kind never starve another.
            waiting = [(since, kind) for kind in kinds if (since := await kind[0].oldest_due()) is not None]
            if not waiting:
                break
            _, (claimer, work_on) = min(waiting, key=_since)
            claimed = await claimer.claim(owner=context.owner, seconds=context.lease, limit=1)
            taken.extend((work_on, one) for one in claimed)
        if taken:
            context.failpoint("in_claim_tx")
    return [_work(context, work_on, one) for work_on, one in taken]


def _since(one: tuple[datetime.datetime, Any]) -> datetime.datetime:
    return one[0]


async def _work(context: contexts.Context, work_on: Work, claimed: Any) -> None:
    with log.about(row=claimed.subject):
        try:
            await work_on(context, claimed)
        except errors.ConflictError as error:
            _LOG.info("gave up a row: %s", error, extra={"action": "lost"})
            if isinstance(error, errors.LeaseLostError):
                context.meters.lease_losses.inc()


async def _promotion(context: contexts.Context, claimed: work.Promotion) -> None:
    try:
        await promote.advance(context, claimed)
    except errors.ConflictError:
        raise
    except errors.AtrError as error:
        await promote.failed_look(context, claimed, error)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("a promotion could not be worked on")
        await promote.failed_look(context, claimed, errors.UnavailableError(_UNEXPECTED), cause=error)


async def _deployment(context: contexts.Context, claimed: work.Deployment) -> None:
    try:
        await tend.advance(context, claimed)
    except errors.ConflictError:
        raise
    except errors.AtrError as error:
        await _failed_look(context, claimed, str(error), getattr(error, "retry_after", None))
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("a deployment could not be worked on")
        await _failed_look(context, claimed, _UNEXPECTED, None)


async def _failed_look(
    context: contexts.Context, claimed: work.Deployment, problem: str, retry_after: float | None
) -> None:
    async with context.storage.write_as_user_service() as service:
        await service.deployments.failed_look(claimed, problem, retry_after)


async def _pending(context: contexts.Context, claimed: work.Distribution) -> None:
    found: work.PublicAddress | None = None
    problem = ""
    retry_after: float | None = None
    looked = True
    try:
        found = await promote.address(context.catalogue(claimed.coordinates.platform), claimed.coordinates)
    except errors.UnsupportedError as error:
        problem, looked = str(error), False
    except errors.AtrError as error:
        problem, retry_after = str(error), getattr(error, "retry_after", None)
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001  (one bad row must stop no other)
        _LOG.exception("%s could not be looked for", claimed.coordinates)
        problem = _UNEXPECTED
    await _note_pending(context, claimed, found, problem, retry_after, looked=looked)


async def _note_pending(
    context: contexts.Context,
    claimed: work.Distribution,
    found: work.PublicAddress | None,
    problem: str,
    retry_after: float | None,
    *,
    looked: bool,
) -> None:
    timing = context.storage.place.timing(claimed.coordinates.platform)
    async with context.storage.write_as_user_service() as service:
        if looked:
            next_look = deployment_rules.next_pending_look(
                service.write.now, claimed.retries, timing, retry_after=retry_after
            )
        else:
            # Nobody was asked: it waits for the operator, and costs next to nothing meanwhile.
            next_look = service.write.now + datetime.timedelta(seconds=timing.resting)
        await service.distributions.record_from_data(claimed, found, error=problem, next_look=next_look, looked=looked)
        if retry_after is not None:
            await service.pending.postpone(claimed.coordinates.platform, next_look)
