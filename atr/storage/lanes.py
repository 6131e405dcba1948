# SPDX-License-Identifier: Apache-2.0
"""Whether anything may be sent or asked by a mechanism now, and why not.

An account that does not answer is left alone, one that asked for it for a while. A foundation admin can switch off
everything by one mechanism, or the whole site; a switch is a guard's scope, and where there is no row, it is on. What
is off holds every mark (publish, upload, drop) and nothing else: looking and asking go on, so that what is on its way
ends.
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


async def silent(data: session.Session) -> Mapping[str, reasons.Reason | None]:
    """By mechanism: why nothing may be sent there; None where its platform answers."""
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


# Everything that may be switched off, and how people call it; a switch is there for those that this program has.
SWITCHES: Final[Mapping[str, str]] = {
    guards.SITE: "everything",
    **{guards.mechanism(one.name): one.display_name for one in mechanisms.Mechanism},
}


def scopes(data: session.Session) -> tuple[str, ...]:
    """Everything that can be switched off here."""
    return (guards.SITE, *(guards.mechanism(one.name) for one in data.built.by_mechanism))


async def switches(data: session.Session) -> Mapping[str, operating.Switch | None]:
    """By scope: each switch that is here; None where nobody ever moved it."""
    moved = {row.scope: row for row in (await data.exec(sqlmodel.select(operating.Switch))).all()}
    return {scope: moved.get(scope) for scope in scopes(data)}


async def switched_off(data: session.Session) -> Mapping[str, str]:
    """By switch: what each one that is off says, the whole site's first."""
    row = operating.Switch
    wanted = sqlmodel.select(row).where(col(row.off)).order_by(col(row.scope).desc())
    return {
        one.scope: f"{one.set_by} switched {SWITCHES.get(one.scope, one.scope)} off on {words.long(one.set_at)}: "
        f"{one.reason.rstrip('.')}."
        for one in (await data.exec(wanted.execution_options(populate_existing=True))).all()
    }


async def off(data: session.Session) -> Mapping[str, reasons.Reason | None]:
    """By mechanism: who switched it or the whole site off, when and why; None while it is on."""
    said = await switched_off(data)
    mine = {
        one.name: " ".join(said[scope] for scope in said if scope in {guards.SITE, guards.mechanism(one.name)})
        for one in mechanisms.Mechanism
    }
    return {name: reasons.of("switched-off", why=why) if why else None for name, why in mine.items()}
