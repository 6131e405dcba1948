# SPDX-License-Identifier: Apache-2.0
"""Where connections may lead, and what they count."""

import asyncio
import contextlib
import socket
import ssl
import time
from typing import Any

import httpcore
import httpx
import pytest

import atr.platforms.wire as wire
import tests.platforms.stub as stub

AGENT = "atr-tests/1"
# Eight rows at once, each read by four.
_MANY = 32


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "fe80::1",
        "fec0::1",
        "224.0.0.1",
        # Addresses of IPv4 that others carry: by NAT64, by a NAT64 of one's own, by 6to4, by Teredo as the server and
        # as the client (whose address is inverted), and the obsolete "compatible" ones.
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::8.8.8.8",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2001:0:a00:1::f7f7:f7f7",
        "2001:0:808:808::f5ff:fffe",
        "::10.0.0.1",
        "::8.8.8.8",
    ],
)
def test_the_world_is_never_inside(address: str) -> None:
    assert not wire.reachable(address, loopback=False)


# With a name server that makes addresses of NAT64, a machine without IPv4 reaches the rest of the world by them.
@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_global_addresses_are_the_world_and_no_sandbox(address: str) -> None:
    assert wire.reachable(address, loopback=False)
    assert not wire.reachable(address, loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_sandbox_is_on_this_machine(address: str) -> None:
    assert wire.reachable(address, loopback=True)


@pytest.mark.parametrize("address", ["64:ff9b::127.0.0.1", "2002:7f00:1::1", "::127.0.0.1"])
def test_what_leads_to_another_machine_is_no_sandbox(address: str) -> None:
    assert not wire.reachable(address, loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_a_client_for_the_world_does_not_connect_to_this_machine(host: str) -> None:
    async with stub.Stub(stub.answer(200)) as server:
        async with wire.Clients(AGENT, loopback=False, read_seconds=20).reading() as client:
            with pytest.raises(httpx.ConnectError, match="public internet"):
                await client.get(f"http://{host}:{server.port}/")
        assert server.seen == []


async def test_a_client_for_a_sandbox_does_not_connect_to_the_world() -> None:
    async with wire.Clients(AGENT, loopback=True, read_seconds=20).reading() as client:
        with pytest.raises(httpx.ConnectError, match="this machine"):
            await client.get("http://8.8.8.8/")


async def test_the_address_that_was_looked_at_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    async def twice(self: asyncio.AbstractEventLoop, host: str, *args: Any, **kwargs: Any) -> list[Any]:
        looked_up.append(host)
        # The first address answers nothing, the second is the stub.
        addresses = ["127.9.9.9", "127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    async with stub.Stub(stub.answer(200)) as server:
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", twice)
        backend = wire.GuardedBackend(loopback=True, meter=wire.Meter())
        stream = await backend.connect_tcp("example.test", server.port, timeout=20)
        await stream.aclose()
    # Once for the name; the second entry is anyio's, and that one is numeric.
    assert [name for name in looked_up if name == "example.test"] == ["example.test"]


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a" * 64 + ".invalid"])
async def test_a_name_that_does_not_exist_is_a_connect_error(host: str) -> None:
    backend = wire.GuardedBackend(loopback=False, meter=wire.Meter())
    with pytest.raises(httpcore.ConnectError, match="not found"):
        await backend.connect_tcp(host, 80, timeout=5)


async def test_a_slow_name_server_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*args: Any, **kwargs: Any) -> list[Any]:
        await asyncio.sleep(10)
        return []

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", slow)
    backend = wire.GuardedBackend(loopback=True, meter=wire.Meter())
    with pytest.raises(httpcore.ConnectTimeout):
        await backend.connect_tcp("example.test", 80, timeout=0.05)


async def test_nothing_listening_is_a_connect_error_and_nothing_left() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    meter = wire.Meter()
    async with wire.Clients(AGENT, loopback=True, read_seconds=20).single_use(meter) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://127.0.0.1:{port}/")
    assert meter.sent == 0


async def test_the_meter_counts_heads_and_bodies() -> None:
    meter = wire.Meter()
    async with stub.Stub(stub.answer(204)) as server:
        async with wire.Clients(AGENT, loopback=True, read_seconds=20).single_use(meter) as client:
            await client.post(f"{server.url}/x", content=b"12345")
        [seen] = server.seen
    head = len(seen.line) + 2 + sum(len(name) + len(value) + 4 for name, value in seen.headers.items()) + 2
    assert meter.sent == head + 5


async def test_what_stood_still_once_connected_sends_not_one_byte() -> None:
    """It wakes up when its time is over, and its own timer has not run yet."""

    def stand_still(event: str) -> None:
        if event == "after_connect":
            time.sleep(0.3)

    async with stub.Stub(stub.answer(204)) as server:
        clients = wire.Clients(AGENT, loopback=True, read_seconds=20, trace=stand_still)
        meter = wire.Meter(until=asyncio.get_running_loop().time() + 0.1)
        async with clients.single_use(meter) as client:
            with pytest.raises(httpx.WriteTimeout):
                await client.post(f"{server.url}/x")
        assert server.seen == []
    assert meter.sent == 0


async def test_an_irreversible_request_is_followed_and_a_read_is_not() -> None:
    events: list[str] = []
    clients = wire.Clients(AGENT, loopback=True, read_seconds=20, trace=events.append)
    async with stub.Stub(stub.answer(200), stub.answer(204)) as server:
        async with clients.reading() as client:
            await client.get(f"{server.url}/x")
        assert events == []
        async with clients.single_use(wire.Meter()) as client:
            await client.post(f"{server.url}/x", content=b"12345")
    assert events == ["after_connect", "after_first_byte"]


async def test_clients_are_honest_and_keep_nothing() -> None:
    first = stub.answer(302, Set_Cookie="session=1", Location="/other")
    async with stub.Stub(first, stub.answer(200)) as server:
        async with wire.Clients(AGENT, loopback=True, read_seconds=20).reading() as client:
            assert (await client.get(f"{server.url}/")).status_code == 302
        async with wire.Clients(AGENT, loopback=True, read_seconds=20).single_use(wire.Meter()) as once:
            await once.get(f"{server.url}/")
            await once.get(f"{server.url}/")
        plain, single, again = server.seen
    assert plain.headers["user-agent"] == AGENT
    assert plain.headers["accept-encoding"] == "identity"
    assert single.headers["connection"] == "close"
    assert "cookie" not in again.headers


async def test_many_reads_at_once_wait_for_the_platform_alone_and_keep_their_connections() -> None:
    """The platform answers nobody until it has been asked by all; whoever asks next finds a connection open."""
    connections: list[asyncio.Task[None] | None] = []
    asked, everybody = 0, asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        connections.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                if asked == _MANY:
                    everybody.set()
                await everybody.wait()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, wire.Clients(AGENT, loopback=True, read_seconds=20).reading() as client:
        for _ in range(2):
            found = await asyncio.gather(*(client.get(address) for _ in range(_MANY)))
            assert [one.text for one in found] == ["ok"] * _MANY
    await asyncio.gather(*filter(None, connections))
    assert len(connections) == _MANY


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    clients = wire.Clients(AGENT, loopback=True, read_seconds=20)
    async with stub.Stub(stub.answer(200)) as server, clients.reading() as client:
        assert (await client.get(f"{server.url}/")).status_code == 200


class Inner(httpcore.AsyncNetworkStream):
    """A stream that turns into another one under TLS."""

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return Inner()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        raise httpcore.WriteError


async def test_what_is_written_under_tls_is_counted_even_if_it_breaks() -> None:
    meter = wire.Meter()
    outer = wire._MeteredStream(Inner(), meter)
    inner = await outer.start_tls(ssl.create_default_context(), "example.org", 1.0)
    with pytest.raises(httpcore.WriteError):
        await inner.write(b"12345")
    assert meter.sent == 5


async def test_what_httpcore_may_ask_of_the_backend() -> None:
    backend = wire.GuardedBackend(loopback=True, meter=wire.Meter())
    await backend.sleep(0)
    async with stub.Stub(stub.answer(200)) as server:
        stream = await backend.connect_tcp("127.0.0.1", server.port, timeout=20)
        assert stream.get_extra_info("socket") is not None
        await stream.aclose()
