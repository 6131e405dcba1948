# SPDX-License-Identifier: Apache-2.0
"""The lease of a row while it is worked on, the files read under it, and what its irreversible requests share."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.budget as budget
import atr.promotion.steps as steps
import atr.reasons as reasons
import atr.shared.mechanisms as mechanisms
import atr.storage.lanes as lanes
import atr.storage.observations as observations
import atr.tasks.context as contexts

_LOG: Final = logging.getLogger(__name__)
# Seconds between two updates of an upload's progress in the database.
_TELL_SECONDS: Final = 0.5


async def taken(context: contexts.Context, deployment_id: int) -> work.Deployment:
    """Take a deployment for a task to work on. Raises ConflictError if another worker has it."""
    async with context.service() as service:
        claimed = await service.deployments.take(deployment_id, owner=context.owner, seconds=context.lease)
    if claimed is None:
        raise errors.ConflictError(reasons.of("worker-busy"))
    return claimed


@dataclasses.dataclass(frozen=True)
class Lease:
    """This worker's lease of a row or a task."""

    context: contexts.Context
    claimed: work.Task | work.Promotion | work.Deployment

    def alive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Renew the lease while the body runs."""
        return contexts.held(self._renew, self.context.lease)

    async def _renew(self) -> None:
        async with self.context.service() as service:
            await service.tasks.renew(self.claimed, seconds=self.context.lease)


@dataclasses.dataclass(frozen=True)
class DeploymentLease(Lease):
    """This worker's lease of a deployment, and the files that its capture has read."""

    claimed: work.Deployment

    async def kept(self) -> tuple[work.Read, ...]:
        """Return the files that an earlier, interrupted capture has read."""
        async with self.context.storage.read() as read:
            return await observations.kept_reads(read, self.claimed.subject, tables.Side.CAPTURED, 1)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Store the files that the capture has read, and its progress."""
        async with self.context.service() as service:
            await service.captures.progress(self.claimed, tables.Side.CAPTURED, done, count, total)


@dataclasses.dataclass
class UploadProgress:
    """The progress of an upload. Noted for each piece sent and stored a little later, so the upload never waits."""

    context: contexts.Context
    claimed: work.Deployment
    _done: int = 0
    _total: int = 0
    _told: int = 0

    def note(self, done: int, total: int) -> None:
        """Note that `done` of `total` bytes were sent."""
        self._done, self._total = done, total

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Store the progress regularly while the body runs, and once at its end. A failure to do so ends no upload."""
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
            async with self.context.service() as service:
                await service.deployments.sending(self.claimed, self._done, self._total)
        except Exception as error:  # noqa: BLE001  (a locked database must not lose the reply that is on its way)
            _LOG.info("deployment %s: how far it is was not written down: %s", self.claimed.id, error)


class VerifyLease(DeploymentLease):
    """This worker's lease of a deployment that is verified on request; its reads are stored apart from a capture's."""

    async def kept(self) -> tuple[work.Read, ...]:
        """Return the files that an earlier, interrupted try has read."""
        async with self.context.storage.read() as read:
            return await observations.kept_reads(
                read, observations.of_verification(self.claimed.id), tables.Side.STAGED, 1
            )

    async def keep(self, done: Sequence[work.Read], _count: int, _total: int) -> None:
        """Store the files that were read."""
        async with self.context.service() as service:
            await service.verification.progress(self.claimed, done)


@dataclasses.dataclass(frozen=True)
class PromotionLease(Lease):
    """This worker's lease of a promotion; `side` is the one being read."""

    claimed: work.Promotion
    side: tables.Side = tables.Side.STAGED

    async def kept(self) -> tuple[work.Read, ...]:
        """Return the files that an earlier, interrupted try of this round has read."""
        if not self.claimed.kept:
            return ()
        async with self.context.storage.read() as read:
            return await observations.kept_reads(read, self.claimed.subject, self.side, self.claimed.round)

    async def keep(self, done: Sequence[work.Read], count: int, total: int) -> None:
        """Store the files that were read in this round, and the progress."""
        async with self.context.service() as service:
            await service.promotions.progress(self.claimed, self.side, done, count, total)


async def drop(
    context: contexts.Context, promoter: contract.Promoter, about: contract.Target, marked_since: float
) -> contract.Reply:
    """Send a drop request, once. Raises UnavailableError, and sends nothing, if its mark is too old."""
    context.failpoint("in_abort")
    context.demand_fresh(marked_since)
    reply = await promoter.drop(about)
    context.failpoint("after_drop_reply")
    return reply


def target(
    claimed: work.Promotion | work.Deployment, digest: str = "", permit: work.Permit | None = None
) -> contract.Target:
    """Return the target of a request for this row; of a publish request with the verified digest and its permit."""
    return contract.Target(
        claimed.external_id,
        claimed.packages,
        pointer=permit.pointer if permit else "",
        digest=digest,
        code=permit.code if permit else "",
    )


async def hear(context: contexts.Context, mechanism: mechanisms.Mechanism, reply: contract.Reply) -> None:
    """Record what a reply says about the platform itself, for all rows of the mechanism."""
    fault = (reply.answer is steps.Answer.UNCLEAR) and budget.is_fault(reply.status)
    await context.hear(lanes.Lane(mechanism.name), fault=fault, retry_after=reply.retry_after)
