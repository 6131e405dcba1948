# SPDX-License-Identifier: Apache-2.0
"""The context that the worker passes to each step: the storage, the adapters, and its limits."""

import asyncio
import contextlib
import dataclasses
import pathlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

import atr.errors as errors
import atr.metrics as metrics
import atr.platforms.contract as contract
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.lanes as lanes
import atr.storage.worker as services
import atr.tasks.looks as looking

# No request is sent for a mark that is older than this, measured by the monotonic clock.
FRESH_SECONDS: Final = 30.0


@dataclasses.dataclass(frozen=True)
class Failpoint:
    """The point at which a test kills the process, once; none if the name is empty. The file `done` records the kill.

    config.FAILPOINTS lists the names.
    """

    name: str = ""
    done: pathlib.Path = pathlib.Path()
    blow: signal.Signals = signal.SIGKILL

    def __call__(self, here: str) -> None:
        """Send the signal to this process if this is the named point. With SIGKILL no handler and no cleanup runs."""
        if (here != self.name) or self.done.exists():
            return
        self.done.touch()
        # Sent to this thread, so that it does not execute another line.
        signal.raise_signal(self.blow)


@dataclasses.dataclass(frozen=True)
class Context:
    """The storage, adapters and limits of one worker process."""

    storage: storage.Storage
    promoters: Mapping[mechanisms.Mechanism, contract.Promoter]
    # The adapters that look up a version on platforms without remote promotion; a promoter looks it up itself.
    catalogues: Mapping[distribution.DistributionPlatform, contract.Catalogue]
    # Unique for each process, so that a lease names its worker.
    owner: str
    lease: float
    scratch: pathlib.Path
    # Called with the name of each point at which a test can kill the process.
    failpoint: Callable[[str], None]
    monotonic: Callable[[], float]
    meters: metrics.Meters = dataclasses.field(default_factory=metrics.Meters)
    looks: looking.Looks = dataclasses.field(default_factory=looking.Looks)
    # Whether the running task is not retried if it fails.
    is_last_try: bool = False
    # Whether this worker can read the files of revisions and copies; tasks that need them are left to one that can.
    has_files: bool = True

    def service(self) -> contextlib.AbstractAsyncContextManager[services.PromotionService]:
        """Return one transaction in which the worker records what it did or learnt."""
        return self.storage.write_as_system(services.PromotionService)

    async def hear(
        self, lane: lanes.Lane, *, fault: bool = False, probe: bool = False, retry_after: float | None = None
    ) -> None:
        """Record what a request showed about the platform (a fault, an answered probe, Retry-After), for all rows."""
        if fault or probe or (retry_after is not None):
            async with self.service() as service:
                await service.rate_limits.heard(lane, fault=fault, probe=probe, retry_after=retry_after)

    def demand_fresh(self, before: float) -> None:
        """Raise UnavailableError if a mark is too old for its request; `before` is the time before it was written.

        A request takes at most half a lease: one sent in the first half ends before another worker can take the row.
        """
        if self.monotonic() - before > min(FRESH_SECONDS, self.lease / 2):
            raise errors.UnavailableError(
                "The machine was suspended after the mark was written, so nothing was sent. The platform is queried "
                "first.",
                faultless=True,
            )

    def promoter(self, mechanism: mechanisms.Mechanism) -> contract.Promoter:
        """Return the adapter of a mechanism. Raises UnsupportedError if no address is configured for it."""
        found = self.promoters.get(mechanism)
        if found is None:
            raise errors.UnsupportedError(reasons.of("no-address", platform=mechanism.display_name))
        return found

    def layout(self, mechanism: mechanisms.Mechanism) -> layouts.Layout:
        """Return the layout of a mechanism. Raises UnsupportedError."""
        return self.storage.database.built.of(mechanism)

    def catalogue(self, platform: distribution.DistributionPlatform) -> contract.Catalogue:
        """Return the adapter that looks up a version. Raises UnsupportedError if no address is configured for it."""
        promoters = (self.promoters[one] for one in platform.mechanisms if one in self.promoters)
        found = next(promoters, None) or self.catalogues.get(platform)
        if found is None:
            raise errors.UnsupportedError(reasons.of("no-address", platform=platform.display_name))
        return found


@contextlib.asynccontextmanager
async def held(renew: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Renew a lease while the body runs. If another worker has it, the body is cancelled with ConflictError."""
    try:
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(_beat(renew, seconds / 3))
            try:
                yield
            finally:
                beat.cancel()
    except BaseExceptionGroup as several:
        # A task group wraps even a single error; callers handle the error itself.
        raise several.exceptions[0] from several


async def _beat(renew: Callable[[], Awaitable[None]], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await renew()
