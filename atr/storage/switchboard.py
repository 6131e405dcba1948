# SPDX-License-Identifier: Apache-2.0
"""What a foundation admin switched off, and the sentence that says so everywhere.

A scope is a guard's name: everything by one mechanism, or the whole site. Where there is no row, it is on. What is off
holds every mark (publish, upload, drop) and nothing else: looking and asking go on, so that what is on its way ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.session as session
import atr.models.operating as operating
import atr.shared.mechanisms as mechanisms
import atr.shared.words as words

# Everything that may be switched off, and how people call it; a switch is there for those that this program has.
NAMES: Final[Mapping[str, str]] = {
    guards.SITE: "everything",
    **{guards.mechanism(one.name): one.display_name for one in mechanisms.Mechanism},
}


def scopes(data: session.Session) -> tuple[str, ...]:
    """Everything that can be switched off here."""
    return (guards.SITE, *(guards.mechanism(one.name) for one in data.built.by_mechanism))


async def why_off(data: session.Session, mechanism: mechanisms.Mechanism) -> str:
    """Who switched the mechanism or the whole site off, when and why, in a sentence or two; empty while it is on."""
    return why(await off(data), mechanism)


async def off(data: session.Session) -> Sequence[operating.Switch]:
    """Every switch that is off, the whole site's first."""
    wanted = (
        sqlmodel.select(operating.Switch)
        .where(col(operating.Switch.off))
        .order_by(col(operating.Switch.scope).desc())
        .execution_options(populate_existing=True)
    )
    return (await data.exec(wanted)).all()


async def every(data: session.Session) -> Mapping[str, operating.Switch]:
    """By scope: every switch that was ever moved."""
    return {row.scope: row for row in (await data.exec(sqlmodel.select(operating.Switch))).all()}


def why(off: Iterable[operating.Switch], mechanism: mechanisms.Mechanism) -> str:
    """The same of switches that were read already."""
    return " ".join(sentence(row) for row in off if row.scope in {guards.SITE, guards.mechanism(mechanism.name)})


def sentence(row: operating.Switch) -> str:
    """What a switch that is off says."""
    reason = row.reason.rstrip(".")
    return f"{row.set_by} switched {NAMES.get(row.scope, row.scope)} off on {words.long(row.set_at)}: {reason}."
