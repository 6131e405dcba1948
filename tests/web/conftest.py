# SPDX-License-Identifier: Apache-2.0
"""The house, built once for all processes of a run, and put back before each test."""

import asyncio
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.web import house as houses


@pytest.fixture(scope="session")
def furnished(migrated: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the house is: whichever process wants it first builds it, and the others wait for that."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if ("PYTEST_XDIST_WORKER" in os.environ) else base
    found = run / "furnished"
    with (run / "furnished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            building = pathlib.Path(tempfile.mkdtemp(dir=run))
            shutil.copy(migrated, building / "atr.db")
            with asyncio.Runner() as runner:
                runner.run(houses.furnish(building))
            building.rename(found)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def built(furnished: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[houses.House]:
    """A copy of the house."""
    state_dir = tmp_path_factory.mktemp("house") / "state"
    shutil.copytree(furnished, state_dir)
    async with houses.opened(state_dir) as house:
        yield house


@pytest.fixture
def house(built: houses.House) -> houses.House:
    """The house as it was built, whatever the test before did."""
    built.put_back()
    return built
