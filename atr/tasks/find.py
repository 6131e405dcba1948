# SPDX-License-Identifier: Apache-2.0
"""Find: ask the platform which deployments contain the version that a person searches for. It only reads."""

from collections.abc import Mapping
from typing import Any

import atr.errors as errors
import atr.platforms.contract as contract
import atr.tasks.context as contexts


async def find(context: contexts.Context, args: Mapping[str, Any]) -> None:
    """Answer the search `search_id`, unless it was answered. If two workers run it, the first answer counts."""
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
        # Stored with the newest last; the adapter returns it first.
        await service.searches.answered(search, held.found[::-1], held.cut)
