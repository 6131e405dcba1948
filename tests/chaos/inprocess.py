# SPDX-License-Identifier: Apache-2.0
"""HTTP without sockets: the adapter's httpx clients speak to the stand-in's application in the same event loop.

Everything of both stays as it is, requests, answers, faults and the gate that counts; what is left out is TCP. How
long a request and its answer are on their way is the seed's, and so is who comes first.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import httpx

import atr.platforms.wire as wire
import atr.sandbox.endpoints as endpoints
import atr.sandbox.server as server
import tests.chaos.virtual as virtual

HOST: Final = "127.0.0.1:1"
_END: Final = object()


class Wires:
    """All connections to one stand-in. `latency` answers how many seconds the next message takes."""

    def __init__(self, latency: Callable[[], float]) -> None:
        self.latency = latency
        self.note: Callable[[str], None] = _unheard
        # Told the deployment of each request to publish, before it leaves.
        self.sending: Callable[[str], Awaitable[None]] = _unasked
        self.app: server.Application | None = None
        self._ports = itertools.count(1)
        self._open: dict[int, _Call] = {}
        self._running: set[asyncio.Task[None]] = set()

    def cut(self, client: tuple[str, int]) -> None:
        """What the stand-in asks for when a fault breaks a connection."""
        self._open[client[1]].cut()

    def client(self) -> httpx.AsyncClient:
        """A client for reads."""
        return self.single_use(wire.Meter())

    def single_use(self, meter: wire.Meter) -> httpx.AsyncClient:
        """A client that counts what leaves."""
        return httpx.AsyncClient(
            transport=_Transport(self, meter),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "simulation", "Accept-Encoding": "identity"},
        )

    def start(self, request: httpx.Request, body: bytes) -> "_Call":
        """Hand a request to the application."""
        assert self.app is not None
        call = _Call(next(self._ports), request, body)
        self._open[call.port] = call
        task = asyncio.get_running_loop().create_task(call.run(self.app))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: self._open.pop(call.port, None))
        return call

    async def close(self) -> None:
        """End what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class _Call:
    """One request and what comes back, as the server sees it."""

    def __init__(self, port: int, request: httpx.Request, body: bytes) -> None:
        self.port = port
        self._request = request
        self._body: bytes | None = body
        self._left = asyncio.Event()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self, app: server.Application) -> None:
        """Serve it. Whatever happens, the client hears of an end."""
        url = self._request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "client": ("127.0.0.1", self.port),
            "server": ("127.0.0.1", 1),
            "extensions": {},
        }
        # The platform is no process of ours: it does not die where ours do.
        virtual.PLACE.set(_nobody)
        try:
            await app(scope, self._receive, self._send)  # type: ignore[arg-type]  # the scope as plain values
        finally:
            self.sent.put_nowait(_END)

    def cut(self) -> None:
        """The connection is gone, for both."""
        self._left.set()
        self.sent.put_nowait(_END)

    def leave(self) -> None:
        """The client reads no further."""
        self._left.set()

    async def _receive(self) -> Any:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.put_nowait(message)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, wires: Wires, meter: wire.Meter) -> None:
        self._wires = wires
        self._meter = meter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and answer once the head of the answer is there."""
        virtual.at("before_request")
        body = await request.aread()
        self._meter.count(len(body) + 200)
        endpoint = endpoints.find(request.method, request.url.path)
        if (endpoint is not None) and (endpoint.name == "publish"):
            await self._wires.sending(request.url.path.rpartition("/")[2])
        what = f"{request.method} {request.url.raw_path.decode()}"
        await asyncio.sleep(self._wires.latency())
        call = self._wires.start(request, body)
        try:
            async with asyncio.timeout(request.extensions["timeout"].get("read")):
                head = await call.sent.get()
        except BaseException as error:
            # Whoever stops waiting leaves.
            call.leave()
            self._wires.note(f"{what}: no answer")
            if isinstance(error, TimeoutError):
                raise httpx.ReadTimeout("no answer", request=request) from error
            raise
        if head is _END:
            self._wires.note(f"{what}: cut")
            raise httpx.RemoteProtocolError("cut", request=request)
        await asyncio.sleep(self._wires.latency())
        self._wires.note(f"{what}: {head['status']}")
        virtual.at("after_reply")
        headers = list(head["headers"])
        if not any(name.lower() == b"content-length" for name, _ in headers):
            # As a server would frame it.
            headers.append((b"transfer-encoding", b"chunked"))
        return httpx.Response(head["status"], headers=headers, stream=_Body(call, request))


class _Body(httpx.AsyncByteStream):
    def __init__(self, call: _Call, request: httpx.Request) -> None:
        self._call = call
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._call.sent.get()
            if message is _END:
                raise httpx.RemoteProtocolError("cut", request=self._request)
            if message["type"] == "http.response.body":
                if message.get("body"):
                    yield bytes(message["body"])
                if not message.get("more_body", False):
                    return

    async def aclose(self) -> None:
        self._call.leave()


def _unheard(_text: str) -> None:
    """Nobody listens."""


async def _unasked(_external_id: str) -> None:
    """Nobody listens."""


def _nobody(_place: str) -> None:
    """Nobody dies."""
