# SPDX-License-Identifier: Apache-2.0
"""What the worker's steps are handed: the storage, the adapters, and its limits."""

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
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.lanes as lanes
import atr.storage.worker as services
import atr.tasks.looks as looking

# A mark that is older than this, by a clock that nobody can set, sends nothing any more.
FRESH_SECONDS: Final = 30.0


@dataclasses.dataclass(frozen=True)
class Failpoint:
    """Where the process dies, once, for a trial; an empty name is nowhere. `done` remembers that it has.

    config.FAILPOINTS names the places.
    """

    name: str = ""
    done: pathlib.Path = pathlib.Path()
    blow: signal.Signals = signal.SIGKILL

    def __call__(self, here: str) -> None:
        """Give this process the blow if this is the place. By SIGKILL no handler runs and nothing is tidied up."""
        if (here != self.name) or self.done.exists():
            return
        self.done.touch()
        # To this very thread, so that not one more line of it runs before.
        signal.raise_signal(self.blow)


@dataclasses.dataclass(frozen=True)
class Context:
    """The worker's hands."""

    storage: storage.Storage
    promoters: Mapping[mechanisms.Mechanism, contract.Promoter]
    # What looks a version up where nothing is promoted from here; a promoter looks up itself.
    catalogues: Mapping[distribution.DistributionPlatform, contract.Catalogue]
    # Unique for each process, so that a lease says who holds it.
    owner: str
    lease: float
    scratch: pathlib.Path
    # Called with the name of each place where a trial may have the process die.
    failpoint: Callable[[str], None]
    monotonic: Callable[[], float]
    meters: metrics.Meters = dataclasses.field(default_factory=metrics.Meters)
    looks: looking.Looks = dataclasses.field(default_factory=looking.Looks)
    # Of the task that runs: should it fail, nobody tries again.
    is_last_try: bool = False
    # Whether it reaches the files of revisions and copies; what needs them is left to a worker that does.
    has_files: bool = True

    def service(self) -> contextlib.AbstractAsyncContextManager[services.PromotionService]:
        """One transaction in which the worker notes what it did or learnt."""
        return self.storage.write_as_system(services.PromotionService)

    async def hear(
        self, lane: lanes.Lane, *, fault: bool = False, probe: bool = False, retry_after: float | None = None
    ) -> None:
        """What came of a call says something of the platform, for all its rows."""
        if fault or probe or (retry_after is not None):
            async with self.service() as service:
                await service.rate_limits.heard(lane, fault=fault, probe=probe, retry_after=retry_after)

    def demand_fresh(self, before: float) -> None:
        """Raise UnavailableError if a mark is too old to be sent for; `before` was read before it was begun.

        A call takes half a lease at most: one that leaves in the first half is over before anybody takes the row up.
        """
        if self.monotonic() - before > min(FRESH_SECONDS, self.lease / 2):
            raise errors.UnavailableError(
                "The machine was suspended after the mark was written, so nothing was sent. The platform is queried "
                "first.",
                faultless=True,
            )

    def promoter(self, mechanism: mechanisms.Mechanism) -> contract.Promoter:
        """The adapter. Raises UnsupportedError when the operator has named no address for it."""
        found = self.promoters.get(mechanism)
        if found is None:
            raise errors.UnsupportedError(
                f"No address is configured for {mechanism.display_name}, so nothing is read or sent."
            )
        return found

    def layout(self, mechanism: mechanisms.Mechanism) -> layouts.Layout:
        """How files lie there. Raises UnsupportedError."""
        return self.storage.database.built.of(mechanism)

    def catalogue(self, platform: distribution.DistributionPlatform) -> contract.Catalogue:
        """What looks a version up. Raises UnsupportedError when the operator has named no address for the platform."""
        promoters = (self.promoters[one] for one in platform.mechanisms if one in self.promoters)
        found = next(promoters, None) or self.catalogues.get(platform)
        if found is None:
            raise errors.UnsupportedError(
                f"No address is configured for {platform.display_name}, so it is not checked."
            )
        return found


@contextlib.asynccontextmanager
async def held(renew: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Keep a lease alive while the body runs; when somebody else has it, the body is stopped with ConflictError."""
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
