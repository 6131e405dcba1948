# SPDX-License-Identifier: Apache-2.0
"""What the worker records about promotions and third-party distributions, fenced by the epoch of the claim."""

import dataclasses
import datetime
import itertools
import logging
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy
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
import atr.storage.names as names
import atr.storage.observations as observations
import atr.storage.row_views as row_views
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.writers.distributions as distributions

_LOG = logging.getLogger(__name__)
State = states.State
# The errors that reading a row may raise if another program wrote it. The database's own errors are not among them.
_BAD_ROW: Final = (errors.AtrError, AttributeError, LookupError, TypeError, ValueError)


class Promotions(transaction.Writer):
    """What the worker records about promotions."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Promotion]:
        """Claim the promotions that are due, of one lane or of all, oldest first.

        The lease of one that cannot be read, or that disagrees with its events, is ended: it does not stop the others.
        """
        write = self._write
        rows: Sequence[tables.Promotion] = await leased_rows.claim(
            write, leased_rows.Kind.PROMOTION, owner=owner, seconds=seconds, limit=limit, lane=lane
        )
        try:
            return await self._begun(rows)
        except _BAD_ROW:
            # One of them cannot be read; the others are read without it.
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
        """Return these rows as values for the worker, except those that are frozen."""
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

    async def progress(
        self, claimed: work.Promotion, side: tables.Side, done: Sequence[work.Read], count: int, total: int
    ) -> None:
        """Store files that were read in this round, and the progress."""
        row = await leased_rows.promotion(self._write, claimed)
        await observations.keep_reads(self._write, row.subject, side, claimed.round, done)
        row.read_done, row.read_total = count, total

    async def verified(self, claimed: work.Promotion, staged: fileset.FileSet) -> None:
        """Store a complete reading of the staged files."""
        row = await leased_rows.promotion(self._write, claimed)
        row.verified_digest = await queries.store_file_set(self._write.data, staged, self._write.now)
        row.verified_at = self._write.now
        # If another publish request is needed, the files are read and compared again first.
        row.read_round, row.read_done, row.read_total = row.read_round + 1, 0, 0
        await observations.forget_reads(self._write, row.subject)
        await self._write.event_of(
            row,
            "staged_files_read",
            files=len(staged.files),
            digest=staged.digest,
            equal=staged.digest == row.voted_digest,
        )

    async def answered(self, claimed: work.Promotion, permit: work.Permit, outcome: work.Outcome) -> work.Promotion:
        """Store the reply to a publish request or a drop, which is only a hint, and return the row as it is now."""
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
        wait = attempts.wait(history.publishes, self._write.place.timing(row.mechanism))
        if outcome.answer is steps.Answer.CHALLENGED:
            row.held = True
            row.blocker = (
                f"A code is wanted {attempts.quoted(outcome)}. A committee member promotes again with the "
                "one-time code that the platform asks for."
            )
        elif outcome.answer is steps.Answer.REFUSED:
            row.held = True
            # An earlier request without a clear answer may still have been accepted.
            every = history.publishes
            so = "" if any(one.answer not in steps.CERTAIN_NO for one in every) else " No publish request was accepted."
            row.blocker = (
                f"The platform refused the publish request {attempts.quoted(outcome)}.{so} Check the credential; a "
                "committee member can then promote again."
            )
        elif wait is not None:
            row.held, row.blocker = wait.is_over, wait.sentence("publish request")

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
            wait = attempts.wait(history.drops_since(row), self._write.place.timing(row.mechanism))
            row.held = wait is not None and wait.is_over
            row.blocker = wait.sentence("drop") if wait else ""

    async def looked(self, looks: Sequence[tuple[work.Promotion, work.Learnt]]) -> frozenset[int]:
        """Record checks without a transition, for many rows at once, and return the ids of rows whose lease was lost.

        It is what `settle` does for one row, with a fixed number of statements for all; nothing is written to a row
        whose lease another worker has.
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
        """Stop every unsent promotion whose release a host application has deleted, and return how many there were.

        One that was sent continues: what the platform makes public is compared and reported as usual.
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
    """End the lease of a row that disagrees with its events, and log an error for the operator."""
    extra = {"action": "row_disagrees", "promotion": row.id, "release": row.release_key}
    _LOG.error("promotion %s is frozen: %s", row.id, wrong, extra=extra)
    give_back(write, row)


def give_back(write: transaction.Transaction, row: tables.Promotion) -> None:
    """End the lease of a row without doing anything; it is checked again much later."""
    row.lease_until, row.due_at = None, row_views.later(write, write.place.plain.doubting)


def _work(
    row: tables.Promotion, loaded: row_views.Loaded, packages: tuple[distribution.Coordinates, ...]
) -> work.Promotion:
    return work.Promotion(
        id=transaction.row_id(row.id),
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


# The package, if it has no owner; else empty: an owner may have thousands of packages, and only the owner matters.
_UNOWNED: Any = sqlalchemy.case(
    (col(tables.PromotionTarget.owner_namespace) == "", col(tables.PromotionTarget.package)), else_=""
)


class Walls(transaction.Writer):
    """Frees packages that are reserved outside the namespaces of their project."""

    async def free(self) -> int:
        """End the reservation of every package outside its project's namespaces, and return how many there were.

        Namespaces change, and rows of older versions were never checked against them. The promotion keeps its state and
        is still polled. An event is added to its release, and to the releases that the package belongs to.
        """
        write = self._write
        if not await _held_outside(write):
            return 0
        # Namespaces are set, and requests are marked, under this guard too: what is read from here on cannot change.
        await guards.hold(write.data, guards.SITE)
        row, promotion, release = tables.PromotionTarget, tables.Promotion, sql.Release
        whose = sqlalchemy.tuple_(col(release.project_key), col(promotion.platform), col(row.owner_namespace), _UNOWNED)
        wanted = (
            sqlmodel.select(row, promotion, release.project_key)
            .join(promotion, col(promotion.id) == col(row.promotion_id))
            .join(release, col(release.key) == col(promotion.release_key))
            .where(col(row.holding), whose.in_(await _held_outside(write)))
            .order_by(col(row.promotion_id), col(row.purl))
            .execution_options(populate_existing=True)
        )
        found = (await write.data.exec(wanted)).all()
        for target, _, _ in found:
            target.holding = False
        await write.data.flush()
        told = []
        for number, group in itertools.groupby(found, key=lambda one: one[0].promotion_id):
            rows = list(group)
            _, held, project_key = rows[0]
            packages = [_coordinates(held.platform, target) for target, _, _ in rows]
            others = await self._releases_of(packages, project_key)
            news = {
                "purls": [package.purl for package in packages],
                "held_by": held.release_key,
                "project": project_key,
                "promotion": number,
            }
            told.append((held.release_key, f"promotion:{number}", news))
            told += [(chain, "release", news) for chain in others]
            if not others:
                told.append((audit.SITE, f"project:{project_key}", news))
        # All chains are locked at once: two transactions that lock them one by one could wait for each other.
        await guards.hold(write.data, *(guards.chain(chain) for chain, _, _ in told))
        for chain, subject, news in told:
            await write.event(chain, subject, "packages_freed", **news)
        return len(found)

    async def _releases_of(self, packages: Sequence[distribution.Coordinates], project_key: str) -> Sequence[str]:
        """Return the releases that have recorded one of these packages, of other projects that own its namespace."""
        row, release, owner = sql.Distribution, sql.Release, tables.PlatformTarget
        keys = sqlalchemy.tuple_(col(row.platform), col(row.owner_namespace), col(row.package), col(row.version))
        wanted = (
            sqlmodel.select(row, owner)
            .join(release, col(release.key) == col(row.release_key))
            .join(owner, (col(owner.project_key) == col(release.project_key)) & (col(owner.platform) == row.platform))
            .where(
                release.project_key != project_key,
                keys.in_([(one.platform_name, one.owner_namespace, one.package, one.version) for one in packages]),
            )
        )
        found = (await self._write.data.exec(wanted)).all()
        data = self._write.data
        return sorted(
            {one.release_key for one, target in found if not names.outside(data.built, [one.coordinates], target)}
        )


def _coordinates(platform: str, row: tables.PromotionTarget) -> distribution.Coordinates:
    return distribution.Coordinates(platform, row.owner_namespace, row.package, row.version)


async def _held_outside(read: transaction.Transaction) -> list[tuple[str, str, str, str]]:
    """Return (project, platform, owner, package if it has none) of reservations outside the project's namespaces."""
    row, promotion, release = tables.PromotionTarget, tables.Promotion, sql.Release
    wanted = (
        sqlmodel.select(release.project_key, promotion.platform, row.owner_namespace, _UNOWNED)
        .join(promotion, col(promotion.id) == col(row.promotion_id))
        .join(release, col(release.key) == col(promotion.release_key))
        .where(col(row.holding))
        .distinct()
    )
    held = (await read.data.exec(wanted)).all()
    targets = (await read.data.exec(sqlmodel.select(tables.PlatformTarget))).all() if held else ()
    allowed = {(target.project_key, target.platform): tuple(target.namespaces) for target in targets}
    return [
        (project_key, platform, owner, package)
        for project_key, platform, owner, package in held
        if read.data.built.outside(
            [distribution.Coordinates(platform, owner, package, "")], allowed.get((project_key, platform), ())
        )
    ]


class Distributions:
    """The two methods of `writers/distributions.py` that raise unless the service acts."""

    def __init__(self, write: transaction.Transaction) -> None:
        member = distributions.CommitteeMember(write)
        self.record_from_data = member.record_from_data
        self.settle = member.settle


class Pending(transaction.Writer):
    """The worker's claim on pending third-party distributions."""

    async def claim(
        self, *, owner: str, seconds: float, limit: int, lane: lanes.Lane | None = None
    ) -> Sequence[work.Distribution]:
        """Claim the pending rows that are due, of one lane or of all, oldest first."""
        claimed: Sequence[sql.Distribution] = await leased_rows.claim(
            self._write, leased_rows.Kind.DISTRIBUTION, owner=owner, seconds=seconds, limit=limit, lane=lane
        )
        return [
            work.Distribution(
                epoch=row.lease_epoch,
                release_key=row.release_key,
                coordinates=row.coordinates,
                staging=row.staging,
                retries=row.retries,
            )
            for row in claimed
        ]

    async def postpone(self, platform: distribution.DistributionPlatform, until: datetime.datetime) -> None:
        """Postpone all rows of a platform that asked ATR to wait: none is checked before this instant."""
        row = sql.Distribution
        statement = (
            sqlalchemy.update(row)
            .where(col(row.platform) == platform.name, col(row.due_at) < until)
            .values(due_at=until)
            .execution_options(synchronize_session=False)
        )
        await self._write.data.exec(statement)
