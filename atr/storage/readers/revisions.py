# SPDX-License-Identifier: Apache-2.0
"""The revisions of a release and their recorded files."""

import dataclasses
from collections.abc import Sequence

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.storage.transaction as transaction


@dataclasses.dataclass(frozen=True)
class Listed:
    """A revision, and how many files and bytes it has; None if its files were not recorded."""

    row: sql.Revision
    files: tables.FileSetRow | None


async def newest(read: transaction.Transaction, release_key: str) -> queries.Revision | None:
    """Return the newest revision of a release."""
    return await queries.latest_revision(read.data, release_key)


async def files(read: transaction.Transaction, revision: queries.Revision | None) -> fileset.FileSet | None:
    """Return the recorded files of a revision; None if there is no revision, or its files were not recorded."""
    return await queries.revision_files(read.data, revision) if revision and revision.digest else None


async def page(read: transaction.Transaction, release_key: str, limit: int) -> Sequence[Listed]:
    """Return at most `limit` revisions of a release, newest first."""
    return await listed(read, await queries.revisions(read.data, release_key, limit=limit))


async def listed(read: transaction.Transaction, revisions: Sequence[queries.Revision]) -> Sequence[Listed]:
    """Return these revisions with their numbers of files and bytes."""
    digests = {one.digest for one in revisions if one.digest}
    sets = await queries.file_set_rows(read.data, digests) if digests else {}
    return [Listed(one.row, sets.get(one.digest)) for one in revisions]


async def pair(
    read: transaction.Transaction, release_key: str, earlier: str, later: str
) -> tuple[Sequence[Listed], fileset.FileSet, fileset.FileSet]:
    """Return two revisions and their files. Raises NotFoundError; ConflictError if files were not recorded."""
    both = [await queries.revision(read.data, release_key, number) for number in (earlier, later)]
    for one in both:
        if not one.digest:
            raise errors.ConflictError(reasons.of("no-digests", revision=one.number))
    found = await queries.file_sets(read.data, [one.digest for one in both])
    return await listed(read, both), found[both[0].digest], found[both[1].digest]
