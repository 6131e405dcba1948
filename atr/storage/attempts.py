# SPDX-License-Identifier: Apache-2.0
"""Irreversible requests: the mark before each one, its reply, and what earlier ones mean for the next.

A mark is one transaction: it locks every scope in which a fact that the gates read may change, the gates are evaluated
at that instant, and the attempt is on disk, with its event, before the first byte of the request is sent.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.steps as steps
import atr.promotion.timing as timing
import atr.reasons as reasons
import atr.storage.transaction as transaction

# Why nothing is sent for a release that a host application has deleted.
DELETED: Final = reasons.of("release-deleted")


@dataclasses.dataclass(frozen=True)
class History:
    """The attempts of one promotion or of one deployment, oldest first."""

    every: tuple[tables.Attempt, ...] = ()

    @property
    def publishes(self) -> Sequence[tables.Attempt]:
        """The publish requests."""
        return self._of(tables.AttemptKind.PUBLISH)

    @property
    def uploads(self) -> Sequence[tables.Attempt]:
        """The uploads."""
        return self._of(tables.AttemptKind.UPLOAD)

    @property
    def drops(self) -> Sequence[tables.Attempt]:
        """The drops, of the deployment and of its promotions."""
        return self._of(tables.AttemptKind.DROP)

    @property
    def drop_was_taken(self) -> bool:
        """Whether the platform has ever answered that it dropped the deployment."""
        return any(one.answer is steps.Answer.TAKEN for one in self.drops)

    def drops_since(self, row: tables.Promotion | tables.Deployment) -> Sequence[tables.Attempt]:
        """Return the drops since the row entered its state: a drop that is requested again is a new request."""
        return [one for one in self.drops if one.marked_at >= row.entered_at]

    def _of(self, kind: tables.AttemptKind) -> Sequence[tables.Attempt]:
        return [one for one in self.every if one.kind is kind]


async def of_promotions(read: transaction.Transaction, ids: Iterable[int | None]) -> Mapping[int, History]:
    """Return the attempts of these promotions, by id."""
    return await _histories(read, "promotion_id", ids)


async def of_deployments(read: transaction.Transaction, ids: Iterable[int | None]) -> Mapping[int, History]:
    """Return the attempts of these deployments, by id, including those of their promotions."""
    return await _histories(read, "deployment_id", ids)


async def _histories(read: transaction.Transaction, column: str, ids: Iterable[int | None]) -> Mapping[int, History]:
    found: dict[int, list[tables.Attempt]] = {number: [] for number in ids if number is not None}
    for one in await queries.attempts(read.data, col(getattr(tables.Attempt, column)).in_(list(found))):
        found[getattr(one, column)].append(one)
    return {number: History(tuple(several)) for number, several in found.items()}


async def of_deployment(read: transaction.Transaction, row: tables.Deployment) -> History:
    """Return the attempts of one deployment."""
    return (await of_deployments(read, [row.id]))[row.id or 0]


def wait(attempts: Sequence[tables.Attempt], table: timing.Timing) -> timing.Wait | None:
    """Return the wait after the replies to requests of one kind, oldest first; None unless the last is a 429."""
    return timing.wait(
        (timing.Reply(one.answer, one.answered_at or one.marked_at, one.retry_after, one.sample) for one in attempts),
        table,
    )


async def lock(write: transaction.Transaction, release_key: str, mechanism: str) -> None:
    """Lock the scopes of the site, the mechanism, the committee and the release. Read the facts only after this."""
    scopes = [guards.SITE, guards.mechanism(mechanism), guards.release(release_key)]
    release = await queries.get_release(write.data, release_key)
    if release is not None:
        project = await queries.demand_project(write.data, release.project_key)
        scopes.append(guards.committee(project.committee_key))
    if await guards.hold(write.data, *scopes):
        # The rows that were read to find the scopes may have changed during the wait for the locks.
        write.data.expire_all()


async def mark(
    write: transaction.Transaction,
    row: tables.Promotion | tables.Deployment,
    kind: tables.AttemptKind,
    *,
    before: Sequence[tables.Attempt],
    seconds: float,
    marked_for: str,
    **facts: Any,
) -> work.Permit:
    """Store the mark of one request that is about to be sent, with its event, and return the permit to send it once.

    The caller has locked the scopes and the row, compared its epoch, and evaluated every gate in this transaction.
    `before` are the earlier requests of this kind for the deployment. The lease lasts for `seconds`, and the row is
    due: a worker that claims it after a crash asks the platform, and never sends for this mark.
    """
    is_promotion = isinstance(row, tables.Promotion)
    deployment_id = transaction.row_id(row.deployment_id if isinstance(row, tables.Promotion) else row.id)
    attempt = tables.Attempt(
        promotion_id=row.id if is_promotion else None,
        deployment_id=deployment_id,
        kind=kind,
        number=len(before) + 1,
        lease_epoch=row.lease_epoch,
        marked_at=write.now,
        marked_for=marked_for,
    )
    write.data.add(attempt)
    row.due_at = write.now
    if row.lease_until is not None:
        row.lease_until = write.now + datetime.timedelta(seconds=seconds)
    await write.data.flush()
    await write.event_of(
        row, "attempt_marked", actor=marked_for if is_promotion else "", kind=kind.value, number=attempt.number, **facts
    )
    return work.Permit(transaction.row_id(attempt.id), attempt.number)


async def answer(
    write: transaction.Transaction,
    row: tables.Promotion | tables.Deployment,
    permit: work.Permit,
    outcome: work.Outcome,
) -> tables.AttemptKind:
    """Store the reply on its mark, once, and return the kind of the attempt. Raises ConflictError the second time."""
    attempt = await write.data.get(tables.Attempt, permit.attempt_id)
    if (attempt is None) or (attempt.answered_at is not None):
        raise errors.ConflictError(reasons.of("answered-already"))
    attempt.answered_at, attempt.answer, attempt.status = write.now, outcome.answer, outcome.status
    attempt.sample, attempt.bytes_sent, attempt.retry_after = outcome.sample, outcome.bytes_sent, outcome.retry_after
    await write.event_of(
        row,
        "attempt_answered",
        kind=attempt.kind.value,
        number=attempt.number,
        answer=outcome.answer.value,
        status=outcome.status,
        sample=outcome.sample,
        bytes_sent=outcome.bytes_sent,
        retry_after=outcome.retry_after,
    )
    return attempt.kind


def quoted(answered: work.Outcome | tables.Attempt) -> str:
    """Return the status of a complete reply with the platform's own words, for a sentence: (403): “…”."""
    words = f": “{answered.sample}”" if answered.sample else ""
    return f"({answered.status}){words}"
