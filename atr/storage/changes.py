# SPDX-License-Identifier: Apache-2.0
"""A change of a release's files: made from the revision that a person saw, applied on top of the newest one.

Changes that others made in between are kept, unless both touch the same path. Then the change is refused with a
sentence that says who changed what and when: no one's work is overwritten. Uploaded files are written below the state
directory while they are hashed, in a spool that belongs to the process that has its lock; the spool of a killed
process is deleted when the next upload begins or the next process starts.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import pathlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from sqlmodel import col

import atr.db.queries as queries
import atr.disk as disk
import atr.errors as errors
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.shared.relpath as relpath
import atr.shared.words as words
import atr.storage.files as files
import atr.storage.transaction as transaction

# How many revisions are searched for the person who changed a path.
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
        """Return the change in files of the revision that the person saw. Raises InputError for a path not in it."""
        removed = tuple(path for name in self.removed for path in _inside(seen, name))
        renamed = tuple((path, f"{to}{path[len(name) :]}") for name, to in self.renamed for path in _inside(seen, name))
        return Change(self.added, removed, renamed)

    def wanted(self, seen: Mapping[str, fileset.File]) -> dict[str, fileset.File | None]:
        """Return the file that a resolved change puts at each path that it touches; None for no file."""
        ends: dict[str, fileset.File | None] = dict.fromkeys((*self.removed, *(old for old, _ in self.renamed)))
        ends |= {new: dataclasses.replace(seen[old], path=new) for old, new in self.renamed}
        return ends | {one.file.path: one.file for one in self.added}

    def apply(self, draft: files.Draft) -> None:
        """Apply the change to a draft. Raises InputError where the draft's files do not allow it."""
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
            raise errors.InputError(reasons.of("no-files-left"))


@dataclasses.dataclass(frozen=True)
class Made:
    """The outcome of a change: the newest revision's number, and whether this change made it.

    `among` are the people who made revisions in between; their changes are in it too.
    """

    number: str
    is_new: bool
    files: int
    among: tuple[str, ...] = ()


async def resolve(
    read: transaction.Transaction, release_key: str, change: Change, seen: str, newest: str
) -> tuple[Change, tuple[str, ...]]:
    """Return the change in files, and who made revisions since the one that was seen.

    Raises ConflictError if one of those revisions changed a path that the change touches too; InputError for a path
    that the revision that was seen does not have.
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
        raise errors.ConflictError(await _touched(read, release_key, clashes, seen, since))
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
        raise errors.ConflictError(reasons.of("no-digests", revision=number))
    return (await queries.file_set(read.data, row.digest)).by_path


async def _since(read: transaction.Transaction, release_key: str, seen: str) -> Sequence[sql.Revision]:
    """Return the revisions after the one that was seen, newest first."""
    after = col(sql.Revision.seq) > int(seen or 0)
    return [one.row for one in await queries.revisions(read.data, release_key, after, limit=_SEARCHED)]


async def _touched(
    read: transaction.Transaction, release_key: str, clashes: Sequence[str], seen: str, since: Sequence[sql.Revision]
) -> reasons.Reason:
    """Return the reason that says who changed the same path, and when."""
    path = clashes[0]
    who = since[0]
    now = (await _files(read, release_key, who.number)).get(path)
    for row in since[1:]:
        if (await _files(read, release_key, row.number)).get(path) != now:
            break
        who = row
    return reasons.of(
        "touched",
        asf_uid=who.asfuid,
        names=words.some(map(relpath.shown, clashes)),
        revision=who.number,
        when=f"{who.created.day} {who.created:%b %Y, %H:%M}",
        saw=f"revision {seen}" if seen else "no revision yet",
    )


# The most files in one upload.
MAX_FILES: Final = 20_000
# The most names that are listed of those that cannot be used.
MAX_LISTED: Final = 100
# The bytes that an upload leaves free on the disk: the database must still be able to record what happened.
_KEPT_FREE: Final = 64_000_000
# A piece of up to this size is written directly: passing it to a thread would take longer.
_SMALL: Final = 65_536
_PREFIX: Final = "upload-"
# In seconds. A draft exists for a few seconds; one that is a day old belongs to a dead process.
_OLD: Final = 86_400


class Spool:
    """The files that arrived so far. After the first wrong name nothing more is written: the upload will be refused."""

    def __init__(self, directory: pathlib.Path, kept_free: int) -> None:
        self._directory = directory
        self._kept_free = kept_free
        self._stored: list[Stored] = []
        # Every valid name, written or not, and the folders that contain them.
        self._paths: set[str] = set()
        self._folders: set[str] = set()
        # Name and reason of the first files that cannot be saved; and how many there are.
        self.refused: list[tuple[str, str]] = []
        self.refused_total = 0
        self._path = ""
        self._part: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def change(self) -> Change:
        """The change that adds everything that arrived."""
        return Change(added=tuple(self._stored))

    @property
    def count(self) -> int:
        """How many files arrived whole."""
        return len(self._stored)

    def begin(self, path: str) -> None:
        """Begin the next file, at this path. Raises InputError if there are too many."""
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
        """Write a piece of the current file."""
        if len(data) <= _SMALL:
            self._write(data)
        else:
            await asyncio.to_thread(self._write, data)

    def end(self) -> None:
        """Finish the current file."""
        if self._part is not None:
            with files.no_room_said():
                self._part.close()
            file = fileset.File(self._path, self._size, self._digest.hexdigest())
            self._stored.append(Stored(file, pathlib.Path(self._part.name)))
        self._part = None

    def close(self) -> None:
        """Abandon a file that did not arrive whole."""
        if self._part is not None:
            # The rest of its buffer is not needed, so it does not matter if the disk is full.
            with contextlib.suppress(OSError):
                self._part.close()

    def _write(self, data: bytes) -> None:
        if self._part is not None:
            # Others write to the same disk meanwhile, and not every client says how much it will send.
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
    """Yield a spool, which is deleted at the end with its files. It leaves `kept_free` bytes of the disk free."""
    temporary = state_dir / files.TEMPORARY
    with files.no_room_said():
        temporary.mkdir(parents=True, exist_ok=True)
        with disk.workspace(temporary, _PREFIX) as directory, contextlib.closing(Spool(directory, kept_free)) as spool:
            yield spool


def ensure_room(state_dir: pathlib.Path, size: int) -> None:
    """Raise NoRoomError if `size` bytes do not fit."""
    state_dir.mkdir(parents=True, exist_ok=True)
    _ensure_free(state_dir, size + _KEPT_FREE)


def sweep(state_dir: pathlib.Path) -> int:
    """Delete what processes that have ended left, and return how many directories there were."""
    swept = 0
    temporary = state_dir / files.TEMPORARY
    for directory in temporary.glob(f"{files.DRAFT}*"):
        with contextlib.suppress(OSError):
            if time.time() - directory.stat().st_mtime > _OLD:
                shutil.rmtree(directory, ignore_errors=True)
                swept += 1
    return swept + disk.sweep(temporary, _PREFIX) + disk.sweep(temporary, disk.RESTORE)


def _ensure_free(directory: pathlib.Path, size: int) -> None:
    if shutil.disk_usage(directory).free < size:
        raise errors.NoRoomError
