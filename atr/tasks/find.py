# SPDX-License-Identifier: Apache-2.0
"""Find: ask the platform which deployments hold what somebody looks for. It only reads."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.platforms.contract as contract
import atr.tasks.context as contexts


async def find(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Answer the search `search_id`, unless it was answered. Two workers at it do no harm: the first answer counts."""
    async with context.service() as service:
        search = await service.searches.take(args["search_id"])
    if search is None:
        return
    held = contract.Holding(())
    try:
        held = await context.promoter(search.mechanism).holding(search.coordinates)
    except (errors.PlatformError, errors.UnsupportedError) as error:
        held = contract.Holding((), str(error))
    async with context.service() as service:
        # As ever, the newest last.
        await service.searches.answered(search, held.found[::-1], held.cut)
