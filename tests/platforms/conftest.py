# SPDX-License-Identifier: Apache-2.0
"""The stand-in, and adapters that speak to it over real HTTP."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import hypothesis
import pytest

import atr.platforms.central_portal.adapter as maven_central
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.settings as settings
import atr.sandbox.world as world
import tests.sandboxes as sandboxes

# A loaded machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

TOKEN = portals.Token("token-name", "token-password")
NAMESPACES = ("org.example", "commons-cli")
FAST = settings.Settings(
    validate_seconds=0, publish_seconds=0, publishing_polls=0, public_lag_seconds=0, metadata_lag_seconds=0
)

Adapt = Callable[..., maven_central.MavenCentral]


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
            given: dict[str, object] = {
                "portal_url": portal_url,
                "repository_url": repository_url or portal_url,
                "token_name": TOKEN.name,
                "token_password": TOKEN.password,
                "redirect_hosts": (),
                "call_timeout": 20.0,
                "pace": 0.0,
                "user_agent": "atr-tests/1 (https://example.org/atr)",
            }
            adapter = maven_central.build(**(given | changes))  # type: ignore[arg-type]
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
