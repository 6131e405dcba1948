# SPDX-License-Identifier: Apache-2.0
"""A change of a release's files: made from the revision that a person saw, put on top of the newest one.

What somebody else did in between stays, as long as both did not touch the same path. Where they did, the change is
refused and says who did what and when: nobody's work disappears under another's. Uploaded files are written below the
state directory while they are hashed, in a spool that belongs to the process that holds its lock; what a killed
process left is deleted when the next upload begins or the next process starts.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import hashlib
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.shared.relpath as relpath
import atr.shared.words as words
import atr.storage.files as files
import atr.storage.transaction as transaction

# How many paths a sentence names, and how many revisions are looked through for who touched one.
_SEARCHED: Final = 20


@dataclasses.dataclass(frozen=True)
class Stored:
    """A file that was written and hashed outside of any revision."""

    file: fileset.File
    written: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Change:
    """Files to add or replace; paths to leave out; paths to rename. A path may name a folder, until `resolved`."""

    added: tuple[Stored, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def resolved(self, seen: Mapping[str, fileset.File]) -> "Change":
        """The same in files of the revision that the person saw. Raises InputError for a path that is not in it."""
        removed = tuple(path for name in self.removed for path in _inside(seen, name))
        renamed = tuple((path, f"{to}{path[len(name) :]}") for name, to in self.renamed for path in _inside(seen, name))
        return Change(self.added, removed, renamed)

    def wanted(self, seen: Mapping[str, fileset.File]) -> dict[str, fileset.File | None]:
        """What shall stand at each path that it touches; None for nothing. Of a resolved change."""
        ends: dict[str, fileset.File | None] = dict.fromkeys((*self.removed, *(old for old, _ in self.renamed)))
        ends |= {new: dataclasses.replace(seen[old], path=new) for old, new in self.renamed}
        return ends | {one.file.path: one.file for one in self.added}

    def apply(self, draft: files.Draft) -> None:
        """Do it to a draft. Raises InputError where the draft's files do not allow it."""
        there = {file.path for file in draft.all}
        for path in self.removed:
            if path in there:
                draft.remove(path)
        for old, new in self.renamed:
            if old in there:
                draft.rename(old, new)
        for one in self.added:
            draft.link(one.file, one.written)
        if not draft.all:
            raise errors.InputError("A revision needs at least one file. Upload other files first, then remove these.")


@dataclasses.dataclass(frozen=True)
class Made:
    """What came of a change: the newest revision's number, and whether it is this change that made it.

    `among` are those who made revisions in between; theirs are in it too.
    """

    number: str
    is_new: bool
    files: int
    among: tuple[str, ...] = ()


async def resolve(
    read: transaction.Transaction, release_key: str, change: Change, seen: str, newest: str
) -> tuple[Change, tuple[str, ...]]:
    """The change in files, and who made revisions since the one that was seen.

    Raises ConflictError when one of those touched a path that the change touches too; InputError for a path that the
    revision that was seen does not have.
    """
    before = await _files(read, release_key, seen)
    after = before if (newest == seen) else await _files(read, release_key, newest)
    resolved = change.resolved(before)
    ends = resolved.wanted(before)
    clashes = [path for path, end in ends.items() if before.get(path) != after.get(path) and (after.get(path) != end)]
    if newest == seen:
        return resolved, ()
    since = await _since(read, release_key, seen)
    if clashes:
        raise errors.ConflictError(await _sentence(read, release_key, clashes, seen, since))
    return resolved, tuple(dict.fromkeys(row.asfuid for row in since))


def _inside(seen: Mapping[str, fileset.File], name: str) -> Sequence[str]:
    if name in seen:
        return [name]
    found = [path for path in seen if path.startswith(f"{name}/")]
    if not found:
        raise errors.InputError(f"There is no file or folder {relpath.shown(name)}.")
    return found


async def _files(read: transaction.Transaction, release_key: str, number: str) -> Mapping[str, fileset.File]:
    if not number:
        return {}
    row = await queries.revision(read.data, release_key, number)
    if not row.digest:
        raise errors.ConflictError(
            f"Revision {number} was created before file digests were recorded. Upload all files again first."
        )
    return (await queries.file_set(read.data, row.digest)).by_path


async def _since(read: transaction.Transaction, release_key: str, seen: str) -> Sequence[sql.Revision]:
    """The revisions after the one that was seen, the newest first."""
    after = col(sql.Revision.seq) > int(seen or 0)
    return [one.row for one in await queries.revisions(read.data, release_key, after, limit=_SEARCHED)]


async def _sentence(
    read: transaction.Transaction, release_key: str, clashes: Sequence[str], seen: str, since: Sequence[sql.Revision]
) -> str:
    """Who touched the same path, when, and what to do."""
    path = clashes[0]
    who = since[0]
    now = (await _files(read, release_key, who.number)).get(path)
    for row in since[1:]:
        if (await _files(read, release_key, row.number)).get(path) != now:
            break
        who = row
    names = words.some(map(relpath.shown, clashes))
    saw = f"revision {seen}" if seen else "no revision yet"
    return (
        f"{who.asfuid} changed {names} in revision {who.number}, on {who.created.day} {who.created:%b %Y, %H:%M} "
        f"UTC, after you opened the page (it showed {saw}). Nothing was saved. Review the changes; to apply yours "
        "anyway, submit them again from this page."
    )


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
        self._stored: list[Stored] = []
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
    def change(self) -> Change:
        """Everything that arrived, to be added."""
        return Change(added=tuple(self._stored))

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
            self._stored.append(Stored(file, pathlib.Path(self._part.name)))
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
