# SPDX-License-Identifier: Apache-2.0
"""Start a release, and close it."""

import re
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.storage.transaction as transaction
import atr.storage.voted as voted
import atr.storage.writers.obstacles as obstacles
import atr.storage.writers.own as own
import atr.storage.writers.rows as rows

_VERSION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.+-]*[A-Za-z0-9])?")
_MAX_VERSION: Final = 64


class CommitteeParticipant:
    """What every committer of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def start(self, project_key: str, version: str) -> str:
        """Start a release in Compose and answer its key. Raises InputError, ConflictError."""
        write = self._write
        project = await own.project(write, project_key)
        ensure_project_active(project)
        if (len(version) > _MAX_VERSION) or (".." in version) or not _VERSION.fullmatch(version):
            raise errors.InputError(
                "A version has letters, digits, dots, plus and hyphen, like 2.4.0.", field="version"
            )
        key = sql.release_key(project_key, version)
        await guards.hold(write.data, guards.release(key))
        there = await write.data.get(sql.Release, key)
        if there is not None:
            if there.project_key == project_key:
                raise errors.ConflictError(
                    f"{project.name} {version} was started already. Open it, or choose another version."
                )
            other = await queries.demand_project(write.data, there.project_key)
            raise errors.ConflictError(
                f"{other.name} {there.version} goes by the same key, {key}, and was first. Choose another version."
            )
        await self._ensure_apart(project_key, version)
        write.data.add(sql.Release(key=key, created=write.now, project_key=project_key, version=version))
        await write.event(key, "release", "release_started", version=version)
        return key

    async def _ensure_apart(self, project_key: str, version: str) -> None:
        """Refuse a version whose key reads as a release of a project with a longer name: it would be in its way."""
        pieces = version.split("-")
        longer = ["-".join([project_key, *pieces[:count]]) for count in range(1, len(pieces))]
        wanted = sqlmodel.select(sql.Project).where(col(sql.Project.key).in_(longer))
        other = (await self._write.data.exec(wanted)).first()
        if other is not None:
            raise errors.InputError(
                f"That reads as a release of {other.name}, which is a project of its own. Choose another version.",
                field="version",
            )


class ReleaseManager:
    """What release managers may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def announce(self, release_key: str) -> None:
        """Mark a release as announced: everything that was voted on for a platform is public.

        Raises BlockedError, naming them, for voted file sets that are not, and while a promotion is not settled.
        """
        release = await self._announceable(release_key)
        measure = await voted.of(self._write.data, release)
        if measure.not_public:
            raise errors.BlockedError(
                [
                    *(f"{one.name} was voted on and is not public." for one in measure.not_public),
                    "A committee member can announce the release without it, giving a reason.",
                ]
            )
        await self._close(release)

    async def _announceable(self, release_key: str) -> sql.Release:
        release = await own.release(self._write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_PREVIEW:
            raise errors.ConflictError("Only a release in Finish can be announced.")
        why_not = await obstacles.announce(self._write, release_key)
        if why_not:
            raise errors.BlockedError([why_not])
        return release

    async def _close(self, release: sql.Release, **facts: Any) -> None:
        release.phase = sql.ReleasePhase.RELEASE
        release.released = self._write.now
        await self._write.event(release.key, "release", "release_announced", **facts)


class CommitteeMember(ReleaseManager):
    """What members of the committee may do besides."""

    async def announce_without(self, release_key: str, *, seen: str, reason: str) -> None:
        """Mark a release as announced though voted file sets are not public, with a reason that stays in the record.

        `seen` is the digest of what lacked when the person decided. Raises ConflictError if something else lacks now,
        InputError without a reason, BlockedError while a promotion is not settled.
        """
        release = await self._announceable(release_key)
        measure = await voted.of(self._write.data, release)
        if (not measure.not_public) or (measure.digest != seen):
            raise errors.ConflictError(
                "What is not public is not what you saw any more. Nothing was announced. "
                "Look at the page again, then decide."
            )
        reason = rows.checked_reason(reason)
        without = [
            {
                "name": one.name,
                "platform": one.platform.name,
                "packages": [str(package) for package in one.packages],
                "voted_digest": one.digest,
                "files": one.files,
                "not_public": one.not_public,
            }
            for one in measure.not_public
        ]
        await self._close(release, reason=reason, without=without)


def ensure_project_active(project: sql.Project) -> None:
    """Raise AccessError unless the project is active."""
    if project.status is not sql.ProjectStatus.ACTIVE:
        raise errors.AccessError(f"{project.name} is {project.status.value}, so nothing of it is changed or published.")
