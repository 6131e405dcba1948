# SPDX-License-Identifier: Apache-2.0
"""Writes the rate limits and circuit breakers of lanes: the checks that were made, and how the platform answered.

The rows are shared by all processes: a scan locks them while it takes checks from them.
"""

import dataclasses
import datetime
import itertools
from collections.abc import Mapping
from typing import Any

import sqlalchemy
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.models.operating as operating
import atr.promotion.budget as budget
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.audit as audit
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction

_EVERY = tuple(
    lanes.Lane(one.name, reach)
    for one, reach in itertools.product((*mechanisms.Mechanism, *distribution.DistributionPlatform), budget.Reach)
)


class RateLimits(transaction.Writer):
    """What the worker takes from rate limits and records in them."""

    async def verdicts(self, *, at_most: int) -> Mapping[lanes.Lane, budget.Verdict]:
        """Return how many rows of each lane may be checked now, and lock the rate limits until the transaction ends."""
        write = self._write
        rows = await self._every()
        if len(rows) < len(_EVERY):
            await self._insert(rows)
            rows = await self._every()
        return {
            lane: budget.verdict(lanes.of_row(row), self._limits(lane), write.now, at_most=at_most)
            for lane, row in rows.items()
        }

    async def spend(self, lane: lanes.Lane, looks: int) -> None:
        """Record that `looks` rows of the lane are being checked."""
        # Locked by `verdicts`.
        row = await self._write.data.get_one(operating.PlatformAccount, (lane.name, lane.reach.value))
        self._store(row, budget.spent(lanes.of_row(row), self._limits(lane), self._write.now, looks))

    async def take_probe(self, lane: lanes.Lane, *, seconds: float) -> bool:
        """Take the one request that probes a half-open breaker; False if another worker has."""
        row, now = operating.PlatformAccount, self._write.now
        free = col(row.probing_until).is_(None) | (col(row.probing_until) <= now)
        statement = (
            sqlalchemy.update(row)
            .where(
                col(row.name) == lane.name,
                col(row.reach) == lane.reach.value,
                col(row.opened_at).is_not(None),
                col(row.opened_at) <= now - datetime.timedelta(seconds=self._limits(lane).rest),
                free,
            )
            .values(probing_until=now + datetime.timedelta(seconds=seconds))
            .execution_options(synchronize_session=False)
        )
        return bool((await self._write.data.exec(statement)).rowcount == 1)

    async def heard(
        self, lane: lanes.Lane, *, fault: bool = False, probe: bool = False, retry_after: float | None = None
    ) -> None:
        """Record the outcome of a check: a fault of the platform, an answer to the probe, or a Retry-After."""
        write = self._write
        await guards.hold(write.data, guards.mechanism(lane.name))
        await self._insert({})
        row = await self._locked(lane)
        account, limits = lanes.of_row(row), self._limits(lane)
        was = account.opened_at
        if fault:
            account = budget.after_fault(account, limits, write.now)
        elif probe:
            account = budget.after_probe(account)
        if retry_after is not None:
            account = budget.after_told(account, write.now, retry_after)
        self._store(row, account)
        if (account.opened_at is None) != (was is None):
            what = "breaker_closed" if account.opened_at is None else "breaker_opened"
            await write.event(audit.SITE, guards.mechanism(lane.name), what, reach=lane.reach.value)

    def _limits(self, lane: lanes.Lane) -> budget.Limits:
        return self._write.place.limits[lane.reach]

    async def _every(self) -> dict[lanes.Lane, operating.PlatformAccount]:
        row = operating.PlatformAccount
        # Always in the same order, so that no two scans wait for each other.
        wanted = sqlmodel.select(row).order_by(col(row.name), col(row.reach)).with_for_update()
        found = await self._write.data.exec(wanted.execution_options(populate_existing=True))
        return {lanes.Lane(one.name, budget.Reach(one.reach)): one for one in found.all()}

    async def _locked(self, lane: lanes.Lane) -> operating.PlatformAccount:
        row = operating.PlatformAccount
        wanted = sqlmodel.select(row).where(row.name == lane.name, row.reach == lane.reach.value)
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
        return (await self._write.data.exec(wanted)).one()

    async def _insert(self, there: Mapping[lanes.Lane, Any]) -> None:
        """Insert the rows that do not exist yet; another process may have inserted them at the same time."""
        data = self._write.data
        on_postgresql = (await data.connection()).dialect.name == "postgresql"
        dialect: Any = sqlalchemy.dialects.postgresql if on_postgresql else sqlalchemy.dialects.sqlite
        rows: list[dict[str, Any]] = [
            {"name": lane.name, "reach": lane.reach.value, "faults": []} for lane in _EVERY if lane not in there
        ]
        await data.exec(dialect.insert(operating.PlatformAccount).values(rows).on_conflict_do_nothing())

    def _store(self, row: operating.PlatformAccount, account: budget.Account) -> None:
        for name, value in dataclasses.asdict(account).items():
            setattr(row, name, value)
        row.faults = [one.isoformat() for one in account.faults]
