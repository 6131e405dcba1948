# SPDX-License-Identifier: Apache-2.0
"""Where the bytes of a file set lie on this server: in a kept copy, in a revision of the release, or nowhere."""

import dataclasses

import sqlalchemy
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
    """What holds every byte of a file set: a revision, by its number and the digest of its files, or the kept copy."""

    revision_number: str = ""
    revision_digest: str = ""

    @property
    def described(self) -> str:
        """In words, for the middle of a sentence."""
        return f"revision {self.revision_number}" if self.revision_number else "the kept copy"


async def holder(read: transaction.Transaction, release: sql.Release, digest: str) -> Holder | None:
    """What holds every byte of this file set here; None if nothing does."""
    if await is_kept(read, release.project_key, digest):
        return Holder()
    asked: set[str] = set()
    for number, whole in await _revisions(read, release):
        if whole in asked:
            continue
        asked.add(whole)
        if (whole == digest) or await _contains(read, whole, digest):
            return Holder(number, whole)
    return None


async def is_kept(read: transaction.Transaction, project_key: str, digest: str) -> bool:
    """Whether the project keeps a copy of this file set."""
    return await read.data.get(tables.KeptCopy, (project_key, digest)) is not None


async def copy_sentence(read: transaction.Transaction, project_key: str, row: tables.Deployment) -> str:
    """Whether a deployment's files are kept, or why not though the project wants it; empty for neither."""
    if row.file_set_digest and await is_kept(read, project_key, row.file_set_digest):
        return "A copy of its files is kept here."
    return row.copy_problem


async def sources(
    read: transaction.Transaction, release: sql.Release, digest: str, held: Holder
) -> tuple[tuple[str, disk.Recorded], ...]:
    """Each file of the set by its path, and where its bytes lie."""
    files = (await queries.file_set(read.data, digest)).files
    if not held.revision_number:
        return tuple((file.path, read.place.blobs.recorded(file.sha256, file.size)) for file in files)
    whose = (release.project_key, release.version, held.revision_number)
    by_sha256 = {file.sha256: file for file in (await queries.file_set(read.data, held.revision_digest)).files}
    return tuple((file.path, read.place.of_revision(*whose, by_sha256[file.sha256])) for file in files)


async def source(
    read: transaction.Transaction, release: sql.Release, digest: str, sha256: str, size: int
) -> disk.Recorded | None:
    """Where the bytes of one file of the set lie; None if we have them no more."""
    if await is_kept(read, release.project_key, digest):
        return read.place.blobs.recorded(sha256, size)
    row, revision = tables.FileSetFile, tables.RevisionFiles
    wanted = (
        sqlmodel.select(revision.number, row.path)
        .join(row, col(row.digest) == col(revision.file_set_digest))
        .where(revision.release_key == release.key, row.sha256 == sha256)
        # The set itself first: what is served as a revision's files is that revision's.
        .order_by((col(revision.file_set_digest) == digest).desc(), col(revision.number).desc())
        .limit(1)
    )
    found = (await read.data.exec(wanted)).first()
    if found is None:
        return None
    number, path = found
    return read.place.of_revision(release.project_key, release.version, number, fileset.File(path, size, sha256))


async def on_open_ballot(read: transaction.Transaction, project_key: str, digest: str) -> bool:
    """Whether a vote of the project is open on this file set."""
    entry, release = tables.BallotEntry, sql.Release
    wanted = (
        sqlmodel.select(entry.id)
        .join(release, col(release.key) == col(entry.release_key))
        .where(
            release.project_key == project_key,
            release.phase == sql.ReleasePhase.RELEASE_CANDIDATE,
            entry.vote_seq == release.current_vote_seq,
            entry.opened >= release.created,
            entry.file_set_digest == digest,
        )
    )
    return (await read.data.exec(wanted)).first() is not None


async def usage(read: transaction.Transaction, project_key: str) -> dict[str, int]:
    """What a project keeps: each blob once, however many of its copies hold it, with its size."""
    row, copy = tables.FileSetFile, tables.KeptCopy
    wanted = (
        sqlmodel.select(row.sha256, row.size)
        .join(copy, col(copy.file_set_digest) == col(row.digest))
        .where(copy.project_key == project_key)
        .distinct()
    )
    return dict((await read.data.exec(wanted)).all())


async def _revisions(read: transaction.Transaction, release: sql.Release) -> list[tuple[str, str]]:
    row = tables.RevisionFiles
    wanted = (
        sqlmodel.select(row.number, row.file_set_digest)
        .where(row.release_key == release.key)
        .order_by(col(row.number).desc())
    )
    return [(number, digest) for number, digest in (await read.data.exec(wanted)).all()]


async def _contains(read: transaction.Transaction, whole: str, digest: str) -> bool:
    """Whether every byte of one file set is in another, under whatever path."""
    row = tables.FileSetFile
    there = sqlmodel.select(row.sha256).where(row.digest == whole)
    wanted = (
        sqlmodel.select(sqlalchemy.func.count())
        .select_from(row)
        .where(row.digest == digest, col(row.sha256).not_in(there))
    )
    return (await read.data.exec(wanted)).one() == 0


async def is_wanted(read: transaction.Transaction, release: sql.Release) -> bool:
    """Whether the release's project keeps copies."""
    project = await queries.demand_project(read.data, release.project_key)
    return (await queries.policy(read.data, project)).keep_copies
