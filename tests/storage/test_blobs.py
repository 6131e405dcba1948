# SPDX-License-Identifier: Apache-2.0
"""The store of blobs: what has a name is whole, whatever happened while it was written."""

import datetime
import hashlib
import pathlib
import signal
import stat
import subprocess
import sys

import pytest

import atr.disk as disk
import atr.errors as errors

NOW = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
# A process that is killed while it writes.
_KILLED = """
import os, pathlib, signal, sys
import atr.disk as blobs
with blobs.Blobs(pathlib.Path(sys.argv[1])).part() as part:
    part.write(b"x" * 3_000_000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def put(store: disk.Blobs, content: bytes, at: datetime.datetime = NOW) -> str:
    """Keep this content, in two pieces."""
    with store.part() as part:
        part.write(content[:3])
        part.write(content[3:])
        part.keep(at)
        return part.sha256


def test_a_blob_lies_under_the_digest_of_its_bytes_and_cannot_be_written(tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path / "copies")
    name = put(store, b"the content")
    path = store.path(name)
    assert name == hashlib.sha256(b"the content").hexdigest()
    assert path == tmp_path / "copies" / name[:2] / name
    assert path.read_bytes() == b"the content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.has(name, 11)
    assert not store.has(name, 12)
    assert list(store.found()) == [(name, NOW)]
    assert [one.name for one in (tmp_path / "copies").iterdir()] == [name[:2]]


def test_the_same_bytes_again_are_the_same_blob_only_younger(tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path)
    name = put(store, b"the content")
    before = store.path(name).stat().st_ino
    later = NOW + datetime.timedelta(days=3)
    assert put(store, b"the content", later) == name
    assert store.path(name).stat().st_ino == before
    assert list(store.found()) == [(name, later)]


def test_what_was_not_kept_leaves_nothing(tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path)
    with store.part() as part:
        part.write(b"half of it")
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_blob_does_not_count(tmp_path: pathlib.Path) -> None:
    """Somebody's hand, or a disk: the size is looked at, and the next reading puts it right."""
    store = disk.Blobs(tmp_path)
    name = put(store, b"the content")
    store.path(name).chmod(0o644)
    store.path(name).write_bytes(b"the")
    assert not store.has(name, 11)
    put(store, b"the content")
    assert store.has(name, 11)
    assert store.path(name).read_bytes() == b"the content"


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, f"{'0' * 63}/", "0" * 62 + "\n0"]
)
def test_only_a_digest_is_a_name(name: str, tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path)
    with pytest.raises(errors.InputError, match="not a valid blob name"):
        store.path(name)


def test_a_process_killed_while_it_writes_leaves_no_blob(tmp_path: pathlib.Path) -> None:
    """Only a part without a name, which a sweep removes when it is old."""
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    store = disk.Blobs(tmp_path)
    assert list(store.found()) == []
    (left,) = tmp_path.iterdir()
    assert left.stat().st_size > 0
    written = datetime.datetime.fromtimestamp(left.stat().st_mtime, datetime.UTC)
    store.remove_parts(written - datetime.timedelta(seconds=1))
    assert left.exists()
    store.remove_parts(written + datetime.timedelta(seconds=1))
    assert not left.exists()


def test_removing_tells_what_it_freed(tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path)
    names = [put(store, b"the content"), put(store, b"more")]
    assert store.remove([*names, "0" * 64]) == 15
    assert list(store.found()) == []


def test_every_checksum_comes_from_one_reading(tmp_path: pathlib.Path) -> None:
    store = disk.Blobs(tmp_path)
    file = store.recorded(put(store, b"the content"), 11)
    for algorithm, value in disk.digests(file.pieces()).items():
        assert value == hashlib.new(algorithm, b"the content", usedforsecurity=False).hexdigest()
    assert set(disk.digests(file.pieces())) == {"md5", "sha1", "sha256", "sha512"}
