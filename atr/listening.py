# SPDX-License-Identifier: Apache-2.0
"""Accepts connections, with limits in total and for each peer; idle connections are closed to make room.

Hypercorn's own loop has no such limits: it accepts connections until the process has no file descriptor left. Then
nobody is served, and asyncio writes a hundred tracebacks a second.
"""

import asyncio
import contextlib
import dataclasses
import logging
import resource
import socket
from collections.abc import Iterable
from typing import Any, Final

import hypercorn.asyncio.lifespan
import hypercorn.asyncio.worker_context
import hypercorn.config
import hypercorn.utils

import atr.connection as connection
import atr.peers as peers

_LOG = logging.getLogger(__name__)
# File descriptors for everything else: the database, files that are served, uploads.
_RESERVED: Final = 200
_FEWEST: Final = 10
# Seconds between a failed accept and the next one.
_PAUSE: Final = 0.2
# In this many seconds the log has at most one line of each kind, with a count.
_QUIET: Final = 60.0
_BACKLOG: Final = 1_024
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of one process."""

    connections: int = 500
    # Connections of one peer, unless it is a trusted proxy.
    per_peer: int = 50
    trusted: tuple[peers.Network, ...] = ()
    # The most seconds that a body may take.
    body_seconds: float = 14_400


async def serve(app: Any, config: hypercorn.config.Config, limits: Limits, stop: asyncio.Event) -> None:
    """Serve an ASGI application until the event is set. Raises OSError if it cannot listen."""
    sockets = config.create_sockets().insecure_sockets
    for one in sockets:
        one.listen(_BACKLOG)
    state: dict[str, Any] = {}
    wrapped = hypercorn.utils.wrap_app(app, config.wsgi_max_body_size, "asgi")
    lifespan = hypercorn.asyncio.lifespan.Lifespan(wrapped, config, asyncio.get_running_loop(), state)
    living = asyncio.create_task(lifespan.handle_lifespan())
    try:
        await lifespan.wait_for_startup()
        if living.done():
            living.result()
        await Listener(app, config, limits, state).run(sockets, stop)
        await lifespan.wait_for_shutdown()
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


class Listener:
    """Accepts connections and keeps the set of open ones."""

    def __init__(self, app: Any, config: hypercorn.config.Config, limits: Limits, state: dict[str, Any]) -> None:
        self._limits = dataclasses.replace(limits, connections=_affordable(limits.connections))
        context = hypercorn.asyncio.worker_context.WorkerContext(None)
        self._server = connection.Server(app, config, context, state, limits.body_seconds)
        self._open: dict[connection.Connection, asyncio.Task[None]] = {}
        # By message: the time of its last log line, and how often it was left out since.
        self._said: dict[str, tuple[float, int]] = {}

    async def run(self, sockets: Iterable[socket.socket], stop: asyncio.Event) -> None:
        """Accept connections until the event is set; then close idle ones, and give the others `graceful_timeout`."""
        accepting = [asyncio.create_task(self._accept(one)) for one in sockets]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, *accepting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, *accepting):
                task.cancel()
            ended = await asyncio.gather(*accepting, return_exceptions=True)
            for one in sockets:
                one.close()
            await self._end()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _end(self) -> None:
        await self._server.context.terminated.set()
        self._make_room(self._open, len(self._open))
        if self._open:
            _, left = await asyncio.wait(self._open.values(), timeout=self._server.config.graceful_timeout)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:
                # No descriptor or memory is left: the longest idle connection is closed. Or the client has gone.
                self._say(f"cannot accept connections: {error.strerror}")
                self._make_room(self._open, 1)
                await asyncio.sleep(_PAUSE)
                continue
            host = address[0] if isinstance(address, tuple) else ""
            group = peers.group_of(host)
            if self._has_room(group, is_proxy=peers.is_trusted(host, self._limits.trusted)):
                await self._take(accepted, group)
            else:
                self._say("refused connections: too many are open")
                with accepted, contextlib.suppress(OSError):
                    accepted.send(_FULL)

    async def _take(self, accepted: socket.socket, group: str) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted)
        except OSError:
            accepted.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        one = connection.Connection(self._server, group, reader, writer)
        self._open[one] = task = asyncio.create_task(one.run())
        task.add_done_callback(lambda ended: self._ended(one, ended))

    def _ended(self, one: connection.Connection, task: asyncio.Task[None]) -> None:
        self._open.pop(one, None)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("a connection failed", exc_info=error, extra={"action": "bug"})

    def _has_room(self, group: str, *, is_proxy: bool) -> bool:
        mine = [one for one in self._open if one.group == group]
        if not is_proxy and (len(mine) >= self._limits.per_peer) and not self._make_room(mine, 1):
            return False
        return (len(self._open) < self._limits.connections) or self._make_room(self._open, 1)

    def _make_room(self, among: Iterable[connection.Connection], count: int) -> bool:
        """Close up to this many idle connections, longest idle first. Return whether there were any."""
        idle = sorted((one.idle_since, number, one) for number, one in enumerate(among) if one.idle_since is not None)
        for _, _, one in idle[:count]:
            one.abort()
            # Its task ends by itself.
            self._open.pop(one)
        return bool(idle)

    def _say(self, what: str) -> None:
        now = asyncio.get_running_loop().time()
        last, count = self._said.get(what, (now - _QUIET, 0))
        if now - last < _QUIET:
            self._said[what] = (last, count + 1)
            return
        self._said[what] = (now, 0)
        more = f" ({count:,} more times since the last line)" if count else ""
        _LOG.warning("%s%s", what, more, extra={"action": "too_many"})


def _affordable(wanted: int) -> int:
    """Return how many connections the limit of open files allows, at most `wanted`. Raises the soft limit first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    allowed = max(soft - _RESERVED, _FEWEST)
    if allowed < wanted:
        _LOG.warning(
            "only %d connections at once, not %d: the limit of open files is %d",
            allowed,
            wanted,
            soft,
            extra={"action": "too_many"},
        )
    return min(wanted, allowed)
