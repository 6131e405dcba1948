# SPDX-License-Identifier: Apache-2.0
"""The files of one upload on their way in: written below the state directory while they are hashed.

A spool belongs to the process that holds its lock. What a killed process left behind is nobody's, and is swept away
when the next upload begins or the next process starts.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

import atr.errors as errors
import atr.promotion.fileset as fileset
import atr.shared.relpath as relpath
import atr.storage.changes as changes
import atr.storage.files as files

# As many files in one upload.
MAX_FILES: Final = 20_000
# Of the names that cannot be used, as many are listed.
MAX_LISTED: Final = 100
# What an upload leaves free on the disk: the database must still be able to say what happened.
_KEPT_FREE: Final = 64_000_000
# A piece up to this size is written at once: handing it to a thread would take longer.
_SMALL: Final = 65_536
_PREFIX: Final = "upload-"
_LOCK: Final = "lock"
# A draft lives for seconds; one of yesterday's is a dead process's.
_OLD: Final = 86_400


class Spool:
    """What has arrived so far. Once one name is wrong nothing more is written: the upload will be refused whole."""

    def __init__(self, directory: pathlib.Path, kept_free: int) -> None:
        self._directory = directory
        self._kept_free = kept_free
        self._stored: list[changes.Stored] = []
        # Every name that could be used, written or not, and the folders that they lie in.
        self._paths: set[str] = set()
        self._folders: set[str] = set()
        # Name and reason of what cannot be saved, the first of them; and how many there are.
        self.refused: list[tuple[str, str]] = []
        self.refused_total = 0
        self._path = ""
        self._part: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def change(self) -> changes.Change:
        """Everything that arrived, to be added."""
        return changes.Change(added=tuple(self._stored))

    @property
    def count(self) -> int:
        """How many files arrived whole."""
        return len(self._stored)

    def begin(self, path: str) -> None:
        """The next file has this path."""
        reason = relpath.why_not(path) or self._taken(path)
        if len(self._paths) + self.refused_total >= MAX_FILES:
            raise errors.InputError(
                f"An upload may have at most {MAX_FILES:,} files. Send the others in a second upload."
            )
        if reason:
            self.refused_total += 1
            if len(self.refused) < MAX_LISTED:
                self.refused.append((relpath.shown(path), reason))
        else:
            self._paths.add(path)
            self._folders.update(relpath.folders(path))
        self._path, self._size, self._digest = path, 0, hashlib.sha256()
        with files.no_room_said():
            self._part = None if self.refused else (self._directory / f"{len(self._stored):06}").open("xb")

    async def write(self, data: bytes) -> None:
        """A piece of it."""
        if len(data) <= _SMALL:
            self._write(data)
        else:
            await asyncio.to_thread(self._write, data)

    def end(self) -> None:
        """It is whole."""
        if self._part is not None:
            with files.no_room_said():
                self._part.close()
            file = fileset.File(self._path, self._size, self._digest.hexdigest())
            self._stored.append(changes.Stored(file, pathlib.Path(self._part.name)))
        self._part = None

    def close(self) -> None:
        """Give up a file that did not arrive whole."""
        if self._part is not None:
            # What is left in its buffer belongs to nobody, and need not find room.
            with contextlib.suppress(OSError):
                self._part.close()

    def _write(self, data: bytes) -> None:
        if self._part is not None:
            # Others fill the same disk meanwhile, and not every client says how much it will send.
            _ensure_free(self._directory, len(data) + self._kept_free)
            self._digest.update(data)
            self._size += len(data)
            with files.no_room_said():
                self._part.write(data)

    def _taken(self, path: str) -> str:
        if path in self._paths:
            return "It is in this upload twice."
        if path in self._folders:
            return "It is both a file and a folder in this upload."
        above = next((folder for folder in relpath.folders(path) if folder in self._paths), "")
        return f"It is below {relpath.shown(above)}, which is a file in this upload." if above else ""


@contextlib.contextmanager
def opened(state_dir: pathlib.Path, *, kept_free: int = _KEPT_FREE) -> Iterator[Spool]:
    """A spool, gone at the end with all that is in it. It leaves so many bytes of the disk free."""
    temporary = state_dir / files.TEMPORARY
    with files.no_room_said():
        temporary.mkdir(parents=True, exist_ok=True)
        directory = pathlib.Path(tempfile.mkdtemp(dir=temporary, prefix=_PREFIX))
    try:
        with _locked(directory):
            spool = Spool(directory, kept_free)
            try:
                yield spool
            finally:
                spool.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def ensure_room(state_dir: pathlib.Path, size: int) -> None:
    """Raise NoRoomError if so many bytes will not fit."""
    state_dir.mkdir(parents=True, exist_ok=True)
    _ensure_free(state_dir, size + _KEPT_FREE)


def sweep(state_dir: pathlib.Path) -> int:
    """Take away the spools of processes that are no more, and drafts that nobody works on; answer how many."""
    swept = 0
    temporary = state_dir / files.TEMPORARY
    for directory in temporary.glob(f"{files.DRAFT}*"):
        with contextlib.suppress(OSError):
            if time.time() - directory.stat().st_mtime > _OLD:
                shutil.rmtree(directory, ignore_errors=True)
                swept += 1
    for directory in temporary.glob(f"{_PREFIX}*"):
        # Where there is no lock yet, somebody is just beginning; one who died there left an empty folder.
        with contextlib.suppress(OSError), (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
            swept += 1
    return swept


def _ensure_free(directory: pathlib.Path, size: int) -> None:
    if shutil.disk_usage(directory).free < size:
        raise errors.NoRoomError


@contextlib.contextmanager
def _locked(directory: pathlib.Path) -> Iterator[None]:
    """Hold the directory's lock. It gets its name when it is held, so that nobody takes it for a dead one's."""
    unnamed = directory / f"{_LOCK}-to-be"
    with unnamed.open("xb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(directory / _LOCK)
        yield
