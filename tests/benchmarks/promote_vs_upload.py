# SPDX-License-Identifier: Apache-2.0
"""Promoting what is staged against uploading it again, through the same stand-in, both with the same public check.

    python -m tests.benchmarks.promote_vs_upload [--sizes 1,10,100,1000] [--repeats N] [--directory DIR]

What the figures mean: tests/benchmarks/README.md. Nothing here judges a time; it fails only when a way does not end
with the voted files public.
"""

import argparse
import asyncio
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import atr.demo.journey as journey
import atr.demo.people as people
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.pages.views as views
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage as storage
import tests.benchmarks.bundle as bundles
import tests.benchmarks.measured as measured
import tests.benchmarks.programs as programs
import tests.benchmarks.table as results

SIZES: Final = (1, 10, 100, 1_000)
# Both ways, so many times each up to so many megabytes; what takes a minute is run once.
_REPEATS: Final = 3
_OFTEN: Final = 100
# How much faster than in production the polling tables run; the waits left are 0.01 s and 0.12 s, on either way.
_FASTER: Final = 1_000
# The tree, the revision, the bundle while it is written, as received and unpacked; and some air.
_TIMES_ON_DISK: Final = 5
_AIR: Final = 500 * results.MEGABYTE
_PATIENCE: Final = 600.0
_LOOK_EVERY: Final = 0.05
_ENDS: Final = frozenset({states.State.LIVE, states.State.REFUSED, states.State.DIVERGED, states.State.IN_DOUBT})

Tell = Callable[[str], None]


async def compare(sizes: Sequence[int], repeats: int | None, directory: pathlib.Path, tell: Tell) -> list[results.Row]:
    """A row for each size, in megabytes, that the disk has room for. What lies below `directory` is gone afterwards."""
    rows = []
    for size in sizes:
        needed = _TIMES_ON_DISK * size * results.MEGABYTE + _AIR
        free = shutil.disk_usage(directory).free
        if free < needed:
            tell(f"{size:,} MB is left out: it needs {needed:,} bytes of disk, and {directory} has {free:,}.")
            continue
        times = repeats or (_REPEATS if size <= _OFTEN else 1)
        with tempfile.TemporaryDirectory(dir=directory, prefix="atr-benchmark-") as below:
            rows.append(await _row(pathlib.Path(below), size, times, tell))
    return rows


async def _row(below: pathlib.Path, size: int, times: int, tell: Tell) -> results.Row:
    root = below / "tree"
    tree, voted = await asyncio.to_thread(bundles.make, root, size * results.MEGABYTE)
    promoted, uploaded = [], []
    for number in range(1, times + 1):
        # In turn, so that whatever else the machine does falls on both.
        tell(f"{size:,} MB, run {number} of {times}")
        with tempfile.TemporaryDirectory(dir=below) as fresh:
            promoted.append(await promote(pathlib.Path(fresh), tree))
        with tempfile.TemporaryDirectory(dir=below) as fresh:
            uploaded.append(await upload_again(pathlib.Path(fresh), tree, voted, root))
    row = results.Row(size, times, results.median(promoted), results.median(uploaded))
    if not (row.promote.digest == row.upload.digest == voted.digest):
        raise RuntimeError(f"{size} MB: what is public is not what was voted on.")
    return row


async def promote(fresh: pathlib.Path, tree: trees.Tree) -> results.Figures:
    """Stage, capture and vote, unmeasured; then from the click to LIVE, by a worker that has done nothing else."""
    state_dir = fresh / "state"
    store = journey.storage_in(state_dir)
    figures = fresh / "promoting.json"
    try:
        async with programs.sandbox(fresh, tree.namespaces) as stand_in:
            async with programs.worker(state_dir, stand_in, fresh / "staging.json", faster=processes.SPEED):
                row = await journey.staged_and_voted(store, tree, _tell_nothing)
            async with programs.worker(state_dir, stand_in, figures, faster=_FASTER):
                before = await stand_in.counters()
                began = time.time()
                promotion = await _until_live(store, await _click(store, row))
            after = await stand_in.counters()
            phases = await _phases(stand_in, began, promotion.entered_at.timestamp())
    finally:
        await store.database.close()
    return _figures(programs.read(figures), before, after, phases, promotion.public_digest or "")


async def upload_again(
    fresh: pathlib.Path, tree: trees.Tree, voted: fileset.FileSet, root: pathlib.Path
) -> results.Figures:
    """Upload the voted files as a deployment, publish it, and check the public files."""
    state_dir = fresh / "state"
    packages = tuple((one.owner_namespace, one.package, one.version) for one in tree.packages)
    task = measured.Task(str(root), voted.files, packages)
    async with programs.sandbox(fresh, tree.namespaces) as stand_in:
        before = await stand_in.counters()
        told = await programs.upload_again(state_dir, stand_in, task, fresh / "upload.json", faster=_FASTER)
        after = await stand_in.counters()
        phases = await _phases(stand_in, told["began"], told["ended"])
    return _figures(told, before, after, phases, told["digest"])


async def _click(store: storage.Storage, row: views.DeploymentView) -> int:
    async with store.write_as_project_committee_member(row.project_key, people.MEMBERS[0]) as member:
        return await member.distributions.promote_staging_to_production(
            row.release_key,
            distribution.DistributionPlatform.MAVEN,
            row.deployment_id or 0,
            evidence_digest=row.evidence_digest,
            row_version=row.row_version,
        )


async def _until_live(store: storage.Storage, promotion_id: int) -> tables.Promotion:
    ends = time.monotonic() + _PATIENCE
    while True:
        async with store.read() as read:
            row = await read.data.get(tables.Promotion, promotion_id)
        if (row is not None) and (row.state is states.State.LIVE):
            return row
        if (row is None) or (row.state in _ENDS) or (time.monotonic() > ends):
            raise RuntimeError(f"It did not get live: {row}")
        await asyncio.sleep(_LOOK_EVERY)


async def _phases(stand_in: programs.Sandbox, began: float, ended: float) -> Mapping[str, float]:
    """The same cut on either way, by what the stand-in saw: all its processes share this machine's clock."""
    published = (await stand_in.arrivals("publish"))[0]
    checked = min(when for when in await stand_in.arrivals("repository") if when >= published)
    return {
        "before": published - began,
        "publishing": checked - published,
        "check": ended - checked,
        "seconds": ended - began,
    }


def _figures(
    told: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    phases: Mapping[str, float],
    digest: str,
) -> results.Figures:
    sent = [after["bytes_sent"][name] - before["bytes_sent"][name] for name in ("download", "repository")]
    calls = after["requests"]["publish"] - before["requests"]["publish"]
    if calls != 1:
        raise RuntimeError(f"The publish endpoint was reached {calls} times instead of once.")
    return results.Figures(
        written=told["written"], read=sum(sent), peak=told["peak"], cpu=told["cpu"], digest=digest, **phases
    )


def _machine() -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"load average at the start {load}."
    )


def _tell_nothing(_what: Mapping[str, Any]) -> None:
    """Only the click and what follows is of interest."""


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if any(size < 1 for size in sizes):
        raise ValueError(text)
    return sizes


NOTE: Final = """\
Written: all that the process put on the wire, heads of requests included. Read for proof: the bytes of the staged and
of the public files; uploading again proves the public side alone. Both ways check the public files by the same code,
and end with the digest that was voted on. Staging, capture and vote came before, on either way, and are not in it.
All of it runs on this machine, over loopback: the network's slowness is not in the seconds. A byte costs next to
nothing here in either direction, so promoting spends its time on reading for the proof, and uploading again on making,
sending, unpacking and validating the bundle, the last two by the stand-in. On a real network what is written dominates,
and so does the platform's own time for validating and publishing; neither can be measured here."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Promoting against uploading again, through the same stand-in.")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="in MB, with commas; default 1,10,100,1000")
    parser.add_argument("--repeats", type=int, help="runs of each way; default 3 up to 100 MB, then 1")
    parser.add_argument(
        "--directory", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()), help="where to work"
    )
    given = parser.parse_args()
    print(_machine(), flush=True)
    rows = asyncio.run(compare(given.sizes, given.repeats, given.directory, _progress))
    print("", *results.lines(rows), "", NOTE, sep="\n")
    if not rows:
        sys.exit(1)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
