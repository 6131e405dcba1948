# SPDX-License-Identifier: Apache-2.0
"""Claims per second: how fast workers take due rows, one and four at once, on SQLite and on PostgreSQL.

    python -m tests.benchmarks.claims [--rows 1000,4000] [--claimers 1,4] [--engines sqlite,postgresql]

Each claimer is a process that runs the worker's own scan, eight rows at a time, and does nothing with what it has
taken. Both engines wait for the disk at each commit. What is what: tests/benchmarks/README.md.
"""

import argparse
import asyncio
import dataclasses
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import atr.tasks.distribution as scan
from tests.benchmarks import many_promotions

SIZES: Final = (1_000, 4_000)
CLAIMERS: Final = (1, 4)
# As many as a worker has places.
_AT_ONCE: Final = 8
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Cost:
    """One run."""

    engine: str
    claimers: int
    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Claims a second."""
        return self.rows / self.seconds


async def measured(
    engines: Sequence[str], sizes: Sequence[int], claimers: Sequence[int], directory: pathlib.Path, say: Say
) -> list[Cost]:
    """A run for each. Raises SystemExit if a row was claimed twice, or not at all."""
    costs = []
    for engine in engines:
        with many_promotions.server(engine) as running:
            for count, size in [(count, size) for count in claimers for size in sizes]:
                say(f"{engine}: {size:,} rows, {count} at once")
                below = directory / f"{engine}-{count}-{size}"
                address = await asyncio.to_thread(many_promotions.fresh, running, below)
                async with many_promotions.hands(address, below) as hands:
                    await many_promotions.put(hands.storage, size)
                costs.append(Cost(engine, count, size, await _run(address, below, count, size)))
    return costs


async def _run(address: str, directory: pathlib.Path, claimers: int, size: int) -> float:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.claims",
            "--claimer",
            address,
            "--directory",
            str(directory / str(number)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(claimers)
    ]
    for process in processes:
        if process.stdout:
            await process.stdout.readline()
    # All are ready: they begin together.
    told = [json.loads((await one)[0]) for one in [asyncio.create_task(p.communicate(b"\n")) for p in processes]]
    claimed = sum(one["claimed"] for one in told)
    if claimed != size:
        raise SystemExit(f"{claimed} claims of {size} rows.")
    return float(max(one["ended"] for one in told) - min(one["began"] for one in told))


async def _claim(address: str, directory: pathlib.Path) -> None:
    async with many_promotions.hands(address, directory) as hands:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        claimed, began = 0, time.time()
        while steps := await scan.status_check(hands, limit=_AT_ONCE):
            claimed += len(steps)
            for step in steps:
                step.close()
        print(json.dumps({"claimed": claimed, "began": began, "ended": time.time()}))


def lines(costs: Sequence[Cost]) -> Iterator[str]:
    """One line a run, and how the cost of a claim grows from the fewest rows to the most."""
    yield f"{'engine':<12}{'claimers':>9}{'rows':>9}{'seconds':>10}{'claims/s':>10}{'ms/claim, growth':>20}"
    for cost in costs:
        least = next(one for one in costs if (one.engine, one.claimers) == (cost.engine, cost.claimers))
        yield (
            f"{cost.engine:<12}{cost.claimers:>9}{cost.rows:>9,}{cost.seconds:>10.2f}{cost.rate:>10.0f}"
            f"{1000 / cost.rate:>12.2f}{least.rate / cost.rate:>6.2f} x"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", default=",".join(map(str, SIZES)), help="how many rows, separated by commas")
    parser.add_argument("--claimers", default=",".join(map(str, CLAIMERS)))
    parser.add_argument("--engines", default=",".join(many_promotions.ENGINES))
    parser.add_argument("--directory", type=pathlib.Path, help="where there is room; a temporary one otherwise")
    parser.add_argument("--claimer", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.claimer:
        asyncio.run(_claim(options.claimer, options.directory))
        return
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="atr-claims-") as below:
        sizes, claimers = ([int(one) for one in text.split(",")] for text in (options.rows, options.claimers))
        costs = asyncio.run(measured(options.engines.split(","), sizes, claimers, pathlib.Path(below), _say))
    print("\n".join(lines(costs)))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
