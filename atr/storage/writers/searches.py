# SPDX-License-Identifier: Apache-2.0
"""Looking for a deployment by its coordinates: what people ask, and what the platform answered.

The account of the operator sees what other committees staged too. So nothing is asked for coordinates outside the
project's PlatformTarget, and of a deployment that also holds packages outside it only the id is kept.
"""

import datetime
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queue as queue
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.writer as writers
import atr.storage.writers.requests as requests

# One that was not answered by then is asked for anew.
_PATIENCE: Final = datetime.timedelta(minutes=10)


class ReleaseManager(writers.Writer):
    """What release managers may do: it finds what they then record."""

    async def ask(self, release_key: str, where: distribution.Coordinates) -> int:
        """Have the platform asked which deployments hold these coordinates; answers the search's number.

        Asking for the same while it is looked for is one search. Raises UnsupportedError, ConflictError, BlockedError
        (outside the names that belong to the project: then nothing is asked).
        """
        write = self._write
        release = await writers.load_release_for_update(write, release_key)
        candidates.uploads_supported(write.data.built, where.platform)
        if release.phase is sql.ReleasePhase.RELEASE:
            raise errors.ConflictError("This release was announced, so nothing can be staged for it.")
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
        return writers.row_id(row.id)

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
