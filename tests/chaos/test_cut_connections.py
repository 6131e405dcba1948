# SPDX-License-Identifier: Apache-2.0
"""The campaign of cuts catches a build that sends although it does not know whether its mark is on disk."""

import asyncio
import pathlib
import random
from collections.abc import Iterator

import pytest

import tests.chaos.cut_connections as cuts
import tests.chaos.cutter as cutters
from tests import databases, installed
from tests import world as worlds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(databases.programs() is None, reason=installed.POSTGRESQL.advice),
]


class _Always:
    """The COMMIT of the mark is cut, nothing else."""

    def __init__(self, side: str) -> None:
        self.side, self.more, self.left = side, 0, 1
        self.seed = random.Random(1)

    def __call__(self, marking: bool) -> str:  # noqa: FBT001
        if not (self.more and marking and self.left):
            return ""
        self.left -= 1
        return self.side


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[databases.Server, worlds.Scene]]:
    with cuts._scene() as made:
        yield made


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_mark_that_nobody_knows_of_sends_nothing(scene: tuple[databases.Server, worlds.Scene], side: str) -> None:
    """The next one does, after the platform was asked: one call, for the one mark that is known to be on disk."""
    with asyncio.Runner() as runner:
        broken, told = runner.run(cuts._promotion(*scene, _Always(side), restart=False))  # type: ignore[arg-type]
    assert broken == []
    cut = {"before": 0, "after": 0, side: 1}
    assert told == f"live cuts={cut} marks=1 doubtful=1"


def test_more_calls_than_known_marks_are_a_violation(
    scene: tuple[databases.Server, worlds.Scene], tmp_path: pathlib.Path
) -> None:
    """As a build has that sends although nobody told it that the mark is on disk."""

    async def judged() -> list[str]:
        server, here = scene
        async with cutters.between(server.directory, lambda _marking: "") as cutter, here.opened(tmp_path) as world:
            promotion_id = await world.promote(here.deployment_id)
            await world.live(here.deployment_id)
            return await cuts._broken(world, promotion_id, cutter)

    with asyncio.Runner() as runner:
        # The world did not go through the cutter: it knows of no mark.
        assert runner.run(judged()) == ["1 calls for 0 marks that we knew to be on disk"]
