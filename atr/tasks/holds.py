# SPDX-License-Identifier: Apache-2.0
"""Holding a row while working on it: keep the lease alive, keep what was read."""

import contextlib
import dataclasses
from collections.abc import Sequence

import atr.models.promotion as tables
import atr.models.work as work
import atr.storage.readers.work as readers
import atr.tasks.context as contexts


@dataclasses.dataclass(frozen=True)
class DeploymentHold:
    """A deployment that we work on."""

    context: contexts.Context
    claimed: work.Deployment

    def alive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Renew the lease while the body runs."""
        return contexts.held(self._renew, self.context.lease)

    async def kept(self) -> tuple[work.Read, ...]:
        """What an earlier, broken capture left."""
        async with self.context.storage.read() as read:
            return await readers.kept(read, f"deployment:{self.claimed.id}", tables.Side.CAPTURED, 1)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Keep what was captured."""
        async with self.context.storage.write_as_user_service() as service:
            await service.captures.progress(self.claimed, tables.Side.CAPTURED, done, count, total)

    async def _renew(self) -> None:
        async with self.context.storage.write_as_user_service() as service:
            await service.deployments.renew(self.claimed.id, self.claimed.epoch, seconds=self.context.lease)


@dataclasses.dataclass(frozen=True)
class PromotionHold:
    """A promotion that we work on; `side` is the one being read."""

    context: contexts.Context
    claimed: work.Promotion
    side: tables.Side = tables.Side.STAGED

    def alive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Renew the lease while the body runs."""
        return contexts.held(self._renew, self.context.lease)

    async def kept(self) -> tuple[work.Read, ...]:
        """What an earlier, broken reading of this round left."""
        async with self.context.storage.read() as read:
            return await readers.kept(read, f"promotion:{self.claimed.id}", self.side, self.claimed.round)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Keep what was read in this round."""
        async with self.context.storage.write_as_user_service() as service:
            await service.promotions.progress(self.claimed, self.side, done, count, total)

    async def _renew(self) -> None:
        async with self.context.storage.write_as_user_service() as service:
            await service.promotions.renew(self.claimed, seconds=self.context.lease)


@dataclasses.dataclass(frozen=True)
class TaskHold:
    """A task that we run."""

    context: contexts.Context
    task_id: int
    epoch: int

    def alive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Renew the lease while the body runs."""
        return contexts.held(self._renew, self.context.lease)

    async def _renew(self) -> None:
        async with self.context.storage.write_as_user_service() as service:
            await service.tasks.renew(self.task_id, self.epoch, seconds=self.context.lease)
