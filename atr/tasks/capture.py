# SPDX-License-Identifier: Apache-2.0
"""Capture: read a deployment's files, hash them, and store the file set. Verify now: read them again and compare."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.promotion.ballot as ballot
import atr.promotion.states as states
import atr.tasks.context as contexts
import atr.tasks.keeping as keeping
import atr.tasks.leased as leased
import atr.tasks.reading as reading
import atr.tasks.tend as tend


async def capture(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Capture the deployment `deployment_id`, from where an earlier try stopped. Does nothing if it is captured."""
    claimed = await leased.taken(context, args["deployment_id"])
    if claimed.captured or (claimed.state is not states.DeploymentState.STAGED):
        async with context.service() as service:
            await service.deployments.release(claimed)
        return
    async with context.service() as service:
        plan = await service.copies.plan(claimed)
    # The files of an upload are in ATR's own revision, so they need no copy.
    keeper = keeping.Keeper(context.storage, None if claimed.name else plan)
    try:
        found = await _read(context, leased.DeploymentLease(context, claimed), keeper)
        ballot.packages(found.files, context.layout(claimed.mechanism))
        if found.unread:
            raise errors.InputError(f"{found.unread} It is not captured.")
    except (errors.PlatformError, errors.InputError, errors.UnsupportedError) as error:
        await tend.failed_look(context, claimed, error)
        return
    context.failpoint("before_captured")
    async with context.service() as service:
        await service.captures.captured(
            claimed,
            found.files,
            found.problems,
            remarks=found.remarks,
            listed=found.listed,
            copy_problem=keeper.problem,
        )


async def verify(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Read the staged files of the deployment `deployment_id`, from where an interrupted try stopped.

    If the platform is unavailable, the task is retried, and not before the platform's Retry-After.
    """
    claimed = await leased.taken(context, args["deployment_id"])
    if not claimed.verifying:
        async with context.service() as service:
            await service.deployments.release(claimed)
        return
    try:
        found = await _read(context, leased.VerifyLease(context, claimed))
    except (errors.PlatformError, errors.InputError, errors.UnsupportedError) as error:
        comes_back = isinstance(error, errors.UnavailableError) and not context.is_last_try
        async with context.service() as service:
            if comes_back:
                await service.verification.held_up(claimed, str(error))
            else:
                await service.verification.failed(claimed, str(error))
        if comes_back:
            raise
        return
    context.failpoint("before_verified")
    async with context.service() as service:
        await service.verification.verified(claimed, found.files, found.unfit)


async def _read(
    context: contexts.Context, lease: leased.DeploymentLease, keeper: keeping.Keeper | None = None
) -> reading.Staged:
    """Read all files of the deployment, from where an earlier try stopped."""
    mechanism, target = lease.claimed.mechanism, leased.target(lease.claimed)
    promoter, layout = context.promoter(mechanism), context.layout(mechanism)
    async with lease.alive():
        named = await reading.packages(promoter, target)
        return await reading.staged(
            promoter, target, await lease.kept(), lease.keep, named=named, layout=layout, keeper=keeper
        )
