# SPDX-License-Identifier: Apache-2.0
"""Promote all: several promotions asked for at once, each after the one before; and what follows when one moves."""

from collections.abc import Sequence

from sqlmodel import col

import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.gates as gates
import atr.promotion.order as order
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.eligibility as eligibility
import atr.storage.transaction as transaction
import atr.storage.writers.own as own
import atr.storage.writers.requests as requests
import atr.storage.writers.rows as rows


class CommitteeMember:
    """What members of the committee may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def promote_all(
        self, release_key: str, asked: Sequence[order.Asked], *, stop_at_trouble: bool
    ) -> tuple[tables.Promotion, ...]:
        """Ask for these deployments to be made public, one after the other in this order; all or none.

        The same person's identical second call answers the first promotions. Raises NotFoundError, ConflictError
        (naming what moved, or who holds a package), BlockedError (gates).
        """
        write = self._write
        await own.release(write, release_key)
        if not asked:
            raise errors.ConflictError("No deployment is ready to be promoted. Nothing was requested.")
        cases = [await self._case(release_key, one.deployment_id) for one in asked]
        first = await self._asked_before(cases, asked)
        if first:
            return first
        moved = [
            _name(case)
            for case, one in zip(cases, asked, strict=True)
            if (case.deployment.version, case.evidence_digest) != (one.row_version, one.evidence_digest)
        ]
        if moved:
            raise errors.ConflictError(
                f"These have changed since you opened the page: {'; '.join(moved)}. Nothing was requested. Review "
                "the page and try again."
            )
        reasons = [f"{_name(case)}: {blocker.sentence}" for case in cases for blocker in gates.blockers(case.facts)]
        if reasons:
            raise errors.BlockedError(reasons)
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
        """Let a promotion that another one's trouble stopped have its turn without that one; it is theirs now."""
        write = self._write
        row = await own.promotion(write, promotion_id)
        _, stopped_by = (await eligibility.turns_of(write.data, [row]))[row.id]
        if not stopped_by:
            raise errors.ConflictError("No failure of another promotion blocks it.")
        why = rows.checked_reason(reason)
        row.after_id, row.requested_by, row.due_at = None, write.asf_uid, write.now
        row.version += 1
        await write.event(row.release_key, f"promotion:{row.id}", "promotion_went_on", reason=why, without=stopped_by)

    async def _case(self, release_key: str, deployment_id: int) -> eligibility.Case:
        deployment = await own.deployment(self._write, deployment_id)
        if deployment.release_key != release_key:
            raise errors.NotFoundError(f"This release has no deployment {deployment_id}.")
        return await eligibility.one(self._write.data, deployment, self._write.asf_uid)

    async def _asked_before(
        self, cases: Sequence[eligibility.Case], asked: Sequence[order.Asked]
    ) -> tuple[tables.Promotion, ...]:
        """The promotions that this very form has opened already, if it has."""
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
            await write.event(row.release_key, f"promotion:{row.id}", "promotion_asked_twice")
        return tuple(mine)


async def moved(write: transaction.Transaction, row: tables.Promotion) -> None:
    """A promotion moved: those behind it that are still asked for are looked at now, or learn what stopped them."""
    behind = await queries.promotions(
        write.data,
        col(tables.Promotion.after_id) == row.id,
        col(tables.Promotion.state) == states.State.REQUESTED,
    )
    for follower in behind:
        turn = order.turn(row.state, stop_at_trouble=follower.stop_at_trouble)
        if turn is order.Turn.WAITS:
            continue
        follower.due_at = write.now
        if turn is order.Turn.STOPPED:
            _, stopped_by = (await eligibility.turns_of(write.data, [follower]))[follower.id]
            await write.event(follower.release_key, f"promotion:{follower.id}", "promotion_stopped", by=stopped_by)


def _name(case: eligibility.Case) -> str:
    return f"{distribution.in_one_line(case.packages)} on {case.platform.display_name}"
