# SPDX-License-Identifier: Apache-2.0
"""Files of ours that other processes can write: opened without following links, and read only as they were recorded.

The web process writes revisions, and the worker, which holds the platforms' tokens, reads them. Whoever has taken over
the one must not make the other read a file that it cannot read itself, nor send a byte that nobody recorded.

Blobs are files under the sha256 of their bytes, `<first two digits>/<sha256>`. A blob is written beside its name,
hashed while it grows, and renamed when it is on the disk: what has a name is whole. Names are digests that we computed,
so none leads elsewhere. Who needs which blob stands in the database (storage/worker/copies.py).
"""

import concurrent.futures
import contextlib
import dataclasses
import datetime
import fcntl
import hashlib
import io
import itertools
import os
import pathlib
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Self

import atr.errors as errors

_CHUNK: Final = 1024 * 1024
# How many files are synced at once.
_AT_ONCE: Final = 16
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe would wait for who writes to it, a terminal would become ours.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A file by its path below a directory of ours, with the size and the digest that it was recorded with.

    The directory itself is the operator's, and may be reached through links; nothing below it may.
    """

    root: pathlib.Path
    path: str
    size: int
    sha256: str

    def opened(self) -> io.FileIO:
        """The file, if it is there in its size. Raises DamagedError."""
        file = opened(self.root, self.path)
        if os.fstat(file.fileno()).st_size != self.size:
            file.close()
            raise errors.DamagedError("has another size")
        return file

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in pieces. Raises DamagedError, before the last piece at the latest, for any others."""
        with self.opened() as file:
            yield from self.pieces_of(file)

    def pieces_of(self, file: io.FileIO) -> Iterator[bytes]:
        """The same, of the file as it was opened."""
        digest, left, held = hashlib.sha256(), self.size, b""
        while piece := _read(file, min(_CHUNK, left + 1)):
            if len(piece) > left:
                raise errors.DamagedError("has another size")
            left -= len(piece)
            digest.update(piece)
            if held:
                yield held
            held = piece
        if left or (digest.hexdigest() != self.sha256):
            raise errors.DamagedError("has other bytes" if not left else "has another size")
        if held:
            yield held


def opened(root: pathlib.Path, path: str) -> io.FileIO:
    """The regular file at this path below the directory, no part of it a link. Raises DamagedError."""
    parts = path.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise errors.DamagedError("has an invalid path")
    *folders, name = parts
    with contextlib.ExitStack() as stack:
        try:
            folder = _kept(stack, os.open(root, _FOLDER))
            for one in folders:
                folder = _kept(stack, os.open(one, _FOLDER | os.O_NOFOLLOW, dir_fd=folder))
            descriptor = os.open(name, _FILE, dir_fd=folder)
        except FileNotFoundError:
            raise errors.DamagedError("is not there") from None
        except OSError as error:
            # Among them: a link in the place of a folder or of the file, and a socket.
            raise errors.DamagedError(f"cannot be opened as a file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.DamagedError("is not a regular file")
    return io.FileIO(descriptor)


def _kept(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _read(file: io.FileIO, count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as error:
        raise errors.DamagedError(f"cannot be read: {error.strerror}") from error


_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = ".part-"
# Nobody else on this server reads them: what a platform shows to one account alone may be among them.
_PRIVATE: Final = 0o700
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

    def recorded(self, sha256: str, size: int) -> Recorded:
        """The blob, to be read only as what its name says. The store may be a link of the operator's; nothing in it."""
        return Recorded(self._root, self.path(sha256).relative_to(self._root).as_posix(), size, sha256)

    def has(self, sha256: str, size: int) -> bool:
        """Whether the blob is there, in its whole size."""
        try:
            self.recorded(sha256, size).opened().close()
        except errors.DamagedError:
            return False
        return True

    def part(self) -> "Part":
        """A blob to be written. Raises OSError when the disk takes none."""
        make_directory(self._root)
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
                # Whoever put it there may have died before its name was on the disk.
                sync(target.parent)
                return
        os.fsync(self._file.fileno())
        os.utime(self._path, times)
        make_directory(target.parent, _PRIVATE)
        self._path.replace(target)
        sync(target.parent)


def digests(pieces: Iterable[bytes], algorithms: Iterable[str] = ALGORITHMS) -> dict[str, str]:
    """The digests of a file's bytes, by algorithm, from one reading of it."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    for piece in pieces:
        for running in hashes.values():
            running.update(piece)
    return {name: running.hexdigest() for name, running in hashes.items()}


def _touched(path: pathlib.Path) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(path.lstat().st_mtime, datetime.UTC)


def make_directory(directory: pathlib.Path, mode: int = 0o777) -> None:
    """Make it, and what is missing above it; their names are on the disk from here on."""
    missing = list(itertools.takewhile(lambda one: not one.exists(), (directory, *directory.parents)))
    directory.mkdir(mode, parents=True, exist_ok=True)
    for one in missing:
        sync(one.parent)


def sync_all(paths: Iterable[pathlib.Path]) -> None:
    """As `sync`, for many: what several wait for, a file system writes at once (10,000 files: seconds, not minutes)."""
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(sync, paths))


def sync(path: pathlib.Path) -> None:
    """The bytes of this file, or the names in this directory, are on the disk from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_LOCK: Final = "lock"
# The prefix of workspaces in which a backup is unpacked (atr/backup.py).
RESTORE: Final = "restore-"


@contextlib.contextmanager
def workspace(parent: pathlib.Path, prefix: str) -> Iterator[pathlib.Path]:
    """A new directory there, gone at the end with all that is in it. What a killed process leaves is for `sweep`."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    # The lock gets its name when it is held, so that nobody takes the directory for a dead one's.
    unnamed = directory / f"{_LOCK}-to-be"
    try:
        with unnamed.open("xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(directory / _LOCK)
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def sweep(parent: pathlib.Path, prefix: str) -> int:
    """Remove the workspaces there whose processes are no more, and answer how many."""
    swept = 0
    for directory in parent.glob(f"{prefix}*"):
        # Where there is no lock yet, somebody is just beginning; one who died there left an empty folder.
        with contextlib.suppress(OSError), (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
            swept += 1
    return swept
