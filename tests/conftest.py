# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for. No test reaches anything but this machine; in CI none is skipped."""

import gc
import io
import json
import logging
import os
import pathlib
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
import pytest_asyncio

import atr.db.migrate as migrate
import atr.log as log
import tests.chaos.outcome as outcome
from tests import compiled, guarding, installed
from tests import databases as provided
from tests import world as worlds

compiled.once()

_NO_SKIP = "ATR_CI_NO_SKIP"
# Several times what the files of a whole run take at once.
_ROOM = 2 * 1024**3
_TESTS = pathlib.Path(__file__).parent
# Web, worker and stand-in as processes of their own, as a person starts them.
_WAITING = ("attacks/", "demo/")
# What walks long ways over lines that shorter tests reach too.
_UNMEASURED = (
    "benchmarks/",
    "chaos/",
    "hostile/",
    "journeys/",
    "model/",
    "web/test_addresses.py",
    "web/test_matrix.py",
    "web/test_vote_forms.py",
)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[provided.Databases]:
    """Where databases come from: SQLite, or PostgreSQL where ATR_TEST_DATABASE says so."""
    with provided.chosen(tmp_path_factory.mktemp("template")) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def guarded() -> Iterator[None]:
    """What gates look at is changed under its guard, in every test."""
    with guarding.watch():
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A migrated, empty SQLite file to copy, for tests that look into the file itself."""
    path = tmp_path_factory.mktemp("file") / "atr.db"
    migrate.upgrade(provided.sqlite_url(path))
    return path


@pytest.fixture
def database(databases: provided.Databases, tmp_path: pathlib.Path) -> str:
    """The address of a fresh, migrated database of the test's own."""
    return databases.empty(tmp_path)


@pytest_asyncio.fixture
async def world(tmp_path: pathlib.Path, database: str) -> AsyncIterator[worlds.World]:
    """The storage, the worker and the stand-in, with one clock."""
    async with worlds.open_world(tmp_path, database) as opened:
        yield opened


@pytest_asyncio.fixture
async def served_world(tmp_path: pathlib.Path, database: str) -> AsyncIterator[worlds.World]:
    """The same, with the stand-in on a port, for other clients than ours."""
    async with worlds.open_world(tmp_path, database, sockets=True) as opened:
        yield opened


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines that a process would have written to its log so far."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(log.Lines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture(scope="session")
def staged_scene(databases: provided.Databases, tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A release in Compose whose deployment is staged and captured."""
    return worlds.scene(tmp_path_factory.mktemp("staged"), databases, worlds.World.staged)


@pytest.fixture(scope="session")
def voted_scene(databases: provided.Databases, tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A release in Finish whose deployment is on the ballot of the vote that passed."""
    return worlds.scene(tmp_path_factory.mktemp("voted"), databases, worlds.World.voted)


@pytest_asyncio.fixture
async def staged(staged_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world with a staged deployment; it has the number 1."""
    async with staged_scene.opened(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def voted(voted_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world with a deployment that waits for the click; it has the number 1."""
    async with voted_scene.opened(tmp_path) as opened:
        yield opened


def pytest_configure() -> None:
    """Keep the files of tests in memory: each commit would wait for a disk, and no test outlives the machine."""
    if outcome.MEMORY and (shutil.disk_usage(outcome.MEMORY).free > _ROOM):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(outcome.MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a test that started programs or a browser often waits for them."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Mark what a run with coverage leaves to one without; mix what waits with what computes, of what is to be run."""
    for item in items:
        if _waits(item) or item.path.relative_to(_TESTS).as_posix().startswith(_UNMEASURED):
            item.add_marker("unmeasured")
    yield
    items[:] = _mixed(items)


def _waits(item: pytest.Item) -> bool:
    """Whether it drives programs and waits for them more than it computes."""
    driven = item.get_closest_marker("browser") or item.get_closest_marker("mvn")
    return bool(driven) or item.path.relative_to(_TESTS).as_posix().startswith(_WAITING)


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The modules that wait, evenly among those that compute: each process begins with a stretch of the list."""
    modules: dict[pathlib.Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    kinds: dict[bool, list[list[pytest.Item]]] = {False: [], True: []}
    for module in modules.values():
        kinds[_waits(module[0])].append(module)
    placed = [(place / len(kind), module) for kind in kinds.values() for place, module in enumerate(kind, 1)]
    return [item for _, module in sorted(placed, key=lambda one: one[0]) for item in module]


def pytest_collection_finish() -> None:
    """What is there by now stays, so the collector need not look at it again in each test."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> list[str]:
    """What is left out of this run, and what installs it."""
    return installed.missing()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure: everything that a test needs is installed there."""
    report = yield
    # What is handed round beside the project (`shared`) need not be there on a fresh machine.
    may = hasattr(report, "wasxfail") or (item.get_closest_marker("shared") is not None)
    if os.environ.get(_NO_SKIP) and report.skipped and not may:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report
