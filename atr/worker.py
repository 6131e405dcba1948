# SPDX-License-Identifier: Apache-2.0
"""The worker: the only process that contacts platforms and the only one that has credentials."""

import asyncio
import dataclasses
import logging
import os
import pathlib
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

import atr.config as config
import atr.db.condition as condition
import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.db.session as session
import atr.errors as errors
import atr.log as log
import atr.metrics as metrics
import atr.models.work as work
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.platforms.wire as wire
import atr.promotion.budget as budget
import atr.promotion.steps as steps
import atr.promotion.usage as usage
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.tasks as tasks
import atr.tasks.context as contexts
import atr.tasks.distribution as scan
import atr.tasks.leased as leased

_LOG = logging.getLogger(__name__)
# Seconds that running work has to end after a stop; the next worker continues what has not ended.
_GRACE: Final = 10.0
# Seconds between two rounds of housekeeping: release reservations outside of the projects' namespaces, and report the
# heads of the event chains once an hour, by the database's clock.
_HOUSEKEEPING_EVERY: Final = 60.0


async def run(settings: registry.WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT. Raises SettingsError before it starts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        context(settings) as hands,
        metrics.served(hands.storage, hands.meters, host=settings.metrics_host, port=settings.metrics_port),
    ):
        _LOG.info("worker started", extra={"action": "started", "owner": hands.owner})
        await work_until(hands, stop, tick=settings.tick, slots=settings.slots)
    _LOG.info("worker stopped", extra={"action": "stopped"})


@asynccontextmanager
async def context(
    settings: registry.WorkerSettings,
    clock: session.Clock | None = None,
    mounts: pathlib.Path = file_system.MOUNTS,
) -> AsyncIterator[contexts.Context]:
    """Build the worker's context from its settings; nothing else does. Raises SettingsError."""
    file_system.demand_local(settings.database, mounts)
    file_system.make_private(settings.state_dir, settings.database)
    scratch = settings.state_dir / "temporary"
    scratch.mkdir(exist_ok=True)
    await asyncio.to_thread(migrate.upgrade, settings.database)
    failpoint = _failpoint(settings)
    async with AsyncExitStack() as stack:
        promoters: dict[mechanisms.Mechanism, contract.Promoter] = {}
        for mechanism, adapter in adapters(settings, failpoint).items():
            promoters[mechanism] = await stack.enter_async_context(aclosing(adapter))
        looking: dict[distribution.DistributionPlatform, contract.Catalogue] = {}
        for platform, lookup in catalogues(settings).items():
            looking[platform] = await stack.enter_async_context(aclosing(lookup))
        place = transaction.Place(
            settings.state_dir,
            timings(settings),
            settings.copies_quota,
            steps.Timing().faster(settings.faster),
            {reach: limits.faster(settings.faster) for reach, limits in budget.LIMITS.items()},
            usage.Usage(*settings.maven_central_monthly),
        )
        database = session.Database(settings.database, clock)
        stack.push_async_callback(database.close)
        if not settings.sandbox:
            await condition.demand_safe(database)
        yield contexts.Context(
            storage=storage.Storage(database, place),
            promoters=promoters,
            catalogues=looking,
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            lease=settings.lease,
            scratch=scratch,
            failpoint=failpoint,
            monotonic=time.monotonic,
            has_files=settings.has_files,
        )


def adapters(
    settings: registry.WorkerSettings, trace: wire.Trace = wire.untraced
) -> Mapping[mechanisms.Mechanism, contract.Promoter]:
    """Return an adapter for each mechanism whose address the operator has configured; no other one is contacted."""
    made = {mechanism: opener(settings, trace) for mechanism, opener in registry.PROMOTERS.items()}
    return {mechanism: adapter for mechanism, adapter in made.items() if adapter is not None}


def _failpoint(settings: registry.WorkerSettings) -> contexts.Failpoint:
    name, _, blow = settings.failpoint.partition(":")
    return contexts.Failpoint(name, settings.state_dir / "failpoint-done", config.BLOWS[blow or "kill"])


def catalogues(
    settings: registry.WorkerSettings,
) -> Mapping[distribution.DistributionPlatform, contract.Catalogue]:
    """Return a catalogue for each platform without remote promotion whose address the operator has configured."""
    made = {platform: opener(settings) for platform, opener in registry.CATALOGUES.items()}
    return {platform: lookup for platform, lookup in made.items() if lookup is not None}


def timings(settings: registry.WorkerSettings) -> Mapping[mechanisms.Mechanism, steps.Timing]:
    """Return how often each mechanism is polled."""
    return {mechanism: timing.faster(settings.faster) for mechanism, timing in steps.TIMINGS.items()}


class Shift:
    """The work that a worker is doing: at most `slots` rows of each lane, and as many tasks."""

    def __init__(self, hands: contexts.Context, slots: int) -> None:
        self._hands = hands
        self._slots = slots
        self._rows: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = scan.Busy()
        # Whether the last start filled every free slot, so that more may be due; that work may have ended since.
        self.was_full = False

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """Return the work that has not ended."""
        self._rows = {one for one in self._rows if not one.done()}
        self._tasks = {one for one in self._tasks if not one.done()}
        return self._rows | self._tasks

    @property
    def is_full(self) -> bool:
        """Return whether a lane or the tasks use all slots, so that more may be due."""
        return (len(self._tasks) >= self._slots) or any(count >= self._slots for count in self._busy.values())

    async def start(self) -> int:
        """Claim what is due and start the work on it. Returns how much was started."""
        before = len(self.running)
        for step in await scan.status_check(self._hands, limit=self._slots, busy=self._busy):
            self._rows.add(asyncio.create_task(step))
        self.was_full = self._busy.was_full
        free = self._slots - len(self._tasks)
        if free > 0:
            async with self._hands.service() as service:
                claimed = await service.tasks.claim(
                    owner=self._hands.owner, seconds=self._hands.lease, limit=free, has_files=self._hands.has_files
                )
            self._tasks.update(asyncio.create_task(_task(self._hands, task)) for task in claimed)
            self.was_full = self.was_full or len(claimed) >= free
        return len(self._rows) + len(self._tasks) - before


async def work_until(
    hands: contexts.Context, stop: asyncio.Event, *, tick: float, slots: int, grace: float = _GRACE
) -> None:
    """Scan and work until the event is set: at most `slots` rows of each lane at once, and as many tasks."""
    shift = Shift(hands, slots)
    stopping = asyncio.create_task(stop.wait())
    housekeeping_due = hands.monotonic()
    while not stop.is_set():
        if hands.monotonic() >= housekeeping_due:
            housekeeping_due = hands.monotonic() + _HOUSEKEEPING_EVERY
            await _try(hands, free_names, "names_not_freed")
            await _try(hands, tell_heads, "heads_not_told")
        try:
            with hands.meters.scan_seconds.time():
                await shift.start()
        except Exception:  # noqa: BLE001  (the worker survives any error of the scan)
            # The database may be locked, full or unavailable for a while; the rows wait.
            hands.meters.scan_errors.inc()
            _LOG.exception("the scan could not read what is due")
            await asyncio.wait({stopping}, timeout=tick)
            continue
        # If more was due than could be claimed, a slot that becomes free is used at once; one may be free already.
        ends = shift.running if shift.is_full else set()
        wait = 0 if shift.was_full and not shift.is_full else tick
        await asyncio.wait({stopping, *ends}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    if running := shift.running:
        _, left = await asyncio.wait(running, timeout=grace)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _try(hands: contexts.Context, chore: Callable[[contexts.Context], Awaitable[None]], action: str) -> None:
    """Run a chore. If it fails, it is run again later, and the scan continues."""
    try:
        await chore(hands)
    except Exception:  # noqa: BLE001  (after any error the scan continues)
        _LOG.exception("%s failed", chore.__name__, extra={"action": action})


async def free_names(hands: contexts.Context) -> None:
    """Release reservations outside of the projects' namespaces, and stop promotions of deleted releases."""
    async with hands.service() as service:
        freed = await service.walls.free()
        stopped = await service.promotions.abort_deleted()
    if stopped:
        _LOG.warning("stopped %d promotions of deleted releases", stopped, extra={"action": "release_deleted"})
    if freed:
        _LOG.warning(
            "freed %d packages that were reserved outside their projects' namespaces",
            freed,
            extra={"action": "packages_freed"},
        )


async def tell_heads(hands: contexts.Context) -> None:
    """Report the heads of the event chains to the log and the metrics, unless a worker did so within the hour."""
    async with hands.service() as service:
        told = await service.heads.tell()
    if told is not None:
        hands.meters.heads.info({"chains": str(told.chains), "sha256": told.sha256})


async def _task(hands: contexts.Context, task: work.Task) -> None:
    with log.about(row=task.subject, task_type=task.task_type.value):
        await _do(hands, task)


async def _do(hands: contexts.Context, task: work.Task) -> None:
    try:
        problem = await scan.error_of(_held(hands, task))
    except errors.ConflictError as conflict:
        problem = conflict
    if isinstance(problem, errors.LeaseLostError):
        hands.meters.lease_losses.inc()
    elif isinstance(problem, errors.NotFoundError):
        # The host application has deleted the task's release, so there is nothing left to do.
        _LOG.info("abandoned a task: %s", problem, extra={"action": "not_there"})
        problem = None
    error = f"Unexpected: {problem.kind}" if isinstance(problem, errors.UnexpectedError) else str(problem or "")
    retry_after = (problem and problem.retry_after) or 0.0
    async with hands.service() as service:
        await service.tasks.finish(task, error=error, retry_after=retry_after)


async def _held(hands: contexts.Context, task: work.Task) -> None:
    async with leased.Lease(hands, task).alive():
        mine = dataclasses.replace(hands, is_last_try=task.is_last_try)
        await tasks.HANDLERS[task.task_type](mine, task.args)
