# SPDX-License-Identifier: Apache-2.0
"""Requests that a proxy before us may read in another way, over raw sockets: refused, and the connection closed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
import quart

import atr.body as body
from tests import serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HOST: Final = b"Host: localhost\r\n"
# What stands behind the first request on the same connection: it must never be answered.
_SMUGGLED: Final = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
_FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    """A small application behind the server that operators run; it tells what reached it."""
    app = quart.Quart("raw")
    body.install(app)

    @app.route("/", methods=["GET", "POST"])
    async def there() -> str:
        request = quart.request
        sent = await body.form(request, 1_000) if request.method == "POST" else {}
        return f"{request.method} {request.http_version} {dict(sent)}"

    @app.get("/smuggled")
    async def smuggled() -> str:
        return "smuggled"

    @app.post("/unread")
    async def unread() -> tuple[str, int]:
        return "not wanted", 403

    async with serving.serving(app) as address:
        yield int(address.rpartition(":")[2])


async def _say(port: int, request: bytes) -> bytes:
    """Everything that the server answers until it closes the connection, or for as long as it keeps it idle."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


def _statuses(answer: bytes) -> list[bytes]:
    return [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "request_",
    [
        # Two lengths, in either order, and however the second is written.
        b"POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: 6\r\n" + _CHUNKED + b"\r\n0\r\n\r\nX",
        b"POST / HTTP/1.1\r\n" + _HOST + _CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\nX",
        b"POST / HTTP/1.1\r\n" + _HOST + b"content-length: 5\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.0\r\n" + _HOST + _CHUNKED + b"\r\n0\r\n\r\n",
        # Folded headers.
        b"GET / HTTP/1.1\r\n" + _HOST + b"X-A: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + _HOST + b"X-A: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        # Bare line feeds, in the request line, in a header, at the end of the head.
        b"GET / HTTP/1.1\n" + _HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\n\r\n",
        b"GET / HTTP/1.1\r\n" + _HOST + b"X-A: a\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + _HOST + b"\n",
        b"GET / HTTP/1.1\n" + b"Host: localhost\n\n",
        # And what h11 refuses by itself.
        b"GET / HTTP/1.1\r\n" + _HOST + b"X-A : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + _HOST + b"X-A: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + _HOST + _HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + _HOST + b"Content-Length: +5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\n" + _HOST + _CHUNKED + b"\r\n5\nabcde\r\n0\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(port: int, request_: bytes) -> None:
    """400, the connection closed, and nothing that follows is read as a request."""
    answer = await _say(port, request_ + _SMUGGLED)
    assert _statuses(answer) == [b"400"]
    assert b"connection: close" in answer.lower()
    assert b"smuggled" not in answer


async def test_the_same_by_a_second_request_on_a_connection(port: int) -> None:
    first = b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n"
    answer = await _say(port, first + b"GET / HTTP/1.1\r\nHost: localhost\n\r\n" + _SMUGGLED)
    assert _statuses(answer) == [b"200", b"400"]
    assert b"smuggled" not in answer


async def test_a_head_that_comes_byte_by_byte_is_read_as_strictly(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n":
        writer.write(bytes([byte]))
        await asyncio.sleep(0.01)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert _statuses(answer) == [b"400"]


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    ],
)
async def test_another_protocol_is_not_spoken(port: int, upgrade: bytes) -> None:
    """RFC 9110, 7.8: a server may pass an Upgrade over. The answer is HTTP/1.1's."""
    answer = await _say(
        port, b"GET / HTTP/1.1\r\n" + _HOST + upgrade + b"\r\nGET / HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n"
    )
    assert _statuses(answer) == [b"200", b"200"]
    assert b"GET 1.1" in answer


async def test_http_2_is_not_spoken_to_who_begins_with_it(port: int) -> None:
    answer = await _say(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    assert _statuses(answer) == [b"400"]


@pytest.mark.parametrize("path", [b"/", b"/nowhere"])
async def test_a_websocket_is_refused_plainly(port: int, path: bytes) -> None:
    answer = await _say(
        port,
        b"GET " + path + b" HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: WebSocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    assert _statuses(answer) == [b"400"]
    assert b"connection: close" in answer.lower()


async def test_what_a_common_proxy_passes_on_is_served(port: int) -> None:
    """As nginx and Apache httpd write it: a length, or chunks, and their own headers."""
    added = b"X-Forwarded-For: 198.51.100.7\r\nVia: 1.1 proxy\r\nUpgrade-Insecure-Requests: 1\r\n"
    head = b"POST / HTTP/1.1\r\n" + _HOST + added + _FORM
    kept = await _say(port, head + b"Content-Length: 3\r\n\r\na=1" + b"GET / HTTP/1.0\r\n" + _HOST + b"\r\n")
    assert _statuses(kept) == [b"200", b"200"]
    assert b"POST 1.1 {'a': '1'}" in kept
    chunks = await _say(port, head + _CHUNKED + b"\r\n2\r\na=\r\n1\r\n1\r\n0\r\n\r\n" + _SMUGGLED)
    # After a body in chunks the connection ends: where it ended is what others have disagreed about.
    assert _statuses(chunks) == [b"200"]
    assert b"POST 1.1 {'a': '1'}" in chunks
    assert b"connection: close" in chunks.lower()


async def test_an_answer_before_the_body_was_read_arrives_and_ends_the_connection(port: int) -> None:
    """Whoever sends a gigabyte that nobody wants sees why, and is not read to the end; nothing of it stays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /unread HTTP/1.1\r\n" + _HOST + b"Content-Length: 1000000000\r\n\r\n")
    sent = 0

    async def send() -> None:
        nonlocal sent
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    sending = asyncio.create_task(send())
    answer = await asyncio.wait_for(reader.readuntil(b"not wanted"), 30)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in answer.lower()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(sending, 30)
    # What fits into the buffers on both sides, and little more.
    assert sent < 50_000_000
    writer.close()
