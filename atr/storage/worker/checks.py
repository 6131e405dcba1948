# SPDX-License-Identifier: Apache-2.0
"""Results of checks."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlmodel import col

import atr.db.queries as queries
import atr.models.sql as sql
import atr.shared.distribution as distribution
import atr.storage.check_results as check_results
import atr.storage.worker.captures as captures
import atr.storage.writer as writers
import atr.storage.writers.owned as owned


@dataclasses.dataclass(frozen=True)
class Result:
    """One finding, before it is stored."""

    status: sql.CheckResultStatus
    message: str
    member_rel_path: str | None = None
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    # When it was found, if that was not just now.
    created: datetime.datetime | None = None


class Checks(writers.Writer):
    """What the worker notes."""

    async def record_staged(self, deployment_id: int, version: str, results: Sequence[Result]) -> None:
        """Put these findings about a deployment's staged files in the place of the older ones."""
        write = self._write
        deployment = await owned.load_deployment_for_update(write, deployment_id)
        revision = await queries.latest_revision(write.data, deployment.release_key)
        subject = f"deployment:{deployment_id}"
        await write.data.exec(
            sqlalchemy.delete(sql.CheckResult).where(
                col(sql.CheckResult.checker) == check_results.STAGED, col(sql.CheckResult.primary_rel_path) == subject
            )
        )
        write.data.add_all(
            sql.CheckResult(
                release_key=deployment.release_key,
                revision_number=revision.number if revision else "",
                checker=check_results.STAGED,
                checker_version=version,
                primary_rel_path=subject,
                member_rel_path=result.member_rel_path,
                created=write.now,
                status=result.status,
                message=result.message,
            )
            for result in results
        )
        await write.event(
            deployment.release_key,
            subject,
            "staged_files_checked",
            results=[[result.status.value, result.message] for result in results[:20]],
        )
        await write.data.flush()
        await captures.then_promote(write, deployment)

    async def record_readiness(
        self,
        release_key: str,
        platform: distribution.DistributionPlatform,
        version: str,
        results: Sequence[Result],
    ) -> None:
        """Put what a platform answered about a release in the place of the older answers; news of it is an event."""
        write = self._write
        release = await owned.load_release_for_update(write, release_key)
        revision = await queries.latest_revision(write.data, release.key)
        before = (await check_results.of_platforms(write.data, release.key)).get(platform.name, ())
        news = [[result.status.value, result.message] for result in results]
        for row in before:
            await write.data.delete(row)
        write.data.add_all(
            sql.CheckResult(
                release_key=release.key,
                revision_number=revision.number if revision else "",
                checker=check_results.READINESS,
                checker_version=version,
                primary_rel_path=f"platform:{platform.name}",
                member_rel_path=result.member_rel_path,
                created=result.created or write.now,
                status=result.status,
                message=result.message,
                data=dict(result.data),
            )
            for result in results
        )
        if news != [[row.status.value, row.message] for row in before]:
            await write.event(release.key, "release", "readiness_checked", platform=platform.name, results=news)
