# SPDX-License-Identifier: Apache-2.0
"""HTTP without sockets: the adapter's httpx clients speak to the stand-in's application in the same event loop.

Everything of both stays as it is, requests, answers, faults and the gate that counts; what is left out is TCP, its
server and its parser, which took a fifth of a world's processor time. In the theatre of the campaigns how long a
request and its answer are on their way is the seed's, and so is who comes first. In a test's world both arrive at once.
"""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import httpx

import atr.platforms.http as http
import atr.platforms.wire as wire
import atr.sandbox.current as current
import atr.sandbox.endpoints as endpoints
import atr.sandbox.gate as gate
import atr.sandbox.server as server
import atr.sandbox.world as stand_in
import atr.tasks.context as contexts
import tests.chaos.virtual as virtual
import tests.sandboxes as sandboxes

HOST: Final = "127.0.0.1:1"
_END: Final = object()
# Applications that no world uses now. Building one takes longer than what most tests do with it, and its routes are the
# same for every world that it shows.
_FREE: Final[list[tuple[server.Application, Any]]] = []


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
            transport=Transport(self, meter),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "simulation", "Accept-Encoding": "identity"},
        )

    def carry(self, hands: contexts.Context) -> None:
        """Have these hands' clients speak through here. They stay as they were built: headers, timeouts, cookies."""
        adapters: list[Any] = [*hands.promoters.values(), *hands.catalogues.values()]
        for place in (found for one in adapters for found in vars(one).values() if isinstance(found, http.Place)):
            place.client._transport = Transport(self, wire.Meter())
        for promoter in adapters[: len(hands.promoters)]:
            promoter._single_use = functools.partial(self._in_place_of, promoter._single_use)

    def _in_place_of(self, built: wire.SingleUse, meter: wire.Meter) -> httpx.AsyncClient:
        client = built(meter)
        client._transport = Transport(self, meter)
        return client

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


@contextlib.asynccontextmanager
async def standing_in(
    platform: stand_in.World, latency: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[tuple[sandboxes.RunningSandbox, Wires]]:
    """The stand-in of this world without a server, and the connections to it."""
    wires = Wires(latency)
    app, behind_gate = _FREE.pop() if _FREE else _built(platform)
    app.extensions[current.WORLD] = platform
    app.gate = app.asgi_app = gate.Gate(behind_gate, platform, wires.cut)  # type: ignore[method-assign]
    wires.app = app
    sandbox = sandboxes.RunningSandbox(platform)
    sandbox.url = f"http://{HOST}"
    try:
        yield sandbox, wires
    finally:
        await wires.close()
        await app.gate.close()
        for task in app.background_tasks:
            task.cancel()
        await asyncio.gather(*app.background_tasks, return_exceptions=True)
        platform.save()
        _FREE.append((app, behind_gate))


def _built(platform: stand_in.World) -> tuple[server.Application, Any]:
    app = server.create_app(platform)
    return app, app.gate._app


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


class Transport(httpx.AsyncBaseTransport):
    """What a client speaks through. It counts what would have left."""

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
