# SPDX-License-Identifier: Apache-2.0
"""Deployments: what people ask of them, and what the worker learns of them."""

import sqlmodel

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.mechanisms as mechanisms
import atr.storage.preconditions as preconditions
import atr.storage.transitions as transitions
import atr.storage.writer as writers
import atr.storage.writers.owned as owned

_State = states.DeploymentState


class ReleaseManager(writers.Writer):
    """What release managers may do: what the next vote is about, and what became of an upload."""

    async def take_off_ballot(self, deployment_id: int, reason: str) -> None:
        """Open the next vote without this deployment, with a reason."""
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        release = await owned.load_release_for_update(write, row.release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            raise errors.ConflictError("The ballot is fixed once the vote is open.")
        row.off_ballot = writers.checked_reason(reason)
        row.version += 1
        await write.event(row.release_key, f"deployment:{row.id}", "deployment_off_ballot", reason=row.off_ballot)

    async def put_on_ballot(self, deployment_id: int) -> None:
        """Have the next vote be about this deployment again."""
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        release = await owned.load_release_for_update(write, row.release_key)
        if release.phase is not sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT:
            raise errors.ConflictError("The ballot is fixed once the vote is open.")
        if not row.off_ballot:
            return
        row.off_ballot = ""
        row.version += 1
        await write.event(row.release_key, f"deployment:{row.id}", "deployment_on_ballot")

    async def settle_lost(self, deployment_id: int, external_id: str, reason: str) -> None:
        """Say what became of an upload that got no answer: the platform's id of it, or (empty) it never arrived."""
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        if row.state is not _State.LOST:
            raise errors.ConflictError(f"It is {row.state.value}; only a lost upload can be resolved by a person.")
        why = writers.checked_reason(reason)
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
        wanted = sqlmodel.select(tables.Deployment).where(
            tables.Deployment.platform == row.platform, tables.Deployment.external_id == external_id
        )
        if (await self._write.data.exec(wanted)).first() is not None:
            raise errors.ConflictError(f"Deployment {external_id} is already recorded, so it cannot be this one.")
        return external_id


class CommitteeMember(ReleaseManager):
    """What members of the committee may do besides."""

    async def drop(self, deployment_id: int, reason: str) -> None:
        """Ask for a deployment to be given up, with a reason. The worker does it.

        Raises ConflictError while a promotion of it or its ballot is open.
        """
        write = self._write
        row = await owned.load_deployment_for_update(write, deployment_id)
        why_not = (await preconditions.of(write, row)).drop
        if why_not:
            raise errors.ConflictError(why_not)
        row.drop_reason, row.drop_by = writers.checked_reason(reason), write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        await transitions.deployment(write, row, _State.DROPPING, reason=row.drop_reason)
        row.due_at = write.now
