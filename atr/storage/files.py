# SPDX-License-Identifier: Apache-2.0
"""Revisions on disk: drafted in a directory of their own, hashed while they are streamed, then never changed.

A draft begins as a clone of the previous revision, by hard links, so unchanged files need no space. The revision
writer commits it; a draft that is not committed is removed.
"""

import asyncio
import collections
import contextlib
import dataclasses
import errno
import functools
import hashlib
import io
import os
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterable, Iterator
from typing import Final

import atr.db.queries as queries
import atr.disk as disk
import atr.errors as errors
import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.shared.relpath as relpath
import atr.storage.transaction as transaction

_READ_ONLY: Final = 0o400
_CHUNK: Final = 1024 * 1024
# Below the state directory, on the same file system as the revisions: files that are not part of one yet.
TEMPORARY: Final = "temporary"
DRAFT: Final = "draft-"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Draft:
    """The files of a revision that is being made. Each path is checked; each byte is hashed as it is written.

    `parent` is the number of the revision that it began as, empty for the first one: the revision writer accepts a
    draft only while that is still the newest.
    """

    def __init__(
        self, directory: pathlib.Path, files: dict[str, fileset.File], parent: str = "", *, checked: bool = False
    ) -> None:
        self.directory = directory
        self.parent = parent
        self._files = files
        # The files as they were last checked: those that are unchanged are not read again.
        self._checked = dict(files) if checked else {}
        # The files that are not synced to disk yet; and whether everything is synced.
        self._unsynced: set[str] = set()
        self._synced = False
        # How many files are below each folder.
        self._folders = collections.Counter(folder for path in files for folder in relpath.folders(path))

    @property
    def files(self) -> fileset.FileSet:
        """The files that the revision would contain. Raises InputError if there are none."""
        return fileset.FileSet.of(self._files.values())

    @property
    def all(self) -> tuple[fileset.File, ...]:
        """Its current files, in no order; there may be none."""
        return tuple(self._files.values())

    async def odd_checksums(self) -> dict[str, str]:
        """Return the problems of files that are named like checksums, by path. Reads what changed since the parent."""
        await asyncio.to_thread(self._check)
        return {path: file.odd.value for path, file in self._files.items() if file.odd is not None}

    async def sync(self) -> None:
        """Sync its new files and all its names to disk; files that it shares with its parent are synced already."""
        if not self._synced:
            await asyncio.to_thread(self._sync)

    async def add(self, path: str, chunks: AsyncIterable[bytes]) -> fileset.File:
        """Write one file from a stream, replacing a file that has the same path."""
        target = self._target(path)
        digest = hashlib.sha256()
        size = 0
        # A new file in place of the old one: writing through a hard link would change older revisions.
        with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".part-", delete=False) as part:
            written = pathlib.Path(part.name)
            try:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    part.write(chunk)
            except BaseException:
                # An incomplete stream must not become part of the revision.
                _drop(written)
                raise
        await asyncio.to_thread(_put, written, target)
        file = fileset.File(path, size, digest.hexdigest())
        self._note(file)
        return file

    def link(self, file: fileset.File, written: pathlib.Path) -> None:
        """Add a file that was written and hashed elsewhere on this file system, by a hard link."""
        target = self._target(file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.hardlink_to(written)
        target.chmod(_READ_ONLY)
        self._note(file)

    def rename(self, path: str, to: str) -> None:
        """Give a file another path."""
        old = self._existing(path)
        target = self._target(to)
        if to in self._files:
            raise errors.InputError(_taken("file", to, to))
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).rename(target)
        # In this order, so that a folder that contains both paths is not removed.
        self._note(fileset.File(to, old.size, old.sha256))
        self._forget(path)

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._existing(path)
        (self.directory / path).unlink()
        self._forget(path)

    def _check(self) -> None:
        # By file and algorithm: the digest that the checksum beside it states.
        stated: dict[str, dict[str, str]] = collections.defaultdict(dict)
        for path, file in self._files.items():
            named = checksums.named_by(path)
            if (named is None) or (file.size > checksums.LIMIT):
                continue
            if self._is_checked(path) and self._is_checked(named.path):
                self._files[path] = self._checked[path]
                continue
            digest = checksums.stated(_text(self.directory, path), named)
            self._files[path] = dataclasses.replace(file, odd=None if digest else fileset.Odd.TEXT)
            if digest and (named.path in self._files):
                stated[named.path][named.algorithm] = digest
        for path, said in stated.items():
            with _opened(self.directory, path) as opened:
                true = disk.digests(iter(functools.partial(opened.read, _CHUNK), b""), said)
            for algorithm, digest in said.items():
                if digest != true[algorithm]:
                    beside = f"{path}.{algorithm}"
                    self._files[beside] = dataclasses.replace(self._files[beside], odd=fileset.Odd.DIGEST)
        self._checked = dict(self._files)

    def _sync(self) -> None:
        folders = (pathlib.Path(folder) for folder, _, _ in os.walk(self.directory))
        disk.sync_all([*(self.directory / path for path in self._unsynced), *folders])
        self._unsynced.clear()
        self._synced = True

    def _is_checked(self, path: str) -> bool:
        """Return whether this path had the same file, or also none, at the last check."""
        return bool(self._checked) and (self._checked.get(path) == self._files.get(path))

    def _note(self, file: fileset.File) -> None:
        if file.path not in self._files:
            self._folders.update(relpath.folders(file.path))
        self._files[file.path] = file
        self._unsynced.add(file.path)
        self._synced = False

    def _forget(self, path: str) -> None:
        del self._files[path]
        self._unsynced.discard(path)
        self._synced = False
        for folder in reversed(relpath.folders(path)):
            self._folders[folder] -= 1
            if not self._folders[folder]:
                del self._folders[folder]
                # A revision has no empty folders, and this one would block a file of the same path.
                (self.directory / folder).rmdir()

    def _existing(self, path: str) -> fileset.File:
        if path not in self._files:
            raise errors.InputError(f"There is no file {relpath.shown(path)}.")
        return self._files[path]

    def _target(self, path: str) -> pathlib.Path:
        target = self.directory / relpath.checked(path)
        if path in self._folders:
            raise errors.InputError(_taken("folder", path, path))
        for folder in relpath.folders(path):
            if folder in self._files:
                raise errors.InputError(_taken("file", folder, path))
        return target


@dataclasses.dataclass(frozen=True)
class Parent:
    """What a draft begins as: the newest revision's files and their directory; nothing for the first revision."""

    number: str
    directory: pathlib.Path | None
    # None for a revision that is older than this module's tables: its files exist, but their digests are not recorded.
    files: tuple[fileset.File, ...] | None
    # Whether its checksum files were compared with the files that they name.
    checked: bool = False


async def parent(read: transaction.Transaction, release_key: str) -> Parent:
    """Return the newest revision of a release, for a draft to begin as."""
    release = await queries.demand_release(read.data, release_key)
    latest = await queries.latest_revision(read.data, release_key)
    if latest is None:
        return Parent("", None, ())
    directory = read.place.revision_dir(release.project_key, release.version, latest.number)
    if latest.recorded is None:
        return Parent(latest.number, directory, None)
    files = (await queries.revision_files(read.data, latest)).files
    return Parent(latest.number, directory, files, latest.recorded.odd_checksums is not None)


def hashed(directory: pathlib.Path) -> tuple[fileset.File, ...]:
    """Hash every file below a directory. Raises ConflictError for anything that is neither a file nor a folder."""
    found = []
    for path in sorted(directory.rglob("*")):
        if not path.is_symlink() and path.is_dir():
            continue
        name = path.relative_to(directory).as_posix()
        with _opened(directory, name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(fileset.File(name, os.fstat(file.fileno()).st_size, digest))
    return tuple(found)


def _opened(directory: pathlib.Path, path: str) -> io.FileIO:
    """Open a file of a revision. Raises ConflictError for anything that is not a regular file, such as a link."""
    try:
        return disk.opened(directory, path)
    except errors.DamagedError as damage:
        raise errors.ConflictError(reasons.of("damaged", path=relpath.shown(path), damage=str(damage))) from damage


def _taken(kind: str, taken: str, path: str) -> reasons.Reason:
    return reasons.of("path-taken", kind=kind, taken=relpath.shown(taken), path=relpath.shown(path))


def _text(directory: pathlib.Path, path: str) -> bytes:
    with _opened(directory, path) as file:
        return file.read(checksums.LIMIT)


@contextlib.contextmanager
def draft(
    state_dir: pathlib.Path,
    directory_before: pathlib.Path | None,
    files: tuple[fileset.File, ...],
    parent: str = "",
    *,
    checked: bool = False,
) -> Iterator[Draft]:
    """Yield a draft that begins as its parent; its directory is deleted at the end unless it was committed."""
    temporary = state_dir / TEMPORARY
    temporary.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(dir=temporary, prefix=DRAFT))
    try:
        if directory_before is not None:
            # A link stays a link; its target is not copied.
            shutil.copytree(directory_before, directory, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
        yield Draft(directory, {file.path: file for file in files}, parent, checked=checked)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def no_room_said() -> Iterator[None]:
    """Raise NoRoomError, which says what to do, when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise errors.NoRoomError from error
        raise


def _put(part: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    target.chmod(_READ_ONLY)


def _drop(part: pathlib.Path) -> None:
    part.unlink(missing_ok=True)
