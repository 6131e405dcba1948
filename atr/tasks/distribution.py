# SPDX-License-Identifier: Apache-2.0
"""The scan: take what is due, decide by the pure rules, act, write short.

A promotion goes: verify (nothing open), prepare, mark (one transaction), send once, ask, check. Whatever dies in
between, the row says where to go on, and nobody ever sends for a mark that somebody else wrote.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import atr.errors as errors
import atr.models.work as work
import atr.promotion.deployments as deployment_rules
import atr.tasks.context as contexts
import atr.tasks.promote as promote
import atr.tasks.tend as tend

_LOG = logging.getLogger(__name__)
_UNEXPECTED = "Something unexpected happened while we worked on this; the operator's log has it. We try again."


async def status_check(context: contexts.Context, *, limit: int) -> list[Coroutine[Any, Any, None]]:
    """One tick: claim what is due, oldest first, at most `limit` rows, and answer the work on each.

    Each piece of work looks after its own errors, so one bad row stops no other.
    """
    async with context.storage.write_as_user_service() as service:
        promotions = await service.promotions.claim(owner=context.owner, seconds=context.lease, limit=limit)
        left = limit - len(promotions)
        deployments = await service.deployments.claim(owner=context.owner, seconds=context.lease, limit=left)
        left -= len(deployments)
        pending = await service.pending.claim(owner=context.owner, seconds=context.lease, limit=left)
    return [
        *(_promotion(context, claimed) for claimed in promotions),
        *(_deployment(context, claimed) for claimed in deployments),
        *(_pending(context, claimed) for claimed in pending),
    ]


async def _promotion(context: contexts.Context, claimed: work.Promotion) -> None:
    try:
        await promote.advance(context, claimed)
    except errors.ConflictError as error:
        _LOG.info("gave up a row: %s", error, extra={"action": "lost", "promotion": claimed.id})
    except errors.AtrError as error:
        await promote.failed_look(context, claimed, error)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        _LOG.exception("promotion %s", claimed.id)
        await promote.failed_look(context, claimed, errors.UnavailableError(_UNEXPECTED), cause=error)


async def _deployment(context: contexts.Context, claimed: work.Deployment) -> None:
    try:
        await tend.advance(context, claimed)
    except errors.ConflictError as error:
        _LOG.info("gave up a row: %s", error, extra={"action": "lost", "deployment": claimed.id})
    except errors.AtrError as error:
        async with context.storage.write_as_user_service() as service:
            await service.deployments.failed_look(claimed, str(error), getattr(error, "retry_after", None))
    except asyncio.CancelledError:
        raise
    except Exception:
        _LOG.exception("deployment %s", claimed.id)
        async with context.storage.write_as_user_service() as service:
            await service.deployments.failed_look(claimed, _UNEXPECTED, None)


async def _pending(context: contexts.Context, claimed: work.Distribution) -> None:
    found: work.PublicAddress | None = None
    problem = ""
    retry_after: float | None = None
    try:
        found = await promote.address(context.promoter(claimed.coordinates.platform), claimed.coordinates)
    except errors.AtrError as error:
        problem, retry_after = str(error), getattr(error, "retry_after", None)
    except asyncio.CancelledError:
        raise
    except Exception:
        _LOG.exception("distribution %s", claimed.coordinates)
        problem = _UNEXPECTED
    async with context.storage.write_as_user_service() as service:
        next_look = deployment_rules.next_pending_look(
            service.write.now,
            claimed.retries,
            context.storage.place.timing(claimed.coordinates.platform),
            retry_after=retry_after,
        )
        await service.distributions.record_from_data(claimed, found, error=problem, next_look=next_look)
