# SPDX-License-Identifier: Apache-2.0
"""What a page costs when its release has 1, 20, 100 and 500 deployments, and when there are 1, 100 and 1,000 releases.

    python -m tests.benchmarks.rows [--deployments 1,20,100,500] [--releases 1,100,1000] [--repeats N] [--directory DIR]

Statements are exact and the finding: they must not grow with the rows. Milliseconds are of this machine, measured in
one run, in the process of the pages. What is what: tests/benchmarks/README.md.
"""

import argparse
import asyncio
import dataclasses
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Final

from quart.typing import TestClientProtocol

import atr.db.session as session
import atr.demo.people as people
import tests.benchmarks.many_files as many_files
import tests.benchmarks.many_rows as many_rows
import tests.benchmarks.pages as pages

DEPLOYMENTS: Final = (1, 20, 100, 500)
RELEASES: Final = (1, 100, 1_000)
_REPEATS: Final = 3
_OK: Final = 200
# By the phase in which it is looked at. {p}: project and version.
PAGES: Final = {
    "compose": ("/compose/{p}", "/voting/{p}", "/distribution/list/{p}", "/distribution/detail/{p}/d1"),
    "vote": ("/vote/{p}", "/resolve/{p}", "/abandon/{p}"),
    "finish": (
        "/releases",
        "/finish/{p}",
        "/finish/{p}/row/d1",
        "/distribution/list/{p}",
        "/distribution/detail/{p}/d1",
        "/distribution/promote-all/{p}",
        "/announce/{p}",
        "/admin/stuck",
    ),
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """One page at so many rows: how many statements it needed, and the median of its milliseconds."""

    page: str
    rows: int
    statements: int
    milliseconds: float


async def of_deployments(kinds: Sequence[many_rows.Kind], repeats: int, state_dir: pathlib.Path) -> list[Cost]:
    """The cost of every page of a release with a deployment that the writers made, and one of each of these kinds."""
    costs = []
    rows = 1 + len(kinds)
    for phases in (("compose",), ("vote", "finish")):
        async with pages.house(state_dir / phases[0]) as (store, app):
            release_key = await pages.composed(store, many_files.tree(8))
            clients = {name: await pages.signed_in(app, name) for name in (people.MEMBERS[0], people.ADMIN)}
            if phases == ("compose",):
                await many_rows.put(store, release_key, [kind for kind in kinds if kind in many_rows.STAGED])
            else:
                await pages.vote(store, release_key)
                await many_rows.put(store, release_key, kinds)
            for phase in phases:
                if phase == "finish":
                    await pages.finish(store, release_key)
                costs += [await _cost(store.database, clients, phase, page, rows, repeats) for page in PAGES[phase]]
    return costs


async def of_releases(count: int, kinds: Sequence[many_rows.Kind], repeats: int, state_dir: pathlib.Path) -> list[Cost]:
    """The cost of the list of so many releases in every phase, each with a deployment of each of these kinds."""
    async with pages.house(state_dir) as (store, app):
        await people.settle_in(store, (many_files.GROUP,))
        await many_rows.put_releases(store, count, kinds)
        clients = {people.MEMBERS[0]: await pages.signed_in(app)}
        return [await _cost(store.database, clients, "all phases", "/releases", count, repeats)]


async def _cost(
    database: session.Database,
    clients: Mapping[str, TestClientProtocol],
    phase: str,
    page: str,
    rows: int,
    repeats: int,
) -> Cost:
    client = clients[people.ADMIN if page.startswith("/admin") else people.MEMBERS[0]]
    path = page.format(p=f"{people.PROJECT}/{many_files.VERSION}")
    taken, counts = [], set()
    # The first look compiles templates and statements.
    for number in range(repeats + 1):
        with pages.counted(database) as count:
            began = time.perf_counter()
            answer = await client.get(path)
            await answer.get_data()
            took = time.perf_counter() - began
        if answer.status_code != _OK:
            raise SystemExit(f"{path} answered {answer.status_code}.")
        if number:
            taken.append(took * 1000)
            counts.add(count[0])
    return Cost(f"{phase}: {page}", rows, max(counts), statistics.median(taken))


def lines(costs: Sequence[Cost], what: str) -> list[str]:
    """One line a page: statements and milliseconds at each size."""
    sizes = sorted({cost.rows for cost in costs})
    out = [f"{'page':<44}{''.join(f'{size:,} {what}'.rjust(20) for size in sizes)}"]
    for page in dict.fromkeys(cost.page for cost in costs):
        row = {cost.rows: cost for cost in costs if cost.page == page}
        cells = [f"{row[size].statements:,} st {row[size].milliseconds:,.0f} ms" for size in sizes]
        out.append(f"{page:<44}{''.join(f'{cell:>20}' for cell in cells)}")
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--deployments", default=",".join(map(str, DEPLOYMENTS)), help="how many, separated by commas")
    parser.add_argument("--releases", default=",".join(map(str, RELEASES)), help="how many, separated by commas")
    parser.add_argument("--repeats", type=int, default=_REPEATS)
    parser.add_argument("--directory", type=pathlib.Path, help="where there is room; a temporary one otherwise")
    options = parser.parse_args()
    asyncio.run(_measure(options))


async def _measure(options: argparse.Namespace) -> None:
    found: dict[str, list[Cost]] = {}
    for what in ("deployments", "releases"):
        for size in map(int, filter(None, getattr(options, what).split(","))):
            print(f"{size:,} {what}", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=options.directory, prefix="atr-rows-") as below:
                made = (
                    of_deployments([many_rows.READY] * (size - 1), options.repeats, pathlib.Path(below))
                    if what == "deployments"
                    else of_releases(size, [many_rows.READY], options.repeats, pathlib.Path(below))
                )
                found.setdefault(what, []).extend(await made)
    for what, costs in found.items():
        print("\n".join(lines(costs, what)))


if __name__ == "__main__":
    main()
