# SPDX-License-Identifier: Apache-2.0
"""What the worker notes of promotions: claimed, read, answered. Every write is fenced by the epoch of the claim."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage.attempts as attempts
import atr.storage.audit as audit
import atr.storage.lanes as lanes
import atr.storage.leased_rows as leased_rows
import atr.storage.observations as observations
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writer as writers

_LOG = logging.getLogger(__name__)
State = states.State
# What a row that nothing of ours wrote may raise when it is read. A database's own errors are not among them.
_BAD_ROW: Final = (errors.AtrError, AttributeError, LookupError, TypeError, ValueError)


class Promotions(writers.Writer):
    """What the worker notes of promotions."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Promotion]:
        """Take the promotions that are due, of one lane or of all, oldest first.

        One that cannot be read, or that disagrees with its events, is given back: it stops no other.
        """
        write = self._write
        rows: Sequence[tables.Promotion] = await leased_rows.claim(
            write, leased_rows.Kind.PROMOTION, owner=owner, seconds=seconds, limit=limit, lane=lane
        )
        try:
            return await self._begun(rows)
        except _BAD_ROW:
            # One of them; the others are read without it.
            return [found for row in rows for found in await self._begun_alone(row)]

    async def _begun_alone(self, row: tables.Promotion) -> Sequence[work.Promotion]:
        try:
            return await self._begun([row])
        except _BAD_ROW:
            extra = {"action": "bad_row", "promotion": row.id, "release": row.release_key}
            _LOG.exception("promotion %s cannot be read", row.id, extra=extra)
            give_back(self._write, row)
            return ()

    async def _begun(self, rows: Sequence[tables.Promotion]) -> Sequence[work.Promotion]:
        """What is to be done with these rows, but for those that are frozen."""
        if not rows:
            return []
        loaded = await row_views.load(self._write, rows)
        packages = await queries.targets_of(self._write.data, rows)
        calls = {row.id: len(loaded[row.id or 0].attempts.publishes) for row in rows}
        wrong = await audit.disagreements(self._write.data, rows, calls)
        for row in rows:
            if wrong[row.id]:
                freeze(self._write, row, wrong[row.id])
        return [_work(row, loaded[row.id or 0], packages[row.id]) for row in rows if not wrong[row.id]]

    async def renew(self, claimed: work.Promotion, *, seconds: float) -> None:
        """Hold it longer. Raises LeaseLostError when somebody else does."""
        await leased_rows.renew(self._write, claimed, seconds=seconds)

    async def progress(
        self, claimed: work.Promotion, side: tables.Side, done: Sequence[work.Read], count: int, total: int
    ) -> None:
        """Keep files that were read in this round, and how far we are."""
        row = await leased_rows.promotion(self._write, claimed)
        await observations.keep_reads(self._write, f"promotion:{row.id}", side, claimed.round, done)
        row.read_done, row.read_total = count, total

    async def verified(self, claimed: work.Promotion, staged: fileset.FileSet) -> None:
        """Store a complete reading of the staged files."""
        row = await leased_rows.promotion(self._write, claimed)
        row.verified_digest = await queries.store_file_set(self._write.data, staged, self._write.now)
        row.verified_at = self._write.now
        # The next proof, should another call be needed, reads every byte again.
        row.read_round, row.read_done, row.read_total = row.read_round + 1, 0, 0
        await observations.forget_reads(self._write, f"promotion:{row.id}")
        await self._write.event(
            row.release_key,
            f"promotion:{row.id}",
            "staged_files_read",
            files=len(staged.files),
            digest=staged.digest,
            equal=staged.digest == row.voted_digest,
        )

    async def answered(self, claimed: work.Promotion, permit: work.Permit, outcome: work.Outcome) -> work.Promotion:
        """Store what came back from a call or a drop, a hint, and answer the row as it is now."""
        write = self._write
        row = await leased_rows.promotion(write, claimed)
        kind = await attempts.answer(write, row, permit, outcome)
        loaded = (await row_views.load(write, [row]))[claimed.id]
        history = loaded.attempts
        if (kind is tables.AttemptKind.DROP) and (row.state is State.ABORTING):
            self._after_drop(row, history, outcome)
        elif (kind is tables.AttemptKind.PUBLISH) and (row.state is not State.ABORTING):
            self._after_call(row, history, outcome)
        loaded = dataclasses.replace(loaded, view=dataclasses.replace(loaded.view, held=loaded.view.held or row.held))
        return _work(row, loaded, (await queries.targets_of(write.data, [row]))[claimed.id])

    def _after_call(self, row: tables.Promotion, history: attempts.History, outcome: work.Outcome) -> None:
        wait = attempts.wait(history.publishes, _timing(self._write, row))
        if outcome.answer is steps.Answer.CHALLENGED:
            row.held = True
            row.blocker = (
                f"A code is wanted {attempts.quoted(outcome)}. A committee member promotes again with the "
                "one-time code that the platform asks for."
            )
        elif outcome.answer is steps.Answer.REFUSED:
            row.held = True
            # An earlier call without a clear answer may still have been taken.
            every = history.publishes
            so = "" if any(one.answer not in steps.CERTAIN_NO for one in every) else " No publish request was accepted."
            row.blocker = (
                f"The platform refused the publish request {attempts.quoted(outcome)}.{so} Check the credential; a "
                "committee member can then promote again."
            )
        elif wait is not None:
            row.held, row.blocker = wait.is_over, wait.sentence("call")

    def _after_drop(self, row: tables.Promotion, history: attempts.History, outcome: work.Outcome) -> None:
        if outcome.answer is steps.Answer.CHALLENGED:
            row.held, row.blocker = True, f"A code is wanted before it is dropped {attempts.quoted(outcome)}."
        elif outcome.answer is steps.Answer.REFUSED:
            row.held = True
            row.blocker = (
                f"The platform refused to drop it {attempts.quoted(outcome)}. It may still be published. If it stays "
                "staged, check the credential; a committee member can then request the stop again."
            )
        elif outcome.answer is steps.Answer.LIMITED:
            wait = attempts.wait(history.drops_since(row), _timing(self._write, row))
            row.held = wait is not None and wait.is_over
            row.blocker = wait.sentence("drop") if wait else ""

    async def looked(self, looks: Sequence[tuple[work.Promotion, work.Learnt]]) -> frozenset[int]:
        """Note looks that draw no arrow, many at once, and answer the numbers of those rows that are not ours any more.

        It is what `settle` does with one of them, with as many statements for all; nothing is written of a row whose
        lease somebody else has.
        """
        write = self._write
        await guards.hold(write.data, *(guards.release(claimed.release_key) for claimed, _ in looks))
        row = tables.Promotion
        wanted = sqlmodel.select(row).where(col(row.id).in_([claimed.id for claimed, _ in looks])).order_by(col(row.id))
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
        there = {one.id: one for one in (await write.data.exec(wanted)).all()}
        held = [
            (there[claimed.id], learnt)
            for claimed, learnt in looks
            if (claimed.id in there) and (there[claimed.id].lease_epoch == claimed.epoch)
        ]
        for one, learnt in held:
            await observations.note(write, one, learnt)
        views = await row_views.resting(write, [one for one, _ in held])
        for one, learnt in held:
            observations.rest(one, views[one.id or 0], learnt)
        return frozenset(claimed.id for claimed, _ in looks) - {one.id or 0 for one, _ in held}

    async def abort_deleted(self) -> int:
        """Stop every promotion that waits and whose release a host has deleted, and answer how many those were.

        What was sent goes on: what the platform makes public is compared and told as ever.
        """
        write, row = self._write, tables.Promotion
        there = sqlmodel.select(sql.Release.key).where(col(sql.Release.key) == col(row.release_key)).exists()
        waiting = (col(row.state) == State.REQUESTED, ~there)
        found = await queries.promotions(write.data, *waiting)
        await guards.hold(write.data, *(guards.release(one.release_key) for one in found))
        for one in await queries.promotions(write.data, *waiting) if found else ():
            await transitions.promotion(write, one, State.ABORTED, f"{attempts.DELETED} Nothing was sent.")
        return len(found)


def freeze(write: transaction.Transaction, row: tables.Promotion, wrong: str) -> None:
    """Give a row that disagrees with its events back as it is, and tell the operator."""
    extra = {"action": "row_disagrees", "promotion": row.id, "release": row.release_key}
    _LOG.error("promotion %s is frozen: %s", row.id, wrong, extra=extra)
    give_back(write, row)


def give_back(write: transaction.Transaction, row: tables.Promotion) -> None:
    """Nothing is done with it now; it is looked at much later."""
    row.lease_until, row.due_at = None, row_views.later(write, write.place.plain.doubting)


def _timing(write: transaction.Transaction, row: tables.Promotion) -> steps.Timing:
    return write.place.timing(row.mechanism)


def _work(
    row: tables.Promotion, loaded: row_views.Loaded, packages: tuple[distribution.Coordinates, ...]
) -> work.Promotion:
    return work.Promotion(
        id=writers.row_id(row.id),
        epoch=row.lease_epoch,
        release_key=row.release_key,
        platform=distribution.DistributionPlatform[row.platform],
        deployment_id=row.deployment_id,
        external_id=(loaded.deployment.external_id or "") if loaded.deployment else "",
        packages=packages,
        view=loaded.view,
        voted_digest=row.voted_digest,
        round=row.read_round,
        kept=row.read_done > 0,
        difference=row.difference,
        memory=observations.beside_memory(row),
    )
