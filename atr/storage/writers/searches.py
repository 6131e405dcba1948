# SPDX-License-Identifier: Apache-2.0
"""Looking for a deployment by its coordinates: what people ask, and what the platform answered.

The account of the operator sees what other committees staged too. So nothing is asked for coordinates outside the
project's PlatformTarget, and of a deployment that also holds packages outside it only the id is kept.
"""

import datetime
from collections.abc import Sequence
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.shared.distribution as distribution
import atr.storage.embargo as embargo
import atr.storage.facts as facts
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.requests as requests
import atr.storage.writers.rows as rows

# One that was not answered by then is asked for anew.
_PATIENCE: Final = datetime.timedelta(minutes=10)
# A row keeps so many; the newest count.
_KEPT: Final = 50


class ReleaseManager:
    """What release managers may do: it finds what they then record."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def ask(self, release_key: str, where: distribution.Coordinates) -> int:
        """Have the platform asked which deployments hold these coordinates; answers the search's number.

        Asking for the same while it is looked for is one search. Raises UnsupportedError, ConflictError, BlockedError
        (outside the names that belong to the project: then nothing is asked).
        """
        write = self._write
        release = await own.release(write, release_key)
        facts.uploads_supported(where.platform)
        if release.phase is sql.ReleasePhase.RELEASE:
            raise errors.ConflictError("This release was announced, so nothing is staged for it any more.")
        await embargo.demand_lifted(write.data, release)
        await requests.demand_inside(write, release, (where,))
        row = await self._waiting(release, where)
        if row is None:
            row = tables.DeploymentSearch(
                release_key=release.key,
                platform=where.platform_name,
                owner_namespace=where.owner_namespace,
                package=where.package,
                version=where.version,
                asked_by=write.asf_uid,
                asked_at=write.now,
            )
            write.data.add(row)
            await write.data.flush()
            await write.event(release.key, f"search:{row.id}", "deployment_searched", purl=where.purl)
        await queue.enqueue(
            write.data,
            operating.TaskType.DISTRIBUTION_FIND,
            {"search_id": row.id},
            write.now,
            asf_uid=write.asf_uid,
            project_key=release.project_key,
            version_key=release.version,
        )
        return rows.number(row.id)

    async def _waiting(self, release: sql.Release, where: distribution.Coordinates) -> tables.DeploymentSearch | None:
        table = tables.DeploymentSearch
        wanted = sqlmodel.select(table).where(
            table.release_key == release.key,
            table.platform == where.platform_name,
            table.owner_namespace == where.owner_namespace,
            table.package == where.package,
            table.version == where.version,
            col(table.answered_at).is_(None),
            col(table.asked_at) > self._write.now - _PATIENCE,
        )
        return (await self._write.data.exec(wanted)).first()


class SystemService:
    """What the worker notes."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def take(self, search_id: int) -> work.Search | None:
        """The search, if it still waits for its answer and something of its release may leave."""
        row = await self._write.data.get(tables.DeploymentSearch, search_id)
        if (row is None) or (row.answered_at is not None):
            return None
        if await embargo.holds_key(self._write.data, row.release_key):
            return None
        return work.Search(search_id, coordinates(row))

    async def answered(self, search: work.Search, found: Sequence[work.Candidate], problem: str = "") -> None:
        """Store the answer, once. `problem` says why there is none."""
        write = self._write
        row = await write.data.get(tables.DeploymentSearch, search.id)
        if (row is None) or (row.answered_at is not None):
            return
        release = await queries.demand_release(write.data, row.release_key)
        target = await queries.target(write.data, release.project_key, row.platform)
        row.answered_at, row.problem = write.now, problem
        row.found = [_kept(one, target) for one in found[-_KEPT:]]
        await write.event(
            row.release_key, f"search:{row.id}", "deployment_search_answered", found=len(found), problem=problem
        )


def coordinates(row: tables.DeploymentSearch) -> distribution.Coordinates:
    """What is looked for."""
    return distribution.Coordinates(row.platform, row.owner_namespace, row.package, row.version)


def _kept(one: work.Candidate, target: tables.PlatformTarget | None) -> dict[str, Any]:
    """What is stored of it: of one that also holds what belongs to others only its id."""
    if (target is None) or facts.outside(one.packages, target):
        return {"external_id": one.external_id, "packages": []}
    return {
        "external_id": one.external_id,
        "name": one.name,
        "word": one.word,
        "packages": [[where.owner_namespace, where.package, where.version] for where in one.packages],
        "created": one.created.isoformat() if one.created else "",
    }
