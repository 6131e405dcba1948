# SPDX-License-Identifier: Apache-2.0
"""A layer between server and application that counts every request and applies the faults, unknown to the handlers.

A request whose body has arrived completely takes effect even if its client then disconnects, as on a real server: the
handler is not notified. Only responses that stream stop when the client disconnects.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    HTTPScope,
    Scope,
)

import atr.sandbox.endpoints as endpoints
import atr.sandbox.faults as faults
import atr.sandbox.traffic as traffic
import atr.sandbox.world as worlds

# Cuts the connection of the client with this address and port, immediately and without a response.
Cut = Callable[[tuple[str, int]], None]

# How long to wait until the server notices that a connection was cut.
CUT_SECONDS: Final = 5.0
# Bytes of a request that takes effect late, which is kept in memory until then.
MAX_LATE_BODY: Final = 1024 * 1024


class CutShortError(Exception):
    """The response was cut deliberately; ends the handler that was writing it."""


class Exchange:
    """One request and its response, with their bytes counted."""

    def __init__(
        self,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        traffic: traffic.Traffic,
        entry: traffic.Entry,
    ) -> None:
        self.scope = scope
        self.entry = entry
        self._receive = receive
        self._send = send
        self._traffic = traffic
        self._complete = False
        self._left = False
        # Set by a fault: what happens to the real response while it is sent.
        self.delay = 0.0
        self.cut_after: int | None = None
        self.alter = False

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event, for a handler that is notified when the client disconnects."""
        message = await self._receive()
        self._left = self._left or message["type"] == "http.disconnect"
        if message["type"] == "http.request":
            self._traffic.bytes_received[self.entry.endpoint] += len(message["body"])
            self._complete = not message["more_body"]
        return message

    async def receive_steadily(self) -> ASGIReceiveEvent:
        """Return the next event, for a handler that must finish a complete request even if the client disconnects."""
        if self._complete:
            await asyncio.Event().wait()
        return await self.receive()

    async def drain(self) -> bytes:
        """Read the rest of the request, and return about its first `MAX_LATE_BODY` bytes."""
        body = bytearray()
        while not self._complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                break
            if message["type"] == "http.request" and len(body) < MAX_LATE_BODY:
                body += message["body"]
        return bytes(body)

    async def gone(self, seconds: float) -> bool:
        """Wait until the client has disconnected, or this time is over. Returns whether it has disconnected."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._left:
                    await self.receive()
        return self._left

    async def send(self, message: ASGISendEvent) -> None:
        """Forward a part of the response. Raises CutShortError if a fault cuts it."""
        if message["type"] == "http.response.start":
            if self.delay and await self.gone(self.delay):
                raise CutShortError
            self.entry.status = message["status"]
        elif message["type"] == "http.response.body":
            await self._send_body(message)
            return
        await self._send(message)

    async def _send_body(self, message: HTTPResponseBodyEvent) -> None:
        body = message["body"]
        if self.alter and body:
            self.alter = False
            body = bytes([body[0] ^ 1]) + body[1:]
            message = {**message, "body": body}
        broken_off = self.cut_after is not None and len(body) >= self.cut_after
        if broken_off:
            message = {**message, "body": body[: self.cut_after], "more_body": True}
        elif self.cut_after is not None:
            self.cut_after -= len(body)
        self._traffic.bytes_sent[self.entry.endpoint] += len(message["body"])
        await self._send(message)
        if broken_off:
            raise CutShortError

    async def answer(self, fault: faults.Fault) -> None:
        """Send the fault's response instead of the real one."""
        headers = {name.lower(): value for name, value in fault.headers.items()}
        if isinstance(fault.body, str):
            body = fault.body.encode()
        else:
            body = json.dumps(fault.body).encode()
            headers.setdefault("content-type", "application/json")
        headers.setdefault("content-length", str(len(body)))
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": fault.status or 500,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            "trailers": False,
        }
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


class Gate:
    """The application behind the gate. `table` has its endpoints, for a platform with other paths."""

    def __init__(
        self,
        app: ASGIFramework,
        world: worlds.World,
        cut: Cut,
        table: Sequence[endpoints.Endpoint] = endpoints.ENDPOINTS,
    ) -> None:
        self._table = table
        self._app = app
        self._world = world
        self._cut = cut
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        endpoint = endpoints.find(scope["method"], scope["path"], self._table)
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            await self._guard(endpoint, scope, receive, send)
        self._world.save()

    async def close(self) -> None:
        """Cancel the requests that have not taken effect yet."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _guard(
        self, endpoint: endpoints.Endpoint, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        query = scope["query_string"].decode("latin-1")
        entry = traffic.Entry(
            when=self._world.now(),
            method=scope["method"],
            path=f"{scope['path']}?{query}" if query else scope["path"],
            endpoint=endpoint.name,
        )
        self._world.traffic.arrive(entry, scope["path"])
        exchange = Exchange(scope, receive, send, self._world.traffic, entry)
        fault = self._world.faults.take(endpoint.name, scope["path"])
        listen = exchange.receive if endpoint.streams else exchange.receive_steadily
        if fault is None:
            await self._app(scope, listen, exchange.send)
            return
        entry.faulty = True
        if fault.status is None and not fault.cut:
            exchange.delay, exchange.cut_after, exchange.alter = fault.delay, fault.cut_after, fault.alter
            await self._until_cut(exchange, self._app(scope, listen, exchange.send))
            return
        await self._take_effect(fault, exchange)
        if fault.delay and await exchange.gone(fault.delay):
            return
        if fault.cut:
            await self._break_off(exchange)
            return
        exchange.cut_after, exchange.alter = fault.cut_after, fault.alter
        await self._until_cut(exchange, exchange.answer(fault))

    async def _take_effect(self, fault: faults.Fault, exchange: Exchange) -> None:
        if not fault.effect:
            await exchange.drain()
        elif fault.late:
            body = await exchange.drain()
            task = asyncio.create_task(self._later(fault.late, exchange.scope, body))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        else:
            await self._app(exchange.scope, exchange.receive_steadily, _to_nobody)

    async def _later(self, seconds: float, scope: HTTPScope, body: bytes) -> None:
        await asyncio.sleep(seconds)
        await self._app(scope, _Replay(body).receive, _to_nobody)
        self._world.save()

    async def _until_cut(self, exchange: Exchange, answering: Awaitable[None]) -> None:
        try:
            await answering
        except CutShortError:
            await self._break_off(exchange)

    async def _break_off(self, exchange: Exchange) -> None:
        client = exchange.scope["client"]
        if client is None:
            raise RuntimeError("the server names no client: there is no connection to cut")
        self._cut((client[0], client[1]))
        # The server would answer 500 if this returned before it has noticed the end of the connection.
        await exchange.gone(CUT_SECONDS)


class _Replay:
    """A request that was already received, and whose client never disconnects."""

    def __init__(self, body: bytes) -> None:
        self._bodies = [body]

    async def receive(self) -> ASGIReceiveEvent:
        if not self._bodies:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self._bodies.pop(), "more_body": False}


async def _to_nobody(message: ASGISendEvent) -> None:
    """Discard the real response, because the client gets another one or none."""
