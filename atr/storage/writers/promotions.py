# SPDX-License-Identifier: Apache-2.0
"""What people decide about a promotion that was requested: stop it, compare again, continue, extend, accept."""

import dataclasses
import datetime
from collections.abc import Sequence

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.fileset as fileset
import atr.promotion.gates as gates
import atr.promotion.order as order
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words
import atr.storage.eligibility as eligibility
import atr.storage.observations as observations
import atr.storage.preconditions as preconditions
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.requests as requests

State = states.State


class CommitteeParticipant(transaction.Writer):
    """What every committer of the committee may do."""

    async def look_now(self, promotion_id: int) -> None:
        """Make the promotion due now. It changes nothing else."""
        row = await transaction.load_promotion_for_update(self._write, promotion_id)
        if row.due_at is not None:
            row.due_at = self._write.now

    async def look_at_deployment_now(self, deployment_id: int) -> None:
        """Make the deployment due now, and let a refused capture be tried again."""
        row = await transaction.load_deployment_for_update(self._write, deployment_id)
        if row.due_at is None:
            return
        if not (row.file_set_digest or (row.state in states.DEPLOYMENT_ENDED)):
            row.problem = ""
        row.due_at = self._write.now


class CommitteeMember(CommitteeParticipant):
    """What members of the committee may decide."""

    async def abort(self, promotion_id: int, reason: str) -> None:
        """Stop a promotion before any publish request: REQUESTED -> ABORTED."""
        row = await transaction.load_promotion_for_update(self._write, promotion_id)
        if row.state is not State.REQUESTED:
            raise errors.ConflictError(transaction.not_in(row.state, State.REQUESTED))
        unsure = (await row_views.of_promotion(self._write, row)).unsure
        if unsure and not preconditions.may_give_up(self._write, row, unsure=True):
            raise errors.ConflictError(reasons.of("may-be-sent"))
        await transitions.promotion(
            self._write, row, State.ABORTED, f"{self._write.asf_uid}: {transaction.checked_reason(reason)}"
        )

    async def stop(self, promotion_id: int, reason: str) -> None:
        """Stop a promotion after its publish request, if it is not too late: SENDING, IN_DOUBT -> ABORTING.

        In REQUESTED, for example after every request was refused, it is aborted at once. In ABORTING the drop is
        requested again, after the platform refused it. A request cannot be taken back, so the stop is another
        irreversible request, which the worker makes in the same way: with its own mark, every fact read again under the
        guards, on disk before the first byte is sent, sent once, the reply only a hint. Raises ConflictError.
        """
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        if row.state is State.REQUESTED:
            await self.abort(promotion_id, reason)
            return
        transaction.demand(preconditions.stop(row))
        why = transaction.checked_reason(reason)
        deployment = await queries.demand_deployment(write.data, row.deployment_id or 0, fresh=True)
        deployment.drop_reason, deployment.drop_by = why, write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        if row.state is State.ABORTING:
            row.held, row.blocker = False, ""
            row.version += 1
            await write.event_of(row, "promotion_stop_again", reason=why)
        else:
            await transitions.promotion(write, row, State.ABORTING, f"{write.asf_uid}: {why}")
        row.due_at = write.now

    async def check_again(self, promotion_id: int, reason: str) -> None:
        """Compare the public files again, after an incident was resolved: DIVERGED -> CHECKING."""
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        if row.state is not State.DIVERGED:
            raise errors.ConflictError(transaction.not_in(row.state, State.DIVERGED))
        await compare_again(write, row, f"{write.asf_uid}: {transaction.checked_reason(reason)}")

    async def give_up(self, promotion_id: int, reason: str) -> None:
        """Declare an IN_DOUBT promotion stopped, after a day in which every check found nothing public."""
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        why = f"{write.asf_uid}: {transaction.checked_reason(reason)}"
        if row.state is not State.IN_DOUBT:
            raise errors.ConflictError(transaction.not_in(row.state, State.IN_DOUBT))
        if not preconditions.may_give_up(write, row):
            raise errors.ConflictError(reasons.of("may-be-sent"))
        await transitions.promotion(write, row, State.ABORTED, why, by_person=True)

    async def extend(self, promotion_id: int, reason: str) -> None:
        """Extend the deadline of an open promotion to its full length from now."""
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        if row.state not in states.OPEN:
            raise errors.ConflictError(transaction.not_in(row.state, *sorted(states.OPEN)))
        why = transaction.checked_reason(reason)
        row.deadline = write.now + _deadline(write, row)
        row.due_at = write.now
        row.version += 1
        await write.event_of(row, "promotion_extended", reason=why, until=row.deadline.isoformat())

    async def send_again(self, promotion_id: int, reason: str) -> None:
        """Request another publish request in IN_DOUBT: first the files are verified and the gates evaluated again."""
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        if row.state is not State.IN_DOUBT:
            raise errors.ConflictError(transaction.not_in(row.state, State.IN_DOUBT))
        if row.by_hand:
            raise errors.ConflictError(reasons.of("by-hand"))
        why = transaction.checked_reason(reason)
        row.resend, row.due_at, row.requested_by = True, write.now, write.asf_uid
        row.asked_in = (await queries.site(write.data)).generation
        row.version += 1
        await write.event_of(row, "promotion_send_again", reason=why)

    async def prove_published(self, deployment_id: int) -> int:
        """Track a deployment that was published on the platform's own page, and return the promotion's id.

        Nothing is sent; the public files are compared with the ballot's.
        """
        write = self._write
        deployment = await transaction.load_deployment_for_update(write, deployment_id)
        cases = await eligibility.load(write.data, [deployment], write.asf_uid)
        transaction.demand((await preconditions.load(write, cases))[deployment_id].prove_published)
        case = cases[deployment_id]
        if deployment.file_set_digest is None:
            # Its files were never captured: only its own packages are compared, not all that was voted on.
            voted = await requests.voted_of_all(write, case.release, case.packages)
            if voted is not None:
                case = dataclasses.replace(
                    case, voted_digest=await queries.store_file_set(write.data, voted, write.now)
                )
        promotion = await requests.open_promotion(write, case, requested_by=write.asf_uid, by_hand=True)
        return transaction.row_id(promotion.id)

    async def accept(self, promotion_id: int, seen: str, reason: str) -> None:
        """Accept the extra files that were found, and compare again: DIVERGED -> CHECKING.

        They are known from then on, with these bytes; any other extra file makes it diverge again. `seen` is the digest
        of the files that the person saw. Raises ConflictError if others were found in the meantime.
        """
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        if (row.state is not states.State.DIVERGED) or not row.extra_files:
            raise errors.ConflictError(reasons.of("no-extra-files"))
        found = observations.files(row.extra_files)
        if fileset.FileSet.of(found).digest != seen:
            raise errors.ConflictError(reasons.of("stale", what="The extra files"))
        why = transaction.checked_reason(reason)
        told = {"reason": why, "by": write.asf_uid, "at": write.now.isoformat()}
        row.accepted_files = [*row.accepted_files, *({**observations.as_json(file), **told} for file in found)]
        await write.event_of(
            row, "extra_files_accepted", files=[observations.as_json(file) for file in found], reason=why
        )
        names = words.some([file.path for file in found])
        await compare_again(write, row, f"{write.asf_uid} accepted {names}: {why}")

    async def promote_all(
        self, release_key: str, asked: Sequence[order.Asked], *, stop_at_trouble: bool
    ) -> tuple[tables.Promotion, ...]:
        """Request the promotion of these deployments, one after the other in this order; all or none.

        The same person's identical second request returns the first promotions. Raises NotFoundError, ConflictError
        (which names what has changed, or who has reserved a package), BlockedError (gates).
        """
        write = self._write
        await transaction.load_release_for_update(write, release_key)
        if not asked:
            raise errors.ConflictError(reasons.of("nothing-ready"))
        cases = await self._cases(release_key, [one.deployment_id for one in asked])
        first = await self._asked_before(cases, asked)
        if first:
            return first
        coded = [_name(case) for case in cases if mechanisms.Mechanism[case.deployment.mechanism].needs_code]
        if coded:
            raise errors.ConflictError(reasons.of("needs-code", packages="; ".join(coded)))
        moved = [
            _name(case)
            for case, one in zip(cases, asked, strict=True)
            if (case.deployment.version, case.evidence_digest) != (one.row_version, one.evidence_digest)
        ]
        if moved:
            raise errors.ConflictError(reasons.of("stale", what="; ".join(moved)))
        transaction.demand_free(*(one.about(_name(case)) for case in cases for one in gates.blockers(case.facts)))
        opened: list[tables.Promotion] = []
        for case in cases:
            opened.append(
                await requests.open_promotion(
                    write,
                    case,
                    requested_by=write.asf_uid,
                    after=opened[-1] if opened else None,
                    stop_at_trouble=stop_at_trouble,
                )
            )
        return tuple(opened)

    async def go_on(self, promotion_id: int, reason: str) -> None:
        """Continue a promotion that another one's failure stopped, without that one, in the name of this person."""
        write = self._write
        row = await transaction.load_promotion_for_update(write, promotion_id)
        _, stopped_by = (await eligibility.turns_of(write.data, [row]))[row.id]
        if not stopped_by:
            raise errors.ConflictError(reasons.of("not-blocked"))
        why = transaction.checked_reason(reason)
        row.after_id, row.requested_by, row.due_at = None, write.asf_uid, write.now
        row.version += 1
        await write.event_of(row, "promotion_went_on", reason=why, without=stopped_by)

    async def _cases(self, release_key: str, numbers: Sequence[int]) -> list[eligibility.Case]:
        there = {row.id: row for row in await queries.deployments(self._write.data, release_key)}
        missing = next((number for number in numbers if number not in there), None)
        if missing is not None:
            raise errors.NotFoundError(f"This release has no deployment {missing}.")
        cases = await eligibility.load(self._write.data, [there[one] for one in numbers], self._write.asf_uid)
        return [cases[number] for number in numbers]

    async def _asked_before(
        self, cases: Sequence[eligibility.Case], asked: Sequence[order.Asked]
    ) -> tuple[tables.Promotion, ...]:
        """Return the promotions that an identical form of this person has opened already; empty if not all of them."""
        write = self._write
        held = await queries.promotions(
            write.data,
            col(tables.Promotion.deployment_id).in_([case.deployment.id for case in cases]),
            col(tables.Promotion.state).in_(list(states.HOLDING)),
        )
        by_deployment = {row.deployment_id: row for row in held}
        mine = [
            row
            for one in asked
            if (row := by_deployment.get(one.deployment_id)) is not None
            and (row.requested_by == write.asf_uid)
            and (row.evidence_digest == one.evidence_digest)
        ]
        if len(mine) < len(asked):
            return ()
        for row in mine:
            await write.event_of(row, "promotion_asked_twice")
        return tuple(mine)


async def compare_again(write: transaction.Transaction, row: tables.Promotion, why: str) -> None:
    """Have every public file read and compared again, as a person decided: DIVERGED -> CHECKING."""
    await transitions.promotion(write, row, State.CHECKING, why, by_person=True)
    row.difference, row.read_round, row.read_done = "", row.read_round + 1, 0
    row.deadline = write.now + _deadline(write, row)
    row.due_at = write.now


def _deadline(write: transaction.Transaction, row: tables.Promotion) -> datetime.timedelta:
    return datetime.timedelta(seconds=write.place.timing(row.mechanism).deadline)


def _name(case: eligibility.Case) -> str:
    return f"{distribution.in_one_line(case.packages)} on {case.platform.display_name}"
