# SPDX-License-Identifier: Apache-2.0
"""Start a release, and close it."""

import re
from typing import Final

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
        if await write.data.get(sql.Release, key) is not None:
            raise errors.ConflictError(
                f"{project.name} {version} was started already. Open it, or choose another version."
            )
        write.data.add(sql.Release(key=key, created=write.now, project_key=project_key, version=version))
        await write.event(key, "release", "release_started", version=version)
        return key


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
