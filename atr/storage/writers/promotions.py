# SPDX-License-Identifier: Apache-2.0
"""Promotions: what people may still decide, and the worker's claim, mark and answer."""

import dataclasses
import datetime

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.eligibility as eligibility
import atr.storage.preconditions as preconditions
import atr.storage.transaction as transaction
import atr.storage.writers.moves as moves
import atr.storage.writers.own as own
import atr.storage.writers.requests as requests
import atr.storage.writers.rows as rows
import atr.storage.writers.stops as stops

State = states.State


class CommitteeParticipant:
    """What every committer of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def look_now(self, promotion_id: int) -> None:
        """Make the row due now. It changes nothing else."""
        row = await own.promotion(self._write, promotion_id)
        if row.due_at is not None:
            row.due_at = self._write.now

    async def look_at_deployment_now(self, deployment_id: int) -> None:
        """Make the deployment due now, and let a refused capture be tried again."""
        row = await own.deployment(self._write, deployment_id)
        if row.due_at is None:
            return
        if not (row.file_set_digest or (row.state in states.DEPLOYMENT_ENDED)):
            row.problem = ""
        row.due_at = self._write.now


class CommitteeMember:
    """What members of the committee may decide."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def abort(self, promotion_id: int, reason: str) -> None:
        """Stop a promotion before any call: REQUESTED -> ABORTED."""
        row = await own.promotion(self._write, promotion_id)
        if row.state is not State.REQUESTED:
            raise errors.ConflictError(
                f"It is {row.state.value}: a publish request was sent or is being sent, so it cannot be stopped here."
            )
        unsure = await rows.is_unsure(self._write, row)
        if unsure and not preconditions.may_give_up(self._write, row, unsure=True):
            raise errors.ConflictError(
                "The database was restored from a backup that may lack a publish request. The promotion can be "
                "stopped after 24 hours in which no check found published files; or promote again."
            )
        await moves.promotion(self._write, row, State.ABORTED, f"{self._write.asf_uid}: {rows.checked_reason(reason)}")

    async def stop(self, promotion_id: int, reason: str) -> None:
        """Stop a promotion after a call, if it is not too late: SENDING, IN_DOUBT -> ABORTING. The worker finds out.

        One whose every call was refused meanwhile is stopped as before a call.
        """
        row = await own.promotion(self._write, promotion_id)
        if row.state is State.REQUESTED:
            await self.abort(promotion_id, reason)
            return
        await stops.ask(self._write, row, reason)

    async def check_again(self, promotion_id: int, reason: str) -> None:
        """After an incident was dealt with: compare the public files once more. DIVERGED -> CHECKING."""
        write = self._write
        row = await own.promotion(write, promotion_id)
        if row.state is not State.DIVERGED:
            raise errors.ConflictError(
                f"It is {row.state.value}; only a diverged promotion can be compared again by a person."
            )
        await compare_again(write, row, f"{write.asf_uid}: {rows.checked_reason(reason)}")

    async def give_up(self, promotion_id: int, reason: str) -> None:
        """Call an IN_DOUBT promotion stopped, after a day in which every look said that nothing is public."""
        write = self._write
        row = await own.promotion(write, promotion_id)
        why = f"{write.asf_uid}: {rows.checked_reason(reason)}"
        if row.state is not State.IN_DOUBT:
            raise errors.ConflictError(f"It is {row.state.value}; only one in doubt can be marked as cancelled.")
        if not preconditions.may_give_up(write, row):
            raise errors.ConflictError(
                "It can be marked as cancelled only after 24 hours in which no check found published files."
            )
        await moves.promotion(write, row, State.ABORTED, why, by_person=True)

    async def extend(self, promotion_id: int, reason: str) -> None:
        """Give an open promotion another deadline's length from now."""
        write = self._write
        row = await own.promotion(write, promotion_id)
        if row.state not in states.OPEN:
            raise errors.ConflictError(f"It is {row.state.value}, so its deadline cannot be extended.")
        why = rows.checked_reason(reason)
        row.deadline = write.now + _deadline(write, row)
        row.due_at = write.now
        row.version += 1
        await write.event(
            row.release_key, f"promotion:{row.id}", "promotion_extended", reason=why, until=row.deadline.isoformat()
        )

    async def send_again(self, promotion_id: int, reason: str) -> None:
        """From IN_DOUBT, ask for one more call: the files are proved again first, and every gate with them."""
        write = self._write
        row = await own.promotion(write, promotion_id)
        if row.state is not State.IN_DOUBT:
            raise errors.ConflictError(
                f"It is {row.state.value}; only a promotion in doubt can be sent again by a person."
            )
        if row.by_hand:
            raise errors.ConflictError("It was published by hand and is only tracked, so nothing is sent for it.")
        why = rows.checked_reason(reason)
        row.resend, row.due_at, row.requested_by = True, write.now, write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        row.version += 1
        await write.event(row.release_key, f"promotion:{row.id}", "promotion_send_again", reason=why)

    async def prove_published(self, deployment_id: int) -> int:
        """Track a deployment that somebody published on the platform's own page, and answer the promotion's number.

        Nothing is sent; the public files are compared with the ballot's.
        """
        write = self._write
        deployment = await own.deployment(write, deployment_id)
        cases = await eligibility.load(write.data, [deployment], write.asf_uid)
        why_not = (await preconditions.load(write, cases))[deployment_id].prove_published
        if why_not:
            raise errors.ConflictError(why_not)
        case = cases[deployment_id]
        if deployment.file_set_digest is None:
            # Nobody has read what it held: its own packages are compared, and not all that was voted on.
            voted = await requests.voted_of_all(write, case.release, case.packages)
            if voted is not None:
                case = dataclasses.replace(
                    case, voted_digest=await queries.store_file_set(write.data, voted, write.now)
                )
        promotion = await requests.open_promotion(write, case, requested_by=write.asf_uid, by_hand=True)
        return rows.number(promotion.id)


async def compare_again(write: transaction.Transaction, row: tables.Promotion, why: str) -> None:
    """Read and compare every public file once more, as a person decided: DIVERGED -> CHECKING."""
    await moves.promotion(write, row, State.CHECKING, why, by_person=True)
    row.difference, row.read_round, row.read_done = "", row.read_round + 1, 0
    row.deadline = write.now + _deadline(write, row)
    row.due_at = write.now


def _deadline(write: transaction.Transaction, row: tables.Promotion) -> datetime.timedelta:
    return datetime.timedelta(seconds=write.place.timing(row.mechanism).deadline)
