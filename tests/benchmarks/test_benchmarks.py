# SPDX-License-Identifier: Apache-2.0
"""The benchmark runs, and compares what it says it compares. No figure of time is judged."""

import asyncio
import pathlib

import pytest

import tests.benchmarks.bundle as bundles
import tests.benchmarks.claims as claims
import tests.benchmarks.many_rows as many_rows
import tests.benchmarks.pages as pages
import tests.benchmarks.promote_vs_upload as benchmark
import tests.benchmarks.rows as rows
import tests.benchmarks.sweep as sweep
import tests.benchmarks.table as table


def _figures(**given: float) -> table.Figures:
    zero = {"read": 0.0, "seconds": 1.0, "peak": 1.0, "before": 0.0, "publishing": 0.0, "check": 0.0, "cpu": 0.0}
    return table.Figures(**{**zero, "written": 1.0, **given}, digest="d")


@pytest.mark.slow
def test_both_ways_make_the_voted_files_public(tmp_path: pathlib.Path) -> None:
    told: list[str] = []
    rows = asyncio.run(benchmark.compare([1], 1, tmp_path, told.append))
    (row,) = rows
    assert row.promote.written < row.upload.written
    assert row.promote.digest == row.upload.digest
    ways = [line[10:25].rstrip() for line in table.lines(rows) if line]
    assert ways[1:4] == ["promote", "upload again", "upload/promote"]
    assert ways[-2:] == ["promote", "upload again"]
    assert told == ["1 MB, run 1 of 1"]
    assert not list(tmp_path.iterdir())


async def test_a_size_without_room_is_left_out(tmp_path: pathlib.Path) -> None:
    told: list[str] = []
    assert await benchmark.compare([10**9], 1, tmp_path, told.append) == []
    assert told[0].startswith("1,000,000,000 MB is left out: it needs ")


def test_the_same_size_makes_the_same_files(tmp_path: pathlib.Path) -> None:
    first, second = (bundles.make(tmp_path / name, 50_000) for name in ("a", "b"))
    assert first[1] == second[1]
    assert 50_000 <= sum(file.size for file in first[1].files) < 60_000


def test_medians_are_of_each_figure() -> None:
    runs = [_figures(written=1, seconds=9), _figures(written=2, seconds=1), _figures(written=3, seconds=5)]
    assert table.median(runs) == _figures(written=2, seconds=5)


def test_the_ratios_are_upload_by_promote() -> None:
    rows = [table.Row(1, 1, _figures(read=2, written=10), _figures(read=1, written=5_000))]
    ratios = next(line for line in table.lines(rows) if "upload/promote" in line)
    assert ratios.split()[1:9:2] == ["500", "0.50", "1.00", "1.00"]


@pytest.mark.slow
async def test_no_page_needs_more_statements_for_more_files(tmp_path: pathlib.Path) -> None:
    """Counted, not timed: 8 files are one package, 400 are fifty."""
    few, many = [
        {cost.page: cost.statements for cost in await pages.measured(files, 1, tmp_path / str(files), lambda _: None)}
        for files in (8, 400)
    ]
    assert few == many


@pytest.mark.slow
async def test_every_row_is_claimed_once_whoever_claims(tmp_path: pathlib.Path) -> None:
    """The run itself fails otherwise; on SQLite, which needs no server."""
    (cost,) = await claims.measured(["sqlite"], [20], [2], tmp_path, lambda _: None)
    assert (cost.rows, cost.claimers) == (20, 2)
    assert "sqlite" in list(claims.lines([cost]))[1]


@pytest.mark.slow
async def test_a_sweep_asks_once_for_each_row(tmp_path: pathlib.Path) -> None:
    runs = [(12, 4), (24, 4), (6, 1)]
    costs = await sweep.measured(runs, tmp_path, lambda _: None, answer=0.01)
    assert [cost.requests for cost in costs] == [12, 24, 6]
    told = list(sweep.lines(costs))
    assert told[-2].startswith("12 to 24 rows (2 x): seconds ")
    assert told[-1].startswith("one after the other takes ")


@pytest.mark.slow
async def test_no_page_needs_more_statements_for_more_deployments(tmp_path: pathlib.Path) -> None:
    """Of every kind one and then four: whatever a kind needs, it needs once."""
    few, many = [
        {
            cost.page: cost.statements
            for cost in await rows.of_deployments(many_rows.EVERY * each, 1, tmp_path / str(each))
        }
        for each in (1, 2)
    ]
    assert few == many


@pytest.mark.slow
async def test_no_page_needs_more_statements_for_12_rows_than_for_1(tmp_path: pathlib.Path) -> None:
    """As most releases are: all of it staged and captured. The finish page needs at most 40."""
    few, many = [
        {
            cost.page: cost.statements
            for cost in await rows.of_deployments([many_rows.READY] * more, 1, tmp_path / str(more))
        }
        for more in (1, 12)
    ]
    assert few == many
    assert many["finish: /finish/{p}"] <= 40


@pytest.mark.slow
async def test_the_list_of_releases_needs_no_more_statements_for_more_releases(tmp_path: pathlib.Path) -> None:
    """In all four phases, each with deployments of every kind."""
    few, many = [
        [cost.statements for cost in await rows.of_releases(count, many_rows.STAGED, 1, tmp_path / str(count))]
        for count in (4, 8)
    ]
    assert few == many
