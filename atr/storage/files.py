# SPDX-License-Identifier: Apache-2.0
"""Revisions on disk: drafted in a directory of their own, hashed while they are streamed, then never changed.

A draft begins as a clone of the revision before it, by hard links, so unchanged files cost nothing. Committing it is
the revision writer's; what was not committed is removed.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterable, Iterator
from typing import Final

import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.storage.transaction as transaction

_SEGMENT: Final = re.compile(r"[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,255}")
# Of a file's name on a disk, in bytes.
_MAX_NAME: Final = 255
_MAX_PATH: Final = 1_000
_READ_ONLY: Final = 0o444


class Draft:
    """The files of a revision that is being made. Each path is checked; each byte is hashed as it is written."""

    def __init__(self, directory: pathlib.Path, files: dict[str, fileset.File]) -> None:
        self.directory = directory
        self._files = files

    @property
    def files(self) -> fileset.FileSet:
        """What the revision would hold. Raises InputError while there is nothing."""
        return fileset.FileSet.of(self._files.values())

    async def add(self, path: str, chunks: AsyncIterable[bytes]) -> fileset.File:
        """Write one file from a stream, in place of one that has the same path."""
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
                # Nothing of a stream that broke off may become part of the revision.
                _forget(written)
                raise
        await asyncio.to_thread(_put, written, target)
        file = fileset.File(path, size, digest.hexdigest())
        self._files[path] = file
        return file

    def rename(self, path: str, to: str) -> None:
        """Give a file another path; its bytes stay."""
        old = self._existing(path)
        target = self._target(to)
        if to in self._files:
            raise errors.InputError(f"There is a file {to} already.")
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).rename(target)
        del self._files[path]
        self._files[to] = fileset.File(to, old.size, old.sha256)

    def remove(self, path: str) -> None:
        """Leave a file out."""
        self._existing(path)
        (self.directory / path).unlink()
        del self._files[path]

    def _existing(self, path: str) -> fileset.File:
        if path not in self._files:
            raise errors.InputError(f"There is no file {path[:120]}.")
        return self._files[path]

    def _target(self, path: str) -> pathlib.Path:
        target = self.directory / checked_path(path)
        for other in self._files:
            if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
                raise errors.InputError(f"{other[:120]} is there already, so {path[:120]} cannot be a file.")
        # What is left of a folder whose files were taken away.
        with contextlib.suppress(OSError):
            target.rmdir()
        return target


@dataclasses.dataclass(frozen=True)
class Parent:
    """What a draft begins as: the newest revision's files and where they lie; nothing for the first one."""

    directory: pathlib.Path | None
    # None for a revision from before our tables: its files are there, and nobody hashed them.
    files: tuple[fileset.File, ...] | None


async def parent(read: transaction.Transaction, release_key: str) -> Parent:
    """The newest revision of a release, for a draft to begin as."""
    release = await queries.demand_release(read.data, release_key)
    latest = await queries.latest_revision(read.data, release_key)
    if latest is None:
        return Parent(None, ())
    directory = read.place.revision_dir(release.project_key, release.version, latest.number)
    if latest.file_set_digest == sql.NOT_RECORDED:
        return Parent(directory, None)
    return Parent(directory, (await queries.file_set(read.data, latest.file_set_digest)).files)


def hashed(directory: pathlib.Path) -> tuple[fileset.File, ...]:
    """Every file below a directory, hashed."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(fileset.File(path.relative_to(directory).as_posix(), path.stat().st_size, digest))
    return tuple(found)


@contextlib.contextmanager
def draft(
    state_dir: pathlib.Path, directory_before: pathlib.Path | None, files: tuple[fileset.File, ...]
) -> Iterator[Draft]:
    """A draft that begins as its parent; its directory is gone afterwards unless it was committed."""
    temporary = state_dir / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(dir=temporary, prefix="draft-"))
    try:
        if directory_before is not None:
            shutil.copytree(directory_before, directory, copy_function=os.link, dirs_exist_ok=True)
        yield Draft(directory, {file.path: file for file in files})
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def checked_path(path: str) -> str:
    """A relative path that stays where it is put. Raises InputError for `..`, dotfiles, control characters and such."""
    segments = path.split("/")
    safe = all(
        _SEGMENT.fullmatch(segment) and (not segment.startswith(".")) and (len(segment.encode()) <= _MAX_NAME)
        for segment in segments
    )
    if (not safe) or (len(path) > _MAX_PATH):
        shown = path[:120].encode("ascii", "backslashreplace").decode()
        raise errors.InputError(f"“{shown}” cannot be the path of a file in a release.")
    return path


def _put(part: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    target.chmod(_READ_ONLY)


def _forget(part: pathlib.Path) -> None:
    part.unlink(missing_ok=True)
