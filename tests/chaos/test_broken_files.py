# SPDX-License-Identifier: Apache-2.0
"""The campaign of broken files sees half a commit, a history that is another one, and a damaged file."""

import asyncio
import contextlib
import pathlib
import sqlite3

import pytest

import tests.chaos.broken_files as broken
from tests import databases
from tests import world as worlds

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A database in which a promotion became live."""
    provided = databases.Sqlite(tmp_path_factory.mktemp("template"))
    scene = worlds.scene(tmp_path_factory.mktemp("scene"), provided, worlds.World.voted)
    directory = tmp_path_factory.mktemp("whole")
    with asyncio.Runner() as runner:
        runner.run(broken._to_the_end(scene, directory))
    # Whoever opens it takes the WAL in.
    broken.chains(directory / "atr.db")
    return directory / "atr.db"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("SELECT 1", ""),
        ("UPDATE promotion SET state = 'sending'", "is sending, and its events say live"),
        (
            (
                "INSERT INTO attempt SELECT 99, promotion_id, deployment_id, kind, 9, lease_epoch, marked_at,"
                " marked_for, answered_at, answer, status, sample, bytes_sent FROM attempt WHERE kind = 'publish'"
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
