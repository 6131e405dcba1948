# SPDX-License-Identifier: Apache-2.0
"""The house, built once, and put back before each test."""

import pathlib
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.web import house as houses


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def built(migrated: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[houses.House]:
    """The house."""
    state_dir = tmp_path_factory.mktemp("house")
    database = state_dir / "atr.db"
    shutil.copy(migrated, database)
    async with houses.furnished(state_dir, database) as house:
        yield house


@pytest.fixture
def house(built: houses.House) -> houses.House:
    """The house as it was built, whatever the test before did."""
    built.put_back()
    return built
