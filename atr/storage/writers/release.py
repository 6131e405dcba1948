# SPDX-License-Identifier: Apache-2.0
"""Start a release, and close it."""

import re
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.sql as sql
import atr.storage.transaction as transaction
import atr.storage.writers.obstacles as obstacles
import atr.storage.writers.own as own

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
        """Mark a release as announced. Raises BlockedError while a promotion of it is not settled."""
        write = self._write
        release = await own.release(write, release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_PREVIEW:
            raise errors.ConflictError("Only a release in Finish can be announced.")
        why_not = await obstacles.announce(write, release_key)
        if why_not:
            raise errors.BlockedError([why_not])
        release.phase = sql.ReleasePhase.RELEASE
        release.released = write.now
        await write.event(release_key, "release", "release_announced")


def ensure_project_active(project: sql.Project) -> None:
    """Raise AccessError unless the project is active."""
    if project.status is not sql.ProjectStatus.ACTIVE:
        raise errors.AccessError(f"{project.name} is {project.status.value}, so nothing of it is changed or published.")
