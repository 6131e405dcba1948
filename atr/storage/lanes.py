# SPDX-License-Identifier: Apache-2.0
"""The accounts of platforms, read: whether one answers, and since when or until when it is left alone."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.transaction as transaction

_IN_PUBLIC: Final = (states.State.CHECKING, states.State.LIVE)


@dataclasses.dataclass(frozen=True, order=True)
class Lane:
    """What is looked at through one account: its rows wait for each other, and for no other lane's."""

    # A member of Mechanism, or of DistributionPlatform where nothing is promoted from here.
    name: str
    reach: budget.Reach = budget.Reach.ACCOUNT

    @property
    def display_name(self) -> str:
        """For sentences."""
        found = mechanisms.Mechanism.__members__.get(self.name)
        name = (found or distribution.DistributionPlatform[self.name]).display_name
        return name if (self.reach is budget.Reach.ACCOUNT) else f"{name}'s public place"


def of_row(row: operating.PlatformAccount) -> budget.Account:
    """The row as the rules read it."""
    return budget.Account(
        tokens=row.tokens,
        filled_at=row.filled_at,
        faults=tuple(datetime.datetime.fromisoformat(one) for one in row.faults),
        opened_at=row.opened_at,
        probing_until=row.probing_until,
        paused_until=row.paused_until,
    )


def lane_of(promotion: tables.Promotion) -> Lane:
    """What the next look at a promotion reaches; `is_public` is the same as a condition."""
    tracked = (promotion.deployment_id is None) and (promotion.state not in states.ENDED)
    public = tracked or (promotion.state in _IN_PUBLIC)
    return Lane(promotion.mechanism, budget.Reach.PUBLIC if public else budget.Reach.ACCOUNT)


def is_public() -> Any:
    """Promotions whose next look reaches the public place."""
    row = tables.Promotion
    # What has ended is asked about at the platform first, whatever it was.
    tracked = col(row.deployment_id).is_(None) & col(row.state).not_in(list(states.ENDED))
    return tracked | col(row.state).in_(_IN_PUBLIC)


def known(platform: Any, mechanism: Any = None) -> Any:
    """Rows of what this program has; a newer one, which works beside it, may have more."""
    is_known = platform.in_([one.name for one in distribution.DistributionPlatform])
    return is_known if mechanism is None else is_known & mechanism.in_([one.name for one in mechanisms.Mechanism])


async def silence(data: session.Session, mechanism: mechanisms.Mechanism) -> str:
    """Why nothing may be sent by this mechanism now, in a sentence; empty if its platform answers."""
    return (await silent(data)).get(mechanism.name, "")


async def silent(data: session.Session) -> Mapping[str, str]:
    """The mechanisms by which nothing may be sent now, each with the sentence that says why."""
    row = operating.PlatformAccount
    names = [one.name for one in mechanisms.Mechanism]
    wanted = sqlmodel.select(row.name).where(
        col(row.name).in_(names), row.reach == budget.Reach.ACCOUNT.value, col(row.opened_at).is_not(None)
    )
    limits = budget.LIMITS[budget.Reach.ACCOUNT]
    return {
        name: budget.silence(mechanisms.Mechanism[name].display_name, limits)
        for name in (await data.exec(wanted)).all()
    }


def next_look(
    shut: Mapping[Lane, tuple[str, datetime.datetime]],
    promotion: tables.Promotion | None,
    deployment: tables.Deployment | None,
) -> tuple[str, datetime.datetime | None]:
    """When the next look at a row of a page is, and why not before; no sentence if nothing but the table says so."""
    due_at = (promotion.due_at if promotion else None) or (deployment.due_at if deployment else None)
    why = shut.get(lane_of(promotion) if promotion else Lane(deployment.mechanism if deployment else ""))
    return why if (why is not None) and (due_at is not None) and (due_at <= why[1]) else ("", due_at)


async def shut(read: transaction.Transaction) -> Mapping[Lane, tuple[str, datetime.datetime]]:
    """The lanes in which no row is looked at now, each with the sentence that says why, and until when."""
    found = {}
    names = {*mechanisms.Mechanism.__members__, *distribution.DistributionPlatform.__members__}
    account = operating.PlatformAccount
    for row in (await read.data.exec(sqlmodel.select(account).where(col(account.name).in_(names)))).all():
        lane = Lane(row.name, budget.Reach(row.reach))
        why = budget.waiting(lane.display_name, of_row(row), read.place.limits[lane.reach], read.now)
        if why is not None:
            found[lane] = why
    return found
