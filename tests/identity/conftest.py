# SPDX-License-Identifier: Apache-2.0
"""A provider that listens, and our application before it."""

import pathlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.identity import ground as grounds
from tests.identity import provider as providers


@pytest.fixture(scope="module")
def provider() -> Iterator[providers.Provider]:
    """One that listens; its knobs are turned back for each test."""
    with providers.running() as running:
        yield running


@pytest_asyncio.fixture
async def ground(
    provider: providers.Provider, migrated: pathlib.Path, tmp_path: pathlib.Path
) -> AsyncIterator[grounds.Ground]:
    """Our application and it."""
    provider.knobs = providers.Knobs()
    provider.asked.clear()
    async with grounds.opened(tmp_path, migrated, provider) as made:
        yield made
