# SPDX-License-Identifier: Apache-2.0
"""Work that takes long, off the event loop, and once for all who ask for the same at the same time."""

import asyncio
import collections
import concurrent.futures
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Shared(Generic[_Result]):
    """Computations by a key. They have threads of their own, so that no other work waits for one of those.

    `kept` of the newest results are remembered: the key must say everything that the result depends on.
    """

    def __init__(self, *, threads: int, kept: int) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(threads)
        self._limit = kept
        self._kept: collections.OrderedDict[Hashable, _Result] = collections.OrderedDict()
        self._running: dict[Hashable, asyncio.Future[_Result]] = {}

    async def get(self, key: Hashable, compute: Callable[[], _Result]) -> _Result:
        """The result for this key. Raises what computing it raises, and forgets that."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        loop = asyncio.get_running_loop()
        running = self._running.get(key)
        if (running is None) or (running.get_loop() is not loop):
            running = self._running[key] = loop.run_in_executor(self._threads, compute)
            running.add_done_callback(lambda ended: self._ended(key, ended))
        # Who asked first may leave; the others still want it.
        return await asyncio.shield(running)

    def _ended(self, key: Hashable, ended: asyncio.Future[_Result]) -> None:
        if self._running.get(key) is ended:
            del self._running[key]
        if not ended.cancelled() and (ended.exception() is None):
            self._kept[key] = ended.result()
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
