# SPDX-License-Identifier: Apache-2.0
"""The page of the switches: which are off, and who changed them last."""

import dataclasses
import datetime
from typing import Final

import atr.models.operating as operating
import atr.models.promotion as tables
import atr.pages.changes as changes
import atr.shared.words as words
import atr.storage.lanes as lanes
import atr.storage.readers.events as events
import atr.storage.rights as rights
import atr.storage.transaction as transaction

_MOVED: Final = {"switched_off": "off", "switched_on": "on"}


@dataclasses.dataclass(frozen=True)
class Switch:
    """One switch. `set_by` is empty if it was never changed."""

    scope: str
    name: str
    off: bool
    reason: str
    set_by: str
    set_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class SwitchesView:
    """The page of the switches."""

    switches: tuple[Switch, ...]
    changes: tuple[changes.Change, ...]


async def page(read: transaction.Transaction) -> SwitchesView:
    """Return every switch and the recent changes. Raises AccessError unless the reader is a foundation admin."""
    await rights.demand_admin(read)
    changed = await events.of_site(read, _MOVED)
    return SwitchesView(
        switches=tuple(
            _switch(scope, lanes.SWITCHES[scope], row) for scope, row in (await lanes.switches(read.data)).items()
        ),
        changes=tuple(changes.Change(one.at, one.actor, (_said(one),)) for one in changed),
    )


def _switch(scope: str, name: str, row: operating.Switch | None) -> Switch:
    if row is None:
        return Switch(scope, name, off=False, reason="", set_by="", set_at=None)
    return Switch(scope, name, off=row.off, reason=row.reason, set_by=row.set_by, set_at=row.set_at)


def _said(event: tables.Event) -> str:
    scope = event.subject.partition(":")[2]
    name = lanes.SWITCHES.get(scope, scope)
    return f"{words.upper(name)} switched {_MOVED[event.what]}: {event.data['reason']}"
