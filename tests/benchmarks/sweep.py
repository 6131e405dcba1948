# SPDX-License-Identifier: Apache-2.0
"""A sweep of many pending promotions, by one worker, against a platform that takes 200 ms for an answer.

    python -m tests.benchmarks.sweep [--rows 100,1000,10000] [--slots 64] [--sequential 100] [--answer 0.2]
        [--engine sqlite|postgresql] [--directory DIR]

The promotions are publishing: each is claimed, asked about once, and settled, by the real worker in a process of its
own with the budget lifted. The platform is another process. Beside it the same with one place: one row after the
other, of so many rows as `--sequential` says (10,000 would take more than half an hour). What is what:
tests/benchmarks/README.md.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import json
import pathlib
import sys
import tempfile
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final

import atr.worker as worker
from tests.benchmarks import many_promotions
from tests.benchmarks import measured as measuring

SIZES: Final = (100, 1_000, 10_000)
SLOTS: Final = 64
_SEQUENTIAL: Final = 100
_ANSWER: Final = 0.2
_MEGABYTE: Final = 1_000_000
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Cost:
    """One sweep."""

    rows: int
    slots: int
    seconds: float
    # That reached the platform until every row had been looked at.
    requests: int
    # The most memory that the worker's process held, and the seconds of the processor that the sweep took it.
    peak: int
    cpu: float

    @property
    def of_one(self) -> float:
        """Milliseconds a row."""
        return self.seconds / self.rows * 1000


class _Platform:
    """Answers any request for a state with "publishing", each after so many seconds, all at the same time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.requests = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as many requests as it is kept."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                address = urllib.parse.urlsplit(head.split(" ", 2)[1])
                (external_id,) = urllib.parse.parse_qs(address.query)["id"]
                self.requests += 1
                await asyncio.sleep(self._seconds)
                body = json.dumps({"deploymentId": external_id, "deploymentState": "PUBLISHING"}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def _program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.sweep",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _told(process: asyncio.subprocess.Process) -> str:
    line = await process.stdout.readline() if process.stdout else b""
    if not line:
        raise SystemExit("A process of the benchmark has ended before its time.")
    return line.decode().strip()


async def measured(
    runs: Sequence[tuple[int, int]], directory: pathlib.Path, say: Say, *, engine: str = "sqlite", answer: float
) -> list[Cost]:
    """A sweep for each (rows, slots). Raises SystemExit if a row was not looked at."""
    costs = []
    with many_promotions.server(engine) as running:
        for size, slots in runs:
            say(f"{size:,} rows, {slots} at once")
            below = directory / f"{size}-{slots}"
            address = await asyncio.to_thread(many_promotions.fresh, running, below)
            async with many_promotions.hands(address, below) as hands:
                await many_promotions.put(hands.storage, size)
            async with _program("--serve", str(answer)) as platform:
                url = await _told(platform)
                arguments = ("--work", url, "--slots", str(slots), "--directory", str(below), "--database", address)
                async with _program(*arguments) as working:
                    found = json.loads(await _told(working))
                if platform.stdin:
                    platform.stdin.write(b"\n")
                requests = int(await _told(platform))
            costs.append(Cost(size, slots, found["seconds"], requests, found["peak"], found["cpu"]))
    return costs


async def _serve(seconds: float) -> None:
    platform = _Platform(seconds)
    server = await asyncio.start_server(platform.answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(platform.requests, flush=True)


async def _work(url: str, address: str, directory: pathlib.Path, slots: int) -> None:
    """The worker's own loop, until every row has been looked at."""
    async with many_promotions.hands(address, directory, portal_url=url, repository_url=url) as hands:
        began, used, stop = time.monotonic(), time.process_time(), asyncio.Event()
        working = asyncio.create_task(worker.work_until(hands, stop, tick=1, slots=slots))
        while await many_promotions.unseen(hands.storage):  # noqa: ASYNC110  (only the rows tell, and they ring no bell)
            await asyncio.sleep(0.25)
        seconds = time.monotonic() - began
        stop.set()
        await working
    print(
        json.dumps({"seconds": seconds, "peak": measuring.peak_memory(), "cpu": time.process_time() - used}), flush=True
    )


def lines(costs: Sequence[Cost]) -> Iterator[str]:
    """One line a sweep, then how each figure grows, and how much longer one row after the other takes."""
    yield f"{'rows':>8}{'at once':>9}{'seconds':>10}{'ms/row':>9}{'requests':>10}{'peak memory':>14}{'CPU, ms/row':>13}"
    for cost in costs:
        yield (
            f"{cost.rows:>8,}{cost.slots:>9}{cost.seconds:>10.1f}{cost.of_one:>9.1f}{cost.requests:>10,}"
            f"{cost.peak / _MEGABYTE:>11.1f} MB{cost.cpu / cost.rows * 1000:>13.1f}"
        )
    together = [cost for cost in costs if cost.slots > 1]
    for one, other in itertools.pairwise(together):
        yield (
            f"{one.rows:,} to {other.rows:,} rows ({other.rows / one.rows:.0f} x): seconds "
            f"{other.seconds / one.seconds:.1f} x, requests {other.requests / one.requests:.1f} x, "
            f"peak memory {other.peak / one.peak:.2f} x"
        )
    alone = next((cost for cost in costs if cost.slots == 1), None)
    if (alone is not None) and together:
        most = together[-1]
        yield (
            f"one after the other takes {alone.of_one / most.of_one:.1f} x as long for a row as {most.slots} at once "
            f"(measured on {alone.rows:,} rows; {most.rows:,} would take "
            f"{alone.of_one * most.rows / 60_000:.0f} minutes)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", default=",".join(map(str, SIZES)), help="how many rows, separated by commas")
    parser.add_argument("--slots", type=int, default=SLOTS, help="rows at once")
    parser.add_argument("--sequential", type=int, default=_SEQUENTIAL, help="rows of the sequential sweep; 0 for none")
    parser.add_argument("--answer", type=float, default=_ANSWER, help="seconds that the platform takes")
    parser.add_argument("--engine", default="sqlite", choices=many_promotions.ENGINES)
    parser.add_argument("--directory", type=pathlib.Path, help="where there is room; a temporary one otherwise")
    for inner in ("--serve", "--work", "--database"):
        parser.add_argument(inner, default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve(float(options.serve)))
        return
    if options.work:
        asyncio.run(_work(options.work, options.database, options.directory, options.slots))
        return
    runs = [(int(size), options.slots) for size in options.rows.split(",")]
    if options.sequential:
        runs.append((options.sequential, 1))
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="atr-sweep-") as below:
        costs = asyncio.run(measured(runs, pathlib.Path(below), _say, engine=options.engine, answer=options.answer))
    print("\n".join(lines(costs)))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
