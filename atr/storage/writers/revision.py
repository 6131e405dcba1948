# SPDX-License-Identifier: Apache-2.0
"""Makes revisions: immutable snapshots of a release's files."""

import asyncio
import pathlib
import shutil
from collections.abc import Mapping

import atr.db.queries as queries
import atr.disk as disk
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.storage.files as files
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.writers.readiness as readiness


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def create(self, release_key: str, draft: files.Draft, description: str) -> str:
        """Make the draft the newest revision and return its number, like "00002".

        Raises ConflictError from the start of a vote on, and if another revision was made since the draft was begun:
        its changes would be lost. Checks are enqueued.
        """
        write = self._write
        release = await self._changeable(release_key)
        parent = await queries.latest_revision(write.data, release.key)
        if (parent is not None) and (parent.number != draft.parent):
            raise errors.ConflictError(
                reasons.of(
                    "overtaken",
                    asf_uid=parent.row.asfuid,
                    revision=parent.number,
                    when=f"{parent.row.created:%H:%M}",
                    begun=f"revision {draft.parent}" if draft.parent else "nothing",
                )
            )
        counter = await write.data.get(sql.RevisionCounter, release.key)
        if counter is None:
            counter = sql.RevisionCounter(release_key=release.key, last_allocated_number=0)
            write.data.add(counter)
        counter.last_allocated_number += 1
        number = str(counter.last_allocated_number).zfill(sql.NUMBER_DIGITS)
        # Both are done before the transaction if they take long.
        odd_checksums = await draft.odd_checksums()
        await draft.sync()
        row = sql.Revision(
            key=sql.revision_key(release.key, number),
            release_key=release.key,
            seq=counter.last_allocated_number,
            number=number,
            asfuid=write.asf_uid,
            created=write.now,
            phase=release.phase,
            parent_key=parent.row.key if parent else None,
            description=description,
        )
        write.data.add(row)
        await record(write, release.key, number, draft.files, odd_checksums)
        await readiness.queue_all(write, release)
        # The rename comes last: if it fails, nothing is committed. If the commit fails after it, the directory has the
        # number of the next revision and no row: that revision replaces it, and the release is locked meanwhile.
        target = write.place.revision_dir(release.project_key, release.version, number)
        await asyncio.to_thread(_put, draft.directory, target)
        return number

    async def ensure_changeable(self, release_key: str) -> None:
        """Raise ConflictError or AccessError if the release's files must not change now."""
        await self._changeable(release_key)

    async def is_behind(self, release_key: str, draft: files.Draft) -> bool:
        """Return whether another revision was made since the draft was begun."""
        release = await transaction.load_release_for_update(self._write, release_key)
        latest = await queries.latest_revision(self._write.data, release.key)
        return draft.parent != (latest.number if latest else "")

    async def _changeable(self, release_key: str) -> sql.Release:
        release, _ = await transaction.load_active_release(self._write, release_key)
        transaction.demand(preconditions.change_files(release))
        return release


def _put(draft: pathlib.Path, target: pathlib.Path) -> None:
    """Move a draft into place. The new name is on disk before the row of the revision is committed."""
    disk.make_directory(target.parent)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    disk.sync(target.parent)


async def record(
    write: transaction.Transaction,
    release_key: str,
    number: str,
    files: fileset.FileSet,
    odd_checksums: Mapping[str, str] | None,
) -> None:
    """Record the files of a revision, in the transaction that makes it. A host that makes revisions calls it too.

    `odd_checksums` says by path what is wrong with files that are named like checksums; None if that is not known.
    """
    digest = await queries.store_file_set(write.data, files, write.now)
    # A host that deletes a release and starts it again may use its revision numbers again.
    await write.data.merge(
        tables.RevisionFiles(
            release_key=release_key,
            number=number,
            file_set_digest=digest,
            odd_checksums=None if odd_checksums is None else dict(odd_checksums),
            recorded=write.now,
        )
    )
    await write.event(release_key, "release", "revision_made", number=number, digest=digest, files=len(files.files))
