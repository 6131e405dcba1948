# SPDX-License-Identifier: Apache-2.0
"""The worker's claim on third-party distributions that are said to be public: which one is looked for next."""

import datetime
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.leases as leases
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.budget as budget
import atr.shared.distribution as distribution
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction


class SystemService:
    """The worker's claim on pending third-party distributions.

    Of each platform one is looked for at a time: one that answers slowly, or not at all, keeps no other waiting.
    """

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def due(self, *, limit: int, shut: Collection[lanes.Lane] = ()) -> Sequence[lanes.Due]:
        """The oldest row that is due of each platform, but for those whose lane is shut."""
        row, closed = (
            sql.Distribution,
            [one.name for one in distribution.DistributionPlatform if self._lane(one.name) in shut],
        )
        found = await leases.due(
            self._write.data,
            row,
            self._write.now,
            self._on_idle_platforms(),
            lanes.known(col(row.platform)),
            embargo.may_leave(row.release_key),
            col(row.platform).not_in(closed),
            columns=(row.platform,),
            limit=limit,
        )
        # Oldest first, so of each platform the first one stays.
        oldest = {platform: since for since, platform in reversed(found)}
        return [lanes.Due(since, self._lane(platform)) for platform, since in oldest.items()]

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Distribution]:
        """Take the pending rows that are due, of one lane or of all, oldest first."""
        mine = [one.name for one in distribution.DistributionPlatform if self._lane(one.name) == lane]
        where = [col(sql.Distribution.platform).in_(mine)] if lane else []
        claimed = await leases.claim(
            self._write.data,
            sql.Distribution,
            self._write.now,
            self._on_idle_platforms(),
            lanes.known(col(sql.Distribution.platform)),
            embargo.may_leave(sql.Distribution.release_key),
            *where,
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

    def _lane(self, platform: str) -> lanes.Lane:
        """Whose public place is asked: that of the mechanism which promotes there, else the platform's own."""
        one = distribution.DistributionPlatform[platform]
        return lanes.Lane((self._write.data.built.mechanism(one) or one).name, budget.Reach.PUBLIC)
