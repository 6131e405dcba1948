# SPDX-License-Identifier: Apache-2.0
"""The share of a platform's monthly limits that a release would use, in sentences."""

import dataclasses
from collections.abc import Mapping, Sequence

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.usage as usage
import atr.shared.distribution as distribution
import atr.storage.readers.usage as usages
import atr.storage.transaction as transaction


@dataclasses.dataclass(frozen=True)
class Usage:
    """How much of a platform's monthly limits publishing would use, in sentences, and whether it exceeds one."""

    platform: str
    is_over: bool
    sentences: tuple[str, ...]


async def of(
    read: transaction.Transaction,
    deployments: Sequence[tables.Deployment],
    planned: Mapping[distribution.DistributionPlatform, usage.Usage | None],
) -> tuple[Usage, ...]:
    """Return the usage of each platform: by the staged ones of these deployments, else by what is `planned` there."""
    if not planned:
        return ()
    staged = await usages.staged(read, deployments)
    promoted = await usages.promoted(read, planned, usage.month(read.now))
    limits, found = read.place.monthly, []
    for platform, otherwise in planned.items():
        this, so_far = staged.get(platform.name, otherwise), promoted.get(platform.name, usage.Usage())
        exceeded = usage.over(so_far + (this or usage.Usage()), limits)
        found.append(Usage(platform.display_name, bool(exceeded), usage.sentences(this, so_far, limits, read.now)))
    return tuple(found)


def planned(results: Sequence[sql.CheckResult], basis: str) -> usage.Usage | None:
    """Return the worker's count of the files and bytes of an upload of the mapped files; None if old or unknown."""
    for result in results:
        if (planned := result.data.get("planned")) and (result.data.get("basis") == basis):
            files, size = planned
            return usage.Usage(files, size, 1)
    return None
