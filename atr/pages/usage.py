# SPDX-License-Identifier: Apache-2.0
"""What a release would take of the limits that a platform sets for a month, in sentences."""

import dataclasses
from collections.abc import Sequence

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
    platform: distribution.DistributionPlatform,
    candidates: Sequence[tables.Deployment],
    results: Sequence[sql.CheckResult],
    basis: str,
) -> Usage:
    """Of one platform: what is staged and not published yet, else what the policy maps; `results` are the worker's."""
    this = await usages.staged(read, candidates) or _planned(results, basis)
    promoted = await usages.promoted(read, platform, usage.month(read.now))
    limits = read.place.monthly
    exceeded = usage.over(promoted + (this or usage.Usage()), limits)
    return Usage(platform.display_name, bool(exceeded), usage.sentences(this, promoted, limits, read.now))


def _planned(results: Sequence[sql.CheckResult], basis: str) -> usage.Usage | None:
    """What the bundle of the mapped files would hold, as the worker counted it; None if that is old or unknown."""
    for result in results:
        if (planned := result.data.get("planned")) and (result.data.get("basis") == basis):
            files, size = planned
            return usage.Usage(files, size, 1)
    return None
