# SPDX-License-Identifier: Apache-2.0
"""Blobs: files on disk under the sha256 of their bytes, `<first two digits>/<sha256>`.

A blob is written beside its name, hashed while it grows, and renamed when it is on the disk: what has a name is whole.
Names are digests that we computed, so none leads elsewhere. Who needs which blob stands in the database
(writers/copies.py); this module knows no rows.
"""

import contextlib
import datetime
import hashlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Self

import atr.disk as disk
import atr.errors as errors

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = ".part-"
# Nobody else on this server reads them: what a platform shows to one account alone may be among them.
_PRIVATE: Final = 0o700
_CHUNK: Final = 1024 * 1024
# What can be said beside a file of a Maven repository.
ALGORITHMS: Final = ("md5", "sha1", "sha256", "sha512")


class Blobs:
    """A store of blobs below a directory, which is made when the first one comes."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def path(self, sha256: str) -> pathlib.Path:
        """Where the blob lies, or would lie. Raises InputError for anything but a sha256."""
        if not _SHA256.fullmatch(sha256):
            raise errors.InputError("This is not a valid blob name.")
        return self._root / sha256[:2] / sha256

    def recorded(self, sha256: str, size: int) -> disk.Recorded:
        """The blob, to be read only as what its name says. The store may be a link of the operator's; nothing in it."""
        return disk.Recorded(self._root, self.path(sha256).relative_to(self._root).as_posix(), size, sha256)

    def has(self, sha256: str, size: int) -> bool:
        """Whether the blob is there, in its whole size."""
        try:
            self.recorded(sha256, size).opened().close()
        except errors.DamagedError:
            return False
        return True

    def part(self) -> "Part":
        """A blob to be written. Raises OSError when the disk takes none."""
        self._root.mkdir(parents=True, exist_ok=True)
        # Also what an older version made for all to read.
        self._root.chmod(_PRIVATE)
        return Part(self, self._root)

    def found(self) -> Iterator[tuple[str, datetime.datetime]]:
        """Every blob, and when it was last put there."""
        for path in self._root.glob("??/*"):
            if _SHA256.fullmatch(path.name):
                # Another sweep may have taken it meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    yield path.name, _touched(path)

    def remove(self, names: Iterable[str]) -> int:
        """Remove these blobs, and answer how many bytes that freed."""
        freed = 0
        for name in names:
            path = self.path(name)
            with contextlib.suppress(FileNotFoundError):
                size = path.lstat().st_size
                path.unlink()
                freed += size
        return freed

    def remove_parts(self, before: datetime.datetime) -> None:
        """Remove what a process that died left half-written before this instant."""
        for path in self._root.glob(f"{_PART}*"):
            with contextlib.suppress(FileNotFoundError):
                if _touched(path) < before:
                    path.unlink()


class Part:
    """A blob that is being written. Nothing of it stays unless `keep` was called and returned."""

    def __init__(self, store: Blobs, directory: pathlib.Path) -> None:
        self._store = store
        descriptor, name = tempfile.mkstemp(dir=directory, prefix=_PART)
        self._file = os.fdopen(descriptor, "wb", _CHUNK)
        self._path = pathlib.Path(name)
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def sha256(self) -> str:
        """The digest of what was written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Write what comes next. Raises OSError when the disk takes no more."""
        self._digest.update(chunk)
        self.size += len(chunk)
        self._file.write(chunk)

    def discard(self) -> None:
        """Give back what it took; nothing can be written to it any more."""
        self._path.unlink(missing_ok=True)
        # What a full disk did not take is flushed once more by closing, and refused once more.
        with contextlib.suppress(OSError):
            self._file.close()

    def keep(self, at: datetime.datetime) -> None:
        """Give it its name; it is on the disk then. One that is there already only becomes younger."""
        self._file.flush()
        target = self._store.path(self.sha256)
        times = (at.timestamp(), at.timestamp())
        if self._store.has(self.sha256, self.size):
            # A sweep may take it in this very moment; then ours is put there.
            with contextlib.suppress(FileNotFoundError):
                os.utime(target, times, follow_symlinks=False)
                return
        os.fsync(self._file.fileno())
        os.utime(self._path, times)
        target.parent.mkdir(_PRIVATE, exist_ok=True)
        self._path.replace(target)
        _sync_directory(target.parent)


def sums(file: disk.Recorded) -> dict[str, str]:
    """Every checksum of a file's bytes, by algorithm, from one reading of it. Raises DamagedError."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in ALGORITHMS}
    for piece in file.pieces():
        for running in hashes.values():
            running.update(piece)
    return {name: running.hexdigest() for name, running in hashes.items()}


def _touched(path: pathlib.Path) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(path.lstat().st_mtime, datetime.UTC)


def _sync_directory(directory: pathlib.Path) -> None:
    """A name is on the disk when its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
