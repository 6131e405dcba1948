# SPDX-License-Identifier: Apache-2.0
"""What a platform knows of a version, whoever published it."""

from collections.abc import Sequence

import atr.platforms.contract as contract
import atr.promotion.steps as steps
import atr.shared.distribution as distribution


async def version(promoter: contract.Promoter, packages: Sequence[distribution.Coordinates]) -> steps.Version:
    """Ask the platform's own records, and the public place only if they have one of these packages."""
    for where in packages:
        if await promoter.taken(where):
            break
    else:
        return steps.Version.ABSENT
    for where in packages:
        if await promoter.lookup(where) is not None:
            return steps.Version.PUBLIC
    return steps.Version.RECORDED
