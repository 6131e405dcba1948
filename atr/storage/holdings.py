# SPDX-License-Identifier: Apache-2.0
"""Where the bytes of a file set are on this server: in a kept copy, in a revision of the release, or nowhere."""

import dataclasses
from collections.abc import Collection, Mapping

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.disk as disk
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.storage.transaction as transaction


@dataclasses.dataclass(frozen=True)
class Holder:
    """What has every byte of a file set: a revision, by its number and the digest of its files, or the kept copy."""

    revision_number: str = ""
    revision_digest: str = ""

    @property
    def described(self) -> str:
        """The holder in words, for the middle of a sentence."""
        return f"revision {self.revision_number}" if self.revision_number else "the kept copy"


async def holder(read: transaction.Transaction, release: sql.Release, digest: str) -> Holder | None:
    """Return what has every byte of this file set on this server; None if nothing does."""
    return (await holders(read, {release.key: release}, [(release.key, digest)])).get((release.key, digest))


async def holders(
    read: transaction.Transaction, releases: Mapping[str, sql.Release], wanted: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], Holder]:
    """Return by release and file set what has every byte of it on this server, where anything does."""
    kept = await kept_copies(read, {releases[key].project_key for key, _ in wanted})
    found = {one: Holder() for one in wanted if (releases[one[0]].project_key, one[1]) in kept}
    rest = [one for one in wanted if one not in found]
    row = tables.RevisionFiles
    newest_first = (
        sqlmodel.select(row.release_key, row.number, row.file_set_digest)
        .where(col(row.release_key).in_({key for key, _ in rest}))
        .order_by(col(row.number).desc())
    )
    whole: dict[str, list[tuple[str, str]]] = {}
    for key, number, digest in (await read.data.exec(newest_first)).all() if rest else ():
        whole.setdefault(key, []).append((number, digest))
    held_here = {digest for revisions in whole.values() for _, digest in revisions}
    contents = await _contents(read, held_here | {digest for key, digest in rest if key in whole})
    for key, digest in rest:
        holding = (
            pair for pair in whole.get(key, ()) if (pair[1] == digest) or (contents[digest] <= contents[pair[1]])
        )
        if (first := next(holding, None)) is not None:
            found[key, digest] = Holder(*first)
    return found


async def kept_copies(read: transaction.Transaction, project_keys: Collection[str]) -> Collection[tuple[str, str]]:
    """Return project and digest of every copy that these projects keep."""
    row = tables.KeptCopy
    wanted = sqlmodel.select(row.project_key, row.file_set_digest).where(col(row.project_key).in_(project_keys))
    return set((await read.data.exec(wanted)).all())


async def is_kept(read: transaction.Transaction, project_key: str, digest: str) -> bool:
    """Return whether the project keeps a copy of this file set."""
    return await read.data.get(tables.KeptCopy, (project_key, digest)) is not None


async def sources(
    read: transaction.Transaction, release: sql.Release, digest: str, held: Holder
) -> tuple[tuple[str, disk.Recorded], ...]:
    """Return the path of each file of the set, and where its bytes are."""
    files = (await queries.file_set(read.data, digest)).files
    if not held.revision_number:
        return tuple((file.path, read.place.blobs.recorded(file.sha256, file.size)) for file in files)
    whose = (release.project_key, release.version, held.revision_number)
    by_sha256 = {file.sha256: file for file in (await queries.file_set(read.data, held.revision_digest)).files}
    return tuple((file.path, read.place.of_revision(*whose, by_sha256[file.sha256])) for file in files)


async def source(
    read: transaction.Transaction, release: sql.Release, digest: str, sha256: str, size: int
) -> disk.Recorded | None:
    """Return where the bytes of one file of the set are; None if ATR no longer has them."""
    if await is_kept(read, release.project_key, digest):
        return read.place.blobs.recorded(sha256, size)
    row, revision = tables.FileSetFile, tables.RevisionFiles
    wanted = (
        sqlmodel.select(revision.number, row.path)
        .join(row, col(row.digest) == col(revision.file_set_digest))
        .where(revision.release_key == release.key, row.sha256 == sha256)
        # The set itself first: the files that are served as a revision's must be that revision's.
        .order_by((col(revision.file_set_digest) == digest).desc(), col(revision.number).desc())
        .limit(1)
    )
    found = (await read.data.exec(wanted)).first()
    if found is None:
        return None
    number, path = found
    return read.place.of_revision(release.project_key, release.version, number, fileset.File(path, size, sha256))


async def on_open_ballots(read: transaction.Transaction, project_keys: Collection[str]) -> Collection[tuple[str, str]]:
    """Return project and digest of every file set on which a vote of these projects is open."""
    entry, release = tables.BallotEntry, sql.Release
    wanted = (
        sqlmodel.select(release.project_key, entry.file_set_digest)
        .join(release, queries.of_newest_vote())
        .where(col(release.project_key).in_(project_keys), release.phase == sql.ReleasePhase.RELEASE_CANDIDATE)
    )
    return set((await read.data.exec(wanted)).all())


async def usage(read: transaction.Transaction, project_key: str) -> dict[str, int]:
    """Return the blobs of a project's copies with their sizes; one that several copies have is there once."""
    row, copy = tables.FileSetFile, tables.KeptCopy
    wanted = (
        sqlmodel.select(row.sha256, row.size)
        .join(copy, col(copy.file_set_digest) == col(row.digest))
        .where(copy.project_key == project_key)
        .distinct()
    )
    return dict((await read.data.exec(wanted)).all())


async def _contents(read: transaction.Transaction, digests: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return by file set the sha256 of each of its files."""
    row = tables.FileSetFile
    wanted = sqlmodel.select(row.digest, row.sha256).where(col(row.digest).in_(digests))
    found: dict[str, set[str]] = {digest: set() for digest in digests}
    # Compared in Python: SQLite, which has no index on sha256, takes a thousand times as long.
    for digest, sha256 in (await read.data.exec(wanted)).all() if digests else ():
        found[digest].add(sha256)
    return {digest: frozenset(these) for digest, these in found.items()}


async def is_wanted(read: transaction.Transaction, release: sql.Release) -> bool:
    """Return whether the release's project keeps copies."""
    project = await queries.demand_project(read.data, release.project_key)
    return (await queries.policy(read.data, project)).keep_copies
