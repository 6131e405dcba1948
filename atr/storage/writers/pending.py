# SPDX-License-Identifier: Apache-2.0
"""The worker's claim on third-party distributions that are said to be public: which one is looked for next."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.leases as leases
import atr.models.sql as sql
import atr.models.work as work
import atr.shared.distribution as distribution
import atr.storage.transaction as transaction


class DistributionService:
    """The worker's claim on pending third-party distributions.

    Of each platform one is looked for at a time: one that answers slowly, or not at all, keeps no other waiting.
    """

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def oldest_due(self) -> datetime.datetime | None:
        """Since when the oldest due row has waited; None if none is due."""
        return await leases.oldest_due(self._write.data, sql.Distribution, self._write.now, self._on_idle_platforms())

    async def claim(self, *, owner: str, seconds: float, limit: int) -> Sequence[work.Distribution]:
        """Take the pending rows that are due, oldest first."""
        claimed = await leases.claim(
            self._write.data,
            sql.Distribution,
            self._write.now,
            self._on_idle_platforms(),
            owner=owner,
            seconds=seconds,
            limit=limit,
        )
        return [
            work.Distribution(
                epoch=row.lease_epoch,
                release_key=row.release_key,
                coordinates=row.coordinates,
                staging=row.staging,
                retries=row.retries,
            )
            for row in claimed
        ]

    async def postpone(self, platform: distribution.DistributionPlatform, until: datetime.datetime) -> None:
        """The platform asked us to wait: nothing is looked for there before this moment."""
        row = sql.Distribution
        statement = (
            sqlalchemy.update(row)
            .where(col(row.platform) == platform.name, col(row.due_at) < until)
            .values(due_at=until)
            .execution_options(synchronize_session=False)
        )
        await self._write.data.exec(statement)

    def _on_idle_platforms(self) -> Any:
        held = sqlalchemy.orm.aliased(sql.Distribution)
        busy = sqlmodel.select(held.platform).where(col(held.lease_until) > self._write.now)
        return col(sql.Distribution.platform).not_in(busy)
