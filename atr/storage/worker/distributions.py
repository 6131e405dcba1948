# SPDX-License-Identifier: Apache-2.0
"""What the worker records about third-party distributions and ends of promotions, and nothing that people decide."""

import datetime
from collections.abc import Sequence

import sqlalchemy
from sqlmodel import col

import atr.models.sql as sql
import atr.models.work as work
import atr.shared.distribution as distribution
import atr.storage.lanes as lanes
import atr.storage.leased_rows as leased_rows
import atr.storage.transaction as transaction
import atr.storage.writers.distributions as distributions


class Distributions:
    """The two methods of `writers/distributions.py` that raise unless the service acts."""

    def __init__(self, write: transaction.Transaction) -> None:
        member = distributions.CommitteeMember(write)
        self.record_from_data = member.record_from_data
        self.settle = member.settle


class Pending(transaction.Writer):
    """The worker's claim on pending third-party distributions."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Distribution]:
        """Claim the pending rows that are due, of one lane or of all, oldest first."""
        claimed: Sequence[sql.Distribution] = await leased_rows.claim(
            self._write, leased_rows.Kind.DISTRIBUTION, owner=owner, seconds=seconds, limit=limit, lane=lane
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
        """Postpone all rows of a platform that asked ATR to wait: none is checked before this instant."""
        row = sql.Distribution
        statement = (
            sqlalchemy.update(row)
            .where(col(row.platform) == platform.name, col(row.due_at) < until)
            .values(due_at=until)
            .execution_options(synchronize_session=False)
        )
        await self._write.data.exec(statement)
