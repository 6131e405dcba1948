# SPDX-License-Identifier: Apache-2.0
"""A server that sends exactly the bytes it is told to, for what no well-behaved server would send."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

Script = Callable[[], AsyncIterator[bytes]]


@dataclasses.dataclass
class Seen:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes


class Stub:
    """Answers the requests, one a connection, with these scripts in turn; the last one again and again."""

    def __init__(self, *scripts: bytes | Script) -> None:
        self._scripts = list(scripts)
        self.seen: list[Seen] = []
        self.sent = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._running: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._running.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append(Seen(line, headers, body))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        async for chunk in _whole(script) if isinstance(script, bytes) else script():
            self.sent += len(chunk)
            writer.write(chunk)
            await writer.drain()


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A well-formed answer; underscores in the names of headers stand for hyphens."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode() + body


async def endless() -> AsyncIterator[bytes]:
    """An answer whose body never ends."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


async def dripping() -> AsyncIterator[bytes]:
    """An answer that always goes on just before a reader would give up."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    while True:
        yield b"{"
        await asyncio.sleep(0.02)


async def silent() -> AsyncIterator[bytes]:
    """No answer at all, with the connection open."""
    await asyncio.sleep(30)
    yield b""


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
