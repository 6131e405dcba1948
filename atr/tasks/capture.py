# SPDX-License-Identifier: Apache-2.0
"""Capture: read what a deployment holds, hash it, and store the file set."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.models.work as work
import atr.promotion.ballot as ballot
import atr.promotion.states as states
import atr.tasks.context as contexts
import atr.tasks.holds as holds
import atr.tasks.keeping as keeping
import atr.tasks.reading as reading
import atr.tasks.sending as sending
import atr.tasks.tend as tend


async def capture(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Capture the deployment `deployment_id`, from where an earlier try stopped. Nothing to do is fine."""
    claimed = await holds.taken(context, args["deployment_id"])
    if claimed.captured or (claimed.state is not states.DeploymentState.STAGED):
        async with context.service() as service:
            await service.deployments.release(claimed)
        return
    async with context.service() as service:
        plan = await service.copies.plan(claimed)
    # What was uploaded from here is here: its bytes need no second place.
    keeper = keeping.Keeper(context.storage, None if claimed.name else plan)
    try:
        found = await _read(context, claimed, keeper)
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


async def _read(context: contexts.Context, claimed: work.Deployment, keeper: keeping.Keeper) -> reading.Staged:
    hold = holds.DeploymentHold(context, claimed)
    kept = await hold.kept()
    async with hold.alive():
        promoter, layout = context.promoter(claimed.mechanism), context.layout(claimed.mechanism)
        target = sending.target(claimed)
        named = await reading.packages(promoter, target)
        return await reading.staged(promoter, target, kept, hold.keep, named=named, layout=layout, keeper=keeper)
