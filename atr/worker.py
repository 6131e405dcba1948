# SPDX-License-Identifier: Apache-2.0
"""The worker: the only process that reaches a platform and the only one that holds credentials."""

import asyncio
import dataclasses
import logging
import os
import pathlib
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

import atr.config as config
import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.db.session as session
import atr.errors as errors
import atr.log as log
import atr.metrics as metrics
import atr.models.work as work
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.registry as registry
import atr.platforms.wire as wire
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.tasks as tasks
import atr.tasks.context as contexts
import atr.tasks.distribution as scan
import atr.tasks.holds as holds

_LOG = logging.getLogger(__name__)
# After a stop was asked for, work in hand has this long to end; what does not is taken up by the next worker.
_GRACE: Final = 10.0


async def run(settings: config.WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT. Raises SettingsError before it starts to."""
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
    settings: config.WorkerSettings,
    clock: session.Clock | None = None,
    mounts: pathlib.Path = file_system.MOUNTS,
) -> AsyncIterator[contexts.Context]:
    """The worker's hands, built from its settings: the one place that does. Raises SettingsError."""
    file_system.demand_local(settings.database, mounts)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    scratch = settings.state_dir / "temporary"
    scratch.mkdir(exist_ok=True)
    await asyncio.to_thread(migrate.upgrade, settings.database)
    failpoint = _failpoint(settings)
    async with AsyncExitStack() as stack:
        promoters: dict[distribution.DistributionPlatform, contract.Promoter] = {}
        for platform, adapter in adapters(settings, failpoint).items():
            promoters[platform] = await stack.enter_async_context(aclosing(adapter))
        looking: dict[distribution.DistributionPlatform, contract.Catalogue] = {}
        for platform, lookup in catalogues(settings).items():
            looking[platform] = await stack.enter_async_context(aclosing(lookup))
        place = transaction.Place(
            settings.state_dir, timings(settings), settings.copies_quota, steps.Timing().faster(settings.faster)
        )
        database = session.Database(settings.database, clock)
        stack.push_async_callback(database.close)
        if not settings.sandbox:
            await database.ensure_durable()
        yield contexts.Context(
            storage=storage.Storage(database, place),
            promoters=promoters,
            catalogues=looking,
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            lease=settings.lease,
            scratch=scratch,
            failpoint=failpoint,
            monotonic=time.monotonic,
        )


def adapters(
    settings: config.WorkerSettings, trace: wire.Trace = wire.untraced
) -> Mapping[distribution.DistributionPlatform, registry.Adapter]:
    """An adapter for each platform whose address the operator has named; none is contacted otherwise."""
    if not settings.maven_central_portal_url:
        return {}
    name, password = settings.maven_central_credential
    platform = distribution.DistributionPlatform.MAVEN
    return {
        platform: registry.PROMOTERS[platform](
            portal_url=settings.maven_central_portal_url,
            repository_url=settings.maven_central_repository_url,
            token_name=name,
            token_password=password,
            redirect_hosts=settings.maven_central_redirect_hosts.split(),
            call_timeout=settings.call_timeout,
            pace=settings.pace,
            user_agent=settings.user_agent,
            trace=trace,
        )
    }


def _failpoint(settings: config.WorkerSettings) -> contexts.Failpoint:
    name, _, blow = settings.failpoint.partition(":")
    return contexts.Failpoint(name, settings.state_dir / "failpoint-done", config.BLOWS[blow or "kill"])


def catalogues(
    settings: config.WorkerSettings,
) -> Mapping[distribution.DistributionPlatform, registry.Lookup]:
    """A catalogue for each platform that is only looked at and whose address the operator has named."""
    urls = {platform: settings.lookup_urls[platform.gh_slug] for platform in registry.CATALOGUES}
    return {
        platform: registry.CATALOGUES[platform](
            http.Reading(
                url=url,
                user_agent=settings.user_agent,
                call_timeout=settings.call_timeout,
                redirect_hosts=frozenset(settings.lookup_redirect_hosts.split()),
                pages_url=settings.npm_pages_url,
            )
        )
        for platform, url in urls.items()
        if url
    }


def timings(settings: config.WorkerSettings) -> Mapping[distribution.Mechanism, steps.Timing]:
    """How fast each mechanism is asked."""
    return {mechanism: timing.faster(settings.faster) for mechanism, timing in steps.TIMINGS.items()}


async def work_until(hands: contexts.Context, stop: asyncio.Event, *, tick: float, slots: int) -> None:
    """Scan and work until the event is set, at most `slots` rows and tasks at once."""
    running: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        running = {task for task in running if not task.done()}
        try:
            with hands.meters.scan_seconds.time():
                await _start(hands, running, slots)
        except Exception:  # noqa: BLE001  (the worker outlives whatever the scan runs into)
            # The database may be locked, full or away for a while; the rows wait for us.
            hands.meters.scan_errors.inc()
            _LOG.exception("the scan could not read what is due")
        try:
            async with asyncio.timeout(tick):
                await stop.wait()
        except TimeoutError:
            continue
    if running:
        _, left = await asyncio.wait(running, timeout=_GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def drain(hands: contexts.Context, *, limit: int = 100) -> int:
    """Do everything that is due now, once, and answer how much that was. For tests and for the demo's clock."""
    running: set[asyncio.Task[None]] = set()
    await _start(hands, running, limit)
    await asyncio.gather(*running)
    return len(running)


async def _start(hands: contexts.Context, running: set[asyncio.Task[None]], slots: int) -> None:
    free = slots - len(running)
    if free <= 0:
        return
    for step in await scan.status_check(hands, limit=free):
        running.add(asyncio.create_task(step))
    free = slots - len(running)
    if free <= 0:
        return
    async with hands.storage.write_as_user_service() as service:
        claimed = await service.tasks.claim(owner=hands.owner, seconds=hands.lease, limit=free)
    running.update(asyncio.create_task(_task(hands, task)) for task in claimed)


async def _task(hands: contexts.Context, task: work.Task) -> None:
    with log.about(row=task.subject, task_type=task.task_type.value):
        await _do(hands, task)


async def _do(hands: contexts.Context, task: work.Task) -> None:
    error, retry_after = "", 0.0
    try:
        async with holds.TaskHold(hands, task.id, task.epoch).alive():
            mine = dataclasses.replace(hands, is_last_try=task.is_last_try)
            await tasks.HANDLERS[task.task_type](mine, task.args)
    except asyncio.CancelledError:
        raise
    except errors.LeaseLostError as problem:
        hands.meters.lease_losses.inc()
        error = str(problem)
    except errors.UnavailableError as problem:
        error, retry_after = str(problem), problem.retry_after or 0.0
    except errors.AtrError as problem:
        error = str(problem)
    except Exception as problem:  # noqa: BLE001  (one bad task must stop no other)
        _LOG.exception("a task failed", extra={"action": "task_failed"})
        error = f"Unexpected: {type(problem).__name__}"
    async with hands.storage.write_as_user_service() as service:
        await service.tasks.finish(task, error=error, retry_after=retry_after)
