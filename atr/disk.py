# SPDX-License-Identifier: Apache-2.0
"""Files that other processes can write: opened without following links, and read only as they were recorded.

The web process writes revisions, and the worker, which has the platforms' tokens, reads them. An attacker in one of
them must not be able to have the other read a file that the first cannot read, or send a byte that was not recorded.

Blobs are files named by the SHA-256 of their bytes, `<first two digits>/<sha256>`. A blob is written under a temporary
name, hashed as it grows, and renamed when it is on disk, so every named blob is complete. Names are digests that are
computed here, so none leads elsewhere. The database says who needs which blob (storage/worker/copies.py).
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
# Without O_NONBLOCK a pipe would wait for a writer; without O_NOCTTY a terminal could become the controlling one.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A file, by its path below a directory, with its recorded size and digest.

    The operator chooses the directory, which may be reached through links; nothing below it may.
    """

    root: pathlib.Path
    path: str
    size: int
    sha256: str

    def opened(self) -> io.FileIO:
        """Open the file. Raises DamagedError if it is missing or has another size."""
        file = opened(self.root, self.path)
        if os.fstat(file.fileno()).st_size != self.size:
            file.close()
            raise errors.DamagedError("has another size")
        return file

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes in pieces. Raises DamagedError, before the last piece at the latest, if they differ."""
        with self.opened() as file:
            yield from self.pieces_of(file)

    def pieces_of(self, file: io.FileIO) -> Iterator[bytes]:
        """Like `pieces`, for a file that is open already."""
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
    """Open the regular file at this path below the directory; no part of it may be a link. Raises DamagedError."""
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
            # For example a link in place of a folder or of the file, or a socket.
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
# No other user of this server may read them: a platform may show some of them to one account only.
_PRIVATE: Final = 0o700
# The algorithms of the checksum files in a Maven repository.
ALGORITHMS: Final = ("md5", "sha1", "sha256", "sha512")


class Blobs:
    """A store of blobs below a directory, which is created with the first blob."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def path(self, sha256: str) -> pathlib.Path:
        """Return the path of a blob, which may not exist. Raises InputError for anything but a SHA-256."""
        if not _SHA256.fullmatch(sha256):
            raise errors.InputError("This is not a valid blob name.")
        return self._root / sha256[:2] / sha256

    def recorded(self, sha256: str, size: int) -> Recorded:
        """Return the blob as a recorded file. The store may be a link that the operator made; nothing in it may be."""
        return Recorded(self._root, self.path(sha256).relative_to(self._root).as_posix(), size, sha256)

    def has(self, sha256: str, size: int) -> bool:
        """Return whether the blob exists in its full size."""
        try:
            self.recorded(sha256, size).opened().close()
        except errors.DamagedError:
            return False
        return True

    def part(self) -> "Part":
        """Return a new blob to write to. Raises OSError if the disk is full."""
        make_directory(self._root)
        # An older version may have created it with access for others.
        self._root.chmod(_PRIVATE)
        return Part(self, self._root)

    def found(self) -> Iterator[tuple[str, datetime.datetime]]:
        """Yield every blob, and when it was last stored."""
        for path in self._root.glob("??/*"):
            if _SHA256.fullmatch(path.name):
                # Another sweep may have removed it meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    yield path.name, _touched(path)

    def remove(self, names: Iterable[str]) -> int:
        """Remove these blobs, and return how many bytes that freed."""
        freed = 0
        for name in names:
            path = self.path(name)
            with contextlib.suppress(FileNotFoundError):
                size = path.lstat().st_size
                path.unlink()
                freed += size
        return freed

    def remove_parts(self, before: datetime.datetime) -> None:
        """Remove the half-written blobs that dead processes left before this instant."""
        for path in self._root.glob(f"{_PART}*"):
            with contextlib.suppress(FileNotFoundError):
                if _touched(path) < before:
                    path.unlink()


class Part:
    """A blob that is being written. It is discarded unless `keep` was called and returned."""

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
        """The digest of the bytes written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Write the next bytes. Raises OSError if the disk is full."""
        self._digest.update(chunk)
        self.size += len(chunk)
        self._file.write(chunk)

    def discard(self) -> None:
        """Delete the file; nothing can be written to it afterwards."""
        self._path.unlink(missing_ok=True)
        # Closing flushes the buffer again, which fails again on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()

    def keep(self, at: datetime.datetime) -> None:
        """Sync the blob and give it its name. If the blob exists already, only its time is updated."""
        self._file.flush()
        target = self._store.path(self.sha256)
        times = (at.timestamp(), at.timestamp())
        if self._store.has(self.sha256, self.size):
            # A sweep may remove it at this moment; then the new file is renamed into place.
            with contextlib.suppress(FileNotFoundError):
                os.utime(target, times, follow_symlinks=False)
                # The process that stored it may have died before its name was on disk.
                sync(target.parent)
                return
        os.fsync(self._file.fileno())
        os.utime(self._path, times)
        make_directory(target.parent, _PRIVATE)
        self._path.replace(target)
        sync(target.parent)


def digests(pieces: Iterable[bytes], algorithms: Iterable[str] = ALGORITHMS) -> dict[str, str]:
    """Return the digests of a file's bytes, by algorithm, from one pass over them."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    for piece in pieces:
        for running in hashes.values():
            running.update(piece)
    return {name: running.hexdigest() for name, running in hashes.items()}


def _touched(path: pathlib.Path) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(path.lstat().st_mtime, datetime.UTC)


def make_directory(directory: pathlib.Path, mode: int = 0o777) -> None:
    """Create a directory and its missing parents, and sync their names to disk."""
    missing = list(itertools.takewhile(lambda one: not one.exists(), (directory, *directory.parents)))
    directory.mkdir(mode, parents=True, exist_ok=True)
    for one in missing:
        sync(one.parent)


def sync_all(paths: Iterable[pathlib.Path]) -> None:
    """Like `sync`, for many at once: a file system writes them together (10,000 files: seconds, not minutes)."""
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(sync, paths))


def sync(path: pathlib.Path) -> None:
    """Sync the bytes of this file, or the names in this directory, to disk."""
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
    """Yield a new directory, which is deleted at the end. `sweep` deletes those of killed processes."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    # The file gets its name when it is locked, so that no sweep takes the directory for a dead process's.
    unnamed = directory / f"{_LOCK}-to-be"
    try:
        with unnamed.open("xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(directory / _LOCK)
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def sweep(parent: pathlib.Path, prefix: str) -> int:
    """Delete the workspaces of processes that have ended, and return how many there were."""
    swept = 0
    for directory in parent.glob(f"{prefix}*"):
        # Without a lock file, a process is just creating the workspace; if it died there, an empty folder remains.
        with contextlib.suppress(OSError), (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
            swept += 1
    return swept
