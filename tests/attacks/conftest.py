# SPDX-License-Identifier: Apache-2.0
"""The processes, started once for a module of attacks and stopped after it, and a version of its own for each."""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import atr.demo.processes as processes
from tests.attacks import ground as grounds

_NUMBERS = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[processes.Stack]:
    """Web, worker and stand-in."""
    async with grounds.running(tmp_path_factory.mktemp("attacks") / "state") as running:
        yield running


@pytest_asyncio.fixture
async def ground(stack: processes.Stack) -> AsyncIterator[grounds.Ground]:
    """The processes with a release that no other attack touches."""
    async with grounds.entered(stack, f"2.4.{next(_NUMBERS)}") as ground:
        yield ground
