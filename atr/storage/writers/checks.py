# SPDX-License-Identifier: Apache-2.0
"""Results of checks."""

import dataclasses
from collections.abc import Sequence

import sqlalchemy
from sqlmodel import col

import atr.db.queries as queries
import atr.models.sql as sql
import atr.storage.facts as facts
import atr.storage.transaction as transaction
import atr.storage.writers.captures as captures


@dataclasses.dataclass(frozen=True)
class Result:
    """One finding, before it is stored."""

    status: sql.CheckResultStatus
    message: str
    member_rel_path: str | None = None


class UserService:
    """What the worker notes."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def record_staged(self, deployment_id: int, version: str, results: Sequence[Result]) -> None:
        """Put these findings about a deployment's staged files in the place of the older ones."""
        write = self._write
        deployment = await queries.demand_deployment(write.data, deployment_id)
        revision = await queries.latest_revision(write.data, deployment.release_key)
        subject = f"deployment:{deployment_id}"
        await write.data.exec(
            sqlalchemy.delete(sql.CheckResult).where(
                col(sql.CheckResult.checker) == facts.STAGED_CHECKER, col(sql.CheckResult.primary_rel_path) == subject
            )
        )
        write.data.add_all(
            sql.CheckResult(
                release_key=deployment.release_key,
                revision_number=revision.number if revision else "",
                checker=facts.STAGED_CHECKER,
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
