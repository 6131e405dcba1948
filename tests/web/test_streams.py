# SPDX-License-Identifier: Apache-2.0
"""Uploads over real sockets, to a web process of its own: memory, a client that leaves, a process that is killed."""

import asyncio
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
import pytest_asyncio
import quart
import sqlmodel
import werkzeug.datastructures

import atr.body as body
import atr.demo.journey as journey
import atr.demo.people as people
import atr.errors as errors
import atr.models.sql as sql
from tests import ports
from tests.web import house as houses
from tests.web import test_process

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

_VERSION: Final = "3.0.0"
_UPLOAD: Final = f"/upload/{people.PROJECT}/{_VERSION}"
_PIECE: Final = 1_000_000
_PIECES: Final = 120
# What the process may grow by while it takes 120 MB: far less than that.
_GROWTH: Final = 40_000_000


@dataclasses.dataclass
class Site:
    """A web process over a state directory, with a release that was started, and somebody who is signed in."""

    state_dir: pathlib.Path
    port: int
    process: asyncio.subprocess.Process
    cookie: str = ""
    token: str = ""

    @classmethod
    async def start(cls, state_dir: pathlib.Path) -> "Site":
        """Start the process, and sign somebody in."""
        number = ports.free_port()
        environment = {"ATR_STATE_DIR": str(state_dir), "ATR_SANDBOX": "1", "ATR_PORT": str(number)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "atr", "serve", env={**test_process.INHERITED, **environment}
        )
        site = cls(state_dir, number, process)
        await until(site.answers)
        cookie, token = _session(
            await site.say(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        )
        form = f"csrf_token={token}&asf_uid={people.MEMBERS[0]}".encode()
        kind = "application/x-www-form-urlencoded"
        site.cookie, _ = _session(await site.say(site.head("POST", "/sign-in", len(form), kind, cookie) + form))
        # The token is the session's, on every page that has a form.
        page = await site.say(site.head("GET", f"/compose/{people.PROJECT}/{_VERSION}", 0, kind, site.cookie))
        _, site.token = _session(page)
        return site

    async def answers(self) -> bool:
        """Whether it can be talked to."""
        assert self.process.returncode is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def head(self, method: str, path: str, length: int, kind: str, cookie: str = "") -> bytes:
        """The head of a request."""
        return (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {length}\r\nCookie: {cookie or self.cookie}\r\n\r\n"
        ).encode()

    def upload(self, length: int) -> tuple[bytes, bytes]:
        """The head of an upload of one file of this size up to its first byte, and what follows its last one."""
        fields = {"csrf_token": self.token, "seen": ""}
        begins, ends = houses.multipart(fields, [("files", "large.bin", b"\0")]).split(b"\0")
        kind = f"multipart/form-data; boundary={houses.BOUNDARY}"
        return self.head("POST", _UPLOAD, len(begins) + length + len(ends), kind) + begins, ends

    async def say(self, request: bytes) -> bytes:
        """What it answers to these very bytes."""
        return await test_process._say(self.port, request)

    def peak(self) -> int:
        """The most memory that the process has held so far, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1_000

    def spools(self) -> list[pathlib.Path]:
        """What stands of uploads on the disk."""
        return list((self.state_dir / "temporary").glob("upload-*"))

    async def revisions(self) -> int:
        """How many revisions there are."""
        store = journey.storage_in(self.state_dir)
        try:
            async with store.database.read() as data:
                return len((await data.exec(sqlmodel.select(sql.Revision))).all())
        finally:
            await store.database.close()

    async def stop(self) -> None:
        """End the process, if it has not ended."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 20)


def _session(answer: bytes) -> tuple[str, str]:
    """The cookie and the token of an answer."""
    text = answer.decode()
    cookie = re.findall(r"set-cookie: ([^;]+)", text, re.IGNORECASE)
    token = re.findall(r'name="csrf_token" value="([^"]+)"', text)
    return (cookie[0] if cookie else ""), (token[0] if token else "")


async def until(wanted: Callable[[], object]) -> None:
    """Wait until this is so."""
    async with asyncio.timeout(30):
        while True:
            found = wanted()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="module")
async def site(migrated: pathlib.Path, tmp_path: pathlib.Path) -> AsyncIterator[Site]:
    shutil.copy(migrated, tmp_path / "atr.db")
    store = journey.storage_in(tmp_path)
    await people.settle_in(store, ("org.example",))
    async with store.write_as_project_committee_member(people.PROJECT, people.MEMBERS[0]) as member:
        await member.release.start(people.PROJECT, _VERSION)
    await store.database.close()
    running = await Site.start(tmp_path)
    yield running
    await running.stop()


async def test_memory_stays_flat_while_a_large_file_arrives(site: Site) -> None:
    begins, ends = site.upload(_PIECE * _PIECES)
    before = site.peak()
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(begins)
    for _ in range(_PIECES):
        writer.write(os.urandom(1_000) * 1_000)
        await writer.drain()
    writer.write(ends)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 303"), answer
    assert site.peak() - before < _GROWTH
    kept = site.state_dir / "unfinished" / people.PROJECT / _VERSION / "00001" / "large.bin"
    assert kept.stat().st_size == _PIECE * _PIECES
    assert site.spools() == []


async def test_a_client_that_leaves_leaves_nothing(site: Site) -> None:
    begins, _ = site.upload(_PIECE * _PIECES)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(begins + b"x" * 3_000_000)
    await writer.drain()
    await until(lambda: [part for spool in site.spools() for part in spool.iterdir() if part.stat().st_size])
    writer.transport.abort()
    await until(lambda: not site.spools())
    assert await site.revisions() == 0
    assert await site.answers()


async def test_what_a_killed_process_leaves_is_gone_after_its_next_start(site: Site) -> None:
    begins, ends = site.upload(3_000_000)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(begins + b"x" * 2_000_000)
    await writer.drain()
    # Bytes are there only once the spool is locked; who died before left an empty folder.
    await until(lambda: [part for spool in site.spools() for part in spool.iterdir() if part.stat().st_size])
    site.process.kill()
    await site.process.wait()
    writer.transport.abort()
    assert site.spools()
    again = await Site.start(site.state_dir)
    try:
        assert again.spools() == []
        assert await again.revisions() == 0
        begins, ends = again.upload(3_000_000)
        assert (await again.say(begins + b"x" * 3_000_000 + ends)).startswith(b"HTTP/1.1 303")
        assert await again.revisions() == 1
    finally:
        await again.stop()


async def test_the_network_waits_for_a_slow_disk() -> None:
    """No message is taken while more than what may be held is unread; before anybody reads, that is little."""
    waiting = body.Body(None, None)
    taken: list[int] = []

    async def receive() -> None:
        taken.append(len(taken))
        waiting.append(b"x" * body.HELD)

    await waiting.once_there_is_room(receive)
    second = asyncio.create_task(waiting.once_there_is_room(receive))
    await asyncio.sleep(0.05)
    assert taken == [0]
    assert len(await anext(waiting)) == body.HELD
    await second
    await waiting.once_there_is_room(receive)
    fourth = asyncio.create_task(waiting.once_there_is_room(receive))
    await asyncio.sleep(0.05)
    assert taken == [0, 1, 2]
    assert len(await anext(waiting)) == 2 * body.HELD
    await fourth
    assert taken == [0, 1, 2, 3]


@pytest.mark.parametrize("part", [b'name="x"', b'name="files"; filename=""'])
async def test_parts_without_end_are_not_read_to_their_end_and_others_have_their_turn(part: bytes) -> None:
    """Parts that are no files cost their sender nothing, and us the decoding of each."""
    waiting = body.Body(None, None)
    waiting.append(b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\nx\r\n')
    waiting.append((b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n\r\n\r\n") * (body.MAX_PARTS + 1))
    waiting.set_complete()
    scope: Any = {"type": "http", "root_path": "", "extensions": {}}
    headers = werkzeug.datastructures.Headers({"Content-Type": "multipart/form-data; boundary=b"})
    request = quart.wrappers.Request(
        "POST", "http", "/", b"", headers, "", "1.1", scope, send_push_promise=lambda *_: asyncio.sleep(0)
    )
    request.body = waiting
    form = body.Form(request, 10_000_000)
    assert await form.token("csrf_token") == "x"
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    served = asyncio.create_task(other())
    with pytest.raises(errors.InputError, match="more parts"):
        async for _ in form.files():
            pass
    served.cancel()
    assert turns > 6
