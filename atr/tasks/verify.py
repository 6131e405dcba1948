# SPDX-License-Identifier: Apache-2.0
"""Verify now: read what a deployment holds once more, and note what it differs by. Nothing else changes."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.tasks.context as contexts
import atr.tasks.holds as holds
import atr.tasks.reading as reading
import atr.tasks.sending as sending


async def verify(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Read the staged files of the deployment `deployment_id`, from where a try that died stopped.

    A platform that has no answer now is asked again, by the task's own tries and not before it said.
    """
    claimed = await holds.taken(context, args["deployment_id"])
    if not claimed.verifying:
        async with context.service() as service:
            await service.deployments.release(claimed)
        return
    hold = holds.VerifyHold(context, claimed)
    try:
        promoter, layout = context.promoter(claimed.mechanism), context.layout(claimed.mechanism)
        target = sending.target(claimed)
        async with hold.alive():
            named = await reading.packages(promoter, target)
            found = await reading.staged(promoter, target, await hold.kept(), hold.keep, named=named, layout=layout)
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
