# SPDX-License-Identifier: Apache-2.0
"""The campaign of broken files sees half a commit, another history, a damaged file, and a commit that is not there."""

import asyncio
import contextlib
import pathlib
import random
import sqlite3
from typing import Final

import pytest
import sqlalchemy

import tests.chaos.broken_files as broken
import tests.chaos.committing as committing
import tests.chaos.scarce as scarce
from tests import databases
from tests import world as worlds

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A vote that passed."""
    provided = databases.Sqlite(tmp_path_factory.mktemp("template"))
    return worlds.scene(tmp_path_factory.mktemp("scene"), provided, worlds.World.voted)


@pytest.fixture(scope="module")
def whole(scene: worlds.Scene, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A database in which a promotion became live."""
    directory = tmp_path_factory.mktemp("whole")
    with asyncio.Runner() as runner:
        runner.run(broken._to_the_end(scene, directory))
    # Whoever opens it takes the WAL in.
    broken.chains(directory / "atr.db")
    return directory / "atr.db"


_COPIED: Final = "promotion_id, deployment_id, kind, lease_epoch, marked_at, marked_for, answer, sample, bytes_sent"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("SELECT 1", ""),
        ("UPDATE promotion SET state = 'sending'", "is sending, and its events say live"),
        (
            (
                f"INSERT INTO attempt (id, number, {_COPIED}) SELECT 99, 9, {_COPIED} FROM attempt"
                " WHERE kind = 'publish'"
            ),
            "without its event",
        ),
    ],
)
def test_half_a_commit_is_seen(whole: pathlib.Path, tmp_path: pathlib.Path, harm: str, said: str) -> None:
    file = tmp_path / "atr.db"
    file.write_bytes(whole.read_bytes())
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as data:
        data.execute(harm)
    found = broken.problem(file, broken.chains(whole))
    assert (said in found) if said else (found == "")


def test_a_history_that_is_no_beginning_is_seen(whole: pathlib.Path) -> None:
    history = {chain: [(number, "another") for number, _ in events] for chain, events in broken.chains(whole).items()}
    assert broken.problem(whole, history).endswith("is no beginning of what was committed")


def test_garbage_and_cuts_leave_what_is_before_them() -> None:
    wal = bytes(32) + b"x" * 4_000
    assert broken.Cut(0.5, garbage=False, seed=1).of(wal) == wal[:2_032]
    harmed = broken.Cut(0.5, garbage=True, seed=1).of(wal)
    assert (harmed[:2_032], len(harmed)) == (wal[:2_032], len(wal))
    assert harmed != wal


def test_what_a_killed_process_told_of_is_there_and_what_it_made_up_is_missed(scene: worlds.Scene) -> None:
    with asyncio.Runner() as runner:
        assert runner.run(committing.killed(scene, random.Random(1))) == ""
        said = runner.run(committing.killed(scene, random.Random(1), committing.tell_first))
    assert "commits were acknowledged, and these are there" in said


def test_writing_fails_after_so_many_pages_and_goes_on_afterwards(scene: worlds.Scene, tmp_path: pathlib.Path) -> None:
    with asyncio.Runner() as runner:
        assert runner.run(_commits_meanwhile_and_afterwards(scene, tmp_path)) == ["disk I/O error", ""]


async def _commits_meanwhile_and_afterwards(scene: worlds.Scene, directory: pathlib.Path) -> list[str]:
    async with scene.opened(directory) as world:
        await world.promote(scene.deployment_id)
        async with scarce.failing(world, 0):
            meanwhile = await _problem_of_a_commit(world)
        return [meanwhile, await _problem_of_a_commit(world)]


async def _problem_of_a_commit(world: worlds.World) -> str:
    try:
        async with world.service() as service:
            await service.write.event("trial", "trial", "tried")
    except sqlalchemy.exc.OperationalError as error:
        return str(error.orig)
    return ""
