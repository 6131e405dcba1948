# SPDX-License-Identifier: Apache-2.0
"""The campaign of power losses: it says nothing of this build, and finds each sync that is missing."""

import asyncio
import itertools
import pathlib
import re
from collections.abc import Iterator
from typing import Final

import pytest

import tests.chaos.forgetful as forgetful
import tests.chaos.power as power
import tests.chaos.recorded as recorded
from tests import installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sqlite,
    pytest.mark.skipif(installed.STRACE.find() is None, reason=installed.STRACE.advice),
]

# What a program does not sync, and what it loses then.
_UNSYNCED: Final = {
    r"state/atr\.db-wal": "S9: the publish request has left, and its mark is gone",
    r"state/atr\.db": "the database is damaged",
    # Of a revision: the bytes of its files, the names in its folders, its own name, and those of the folders above.
    r"state/temporary/.*[^/]": "revision has its row, and .* has other bytes",
    r"state/temporary/draft-.*/": "revision has its row, and .* is gone",
    r"state/unfinished/\S+/2\.4\.0/": "revision has its row, and .* is gone",
    r"state/unfinished/": "revision has its row, and .* is gone",
    r"state/copies/\.part-.*": "copy has its row, and .* has other bytes",
    r"state/copies/../": "copy has its row, and .* is gone",
    r"state/copies/": "copy has its row, and .* is gone",
    r"state/secret-key.*": "the key is there in part",
    r"backups/.*[^/]": "a backup has its name, and is there in part",
    r"backups/": "the backup was told, and is gone",
    r"/": "the database is gone",
}
_UNSYNCED_RESTORE: Final = {
    r"state/": "it is in generation 77",
    r"state/atr\.db\.restoring": "the tables are gone",
    r"state/atr\.db\.replaced-\d+T\d+": "what was replaced is there in part",
}
_SEED: Final = 20261201
_TIMES: Final = 2


def _found(record: power.Record) -> Iterator[str]:
    for moment in record.moments(_SEED, _TIMES):
        yield from record.problems(moment)


def _names(record: power.Record, sentence: str) -> bool:
    return any(re.match(sentence, one) for one in _found(record))


def test_this_build_loses_nothing_and_each_sync_that_is_missing_is_found() -> None:
    with power.lived("released") as record, power.lived("restored", record) as restored:
        for one, unsynced in ((record, _UNSYNCED), (restored, _UNSYNCED_RESTORE)):
            assert one.is_whole()
            assert list(_found(one)) == []
            missed = [name for name, lost in unsynced.items() if not _names(one.without(name), lost)]
            assert missed == []


def test_a_worker_goes_on_from_where_the_power_was_lost() -> None:
    """When the request has left, the mark is there; the next worker finds what came of it, and sends nothing more."""
    with power.lived("released_often") as record, asyncio.Runner() as runner:
        # A moment is to be looked at while it lasts.
        after = (moment for moment in record.moments(_SEED, 1) if moment.known.sent)
        found = [(moment.where, runner.run(power.goes_on(moment))) for moment in itertools.islice(after, 6)]
    assert found[0][0].startswith("after the publish request")
    assert [wrong for _, wrong in found] == [[]] * 6


@pytest.mark.parametrize("life", ["released_normal", "released_off"])
def test_a_build_that_does_not_wait_for_the_disk_loses_its_mark(life: str) -> None:
    with power.lived(life) as record:
        assert _names(record, "S9: the publish request has left, and its mark is gone")


def _call(number: int, name: str, words: str = "", *texts: bytes, result: int = 0) -> recorded.Call:
    return recorded.Call(number, number, name, words.split(", "), texts, result)


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> forgetful.Disk:
    """A disk with nothing on it, and a file of two sectors on it that was written and not synced."""
    (tmp_path / "before").mkdir()
    made = forgetful.Disk(tmp_path / "before", pathlib.Path("/disk"))
    made.play(_call(1, "openat", 'AT_FDCWD, "", O_WRONLY|O_CREAT, 0666', b"/disk/a", result=3))
    made.play(_call(2, "write", '3, "", 1024', b"x" * 1024, result=1024))
    return made


def _left(disk: forgetful.Disk, to: pathlib.Path, loss: forgetful.Loss) -> dict[str, bytes]:
    disk.left(to, loss, "nowhere")
    return {path.relative_to(to).as_posix(): path.read_bytes() for path in to.rglob("*") if path.is_file()}


class _Spares(forgetful.Loss):
    """Spares what is marked with an x, in turn."""

    def __init__(self, marks: str) -> None:
        super().__init__()
        self._marks = iter(marks)

    def spares(self) -> bool:
        return next(self._marks) == "x"


def test_bytes_need_a_sync_of_the_file_and_names_one_of_the_folder(
    disk: forgetful.Disk, tmp_path: pathlib.Path
) -> None:
    assert _left(disk, tmp_path / "1", forgetful.Loss()) == {}
    disk.play(_call(3, "openat", 'AT_FDCWD, "", O_RDONLY|O_DIRECTORY', b"/disk", result=4))
    disk.play(_call(4, "fsync", "4"))
    assert _left(disk, tmp_path / "2", forgetful.Loss()) == {"a": b""}
    disk.play(_call(5, "fdatasync", "3"))
    assert _left(disk, tmp_path / "3", forgetful.Loss()) == {"a": b"x" * 1024}
    disk.play(_call(6, "rename", '"", ""', b"/disk/a", b"/disk/b"))
    assert set(_left(disk, tmp_path / "4", forgetful.Loss())) == {"a"}
    assert set(_left(disk, tmp_path / "5", _Spares("x"))) == {"b"}


def test_of_a_write_any_sector_may_be_there(disk: forgetful.Disk, tmp_path: pathlib.Path) -> None:
    found = _left(disk, tmp_path / "1", _Spares("x-x"))
    assert found == {"a": bytes(512) + b"x" * 512}


def test_a_sync_is_about_what_was_written_before_it_began(disk: forgetful.Disk, tmp_path: pathlib.Path) -> None:
    disk.play(recorded.Call(2, 3, "fsync", ["3"], [], 0))
    assert _left(disk, tmp_path / "1", _Spares("x--")) == {"a": b""}


def test_what_is_not_simulated_is_refused(disk: forgetful.Disk) -> None:
    with pytest.raises(AssertionError, match="fallocate is not simulated"):
        disk.play(_call(3, "fallocate", "3, 0, 0, 100"))
