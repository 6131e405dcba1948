# SPDX-License-Identifier: Apache-2.0
"""Real worker and web processes, forked from one that has imported everything: a start costs 50 ms, not 1.5 s."""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import importlib
import multiprocessing
import os
import pathlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar, cast

import atr.config as config
import atr.platforms.contract as contract
import atr.platforms.registry as registry
import atr.server as server
import atr.storage as storage
import atr.worker as worker
import tests.chaos.watched as watched

Entry = Callable[..., None]
_T = TypeVar("_T")
_R = TypeVar("_R")
# Whatever is waited for has happened after so long, or something is wrong.
PATIENCE: Final = 180.0
_LOOK_EVERY: Final = 0.02
_STOP_SECONDS: Final = 60.0
# Nothing is inherited but what this process has open when it starts, and its module is imported once.
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


class Fleet:
    """Processes over one state directory. Leaving the block kills those that are left."""

    def __init__(self, state_dir: pathlib.Path) -> None:
        self._state_dir = state_dir
        self._started: list[BaseProcess] = []

    def start(self, entry: Entry, settings: Mapping[str, Any], *arguments: Any) -> "Ship":
        """A process that runs `entry` with these settings."""
        log = self._state_dir / f"process-{len(self._started)}.log"
        process = _FORKS.Process(target=_run, args=(entry.__module__, entry.__name__, log, dict(settings), *arguments))
        process.daemon = True
        process.start()
        self._started.append(process)
        return Ship(process, log)

    @contextlib.contextmanager
    def at_sea(self) -> Iterator["Fleet"]:
        """The fleet, for the length of the block."""
        try:
            yield self
        finally:
            for process in self._started:
                process.kill()
                process.join()
                process.close()


class Ship:
    """One process."""

    def __init__(self, process: BaseProcess, log: pathlib.Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Minus the signal that killed it; None while it runs."""
        return self._process.exitcode

    @property
    def said(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text()[-600:] if self._log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.exit_code is None:
            os.kill(self.pid, number)

    async def ended(self, seconds: float = _STOP_SECONDS) -> int | None:
        """Its exit code, minus the signal that killed it; None if it goes on for longer than so many seconds."""
        await until(self._is_over, seconds)
        return self.exit_code

    async def stopped(self) -> int | None:
        """Ask it to stop, and answer its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    def _is_over(self) -> bool:
        return self.exit_code is not None


async def side_by_side(limit: int, play: Callable[[_T], Awaitable[_R]], rounds: Iterable[_T]) -> list[tuple[_T, _R]]:
    """Play these rounds, so many at once, and answer each with what came of it."""
    waiting = collections.deque(rounds)
    done: list[tuple[_T, _R]] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(_one_after_the_other(waiting, play, done))
    return done


async def _one_after_the_other(
    waiting: collections.deque[_T], play: Callable[[_T], Awaitable[_R]], done: list[tuple[_T, _R]]
) -> None:
    while waiting:
        one = waiting.popleft()
        done.append((one, await play(one)))


async def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until it holds; False if it does not within so many seconds."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True


def work(settings: Mapping[str, Any]) -> None:
    """A worker, whose writes of promotions are kept with the lease under which they were made."""
    asyncio.run(_watched(registry.WorkerSettings.model_validate(settings), fenced=True))


def work_without_fence(settings: Mapping[str, Any]) -> None:
    """A worker of a broken build: whoever lost its lease writes all the same. What a campaign must see."""
    asyncio.run(_watched(registry.WorkerSettings.model_validate(settings), fenced=False))


def serve(settings: Mapping[str, Any], listener: socket.socket) -> None:
    """A web process on a socket that listens already."""
    given = {**settings, "listen_fd": listener.fileno()}
    asyncio.run(server.serve(config.WebSettings.model_validate(given)))


def work_that_calls_first(settings: Mapping[str, Any]) -> None:
    """A worker of a broken build: it calls, then commits its mark. What a campaign must see."""
    asyncio.run(_calls_first(registry.WorkerSettings.model_validate(settings)))


class _CallsFirst:
    """An adapter that makes the call while it should prepare it, so before the mark is there."""

    def __init__(self, adapter: contract.Promoter) -> None:
        self._adapter = adapter
        self._replies: dict[str, contract.Reply] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    async def prepare(self, target: contract.Target) -> None:
        self._replies[target.external_id] = await self._adapter.promote(target)

    async def promote(self, target: contract.Target) -> contract.Reply:
        return self._replies[target.external_id]


async def _calls_first(settings: registry.WorkerSettings) -> None:
    stop = _stopping()
    async with worker.context(settings) as hands:
        broken: Any = {platform: _CallsFirst(one) for platform, one in hands.promoters.items()}
        calling = dataclasses.replace(hands, promoters=broken)
        await worker.work_until(calling, stop, tick=settings.tick, slots=settings.slots)


async def _watched(settings: registry.WorkerSettings, *, fenced: bool) -> None:
    stop = _stopping()
    async with worker.context(settings) as hands:
        watching = watched.Storage(hands.storage, fenced=fenced)
        watching.moved = functools.partial(watched.keep, settings.state_dir)
        seen = dataclasses.replace(hands, storage=cast("storage.Storage", watching))
        await worker.work_until(seen, stop, tick=settings.tick, slots=settings.slots)


def _stopping() -> asyncio.Event:
    """Set once this process is asked to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return stop


def _run(module: str, entry: str, log: pathlib.Path, settings: Mapping[str, Any], *arguments: Any) -> None:
    """Where a forked process begins: what it says goes to a file of its own."""
    with log.open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    getattr(importlib.import_module(module), entry)(settings, *arguments)
