# SPDX-License-Identifier: Apache-2.0
"""Reads, streams and writes against servers that behave badly."""

import asyncio
import contextlib
import gzip
import hashlib
import time
from collections.abc import AsyncIterator

import httpx
import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.platforms.http as http
import atr.platforms.wire as wire
import atr.promotion.steps as steps
import tests.platforms.stub as stub

AUTH = {"Authorization": "Bearer c2VjcmV0"}
CLIENTS = wire.Clients("atr-tests/1", loopback=True, read_seconds=20)


@contextlib.asynccontextmanager
async def place(url: str, *, seconds: float = 20.0, hosts: frozenset[str] = frozenset()) -> AsyncIterator[http.Place]:
    async with CLIENTS.reading() as client:
        yield http.Place("The platform", http.site(url, setting="URL"), client, seconds, hosts, ("c2VjcmV0",))


async def body_of(at: http.Place, *, at_most: int = 100) -> bytes:
    async with at.opened("GET", "file", what="a file", at_most=at_most, headers=AUTH) as stream:
        assert stream.status == 200
        return b"".join([chunk async for chunk in stream.chunks])


# Addresses


@pytest.mark.parametrize(
    ("text", "url", "loopback"),
    [
        ("https://portal.example.org", "https://portal.example.org", False),
        ("https://portal.example.org/", "https://portal.example.org", False),
        ("https://example.org:8443/a/b/", "https://example.org:8443/a/b", False),
        ("https://8.8.8.8", "https://8.8.8.8", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", True),
        ("http://localhost:8080/x", "http://localhost:8080/x", True),
        ("http://[::1]:8080", "http://[::1]:8080", True),
        ("https://localhost", "https://localhost", True),
    ],
)
def test_site(text: str, url: str, *, loopback: bool) -> None:
    site = http.site(text, setting="PORTAL_URL")
    assert (site.url, site.loopback) == (url, loopback)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "portal.example.org",
        "http://portal.example.org",
        "http://10.0.0.1",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://",
        "https://user:hunter2@example.org",
        "https://hunter2@example.org",
        "https://example.org?key=hunter2",
        "https://example.org?",
        "https://example.org#hunter2",
        "https://example.org\\hunter2",
        "https://example.org/ hunter2",
        "https://example.org/\nhunter2",
        "https://exämple.org/hunter2",
        "https://example.org:99999999/hunter2",
        "https://[hunter2",
    ],
)
def test_no_other_address_is_a_site(text: str) -> None:
    with pytest.raises(errors.SettingsError, match="PORTAL_URL") as caught:
        http.site(text, setting="PORTAL_URL")
    assert "hunter2" not in str(caught.value)


@hypothesis.given(st.text())
def test_any_text_is_a_site_or_a_settings_error(text: str) -> None:
    with contextlib.suppress(errors.SettingsError):
        http.site(text, setting="PORTAL_URL")


def test_each_segment_stays_a_segment() -> None:
    site = http.site("https://example.org/base", setting="URL")
    assert site.address("a b/1.0+2/..?x#y%2F") == "https://example.org/base/a%20b/1.0%2B2/..%3Fx%23y%252F"
    assert httpx.URL(site.address("v1.0+2")).raw_path == b"/base/v1.0%2B2"


HOME = http.site("https://portal.example.org", setting="URL")
SANDBOX = http.site("http://127.0.0.1:1234", setting="URL")


@pytest.mark.parametrize(
    ("home", "location", "hosts", "followed"),
    [
        (HOME, "https://store.example.org/x?sig=1", {"store.example.org"}, True),
        (HOME, "https://store.example.org:443/x", {"store.example.org"}, True),
        (HOME, "https://store.example.org:444/x", {"store.example.org:444"}, True),
        (HOME, "//store.example.org/x", {"store.example.org"}, True),
        (HOME, "/moved", {"portal.example.org"}, True),
        (HOME, "/moved", set(), False),
        (HOME, "https://store.example.org:444/x", {"store.example.org"}, False),
        (HOME, "http://store.example.org/x", {"store.example.org"}, False),
        (HOME, "https://evil.example.org/x", {"store.example.org"}, False),
        (HOME, "https://store.example.org.evil.example/x", {"store.example.org"}, False),
        (HOME, "https://u:p@store.example.org/x", {"store.example.org"}, False),
        (HOME, "http://127.0.0.1/x", {"127.0.0.1"}, False),
        (HOME, "file:///etc/passwd", {""}, False),
        (HOME, "", {"portal.example.org"}, False),
        (HOME, "https://[broken", {"portal.example.org"}, False),
        (HOME, "https://portal.example.org:port/x", {"portal.example.org"}, False),
        (SANDBOX, "http://127.0.0.1:99999999/x", {"127.0.0.1"}, False),
        (SANDBOX, "http://127.0.0.1:99/x", {"127.0.0.1"}, True),
        (SANDBOX, "http://127.0.0.1:99/x", {"127.0.0.1:99"}, True),
        (SANDBOX, "http://127.0.0.1:98/x", {"127.0.0.1:99"}, False),
        (SANDBOX, "http://store.example.org/x", {"store.example.org"}, False),
    ],
)
def test_where_a_redirect_may_lead(home: http.Site, location: str, hosts: set[str], *, followed: bool) -> None:
    target = http.redirect_target(httpx.URL(f"{home.url}/x"), location, home, hosts)
    assert (target is not None) is followed


# Bounded reads


async def test_read() -> None:
    async with stub.Stub(stub.answer(404, b"no", X_Y="z")) as server, place(server.url) as at:
        answered = await at.read("POST", "a/b", what="it", headers=AUTH, query={"q": "a b"}, document={"k": 1})
    assert (answered.status, answered.body, answered.headers["x-y"]) == (404, b"no", "z")
    [seen] = server.seen
    assert seen.line == "POST /a/b?q=a+b HTTP/1.1"
    assert (seen.headers["authorization"], seen.body) == ("Bearer c2VjcmV0", b'{"k":1}')


async def test_an_endless_body_is_not_read_on() -> None:
    async with stub.Stub(stub.endless) as server, place(server.url) as at:
        with pytest.raises(errors.MalformedError, match=r"more than 1,048,576 bytes for it"):
            await at.read("GET", "x", what="it")
    assert server.sent < 20 * http.METADATA_LIMIT


async def test_a_gzip_bomb_is_not_opened() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with stub.Stub(stub.answer(200, bomb, Content_Encoding="gzip")) as server, place(server.url) as at:
        with pytest.raises(errors.MalformedError, match="encoded"):
            await at.read("GET", "x", what="it")
        with pytest.raises(errors.MalformedError, match="encoded"):
            await body_of(at)


async def test_identity_is_no_encoding() -> None:
    async with stub.Stub(stub.answer(200, b"{}", Content_Encoding="identity")) as server, place(server.url) as at:
        assert (await at.read("GET", "x", what="it")).body == b"{}"


@pytest.mark.parametrize("script", [stub.dripping, stub.silent])
async def test_a_slow_drip_ends_at_the_deadline(script: stub.Script) -> None:
    async with stub.Stub(script) as server, place(server.url, seconds=0.5) as at:
        started = time.monotonic()
        with pytest.raises(errors.UnavailableError, match="took too long"):
            await at.read("GET", "x", what="it")
        with pytest.raises(errors.UnavailableError, match="took too long"):
            await body_of(at)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", stub.answer(200, b"12345")[:-2], b"no HTTP at all\r\n\r\n"])
async def test_a_cut_connection_is_no_answer(data: bytes) -> None:
    async with stub.Stub(data) as server, place(server.url) as at:
        with pytest.raises(errors.UnavailableError, match=r"gave no complete answer for it: RemoteProtocolError"):
            await at.read("GET", "x", what="it")
        with pytest.raises(errors.UnavailableError, match="RemoteProtocolError"):
            await body_of(at)


async def test_nobody_there_is_no_answer() -> None:
    async with stub.Stub(b"") as server:
        url = server.url
    async with place(url) as at:
        with pytest.raises(errors.UnavailableError, match="ConnectError"):
            await at.read("GET", "x", what="it")


async def test_a_read_follows_no_redirect() -> None:
    async with stub.Stub(stub.answer(302, Location="/other")) as server:
        async with place(server.url, hosts=frozenset({"127.0.0.1"})) as at:
            assert (await at.read("GET", "x", what="it", headers=AUTH)).status == 302
        assert len(server.seen) == 1


# Streams


async def test_a_stream_gives_one_byte_more_at_most() -> None:
    async with stub.Stub(stub.answer(200, b"12345")) as server, place(server.url) as at:
        assert await body_of(at, at_most=5) == b"12345"
        assert await body_of(at, at_most=3) == b"1234"
        assert await body_of(at, at_most=0) == b"1"
    async with stub.Stub(stub.endless) as server, place(server.url) as at:
        assert len(await body_of(at, at_most=100_000)) == 100_001


async def test_a_redirect_leaves_our_headers_behind() -> None:
    async with (
        stub.Stub(stub.answer(200, b"bytes")) as store,
        stub.Stub(stub.answer(307, Location=f"{store.url}/x?sig=1")) as server,
        place(server.url, hosts=frozenset({f"127.0.0.1:{store.port}"})) as at,
    ):
        assert await body_of(at) == b"bytes"
    assert server.seen[0].headers["authorization"] == "Bearer c2VjcmV0"
    [seen] = store.seen
    assert seen.line == "GET /x?sig=1 HTTP/1.1"
    assert "authorization" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"


async def test_a_redirect_elsewhere_is_not_followed() -> None:
    async with stub.Stub(stub.answer(200, b"bytes")) as store:
        for location in (f"{store.url}/x?sig=c2VjcmV0", "", "http://c2VjcmV0.example/"):
            async with stub.Stub(stub.answer(302, Location=location)) as server, place(server.url) as at:
                with pytest.raises(errors.MalformedError, match="not on the list") as caught:
                    await body_of(at)
                assert "c2VjcmV0" not in str(caught.value)
    assert store.seen == []


async def test_a_redirect_to_nowhere_is_no_answer() -> None:
    for location in ("http://a:port/", "http://[broken", "//\x7f"):
        async with stub.Stub(stub.answer(302, Location=location)) as server, place(server.url) as at:
            with pytest.raises(errors.PlatformError):
                await body_of(at)


async def test_three_redirects_and_no_more() -> None:
    again = stub.answer(301, Location="/again")
    hosts = frozenset({"127.0.0.1"})
    ending = stub.Stub(again, again, again, stub.answer(200, b"ok"))
    async with ending as server, place(server.url, hosts=hosts) as at:
        assert await body_of(at) == b"ok"
    async with stub.Stub(again) as server, place(server.url, hosts=hosts) as at:
        with pytest.raises(errors.MalformedError, match="from host to host"):
            await body_of(at)
        assert len(server.seen) == 4


async def test_a_body_without_an_end_mark_is_refused() -> None:
    async with stub.Stub(b"HTTP/1.1 200 OK\r\n\r\nbytes") as server, place(server.url) as at:
        with pytest.raises(errors.UnavailableError, match="did not say where a file ends"):
            await body_of(at)


async def test_a_stream_tells_how_long_to_wait() -> None:
    async with (
        stub.Stub(stub.answer(429, Retry_After="1800")) as server,
        place(server.url) as at,
        at.opened("HEAD", "x", what="a file", at_most=0) as stream,
    ):
        assert (stream.status, stream.retry_after) == (429, 1800.0)


async def test_whoever_stops_reading_closes_the_connection() -> None:
    async with stub.Stub(stub.endless) as server, place(server.url) as at:
        async with at.opened("GET", "x", what="a file", at_most=10**9) as stream:
            async for _ in stream.chunks:
                break
        await asyncio.sleep(0.05)
        assert server._running == set()


# Irreversible writes


def write(url: str) -> http.Write:
    return http.Write("POST", f"{url}/publish", AUTH, secrets=("c2VjcmV0",))


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (204, steps.Answer.TAKEN),
        (400, steps.Answer.REFUSED),
        (429, steps.Answer.LIMITED),
        (307, steps.Answer.UNCLEAR),
        (404, steps.Answer.UNCLEAR),
        (409, steps.Answer.UNCLEAR),
        (503, steps.Answer.UNCLEAR),
    ],
)
async def test_a_write_is_sent_once_whatever_comes_back(status: int, answer: steps.Answer) -> None:
    body = b"" if status == 204 else b"token c2VjcmV0 is\0 bad"
    headers = {"Location": "/elsewhere", "Retry_After": "9"}
    async with stub.Stub(stub.answer(status, body, **headers)) as server:
        reply = await http.send_once(CLIENTS.single_use, write(server.url), seconds=20)
    assert len(server.seen) == 1
    assert (reply.answer, reply.status) == (answer, status)
    assert reply.retry_after == (9.0 if status == 429 else None)
    assert reply.sample == ("" if status == 204 else "token [secret] is bad")
    assert 0 < reply.bytes_sent < 500
    assert server.seen[0].headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (b"", "RemoteProtocolError"),
        (b"HTTP/1.1 204", "RemoteProtocolError"),
        (stub.answer(401, b"12345")[:-2], "RemoteProtocolError"),
        (stub.silent, "it took too long"),
        (stub.dripping, "it took too long"),
        (stub.endless, "endless"),
    ],
)
async def test_no_complete_answer_is_unclear(script: bytes | stub.Script, word: str) -> None:
    async with stub.Stub(script) as server:
        seconds = 1.0 if word == "it took too long" else 20.0
        reply = await http.send_once(CLIENTS.single_use, write(server.url), seconds=seconds)
    assert len(server.seen) == 1
    assert (reply.answer, reply.status) == (steps.Answer.UNCLEAR, None)
    assert reply.sample == f"No complete answer: {word}."
    assert reply.bytes_sent > 0


async def test_a_write_that_never_left_says_so() -> None:
    async with stub.Stub(b"") as server:
        url = server.url
    reply = await http.send_once(CLIENTS.single_use, write(url), seconds=0.5)
    assert (reply.answer, reply.status, reply.bytes_sent) == (steps.Answer.UNCLEAR, None, 0)


async def test_an_encoded_answer_counts_but_is_not_opened() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with stub.Stub(stub.answer(200, bomb, Content_Encoding="gzip")) as server:
        reply = await http.send_once(CLIENTS.single_use, write(server.url), seconds=20)
    assert (reply.answer, reply.status, reply.sample) == (steps.Answer.TAKEN, 200, "")


async def test_a_file_that_breaks_while_it_is_sent_is_unclear() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"12345"
        raise OSError("the disk is gone")

    async with stub.Stub(stub.answer(201)) as server:
        sending = http.Write("POST", f"{server.url}/x", {"Content-Length": "10"}, content=broken())
        reply = await http.send_once(CLIENTS.single_use, sending, seconds=20)
    assert (reply.answer, reply.status, reply.sample) == (
        steps.Answer.UNCLEAR,
        None,
        "No complete answer: OSError.",
    )


async def test_a_write_that_is_cancelled_is_cancelled() -> None:
    async with stub.Stub(stub.silent) as server:
        task = asyncio.create_task(http.send_once(CLIENTS.single_use, write(server.url), seconds=20))
        await asyncio.sleep(0.2)
        assert len(server.seen) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Digests


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_digested() -> None:
    digests = await http.digested(chunks(b"ab", b"", b"c"), ("md5", "sha1", "sha256", "sha512"))
    assert (digests.size, digests.sha256) == (3, hashlib.sha256(b"abc").hexdigest())
    assert digests.side == {name: hashlib.new(name, b"abc").hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
    nothing = await http.digested(chunks())
    assert (nothing.size, nothing.side) == (0, {})


async def test_an_unknown_digest_is_refused() -> None:
    with pytest.raises(errors.InputError, match="crc32"):
        await http.digested(chunks(), ("crc32",))
