# SPDX-License-Identifier: Apache-2.0
"""Whose a package is: the one question that is asked wherever coordinates are recorded, frozen or asked for."""

from collections.abc import Sequence
from typing import Final

import atr.db.queries as queries
import atr.db.session as session
import atr.promotion.gates as gates
import atr.shared.distribution as distribution
import atr.storage.facts as facts

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
    if target is not None:
        beyond = facts.outside(data, packages, target)
    elif data.built.supports(platform):
        return gates.Blocker("no-target", gates.no_target(platform), _WHO)
    else:
        beyond = await of_others(data, project_key, packages)
    return gates.Blocker("outside-target", gates.is_outside(beyond), _WHO) if beyond else None


async def of_others(
    data: session.Session, project_key: str, packages: Sequence[distribution.Coordinates]
) -> tuple[str, ...]:
    """Those of these packages of one platform that lie outside this project's names and inside another one's."""
    platform = packages[0].platform_name
    target = await queries.target(data, project_key, platform)
    beyond = data.built.outside(packages, target.namespaces if target else ())
    free = data.built.outside(beyond, await queries.names(data, platform))
    return tuple(str(one) for one in beyond if one not in free)
