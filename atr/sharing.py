# SPDX-License-Identifier: Apache-2.0
"""Long computations in threads, each run once for all callers that request it at the same time."""

import asyncio
import collections
import concurrent.futures
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Shared(Generic[_Result]):
    """Runs computations by a key, in threads of its own, so that other work does not wait for one of those.

    The `kept` most recently used results are cached: the key must contain everything that a result depends on.
    """

    def __init__(self, *, threads: int, kept: int) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(threads)
        self._limit = kept
        self._kept: collections.OrderedDict[Hashable, _Result] = collections.OrderedDict()
        self._running: dict[Hashable, asyncio.Future[_Result]] = {}

    async def get(self, key: Hashable, compute: Callable[[], _Result]) -> _Result:
        """Return the result for this key. Raises the exception of the computation, which is not cached."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        loop = asyncio.get_running_loop()
        running = self._running.get(key)
        if (running is None) or (running.get_loop() is not loop):
            running = self._running[key] = loop.run_in_executor(self._threads, compute)
            running.add_done_callback(lambda ended: self._ended(key, ended))
        # The first caller may be cancelled; the others still need the result.
        return await asyncio.shield(running)

    def _ended(self, key: Hashable, ended: asyncio.Future[_Result]) -> None:
        if self._running.get(key) is ended:
            del self._running[key]
        if not ended.cancelled() and (ended.exception() is None):
            self._kept[key] = ended.result()
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
