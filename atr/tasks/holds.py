# SPDX-License-Identifier: Apache-2.0
"""Holding a row while working on it: keep the lease alive, keep what was read."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

import atr.models.promotion as tables
import atr.models.work as work
import atr.storage.observations as observations
import atr.storage.worker.inputs as inputs
import atr.storage.worker.services as services
import atr.tasks.context as contexts

_LOG: Final = logging.getLogger(__name__)
# An upload is written down so often while it leaves.
_TELL_SECONDS: Final = 0.5


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
            return await inputs.kept(read, f"deployment:{self.claimed.id}", tables.Side.CAPTURED, 1)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Keep what was captured."""
        async with self.context.storage.write_as_system(services.PromotionService) as service:
            await service.captures.progress(self.claimed, tables.Side.CAPTURED, done, count, total)

    async def _renew(self) -> None:
        async with self.context.storage.write_as_system(services.PromotionService) as service:
            await service.deployments.renew(self.claimed, seconds=self.context.lease)


@dataclasses.dataclass
class UploadProgress:
    """How far an upload is. Noted for each piece that leaves; written down a little later, so nothing waits for it."""

    context: contexts.Context
    claimed: work.Deployment
    _done: int = 0
    _total: int = 0
    _told: int = 0

    def note(self, done: int, total: int) -> None:
        """So much has left."""
        self._done, self._total = done, total

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Write it down now and again while the body runs, and once at its end. No upload ends for the sake of that."""
        telling = asyncio.create_task(self._tell_on())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await self._tell()

    async def _tell_on(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            await self._tell()

    async def _tell(self) -> None:
        if self._done == self._told:
            return
        self._told = self._done
        try:
            async with self.context.storage.write_as_system(services.PromotionService) as service:
                await service.deployments.sending(self.claimed, self._done, self._total)
        except Exception as error:  # noqa: BLE001  (a locked database must not lose the reply that is on its way)
            _LOG.info("deployment %s: how far it is was not written down: %s", self.claimed.id, error)


@dataclasses.dataclass(frozen=True)
class VerifyHold:
    """A deployment whose staged files we read because somebody asked: kept apart from what its capture reads."""

    context: contexts.Context
    claimed: work.Deployment

    def alive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Renew the lease while the body runs."""
        return DeploymentHold(self.context, self.claimed).alive()

    async def kept(self) -> tuple[work.Read, ...]:
        """What a try that died left."""
        async with self.context.storage.read() as read:
            return await inputs.kept(read, observations.of_verification(self.claimed.id), tables.Side.STAGED, 1)

    async def keep(self, done: Sequence[work.Read], _count: int, _total: int) -> None:
        """Keep what was read."""
        async with self.context.storage.write_as_system(services.PromotionService) as service:
            await service.verification.progress(self.claimed, done)


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
        if not self.claimed.kept:
            return ()
        async with self.context.storage.read() as read:
            return await inputs.kept(read, f"promotion:{self.claimed.id}", self.side, self.claimed.round)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Keep what was read in this round."""
        async with self.context.storage.write_as_system(services.PromotionService) as service:
            await service.promotions.progress(self.claimed, self.side, done, count, total)

    async def _renew(self) -> None:
        async with self.context.storage.write_as_system(services.PromotionService) as service:
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
        async with self.context.storage.write_as_system(services.PromotionService) as service:
            await service.tasks.renew(self.task_id, self.epoch, seconds=self.context.lease)
