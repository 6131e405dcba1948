# SPDX-License-Identifier: Apache-2.0
"""What people ask for deployments: a ballot without them, a drop, another reading, a copy of their files.

Another reading (Verify now) changes nothing but what pages show; the gates read the bytes themselves before a call.
A copy is its row, written in a transaction that saw every blob on the disk; blobs are removed in transactions that saw
no row that needs them. Both hold the store's guard, so neither can pass the other.
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
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.candidates as candidates
import atr.storage.embargo as embargo
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.requests as requests

_State = states.DeploymentState
# A search that was not answered by then is asked for anew.
_PATIENCE: Final = datetime.timedelta(minutes=10)


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def verify(self, deployment_id: int) -> None:
        """Have the staged files read again. Asking while they are read changes nothing. Raises ConflictError."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).verify)
        if not row.is_verifying:
            row.verify_asked_by, row.verify_asked_at = write.asf_uid, write.now
            row.verified_at, row.verified_digest, row.verify_problem = None, None, ""
            await write.event_of(row, "verify_asked")
        release = await queries.demand_release(write.data, row.release_key)
        # Should an earlier task have been given up, this is the one that goes on with it.
        await write.enqueue(operating.TaskType.DISTRIBUTION_VERIFY, {"deployment_id": deployment_id}, release=release)


class ReleaseManager(CommitteeParticipant):
    """What release managers may do: what the next vote is about, and what became of an upload."""

    async def take_off_ballot(self, deployment_id: int, reason: str) -> None:
        """Open the next vote without this deployment, with a reason."""
        write = self._write
        row = await self._before_vote(deployment_id)
        row.off_ballot = transaction.checked_reason(reason)
        row.version += 1
        await write.event_of(row, "deployment_off_ballot", reason=row.off_ballot)

    async def put_on_ballot(self, deployment_id: int) -> None:
        """Have the next vote be about this deployment again."""
        row = await self._before_vote(deployment_id)
        if not row.off_ballot:
            return
        row.off_ballot = ""
        row.version += 1
        await self._write.event_of(row, "deployment_on_ballot")

    async def _before_vote(self, deployment_id: int) -> tables.Deployment:
        """The deployment, while the next ballot may change. Raises ConflictError."""
        row = await transaction.load_deployment_for_update(self._write, deployment_id)
        release = await transaction.load_release_for_update(self._write, row.release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            raise errors.ConflictError("The ballot is fixed once the vote is open.")
        return row

    async def settle_lost(self, deployment_id: int, external_id: str, reason: str) -> None:
        """Say what became of an upload that got no answer: the platform's id of it, or (empty) it never arrived."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        if row.state is not _State.LOST:
            raise errors.ConflictError(f"It is {row.state.value}; only a lost upload can be resolved by a person.")
        why = transaction.checked_reason(reason)
        if external_id.strip():
            row.external_id = await self._free_id(row, external_id.strip())
            # From here on it is what a person recorded, and no more known to be ours than that.
            row.name, row.made_in = "", 0
            await transitions.deployment(write, row, _State.VALIDATING, by_person=True, reason=why)
            row.due_at = write.now
        else:
            await transitions.deployment(
                write, row, _State.FAILED, f"It never arrived: {why}", by_person=True, reason=why
            )

    async def _free_id(self, row: tables.Deployment, external_id: str) -> str:
        """The platform's id, if no other row has it. Raises InputError, ConflictError."""
        self._write.data.built.of(mechanisms.Mechanism[row.mechanism]).checked_external_id(external_id)
        if await queries.deployment_named(self._write.data, row.platform, external_id) is not None:
            raise errors.ConflictError(f"Deployment {external_id} is already recorded, so it cannot be this one.")
        return external_id

    async def search(self, release_key: str, where: distribution.Coordinates) -> int:
        """Have the platform asked which deployments hold these coordinates; answers the search's number.

        The account of the operator sees what other committees staged too, so nothing is asked for coordinates outside
        the project's PlatformTarget; of a deployment that also holds packages outside it only the id is kept.

        Asking for the same while it is looked for is one search. Raises UnsupportedError, ConflictError, BlockedError
        (outside the names that belong to the project: then nothing is asked).
        """
        write = self._write
        release = await transaction.load_release_for_update(write, release_key)
        candidates.uploads_supported(write.data.built, where.platform)
        if release.phase is sql.ReleasePhase.RELEASE:
            raise errors.ConflictError("This release was announced, so nothing can be staged for it.")
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
    """What members of the committee may do besides."""

    async def drop(self, deployment_id: int, reason: str) -> None:
        """Ask for a deployment to be given up, with a reason. The worker does it.

        Raises ConflictError while a promotion of it or its ballot is open.
        """
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).drop)
        row.drop_reason, row.drop_by = transaction.checked_reason(reason), write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        await transitions.deployment(write, row, _State.DROPPING, reason=row.drop_reason)
        row.due_at = write.now

    async def keep_copy(self, deployment_id: int) -> None:
        """Have the worker read the staged files once more, and keep them. Raises ConflictError with why not."""
        write = self._write
        row = await transaction.load_deployment_for_update(write, deployment_id)
        transaction.demand((await preconditions.of(write, row)).keep_copy)
        await ask_to_keep(write, row)
        await write.event_of(row, "copy_asked")

    async def forget_copy(self, deployment_id: int, reason: str) -> None:
        """Give up the copy of a deployment's files, with a reason; the sweep frees what no other copy needs.

        Raises ConflictError while somebody needs it: see `preconditions`.
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
    """Ask the worker for a copy of this deployment."""
    await write.enqueue(operating.TaskType.COPY_KEEP, {"deployment_id": row.id})


async def ask_to_keep_all(write: transaction.Transaction, project_key: str) -> None:
    """Ask for copies of everything of a project that is staged and captured."""
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
    """Ask the worker to free what no copy needs, not before this instant."""
    await write.enqueue(operating.TaskType.COPY_SWEEP, {"not_before": at.isoformat()}, scheduled=at)
