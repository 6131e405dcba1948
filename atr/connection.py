# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 connection: Hypercorn and h11, with strict parsing and with time limits for slow clients.

It closes gaps of the two: heads that a proxy in front of ATR may parse in another way, the upgrade to HTTP/2 and to
WebSocket, bodies without an end, clients that do not read their answer, and (in Hypercorn) connections that stay open
for the keep-alive time after their client has closed them, or forever after an answer that precedes the end of a body.
"""

import asyncio
import contextlib
import dataclasses
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import h11
import hypercorn.asyncio.task_group
import hypercorn.asyncio.worker_context
import hypercorn.config
import hypercorn.events as events
import hypercorn.protocol.events
import hypercorn.protocol.h11
import hypercorn.typing
import hypercorn.utils

_LOG = logging.getLogger(__name__)
# The least speed of a body, in bytes a second of the time spent waiting for it; it applies after GRACE seconds.
LEAST_SPEED: Final = 8_192
GRACE: Final = 20.0
# The connection of a client that reads nothing of its answer is closed after this many seconds.
STALL: Final = 60.0
# For this many seconds after the last answer, incoming data is discarded: closing a connection with unread bytes resets
# it, and the client may lose the answer.
LINGER: Final = 2.0
# The pause after each piece that is discarded, in seconds.
_SIP: Final = 0.05
_RECEIVED: Final = 65_536
_END: Final = re.compile(rb"\n\r?\n")
# A line that ends without a carriage return, and one that continues the line before.
_LOOSE: Final = re.compile(rb"(?<!\r)\n|\n[ \t]")
_VERSIONS: Final = frozenset({b"1.0", b"1.1"})


class _Strict(h11.Connection):
    """Answers 400 to input that RFC 9112 lets a server repair: a proxy may have repaired it in another way."""

    # Whether the connection has ended; later input is not parsed.
    is_over = False

    def next_event(self) -> Any:
        """Return the next event, like h11, or raise RemoteProtocolError."""
        if self.is_over:
            raise h11.RemoteProtocolError("it is over")
        if self.their_state is h11.IDLE:
            head = self.trailing_data[0]
            end = _END.search(head)
            if _LOOSE.search(head, 0, end.end() if end else len(head)):
                raise h11.RemoteProtocolError("a bare line feed, or a folded header")
        event = super().next_event()
        if isinstance(event, h11.Request):
            _demand_clear(event)
        return event


def _demand_clear(request: h11.Request) -> None:
    given = {name: value.lower() for name, value in request.headers}
    if request.http_version not in _VERSIONS:
        raise h11.RemoteProtocolError("another version")
    if (b"transfer-encoding" in given) and ((b"content-length" in given) or (request.http_version == b"1.0")):
        raise h11.RemoteProtocolError("two lengths, or one that its version does not know")
    if b"websocket" in given.get(b"upgrade", b""):
        raise h11.RemoteProtocolError("there are no WebSockets here")


class _Protocol(hypercorn.protocol.h11.H11Protocol):
    """HTTP/1.1 only. `Upgrade` is ignored, as RFC 9110 (7.8) allows."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connection: _Strict = _Strict(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)
        self._is_chunked = False

    async def handle(self, event: events.Event) -> None:
        """Handle an event, like Hypercorn, which would wait forever for the next request of a client that has gone."""
        await super().handle(event)
        if isinstance(event, events.Closed):
            self.connection.is_over = True
            await self.can_read.set()

    @property
    def is_owed(self) -> bool:
        """Whether the rest of a body has not arrived yet."""
        return self.connection.their_state is h11.SEND_BODY

    @property
    def may_send(self) -> bool:
        """Whether the client may send more: the rest of a body, or of a request that was refused."""
        return self.connection.their_state in {h11.IDLE, h11.SEND_BODY, h11.ERROR}

    async def stream_send(self, event: hypercorn.protocol.events.Event) -> None:
        """Send an event, like Hypercorn; an answer before the whole body has arrived closes the connection.

        So does an answer to a chunked body, since proxies and servers have disagreed about where such a body ends.
        """
        if isinstance(event, hypercorn.protocol.events.Response) and (self.is_owed or self._is_chunked):
            event = dataclasses.replace(event, headers=[*event.headers, (b"connection", b"close")])
        await super().stream_send(event)

    async def give_up(self, status: int) -> None:
        """Send an error response with this status, unless a response was started."""
        if self.connection.our_state is h11.SEND_RESPONSE:
            await self._send_error_response(status)

    async def _check_protocol(self, event: h11.Request) -> None:
        self._is_chunked = any(name == b"transfer-encoding" for name, _ in event.headers)


class _Inbox:
    """A queue of messages for the application, which is bounded until the application has ended."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._room = asyncio.Event()
        self._is_closed = False

    async def put(self, message: Any) -> None:
        """Add a message. A piece of a body waits for room; a disconnect does not."""
        while (message["type"] == "http.request") and (self._messages.qsize() >= self._size) and not self._is_closed:
            self._room.clear()
            await self._room.wait()
        self._messages.put_nowait(message)

    async def get(self) -> Any:
        """Return the next message."""
        message = await self._messages.get()
        self._room.set()
        return message

    def close(self) -> None:
        """Stop waiting for room, now and later."""
        self._is_closed = True
        self._room.set()


class _Tasks(hypercorn.asyncio.task_group.TaskGroup):
    """The tasks of one connection."""

    async def spawn_app(
        self, app: Any, config: hypercorn.config.Config, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Start the application, like Hypercorn, whose full queue would block after the application has ended."""
        inbox = _Inbox(config.max_app_queue_size)
        self.spawn(self._answer, app, scope, inbox, send)
        return inbox.put

    async def _answer(self, app: Any, scope: Any, inbox: _Inbox, send: Callable[[Any], Awaitable[None]]) -> None:
        try:
            await app(scope, inbox.get, send)
        except Exception:  # noqa: BLE001  (the connection ends in order after any error)
            _LOG.exception("the application failed", extra={"action": "bug"})
        finally:
            inbox.close()
            await send(None)


@dataclasses.dataclass(frozen=True)
class Server:
    """The data that all connections share."""

    # An ASGI application.
    app: Any
    config: hypercorn.config.Config
    context: hypercorn.asyncio.worker_context.WorkerContext
    state: hypercorn.typing.LifespanState
    # The most seconds that a body may take.
    body_seconds: float


class Connection:
    """One connection of a peer. `run` returns when the connection is closed."""

    def __init__(self, server: Server, group: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.group = group
        # The time since which the connection has been without a request whose head has arrived; None during a request.
        self.idle_since: float | None = None
        self._server = server
        self._reader, self._writer = reader, writer
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._protocol: _Protocol
        # The timeout of the current read.
        self._timer: asyncio.Timeout | None = None
        # After the last answer: the time until which incoming data is discarded.
        self._lingers_until: float | None = None
        # Of the current body: its deadline, the seconds spent waiting for it, and its bytes so far.
        self._until = self._waited = 0.0
        self._received = 0

    async def run(self) -> None:
        """Answer requests until one of the two sides closes the connection."""
        connected = self._writer.get_extra_info("socket")
        try:
            here = hypercorn.utils.parse_socket_addr(connected.family, connected.getsockname())
            there = hypercorn.utils.parse_socket_addr(connected.family, connected.getpeername())
            async with _Tasks(self._loop) as tasks:
                shared = (self._server.app, self._server.config, self._server.context, tasks)
                state = hypercorn.typing.ConnectionState(self._server.state)
                self._protocol = _Protocol(*shared, state, False, there, here, self._send)  # noqa: FBT003
                self.idle_since = self._loop.time()
                await self._read()
                await self._protocol.handle(events.Closed())
                self._writer.close()
        except OSError:
            self.abort()
        finally:
            await self._closed()

    def abort(self) -> None:
        """Close the connection immediately, and discard data that was not sent."""
        self._writer.transport.abort()

    async def _closed(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(STALL):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()

    async def _read(self) -> None:
        while not self._reader.at_eof():
            began, is_owed = self._loop.time(), self._protocol.is_owed
            try:
                async with asyncio.timeout_at(self._deadline()) as self._timer:
                    data = await self._reader.read(_RECEIVED)
            except TimeoutError:
                await self._give_up()
                return
            except OSError:
                return
            finally:
                self._timer = None
            if self._lingers_until is not None:
                if self._loop.time() >= self._lingers_until:
                    return
                await asyncio.sleep(_SIP)
                continue
            if is_owed:
                self._waited += self._loop.time() - began
                self._received += len(data)
            await self._protocol.handle(events.RawData(data))

    async def _give_up(self) -> None:
        if self._lingers_until is None:
            if self.idle_since is None:
                _LOG.info("gave up a body that arrived too slowly", extra={"action": "slow_body"})
            await self._protocol.give_up(408)

    def _deadline(self) -> float | None:
        """Return the time by which data must arrive, by the event loop's clock; None for no limit."""
        if self._lingers_until is not None:
            return self._lingers_until
        if self.idle_since is not None:
            return self.idle_since + self._server.config.keep_alive_timeout
        if self._protocol.is_owed:
            left = GRACE + self._received / LEAST_SPEED - self._waited
            return min(self._until, self._loop.time() + max(left, 0))
        return None

    async def _send(self, event: events.Event) -> None:
        if isinstance(event, events.RawData):
            await self._write(event.data)
        elif isinstance(event, events.Updated):
            self.idle_since = self._loop.time() if event.idle else None
            self._until, self._waited, self._received = self._loop.time() + self._server.body_seconds, 0.0, 0
            self._reschedule()
        elif self._lingers_until is None:
            now = self._loop.time()
            self._lingers_until = now + (LINGER if self._protocol.may_send else 0)
            # The listener closes it first when it needs room.
            self.idle_since = 0.0
            # The client may have closed the connection already.
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write_eof()
            self._reschedule()

    async def _write(self, data: bytes) -> None:
        async with self._sending:
            try:
                self._writer.write(data)
                async with asyncio.timeout(STALL):
                    await self._writer.drain()
            except (OSError, RuntimeError):
                self.abort()
                await self._protocol.handle(events.Closed())

    def _reschedule(self) -> None:
        if (self._timer is not None) and not self._timer.expired():
            self._timer.reschedule(self._deadline())
