# SPDX-License-Identifier: Apache-2.0
"""Rows that the worker claims: three kinds, one claim, one question what is due.

A lease is a row's `lease_owner`, `lease_until` and `lease_epoch`; the epoch is compared in every write, so whoever lost
a lease writes nothing.
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
    """What is claimed."""

    PROMOTION = "promotion"
    DEPLOYMENT = "deployment"
    DISTRIBUTION = "distribution"


@dataclasses.dataclass(frozen=True)
class Due:
    """A row that is due: since when, and through which lane it is looked at."""

    kind: Kind
    since: datetime.datetime
    lane: lanes.Lane


@dataclasses.dataclass(frozen=True)
class _Leased:
    """Which rows of a table are claimed."""

    model: Any
    # The column that tells the name of a row's lane.
    named: Any
    # What a look at a row reaches, as SQL.
    reach: Any
    # Which rows may be claimed at this instant.
    where: Callable[[datetime.datetime], Sequence[Any]]

    def of(self, data: session.Session, lane: lanes.Lane) -> Any:
        """The condition under which a row is looked at through the lane."""
        names = [lane.name]
        if self.model is sql.Distribution:
            names = [one.name for one in distribution.DistributionPlatform if _public_name(data, one.name) == lane.name]
        return col(self.named).in_(names) & (self.reach == lane.reach.value)


def _promotions(_now: datetime.datetime) -> Sequence[Any]:
    row = tables.Promotion
    # Nothing of a release under embargo is looked for before a call; after it, what came of it must be found out.
    may_leave = embargo.may_leave(row.release_key) | (col(row.state) != states.State.REQUESTED)
    # While the program is being replaced a newer one may use a state or a platform that this one does not know: the
    # row is left alone.
    return col(row.state).in_(list(states.State)), lanes.known(col(row.platform), col(row.mechanism)), may_leave


def _deployments(_now: datetime.datetime) -> Sequence[Any]:
    row = tables.Deployment
    # Nothing of a release under embargo is looked for; a request that may be on its way is followed to its end.
    on_its_way = col(row.state).in_([_Deployment.UPLOADING, _Deployment.DROPPING])
    may_leave = embargo.may_leave(row.release_key) | on_its_way
    return col(row.state).in_(list(_Deployment)), lanes.known(col(row.platform), col(row.mechanism)), may_leave


def _distributions(now: datetime.datetime) -> Sequence[Any]:
    row, other = sql.Distribution, sqlalchemy.orm.aliased(sql.Distribution)
    # Of each platform one is looked for at a time: one that answers slowly, or not at all, keeps no other waiting.
    busy = sqlmodel.select(other.platform).where(col(other.lease_until) > now)
    return col(row.platform).not_in(busy), lanes.known(col(row.platform)), embargo.may_leave(row.release_key)


def _public_name(data: session.Session, platform: str) -> str:
    """Whose public place is asked: that of the mechanism which promotes there, else the platform's own."""
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
    """The oldest rows that are due, at most so many of each kind, but for those of lanes that are shut: oldest first.

    Of third-party distributions the oldest of each platform.
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
    """Take the rows of this kind that are due, of one lane or of all, oldest first."""
    leased = _LEASED[kind]
    where = [*leased.where(write.now), *([leased.of(write.data, lane)] if lane else [])]
    return await leases.claim(write.data, leased.model, write.now, *where, owner=owner, seconds=seconds, limit=limit)


async def promotion(write: transaction.Transaction, claimed: work.Promotion) -> tables.Promotion:
    """The promotion that the worker holds, locked. Raises LeaseLostError when somebody else holds it."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_promotion(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row


async def deployment(write: transaction.Transaction, claimed: work.Deployment) -> tables.Deployment:
    """The deployment that the worker holds; as above."""
    await guards.hold(write.data, guards.release(claimed.release_key))
    row = await queries.demand_deployment(write.data, claimed.id, fresh=True)
    leases.check(row, claimed.epoch)
    return row
