# SPDX-License-Identifier: Apache-2.0
"""Copies: keep one of files that were captured before the project wanted copies, and free unneeded blobs."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import atr.errors as errors
import atr.storage.worker.copies as copies
import atr.tasks.context as contexts
import atr.tasks.keeping as keeping
import atr.tasks.leased as leased
import atr.tasks.reading as reading

_LOG: Final = logging.getLogger(__name__)
# The number of blobs that are removed in one transaction.
_BATCH: Final = 200


async def keep(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Keep a copy of the deployment `deployment_id`: read once more those captured files that are not stored.

    The blobs that exist show how far an earlier try came. Does nothing if no file is missing.
    """
    claimed = await leased.taken(context, args["deployment_id"])
    async with context.service() as service:
        files = await service.copies.missing(claimed)
        plan = await service.copies.plan(claimed)
        if not files:
            await service.deployments.release(claimed)
            return
    keeper = keeping.Keeper(context.storage, plan)
    fault: errors.AtrError | None = None
    try:
        async with leased.DeploymentLease(context, claimed).alive():
            await reading.into_store(context.promoter(claimed.mechanism), leased.target(claimed), files, keeper)
    except (errors.PlatformError, errors.UnsupportedError) as error:
        fault = error
    async with context.service() as service:
        problem = f"No copy was made: {fault} Try again later." if fault else ""
        await service.copies.kept(claimed, keeper.problem or problem)
    if isinstance(fault, errors.UnavailableError) and (fault.retry_after is None):
        # The queue retries with increasing delays; it does not retry if the platform has sent a Retry-After.
        raise fault


async def sweep(context: contexts.Context, _args: Mapping[str, Any]) -> None:
    """Free the blobs that no kept copy needs, and the partial files of processes that died.

    Blobs of the last day may belong to a read in progress: they are left for the next sweep, which is queued here.
    That saves reading them twice; the safety of copies does not depend on it: see storage/writers/deployments.py.
    """
    storage = context.storage
    store = storage.place.blobs
    async with storage.read() as read:
        before = read.now - copies.GRACE
    found = await asyncio.to_thread(list, store.found())
    await asyncio.to_thread(store.remove_parts, before)
    freed = 0
    old = [name for name, since in found if since < before]
    for first in range(0, len(old), _BATCH):
        async with context.service() as service:
            freed += await service.copies.free(old[first : first + _BATCH])
    if len(old) < len(found):
        async with context.service() as service:
            await service.copies.ask_to_sweep_later()
    _LOG.info("freed %s bytes of copies", freed, extra={"action": "copies_swept", "bytes": freed})
