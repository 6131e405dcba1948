# SPDX-License-Identifier: Apache-2.0
"""What the worker answers to searches."""

from collections.abc import Sequence
from typing import Any, Final

import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.models.work as work
import atr.shared.distribution as distribution
import atr.storage.embargo as embargo
import atr.storage.names as names
import atr.storage.writer as writers

# A row keeps so many; the newest count.
_KEPT: Final = 50


class Searches(writers.Writer):
    """What the worker notes."""

    async def take(self, search_id: int) -> work.Search | None:
        """The search, if it still waits for its answer and something of its release may leave."""
        row = await self._write.data.get(tables.DeploymentSearch, search_id)
        if (row is None) or (row.answered_at is not None):
            return None
        if await embargo.holds_key(self._write.data, row.release_key):
            return None
        release = await queries.demand_release(self._write.data, row.release_key)
        where = distribution.Coordinates(row.platform, row.owner_namespace, row.package, row.version)
        return work.Search(
            search_id, where, await queries.mechanism(self._write.data, release.project_key, where.platform)
        )

    async def answered(self, search: work.Search, found: Sequence[work.Candidate], problem: str = "") -> None:
        """Store the answer, once. `problem` says why there is none."""
        write = self._write
        row = await write.data.get(tables.DeploymentSearch, search.id)
        if (row is None) or (row.answered_at is not None):
            return
        release = await queries.demand_release(write.data, row.release_key)
        target = await queries.target(write.data, release.project_key, row.platform)
        row.answered_at, row.problem = write.now, problem
        row.found = [_kept(write.data, one, target) for one in found[-_KEPT:]]
        await write.event(
            row.release_key, f"search:{row.id}", "deployment_search_answered", found=len(found), problem=problem
        )


def _kept(data: session.Session, one: work.Candidate, target: tables.PlatformTarget | None) -> dict[str, Any]:
    """What is stored of it: of one that also holds what belongs to others only its id."""
    if (target is None) or names.outside(data.built, one.packages, target):
        return {"external_id": one.external_id, "packages": []}
    return {
        "external_id": one.external_id,
        "name": one.name,
        "word": one.word,
        "packages": [[where.owner_namespace, where.package, where.version] for where in one.packages],
        "created": one.created.isoformat() if one.created else "",
    }
