# SPDX-License-Identifier: Apache-2.0
"""Whose a package is: the one question that is asked wherever coordinates are recorded, frozen or asked for."""

from collections.abc import Iterable, Sequence
from typing import Final

import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.promotion.gates as gates
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts

_WHO: Final = "a foundation admin"


async def blocker(
    data: session.Session, project_key: str, packages: Sequence[distribution.Coordinates]
) -> gates.Blocker | None:
    """Why these packages of one platform are not this project's to release; None if they are.

    Where packages are promoted, a project has the names that were set for it and no others. Where they are only looked
    up, nobody has to set any: what was set for another project alone is refused.
    """
    platform = packages[0].platform
    target = await queries.target(data, project_key, platform.name)
    if (target is not None) or data.built.supports(platform):
        return blocked(data.built, platform, packages, target)
    beyond = await of_others(data, project_key, packages)
    return gates.Blocker("outside-target", gates.is_outside(beyond), _WHO) if beyond else None


def blocked(
    built: layouts.Layouts,
    platform: distribution.DistributionPlatform,
    packages: Iterable[distribution.Coordinates],
    target: tables.PlatformTarget | None,
) -> gates.Blocker | None:
    """The same on a platform that can promote, by the names that were set."""
    if target is None:
        return gates.Blocker("no-target", gates.no_target(platform), _WHO)
    beyond = outside(built, packages, target)
    return gates.Blocker("outside-target", gates.is_outside(beyond), _WHO) if beyond else None


def outside(
    built: layouts.Layouts, packages: Iterable[distribution.Coordinates], target: tables.PlatformTarget | None
) -> tuple[str, ...]:
    """The packages that lie outside the names that belong to the project; none where nobody has set any."""
    return tuple(str(one) for one in built.outside(packages, target.namespaces)) if target else ()


async def of_others(
    data: session.Session, project_key: str, packages: Sequence[distribution.Coordinates]
) -> tuple[str, ...]:
    """Those of these packages of one platform that lie outside this project's names and inside another one's."""
    platform = packages[0].platform_name
    target = await queries.target(data, project_key, platform)
    beyond = data.built.outside(packages, target.namespaces if target else ())
    free = data.built.outside(beyond, await queries.names(data, platform))
    return tuple(str(one) for one in beyond if one not in free)
