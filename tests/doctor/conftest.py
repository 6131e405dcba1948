# SPDX-License-Identifier: Apache-2.0
"""The doctor makes adapters of its own, as `atr doctor` does: the stand-in answers it on a port."""

import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests import world as worlds


@pytest.fixture
def world(served_world: worlds.World) -> worlds.World:
    """Nothing has happened in it yet."""
    return served_world


@pytest_asyncio.fixture
async def staged(staged_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world with a staged deployment."""
    async with staged_scene.opened(tmp_path, sockets=True) as opened:
        yield opened
