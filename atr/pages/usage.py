# SPDX-License-Identifier: Apache-2.0
"""What a release would take of the limits that a platform sets for a month, in sentences."""

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
    """What publishing takes of a platform's limits for this month, in sentences; over one of them it is a warning."""

    platform: str
    is_over: bool
    sentences: tuple[str, ...]


async def of(
    read: transaction.Transaction,
    deployments: Sequence[tables.Deployment],
    planned: Mapping[distribution.DistributionPlatform, usage.Usage | None],
) -> tuple[Usage, ...]:
    """Of each platform: what is staged of these and not published yet, else what is `planned` there."""
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
    """What the bundle of the mapped files would hold, as the worker counted it; None if that is old or unknown."""
    for result in results:
        if (planned := result.data.get("planned")) and (result.data.get("basis") == basis):
            files, size = planned
            return usage.Usage(files, size, 1)
    return None
