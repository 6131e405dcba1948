# SPDX-License-Identifier: Apache-2.0
"""Many who only wait, over real sockets, to a web process of its own: others are served in time, and the log is short.

Linux has a whole network of loopback addresses, so each peer here is one of those.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
import resource
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, Self

import atr.connection as connection
import atr.demo.journey as journey
import atr.demo.people as people
from tests import ports
from tests.web import test_process

_VERSION: Final = "3.0.0"
_UPLOAD: Final = f"/upload/{people.PROJECT}/{_VERSION}"
_CROWD: Final = 1_100
# What this process must be allowed to open for that.
_FILES: Final = 4_096
# On a machine that is busy with other tests; without the bounds nobody is served at all.
_IN_TIME: Final = 20.0
_OTHER: Final = "127.0.0.2"


@dataclasses.dataclass
class Site:
    """A web process, with a release that was started."""

    state_dir: pathlib.Path
    port: int
    process: asyncio.subprocess.Process

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self.state_dir / "log").read_text()

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    async def get(self, peer: str = _OTHER, *, headers: str = "") -> tuple[bytes, float]:
        """The first line of the answer to somebody who asks for a page, and after how many seconds."""
        began = time.monotonic()
        request = f"GET /releases HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        answer = await asyncio.to_thread(_said, self.port, peer, request.encode())
        return answer.split(b"\r\n")[0], time.monotonic() - began

    async def served(self, peer: str = _OTHER) -> None:
        """Somebody is served, three times, and in time."""
        for _ in range(3):
            status, seconds = await self.get(peer)
            assert status.startswith(b"HTTP/1.1 200")
            assert seconds < _IN_TIME


@contextlib.asynccontextmanager
async def _running(
    migrated: pathlib.Path, state_dir: pathlib.Path, *, files: int = 1_024, **more: str
) -> AsyncIterator[Site]:
    shutil.copy(migrated, state_dir / "atr.db")
    store = journey.storage_in(state_dir)
    await people.settle_in(store, ("org.example",))
    async with store.write_as_project_committee_member(people.PROJECT, people.MEMBERS[0]) as member:
        await member.release.start(people.PROJECT, _VERSION)
    await store.database.close()
    number = ports.free_port()
    settings = {"ATR_STATE_DIR": str(state_dir), "ATR_SANDBOX": "1", "ATR_PORT": str(number), **more}
    with (state_dir / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "atr",
            "serve",
            env={**test_process.INHERITED, **settings},
            stdout=log,
            stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        )
    site = Site(state_dir, number, process)
    for _ in range(600):
        assert process.returncode is None, site.log
        with contextlib.suppress(OSError):
            await site.get()
            break
        await asyncio.sleep(0.1)
    try:
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert "Traceback" not in site.log


class Crowd:
    """Connections that say something once, and one byte from time to time. Plain sockets: they are not what is slow."""

    def __init__(self, site: Site, first: Callable[[int], bytes], count: int = _CROWD, peer: str = "127.0.0.1") -> None:
        self._site, self._first, self._count, self._peer = site, first, count, peer
        self._open: list[socket.socket] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < _FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
        await asyncio.to_thread(self._join)
        self._task = asyncio.create_task(self._trickle())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
        for one in self._open:
            one.close()

    def _join(self) -> None:
        for number in range(self._count):
            self._open.append(one := socket.socket())
            one.bind((self._peer, 0))
            with contextlib.suppress(OSError):
                one.settimeout(10)
                one.connect(("127.0.0.1", self._site.port))
                one.sendall(self._first(number))
            one.settimeout(0)

    async def _trickle(self) -> None:
        while True:
            await asyncio.sleep(1)
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.send(b"x")


def _said(port: int, peer: str, request: bytes) -> bytes:
    with socket.socket() as one:
        one.bind((peer, 0))
        one.settimeout(60)
        one.connect(("127.0.0.1", port))
        one.sendall(request)
        with contextlib.suppress(ConnectionError):
            return b"".join(iter(lambda: one.recv(65_536), b""))
    return b""


def _head(path: str, *, length: int = 1_000_000, more: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n{more}"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


_KINDS: Final[dict[str, Callable[[int], bytes]]] = {
    "upload without a session": lambda _: _head(_UPLOAD),
    "sign-in": lambda _: _head("/sign-in", length=60_000),
    "a page that takes no form": lambda _: _head("/releases", length=60_000),
    "half a head": lambda _: b"GET /releases HTTP/1.1\r\nHost: localhost\r\nX-More: ",
    "nothing": lambda _: b"",
}


async def test_a_crowd_that_only_waits_keeps_nobody_out(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Whatever it waits with; another peer is served, and the log has some lines more and not a million."""
    async with _running(migrated, tmp_path) as site:
        for first in _KINDS.values():
            async with Crowd(site, first):
                await site.served()
        assert len(site.log.splitlines()) < 3_000
        assert site.log.count("too many are open") <= 4


async def test_a_crowd_behind_a_proxy_keeps_nobody_else_out(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """All connections are the proxy's; who asks stands in the header that it writes, at its end."""
    proxy = {"ATR_TRUSTED_PROXIES": "127.0.0.1", "ATR_MAX_CONNECTIONS": "2000"}
    who = "X-Forwarded-For: 127.0.0.9, 198.51.100.7\r\n"
    async with _running(migrated, tmp_path, files=4_096, **proxy) as site:
        async with Crowd(site, lambda _: _head("/sign-in", length=60_000, more=who)):
            status, seconds = await site.get("127.0.0.1", headers="X-Forwarded-For: 198.51.100.8\r\n")
            assert (status[:12], seconds < _IN_TIME) == (b"HTTP/1.1 200", True)
            # The crowd's own peer has as many as it may; an address that it claims to come from helps it nothing.
            for claimed in ("", "198.51.100.8, "):
                status, _ = await site.get("127.0.0.1", headers=f"X-Forwarded-For: {claimed}198.51.100.7\r\n")
                assert status.startswith(b"HTTP/1.1 429")
        # Who is no proxy may write into that header what it likes.
        status, _ = await site.get("127.0.0.5", headers="X-Forwarded-For: 198.51.100.7\r\n")
        assert status.startswith(b"HTTP/1.1 200")


async def test_many_peers_together_have_a_bound_too(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    async with (
        _running(migrated, tmp_path, ATR_MAX_CONNECTIONS="60") as site,
        contextlib.AsyncExitStack() as all_,
    ):
        for number in range(10):
            await all_.enter_async_context(Crowd(site, _KINDS["half a head"], 40, f"127.0.1.{number}"))
        assert site.descriptors < 60 + 40
        await site.served()


async def test_without_descriptors_the_log_has_a_line_a_minute(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    async with _running(migrated, tmp_path, files=17) as site:
        async with Crowd(site, _KINDS["half a head"], 60):
            await asyncio.sleep(5)
            said = site.log
        assert len(said) < 20_000
        assert 1 <= said.count("cannot accept connections") <= 2
        await site.served()


async def test_a_body_that_trickles_is_given_up(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """By its speed; and one that is fast enough by its total time."""
    async with _running(migrated, tmp_path, ATR_UPLOAD_SECONDS="4") as site:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(_head("/sign-in", length=60_000))
        status = await _trickled(reader, writer, b"x" * 10)
        assert status.startswith(b"HTTP/1.1 408")
        assert 3 < time.monotonic() - began < connection.GRACE


async def test_a_client_that_leaves_is_not_counted(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Nor is its descriptor held, though a kept connection may stay idle for longer."""
    async with _running(migrated, tmp_path, ATR_MAX_CONNECTIONS_PER_PEER="5") as site:
        for _ in range(20):
            status, _ = await site.get("127.0.0.3")
            assert status.startswith(b"HTTP/1.1 200")
        before = site.descriptors
        for _ in range(40):
            _, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.close()
        await asyncio.sleep(1)
        assert site.descriptors <= before + 2


async def _trickled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> bytes:
    async def send() -> None:
        while not writer.transport.is_closing():
            writer.write(piece)
            await asyncio.sleep(0.5)

    sending = asyncio.create_task(send())
    try:
        return await asyncio.wait_for(reader.readline(), 60)
    finally:
        sending.cancel()
        writer.transport.abort()
