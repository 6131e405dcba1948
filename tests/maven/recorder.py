# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and the stand-in, passes every byte on and keeps the head of each request."""

import asyncio
import dataclasses
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

_CHUNK: Final = 64 * 1024


@dataclasses.dataclass(frozen=True)
class Head:
    """Method, address and headers of one request, in the order in which they came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The value of a header; empty if it was not sent."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")


class Recorder:
    """Listens on 127.0.0.1 for the length of an `async with`, and speaks to one server for whoever comes."""

    def __init__(self, url: str) -> None:
        self.heads: list[Head] = []
        self.url = ""
        self._port = urlsplit(url).port
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, there_writer}
        back = asyncio.create_task(_pass_on(there_reader, writer))
        try:
            await self._requests(reader, there_writer)
        finally:
            there_writer.close()
            await back

    async def _requests(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        """Pass on one request after the other, until the client leaves."""
        while True:
            try:
                raw = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            head = _parsed(raw)
            self.heads.append(head)
            there.write(raw)
            left = int(head.header("Content-Length") or 0)
            while left and (piece := await reader.read(min(_CHUNK, left))):
                left -= len(piece)
                there.write(piece)
                await there.drain()


def _parsed(raw: bytes) -> Head:
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Head(method, path, tuple((name, value.strip()) for name, _, value in pairs))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_CHUNK):
        writer.write(piece)
        await writer.drain()
    writer.close()
