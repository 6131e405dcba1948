# SPDX-License-Identifier: Apache-2.0
"""The stand-in, and adapters that speak to it over real HTTP."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import hypothesis
import pytest

import atr.platforms.central_portal.adapter as maven_central
import atr.platforms.registry as registry
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.settings as settings
import atr.sandbox.world as world
import tests.sandboxes as sandboxes

# A loaded machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

TOKEN = portals.Token("token-name", "token-password")
NAMESPACES = ("org.example", "commons-cli")
FAST = settings.Settings(validate_seconds=0, publish_seconds=0, publishing_polls=0, public_lag_seconds=0)

Adapt = Callable[..., maven_central.MavenCentral]


def central_settings(portal_url: str, repository_url: str = "", **changes: object) -> registry.WorkerSettings:
    """A worker's, for Central at these addresses."""
    given: dict[str, object] = {
        "maven_central_portal_url": portal_url,
        "maven_central_repository_url": repository_url or portal_url,
        "maven_central_token": f"{TOKEN.name}:{TOKEN.password}",
        "call_timeout": 20.0,
        "pace": 0.0,
    }
    return registry.WorkerSettings.model_validate(given | changes)


def central_at(portal_url: str, repository_url: str = "", **changes: object) -> maven_central.MavenCentral:
    """The adapter for Central at these addresses; the caller closes it."""
    adapter = maven_central.opened(central_settings(portal_url, repository_url, **changes))
    assert adapter is not None
    return adapter


@pytest.fixture
async def sandbox(tmp_path: pathlib.Path) -> AsyncIterator[sandboxes.RunningSandbox]:
    place = world.World(tmp_path / "world", settings=FAST)
    place.portal.add_account("example", NAMESPACES, TOKEN)
    async with sandboxes.RunningSandbox(place) as running:
        yield running


@pytest.fixture
async def adapt() -> AsyncIterator[Adapt]:
    """Builds adapters, and closes them at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def build(portal_url: str, repository_url: str = "", **changes: object) -> maven_central.MavenCentral:
            adapter = central_at(portal_url, repository_url, **changes)
            stack.push_async_callback(adapter.aclose)
            return adapter

        yield build


@pytest.fixture
def central(sandbox: sandboxes.RunningSandbox, adapt: Adapt) -> maven_central.MavenCentral:
    return adapt(sandbox.portal_url, sandbox.repository_url)


@pytest.fixture
async def http_get() -> AsyncIterator[Callable[[str], Awaitable[httpx.Response]]]:
    """A browser, as far as a link needs one."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client.get
