# SPDX-License-Identifier: Apache-2.0
"""A browser for the session, and two houses to visit: real processes, or one process with a clock that stands still."""

import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright import async_api

import atr.config as config
import atr.demo.journey as journey
import atr.demo.processes as processes
import atr.demo.tree as trees
import atr.pages.views as views
import atr.server as server
from tests import chromium, serving
from tests import world as worlds
from tests.browser import person as persons

# Opens a window at a server: `visit(base, color_scheme="dark")`.
Visit = Callable[..., Awaitable[persons.Person]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[async_api.Browser]:
    path = chromium.executable()
    async with async_api.async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=list(chromium.QUIET))
        yield opened
        await opened.close()


@pytest.fixture
def pictures(tmp_path: pathlib.Path) -> pathlib.Path:
    return persons.pictures_in(tmp_path / "pictures")


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: async_api.Browser, pictures: pathlib.Path) -> AsyncIterator[Visit]:
    """Windows that are closed, and their logs read, when the test ends."""
    opened: list[persons.Person] = []

    async def one(base: str, **context: Any) -> persons.Person:
        opened.append(await persons.Person.open(browser, base, pictures, **context))
        return opened[-1]

    yield one
    for person in opened:
        await person.close()


@pytest_asyncio.fixture(loop_scope="session")
async def stack(tmp_path: pathlib.Path) -> AsyncIterator[tuple[processes.Stack, views.DeploymentView]]:
    """Web, worker and stand-in as processes, with a release that is staged and voted on."""
    tree = trees.example(200_000)
    store = journey.storage_in(tmp_path)
    try:
        async with processes.Stack(tmp_path, processes.Ports(), tree.namespaces) as running:
            yield running, await journey.staged_and_voted(store, tree, lambda _told: None)
    finally:
        await store.database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: pathlib.Path, database: str) -> AsyncIterator[worlds.World]:
    """The storage, the worker's hands and the stand-in in this process; time passes when a test says so."""
    async with worlds.open_world(tmp_path, database, sockets=True) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def web(house: worlds.World, tmp_path: pathlib.Path) -> AsyncIterator[str]:
    """The web of the house, served for real, and its address."""
    # Hours pass in these tests, and nobody signs in again.
    settings = config.WebSettings(
        state_dir=tmp_path,
        sandbox=True,
        sandbox_url=house.sandbox.portal_url,
        session_idle_minutes=1_440,
        session_hours=72,
    )
    async with serving.serving(server.create_app(settings, house.store)) as address:
        yield address
