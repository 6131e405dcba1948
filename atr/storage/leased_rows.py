# SPDX-License-Identifier: Apache-2.0
"""Rows that the worker claims: three kinds, one claim, one query for the rows that are due.

A lease is a row's `lease_owner`, `lease_until` and `lease_epoch`; every write compares the epoch, so a worker that has
lost its lease writes nothing.
"""

import dataclasses
import datetime
import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.leases as leases
import atr.db.queries as queries
import atr.db.session as session
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.embargo as embargo
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction

_Deployment = states.DeploymentState


class Kind(enum.StrEnum):
    """The kinds of rows that are claimed."""

    PROMOTION = "promotion"
    DEPLOYMENT = "deployment"
    DISTRIBUTION = "distribution"


@dataclasses.dataclass(frozen=True)
class Due:
    """A row that is due: since when, and the lane through which it is checked."""

    kind: Kind
    since: datetime.datetime
    lane: lanes.Lane


@dataclasses.dataclass(frozen=True)
class _Leased:
    """How the rows of one table are claimed."""

    model: Any
    # The column with the name of a row's lane.
    named: Any
    # What the check of a row reaches, as SQL.
    reach: Any
    # The conditions under which rows may be claimed at this instant.
    where: Callable[[datetime.datetime], Sequence[Any]]

    def of(self, data: session.Session, lane: lanes.Lane) -> Any:
        """Return the condition under which a row is checked through the lane."""
        names = [lane.name]
        if self.model is sql.Distribution:
            names = [one.name for one in distribution.DistributionPlatform if _public_name(data, one.name) == lane.name]
        return col(self.named).in_(names) & (self.reach == lane.reach.value)


def _promotions(_now: datetime.datetime) -> Sequence[Any]:
    row = tables.Promotion
    # Under embargo nothing is polled before the publish request; after it, its outcome must be found out.
    may_leave = embargo.may_leave(row.release_key) | (col(row.state) != states.State.REQUESTED)
    # During an upgrade a newer program may use a state or a platform that this one does not know: the row is left to
    # the newer one.
    return col(row.state).in_(list(states.State)), lanes.known(col(row.platform), col(row.mechanism)), may_leave


def _deployments(_now: datetime.datetime) -> Sequence[Any]:
    row = tables.Deployment
    # Under embargo nothing is polled, except for a request that may be on its way: it is followed to its end.
    on_its_way = col(row.state).in_([_Deployment.UPLOADING, _Deployment.DROPPING])
    may_leave = embargo.may_leave(row.release_key) | on_its_way
    return col(row.state).in_(list(_Deployment)), lanes.known(col(row.platform), col(row.mechanism)), may_leave


def _distributions(now: datetime.datetime) -> Sequence[Any]:
    row, other = sql.Distribution, sqlalchemy.orm.aliased(sql.Distribution)
    # One row of each platform is checked at a time: a platform that answers slowly, or not at all, delays no other.
    busy = sqlmodel.select(other.platform).where(col(other.lease_until) > now)
    return col(row.platform).not_in(busy), lanes.known(col(row.platform)), embargo.may_leave(row.release_key)


def _public_name(data: session.Session, platform: str) -> str:
    """Return whose public repository is polled: that of the mechanism that promotes there, else the platform's own."""
    one = distribution.DistributionPlatform[platform]
    return (data.built.mechanism(one) or one).name


def _reach(reach: budget.Reach) -> Any:
    return sqlalchemy.literal(reach.value)


_LEASED: Final[Mapping[Kind, _Leased]] = {
    Kind.PROMOTION: _Leased(
        tables.Promotion,
        tables.Promotion.mechanism,
        sqlalchemy.case((lanes.is_public(), budget.Reach.PUBLIC.value), else_=budget.Reach.ACCOUNT.value),
        _promotions,
    ),
    Kind.DEPLOYMENT: _Leased(
        tables.Deployment, tables.Deployment.mechanism, _reach(budget.Reach.ACCOUNT), _deployments
    ),
    Kind.DISTRIBUTION: _Leased(
        sql.Distribution, sql.Distribution.platform, _reach(budget.Reach.PUBLIC), _distributions
    ),
}


async def due(write: transaction.Transaction, *, limit: int, shut: Collection[lanes.Lane] = ()) -> Sequence[Due]:
    """Return the due rows, oldest first and at most `limit` of each kind, except those of lanes that are shut.

    Of third-party distributions only the oldest of each platform is returned.
    """
    of_kind = [
        leases.due(
            leased.model,
            write.now,
            *leased.where(write.now),
            *(~leased.of(write.data, lane) for lane in shut),
            columns=(
                sqlalchemy.literal(kind.value).label("kind"),
                leased.named.label("name"),
                leased.reach.label("reach"),
            ),
            limit=limit,
            each=leased.named if kind is Kind.DISTRIBUTION else None,
        )
        for kind, leased in _LEASED.items()
    ]
    every = sqlalchemy.union_all(*of_kind).subquery()
    found: Any = await write.data.exec(sqlalchemy.select(every).order_by(every.c.due_at))  # type: ignore[call-overload]  # SQLModel types no compound select
    return [
        Due(
            Kind(kind),
            since,
            lanes.Lane(_public_name(write.data, name) if kind == Kind.DISTRIBUTION else name, budget.Reach(reach)),
        )
        for since, kind, name, reach in found.all()
    ]


async def claim(
    write: transaction.Transaction,
    kind: Kind,
    *,
    owner: str,
    seconds: float,
    limit: int,
    lane: lanes.Lane | None = None,
) -> Sequence[Any]:
    """Claim the rows of this kind that are due, of one lane or of all, oldest first."""
    leased = _LEASED[kind]
    where = [*leased.where(write.now), *([leased.of(write.data, lane)] if lane else [])]
    return await leases.claim(write.data, leased.model, write.now, *where, owner=owner, seconds=seconds, limit=limit)


async def promotion(write: transaction.Transaction, claimed: work.Promotion) -> tables.Promotion:
    """Return the promotion that the worker has leased, locked. Raises LeaseLostError if the lease is another's now."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_promotion(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row


async def deployment(write: transaction.Transaction, claimed: work.Deployment) -> tables.Deployment:
    """Return the deployment that the worker has leased, locked. Raises as `promotion` does."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_deployment(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row
