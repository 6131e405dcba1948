# SPDX-License-Identifier: Apache-2.0
"""The hostile platform: many slots on one port, each with the answer that it plays now, and what reached it."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import tests.hostile.cases as cases

# Between two bytes of a dripping answer, and how much longer all of it takes than the caller may wait.
_DRIP_SECONDS = 0.05
_DRIPPING_SECONDS = 3.0
_STALLED_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Arrival:
    """One request as it came in."""

    method: str
    headers: dict[str, str]


@dataclasses.dataclass
class Slot:
    """What one case at a time plays, and what it has seen since."""

    name: str
    timing: str = "at-once"
    # How long the caller may wait for all of an answer.
    patience: float = 0.0
    # Answered in turn; the last one again and again.
    answers: tuple[cases.Bytes, ...] = ()
    arrived: list[Arrival] = dataclasses.field(default_factory=list)
    sent: int = 0
    # Where redirects lead: a host on the operator's list, and one that is not.
    elsewhere: list[Arrival] = dataclasses.field(default_factory=list)
    strangers: list[Arrival] = dataclasses.field(default_factory=list)

    def play(self, answers: tuple[cases.Bytes, ...], timing: str, patience: float) -> None:
        """Answer so from now on a caller who may wait that long, with nothing seen yet."""
        self.answers, self.timing, self.patience, self.sent = answers, timing, patience, 0
        self.arrived, self.elsewhere, self.strangers = [], [], []


class Hostile:
    """Serves `/<slot>/...` on three ports: the platform's, a listed other host's and a stranger's."""

    def __init__(self, slots: int) -> None:
        self.slots = {f"s{number}": Slot(f"s{number}") for number in range(slots)}
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._servers = [
            await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
            for serve in (self._platform, self._elsewhere, self._stranger)
        ]
        self.port, self.listed_port, self.stranger_port = (
            server.sockets[0].getsockname()[1] for server in self._servers
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def url(self, slot: Slot) -> str:
        """The address of a platform that plays this slot."""
        return f"http://127.0.0.1:{self.port}/{slot.name}"

    def location(self, slot: Slot, kind: str) -> str:
        """A Location of this kind."""
        return {
            "listed": f"http://127.0.0.1:{self.listed_port}/{slot.name}/file",
            "stranger": f"http://127.0.0.1:{self.stranger_port}/{slot.name}/file",
            "itself": f"{self.url(slot)}/again",
            "garbage": "http://[::bad",
            "none": "",
        }[kind]

    async def _platform(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._guest(writer):
            slot, arrival = await self._arrival(reader)
            slot.arrived.append(arrival)
            chosen = slot.answers[min(len(slot.arrived), len(slot.answers)) - 1]
            # Only the last one is the hostile one.
            await _send(slot, writer, chosen, slot.timing if chosen is slot.answers[-1] else "at-once")

    async def _elsewhere(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._guest(writer):
            slot, arrival = await self._arrival(reader)
            slot.elsewhere.append(arrival)
            writer.write(b"HTTP/1.1 503 Word\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async def _stranger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._guest(writer):
            slot, arrival = await self._arrival(reader)
            slot.strangers.append(arrival)

    @contextlib.contextmanager
    def _guest(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                yield
        finally:
            self._running.discard(task)
            writer.close()

    async def _arrival(self, reader: asyncio.StreamReader) -> tuple[Slot, Arrival]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = line.split(" ")
        return self.slots[path.split("/")[1]], Arrival(method, headers)


async def _send(slot: Slot, writer: asyncio.StreamWriter, answer: cases.Bytes, timing: str) -> None:
    match timing:
        case "at-once":
            await _write(slot, writer, answer.head + answer.body)
            while answer.endless and (slot.sent < cases.ENDLESS_BYTES):
                await _write(slot, writer, cases.endless_piece())
        case "dripping":
            if answer.body:
                await _write(slot, writer, answer.head)
            drops = answer.body or answer.head
            pause = max(_DRIP_SECONDS, (slot.patience + _DRIPPING_SECONDS) / len(drops))
            for place in range(len(drops)):
                await asyncio.sleep(pause)
                await _write(slot, writer, drops[place : place + 1])
        case "stalled-head":
            await asyncio.sleep(_STALLED_SECONDS)
        case "stalled-body":
            await _write(slot, writer, answer.first)
            await asyncio.sleep(_STALLED_SECONDS)
        case _:
            await _write(slot, writer, answer.first)


async def _write(slot: Slot, writer: asyncio.StreamWriter, data: bytes) -> None:
    slot.sent += len(data)
    writer.write(data)
    await writer.drain()
