# SPDX-License-Identifier: Apache-2.0
"""What people request for deployments: a ballot without them, a drop, another reading, a copy of their files.

Another reading (Verify now) changes only what pages show; the bytes are read again before a publish request. A copy
exists if its row does, which is inserted in a transaction that saw every blob on the disk; blobs are deleted in
transactions that saw no row that needs them. Both lock the store's guard, so that they run one after the other.
"""

import datetime
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.requests as requests

_State = states.DeploymentState
# A search that has no result after this time is started again.
_PATIENCE: Final = datetime.timedelta(minutes=10)


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def verify(self, deployment_id: int) -> None:
        """Have the staged files read again; a second request during the reading has no effect. Raises ConflictError."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).verify)
        if not row.is_verifying:
            row.verify_asked_by, row.verify_asked_at = write.asf_uid, write.now
            row.verified_at, row.verified_digest, row.verify_problem = None, None, ""
            await write.event_of(row, "verify_asked")
        release = await queries.demand_release(write.data, row.release_key)
        # If an earlier task has failed, this one continues its reading.
        await write.enqueue(operating.TaskType.DISTRIBUTION_VERIFY, {"deployment_id": deployment_id}, release=release)


class ReleaseManager(CommitteeParticipant):
    """What release managers may do: choose the deployments on the next ballot, settle lost uploads, and search."""

    async def take_off_ballot(self, deployment_id: int, reason: str) -> None:
        """Take this deployment off the next ballot, with a reason."""
        write = self._write
        row = await self._before_vote(deployment_id)
        row.off_ballot = transaction.checked_reason(reason)
        row.version += 1
        await write.event_of(row, "deployment_off_ballot", reason=row.off_ballot)

    async def put_on_ballot(self, deployment_id: int) -> None:
        """Put this deployment on the next ballot again."""
        row = await self._before_vote(deployment_id)
        if not row.off_ballot:
            return
        row.off_ballot = ""
        row.version += 1
        await self._write.event_of(row, "deployment_on_ballot")

    async def _before_vote(self, deployment_id: int) -> tables.Deployment:
        """Return the deployment. Raises ConflictError once the vote is open."""
        row = await transaction.load_deployment_for_update(self._write, deployment_id)
        release = await transaction.load_release_for_update(self._write, row.release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            raise errors.ConflictError(reasons.of("ballot-fixed"))
        return row

    async def settle_lost(self, deployment_id: int, external_id: str, reason: str) -> None:
        """Settle an upload that got no reply: it has this id on the platform, or (empty) it never arrived."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        if row.state is not _State.LOST:
            raise errors.ConflictError(transaction.not_in(row.state, _State.LOST))
        why = transaction.checked_reason(reason)
        if external_id.strip():
            row.external_id = await self._free_id(row, external_id.strip())
            # From here on it is a deployment that a person recorded: it is not known that ATR uploaded it.
            row.name, row.made_in = "", 0
            await transitions.deployment(write, row, _State.VALIDATING, by_person=True, reason=why)
            row.due_at = write.now
        else:
            await transitions.deployment(
                write, row, _State.FAILED, f"It never arrived: {why}", by_person=True, reason=why
            )

    async def _free_id(self, row: tables.Deployment, external_id: str) -> str:
        """Return the platform's id. Raises InputError if it is not valid, ConflictError if another row has it."""
        self._write.data.built.of(mechanisms.Mechanism[row.mechanism]).checked_external_id(external_id)
        if await queries.deployment_named(self._write.data, row.platform, external_id) is not None:
            raise errors.ConflictError(reasons.of("recorded-already", deployment=external_id))
        return external_id

    async def search(self, release_key: str, where: distribution.Coordinates) -> int:
        """Search the platform for deployments with these coordinates, and return the id of the search.

        The operator's account also sees what other committees staged, so coordinates outside the project's
        PlatformTarget are not searched for; of a deployment that also has packages outside it only the id is stored.

        The same request during a search returns that search. Raises UnsupportedError, ConflictError, BlockedError
        (outside the project's namespaces: then the platform is not asked).
        """
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        candidates.uploads_supported(write.data.built, where.platform)
        if release.phase is sql.ReleasePhase.RELEASE:
            raise errors.ConflictError(reasons.of("announced"))
        await embargo.demand_lifted(write.data, release.key)
        await requests.demand_inside(write, release, (where,))
        row = await self._open_search(release, where)
        if row is None:
            row = tables.DeploymentSearch(
                release_key=release.key,
                platform=where.platform_name,
                asked_by=write.asf_uid,
                asked_at=write.now,
                **where.columns,
            )
            write.data.add(row)
            await write.data.flush()
            await write.event_of(row, "deployment_searched", purl=where.purl)
        await write.enqueue(operating.TaskType.DISTRIBUTION_FIND, {"search_id": row.id}, release=release)
        return transaction.row_id(row.id)

    async def _open_search(
        self, release: sql.Release, where: distribution.Coordinates
    ) -> tables.DeploymentSearch | None:
        table = tables.DeploymentSearch
        wanted = sqlmodel.select(table).where(
            table.release_key == release.key,
            table.platform == where.platform_name,
            table.owner_namespace == where.owner_namespace,
            table.package == where.package,
            table.version == where.version,
            col(table.answered_at).is_(None),
            col(table.asked_at) > self._write.now - _PATIENCE,
        )
        return (await self._write.data.exec(wanted)).first()


class CommitteeMember(ReleaseManager):
    """What members of the committee may do in addition."""

    async def drop(self, deployment_id: int, reason: str) -> None:
        """Request the drop of a deployment, with a reason. The worker sends it.

        Raises ConflictError while a promotion of it is open, or a vote on it.
        """
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).drop)
        row.drop_reason, row.drop_by = transaction.checked_reason(reason), write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        await transitions.deployment(write, row, _State.DROPPING, reason=row.drop_reason)
        row.due_at = write.now

    async def keep_copy(self, deployment_id: int) -> None:
        """Have the worker read the staged files again, and keep a copy. Raises ConflictError if that is impossible."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).keep_copy)
        await ask_to_keep(write, row)
        await write.event_of(row, "copy_asked")

    async def forget_copy(self, deployment_id: int, reason: str) -> None:
        """Delete the copy of a deployment's files, with a reason; the sweep frees the blobs that no other copy needs.

        Raises ConflictError while the copy is needed: see `preconditions`.
        """
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        release = await transaction.load_release_for_update(write, row.release_key)
        reason = transaction.checked_reason(reason)
        transaction.demand((await preconditions.of(write, row)).forget_copy)
        copy = await write.data.get(tables.KeptCopy, (release.project_key, row.file_set_digest))
        await write.data.delete(copy)
        await write.data.flush()
        await write.event_of(row, "copy_forgotten", digest=row.file_set_digest, reason=reason)
        await ask_to_sweep(write, write.now)


async def ask_to_keep(write: transaction.Transaction, row: tables.Deployment) -> None:
    """Enqueue a copy of this deployment."""
    await write.enqueue(operating.TaskType.COPY_KEEP, {"deployment_id": row.id})


async def ask_to_keep_all(write: transaction.Transaction, project_key: str) -> None:
    """Enqueue a copy of every staged and captured deployment of a project."""
    row, release = tables.Deployment, sql.Release
    wanted = (
        sqlmodel.select(row)
        .join(release, col(release.key) == col(row.release_key))
        .where(
            release.project_key == project_key,
            row.state == states.DeploymentState.STAGED,
            col(row.file_set_digest).is_not(None),
        )
    )
    for deployment in (await write.data.exec(wanted)).all():
        await ask_to_keep(write, deployment)


async def ask_to_sweep(write: transaction.Transaction, at: datetime.datetime) -> None:
    """Enqueue a sweep of the blobs that no copy needs, not before this instant."""
    await write.enqueue(operating.TaskType.COPY_SWEEP, {"not_before": at.isoformat()}, scheduled=at)
