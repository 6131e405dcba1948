# SPDX-License-Identifier: Apache-2.0
"""A file of ours is read as it was recorded, or not at all, whatever somebody has put in its place."""

import hashlib
import os
import pathlib
from collections.abc import Callable

import pytest

import atr.disk as disk
import atr.errors as errors

_PATH = "unfinished/example/1.0/00001/a.jar"
_CONTENT = os.urandom(2_500_000)


def _recorded(root: pathlib.Path, path: str = _PATH, content: bytes = _CONTENT) -> disk.Recorded:
    return disk.Recorded(root, path, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """A file below a directory of ours, as it was recorded."""
    file = tmp_path / "state" / _PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(_CONTENT)
    return file


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, len(_CONTENT)])
def test_what_is_as_it_was_recorded_comes_whole(tmp_path: pathlib.Path, size: int) -> None:
    (tmp_path / "a").write_bytes(_CONTENT[:size])
    assert b"".join(_recorded(tmp_path, "a", _CONTENT[:size]).pieces()) == _CONTENT[:size]


def test_the_directory_of_the_operator_may_be_a_link(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state")
    assert file.is_file()
    assert b"".join(_recorded(tmp_path / "link").pieces()) == _CONTENT


@pytest.mark.parametrize("depth", range(1, 6))
def test_no_part_of_the_path_may_be_a_link(tmp_path: pathlib.Path, file: pathlib.Path, depth: int) -> None:
    """Not even to the very file."""
    part = tmp_path.joinpath("state", *_PATH.split("/")[:depth])
    part.rename(tmp_path / "moved")
    part.symlink_to(tmp_path / "moved")
    assert file.read_bytes() == _CONTENT
    with pytest.raises(errors.DamagedError, match="cannot be opened as a file"):
        _recorded(tmp_path / "state").opened()


def _pipe(file: pathlib.Path) -> None:
    os.mkfifo(file)


def _directory(file: pathlib.Path) -> None:
    file.mkdir()


def _device(file: pathlib.Path) -> None:
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [_pipe, _directory, _device])
def test_only_a_regular_file_is_opened_and_nobody_waits(
    file: pathlib.Path, put: Callable[[pathlib.Path], None]
) -> None:
    root = file.parents[4]
    file.unlink()
    put(file)
    with pytest.raises(errors.DamagedError):
        disk.opened(root, _PATH)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../state/a", "a/../../b", "a//b", "a/", "."])
def test_a_path_stays_below_the_directory(tmp_path: pathlib.Path, path: str) -> None:
    with pytest.raises(errors.DamagedError, match="invalid path"):
        disk.opened(tmp_path, path)


def test_other_bytes_are_found_before_the_last_of_them_is_given(file: pathlib.Path) -> None:
    """So whoever passes them on ends short of the length that was promised."""
    file.write_bytes(_CONTENT[:-1] + bytes([_CONTENT[-1] ^ 1]))
    given: list[bytes] = []
    with pytest.raises(errors.DamagedError, match="has other bytes"):
        given.extend(_recorded(file.parents[4]).pieces())
    assert 0 < sum(map(len, given)) < len(_CONTENT)


@pytest.mark.parametrize("change", [-1, 1, 1_000_000])
def test_a_file_that_changes_its_length_while_it_is_read_is_found(file: pathlib.Path, change: int) -> None:
    recorded = _recorded(file.parents[4])
    with recorded.opened() as opened:
        os.truncate(file, len(_CONTENT) + change)
        with pytest.raises(errors.DamagedError, match="has another size"):
            list(recorded.pieces_of(opened))
    with pytest.raises(errors.DamagedError, match="has another size"):
        recorded.opened()


def test_no_descriptor_stays_open(file: pathlib.Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    root = file.parents[4]
    for path in (_PATH, "unfinished", "unfinished/nothing", f"{_PATH}/below"):
        recorded = _recorded(root, path)
        try:
            list(recorded.pieces())
        except errors.DamagedError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
