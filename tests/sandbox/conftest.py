# SPDX-License-Identifier: Apache-2.0
"""A sandbox without waiting times, and a client of it."""

import pathlib
from collections.abc import AsyncIterator

import httpx
import pytest

from atr.sandbox.settings import Settings
from atr.sandbox.world import World
from tests.sandbox.clients import OTHER, OWN, Clock, Portal, authorization
from tests.sandboxes import RunningSandbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(tmp_path: pathlib.Path, clock: Clock) -> World:
    settings = Settings(validate_seconds=0, publish_seconds=0, public_lag_seconds=0)
    world = World(tmp_path / "world", settings=settings, clock=clock)
    world.portal.add_account("own", ["org.example", "commons-cli"], OWN)
    world.portal.add_account("other", ["org.other"], OTHER)
    return world


@pytest.fixture
async def portal(world: World) -> AsyncIterator[Portal]:
    async with (
        RunningSandbox(world) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, headers=authorization(), trust_env=False) as client,
    ):
        yield Portal(sandbox, client)
