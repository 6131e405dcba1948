# SPDX-License-Identifier: Apache-2.0
"""Stands between us and a PostgreSQL server and cuts the wire around a COMMIT, so that nobody knows what came of it."""

import asyncio
import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Final

# The name of a server's socket: https://www.postgresql.org/docs/15/runtime-config-connection.html
SOCKET: Final = ".s.PGSQL.5432"
# A simple query, as psycopg sends it: https://www.postgresql.org/docs/15/protocol-message-formats.html
_COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_MARK: Final = b"INSERT INTO attempt"
_CHUNK: Final = 65_536


@dataclasses.dataclass
class Cutter:
    """What it did so far. `choose` says of each COMMIT whether to cut, and on which side of it; it is told whether a
    mark is committed.
    """

    server: pathlib.Path
    directory: pathlib.Path
    # "" lets it through, "before": the server never sees it, "after": we never see the answer.
    choose: Callable[[bool], str]
    cuts: dict[str, int] = dataclasses.field(default_factory=lambda: {"before": 0, "after": 0})
    # Marks of which we were told that they are on disk, and those of which nobody can tell us.
    marks: int = 0
    doubtful_marks: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            there, back = await asyncio.open_unix_connection(str(self.server / SOCKET))
        except OSError:
            # The server is away.
            writer.close()
            return
        answering = asyncio.create_task(_pass_on(there, writer))
        try:
            await self._ask(reader, back, answering)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            answering.cancel()
            for end in (back, writer):
                end.close()

    async def _ask(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, answering: asyncio.Task[None]
    ) -> None:
        marking = False
        while chunk := await reader.read(_CHUNK):
            marking = marking or (_MARK in chunk)
            where = self.choose(marking) if (_COMMIT in chunk) else ""
            if where:
                self.cuts[where] += 1
                self.doubtful_marks += marking
            if where == "before":
                return
            if where == "after":
                answering.cancel()
                back.write(chunk)
                await back.drain()
                # It goes through: the server reads what has arrived although we are gone.
                await asyncio.sleep(0.05)
                return
            back.write(chunk)
            await back.drain()
            if _COMMIT in chunk:
                self.marks += marking
                marking = False


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def between(server: pathlib.Path, choose: Callable[[bool], str]) -> AsyncIterator[Cutter]:
    """A cutter before the server whose socket is in this directory, while the block runs."""
    # Short: the name of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="atr-cut-") as directory:
        cutter = Cutter(server, pathlib.Path(directory), choose)
        listener = await asyncio.start_unix_server(cutter, str(cutter.directory / SOCKET))
        try:
            yield cutter
        finally:
            listener.close()
