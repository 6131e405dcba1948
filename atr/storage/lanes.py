# SPDX-License-Identifier: Apache-2.0
"""Whether anything may be sent or polled by a mechanism now, and why not.

A platform that does not answer is not polled, nor one that asked ATR to wait. A foundation admin can switch off one
mechanism, or all platforms; a switch has the name of a guard's scope, and without a row it is on. A switch that is off
blocks every mark (publish, upload, drop) and nothing else: polling continues, so that requests on their way are
followed to their end.
"""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.session as session
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words
import atr.storage.transaction as transaction

_IN_PUBLIC: Final = (states.State.CHECKING, states.State.LIVE)


@dataclasses.dataclass(frozen=True, order=True)
class Lane:
    """The rows that share a rate limit and a circuit breaker: they wait for each other, and for no other lane's."""

    # A member of Mechanism, or of DistributionPlatform for a platform to which ATR does not promote.
    name: str
    reach: budget.Reach = budget.Reach.ACCOUNT

    @property
    def display_name(self) -> str:
        """The name of the lane in sentences."""
        found = mechanisms.Mechanism.__members__.get(self.name)
        name = (found or distribution.DistributionPlatform[self.name]).display_name
        return name if (self.reach is budget.Reach.ACCOUNT) else f"{name}'s public repository"


def of_row(row: operating.PlatformAccount) -> budget.Account:
    """Return the row as the rules read it."""
    return budget.Account(
        tokens=row.tokens,
        filled_at=row.filled_at,
        faults=tuple(datetime.datetime.fromisoformat(one) for one in row.faults),
        opened_at=row.opened_at,
        probing_until=row.probing_until,
        paused_until=row.paused_until,
    )


def lane_of(promotion: tables.Promotion) -> Lane:
    """Return the lane of the next check of a promotion; `is_public` is the same rule as a condition."""
    tracked = (promotion.deployment_id is None) and (promotion.state not in states.ENDED)
    public = tracked or (promotion.state in _IN_PUBLIC)
    return Lane(promotion.mechanism, budget.Reach.PUBLIC if public else budget.Reach.ACCOUNT)


def is_public() -> Any:
    """Return the condition for promotions whose next check reads the public repository."""
    row = tables.Promotion
    # A promotion that has ended is checked on the platform first, with or without a deployment.
    tracked = col(row.deployment_id).is_(None) & col(row.state).not_in(list(states.ENDED))
    return tracked | col(row.state).in_(_IN_PUBLIC)


def known(platform: Any, mechanism: Any = None) -> Any:
    """Return the condition for rows with a platform and mechanism of this program; a newer program may have more."""
    is_known = platform.in_([one.name for one in distribution.DistributionPlatform])
    return is_known if mechanism is None else is_known & mechanism.in_([one.name for one in mechanisms.Mechanism])


async def silent(data: session.Session) -> Mapping[str, reasons.Reason | None]:
    """Return by mechanism why nothing may be sent there; None if its platform answers."""
    row = operating.PlatformAccount
    opened = sqlmodel.select(row.name).where(row.reach == budget.Reach.ACCOUNT.value, col(row.opened_at).is_not(None))
    names, limits = set((await data.exec(opened)).all()), budget.LIMITS[budget.Reach.ACCOUNT]
    return {
        one.name: budget.silence(one.display_name, limits) if one.name in names else None
        for one in mechanisms.Mechanism
    }


def next_look(
    shut: Mapping[Lane, tuple[str, datetime.datetime]],
    promotion: tables.Promotion | None,
    deployment: tables.Deployment | None,
) -> tuple[str, datetime.datetime | None]:
    """Return when a row of a page is checked next, and the sentence why its lane delays it; empty if it does not."""
    due_at = (promotion.due_at if promotion else None) or (deployment.due_at if deployment else None)
    why = shut.get(lane_of(promotion) if promotion else Lane(deployment.mechanism if deployment else ""))
    return why if (why is not None) and (due_at is not None) and (due_at <= why[1]) else ("", due_at)


async def shut(read: transaction.Transaction) -> Mapping[Lane, tuple[str, datetime.datetime]]:
    """Return the lanes in which no row is checked now, each with a sentence that says why, and until when."""
    found = {}
    names = {*mechanisms.Mechanism.__members__, *distribution.DistributionPlatform.__members__}
    account = operating.PlatformAccount
    for row in (await read.data.exec(sqlmodel.select(account).where(col(account.name).in_(names)))).all():
        lane = Lane(row.name, budget.Reach(row.reach))
        why = budget.waiting(lane.display_name, of_row(row), read.place.limits[lane.reach], read.now)
        if why is not None:
            found[lane] = why
    return found


# Everything that may be switched off, and its name in sentences; `scopes` are those that this program has.
SWITCHES: Final[Mapping[str, str]] = {
    guards.SITE: "everything",
    **{guards.mechanism(one.name): one.display_name for one in mechanisms.Mechanism},
}


def scopes(data: session.Session) -> tuple[str, ...]:
    """Return everything that can be switched off in this program."""
    return (guards.SITE, *(guards.mechanism(one.name) for one in data.built.by_mechanism))


async def switches(data: session.Session) -> Mapping[str, operating.Switch | None]:
    """Return the switches by scope; None for one that was never used."""
    moved = {row.scope: row for row in (await data.exec(sqlmodel.select(operating.Switch))).all()}
    return {scope: moved.get(scope) for scope in scopes(data)}


async def switched_off(data: session.Session) -> Mapping[str, str]:
    """Return a sentence for each switch that is off, by scope, the one for all platforms first."""
    row = operating.Switch
    wanted = sqlmodel.select(row).where(col(row.off)).order_by(col(row.scope).desc())
    return {
        one.scope: f"{one.set_by} switched {SWITCHES.get(one.scope, one.scope)} off on {words.long(one.set_at)}: "
        f"{one.reason.rstrip('.')}."
        for one in (await data.exec(wanted.execution_options(populate_existing=True))).all()
    }


async def off(data: session.Session) -> Mapping[str, reasons.Reason | None]:
    """Return by mechanism who switched it or all platforms off, when and why; None while it is on."""
    said = await switched_off(data)
    mine = {
        one.name: " ".join(said[scope] for scope in said if scope in {guards.SITE, guards.mechanism(one.name)})
        for one in mechanisms.Mechanism
    }
    return {name: reasons.of("switched-off", why=why) if why else None for name, why in mine.items()}
