# SPDX-License-Identifier: Apache-2.0
"""The rows of ATR's list of third-party distributions, by what was recorded."""

from collections.abc import Mapping, Sequence

import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.sql as sql
import atr.shared.distribution as distribution


def key(release_key: str, where: distribution.Coordinates) -> tuple[str, str, str, str, str]:
    """The key of a third-party distribution's row."""
    return release_key, where.platform_name, where.owner_namespace, where.package, where.version


async def of_packages(
    data: session.Session, release_key: str, packages: Sequence[distribution.Coordinates]
) -> Mapping[distribution.Coordinates, sql.Distribution]:
    """Those of these packages that have a row in the release's list, under whatever spelling they were recorded.

    ATR and earlier versions of this code stored names as people wrote them.
    """
    row = sql.Distribution
    platforms = {where.platform_name for where in packages}
    wanted = sqlmodel.select(row).where(row.release_key == release_key, col(row.platform).in_(platforms))
    there = {one.coordinates: one for one in (await data.exec(wanted)).all()}
    return {where: there[where] for where in packages if where in there}


async def find(data: session.Session, release_key: str, where: distribution.Coordinates) -> sql.Distribution | None:
    """The row of one of them; None if it is not recorded."""
    return (await of_packages(data, release_key, [where])).get(where)
