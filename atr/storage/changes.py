# SPDX-License-Identifier: Apache-2.0
"""A change of a release's files: made from the revision that a person saw, put on top of the newest one.

What somebody else did in between stays, as long as both did not touch the same path. Where they did, the change is
refused and says who did what and when: nobody's work disappears under another's.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.shared.relpath as relpath
import atr.storage.files as files
import atr.storage.transaction as transaction

# How many paths a sentence names, and how many revisions are looked through for who touched one.
_NAMED: Final = 3
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
    names = ", ".join(relpath.shown(one) for one in clashes[:_NAMED])
    more = f" and {len(clashes) - _NAMED:,} more" if len(clashes) > _NAMED else ""
    saw = f"revision {seen}" if seen else "no revision yet"
    return (
        f"{who.asfuid} changed {names}{more} in revision {who.number}, on {who.created.day} {who.created:%b %Y, %H:%M} "
        f"UTC, after you opened the page (it showed {saw}). Nothing was saved. Review the changes; to apply yours "
        "anyway, submit them again from this page."
    )
