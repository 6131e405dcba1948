# SPDX-License-Identifier: Apache-2.0
"""What is switched on and off, and who moved it last."""

from typing import Final

import sqlmodel
from sqlmodel import col

import atr.models.operating as operating
import atr.models.policy_views as policy_views
import atr.models.promotion as tables
import atr.models.stuck_views as views
import atr.storage.readers.admins as admins
import atr.storage.switchboard as switchboard
import atr.storage.transaction as transaction

_LAST: Final = 20
_MOVED: Final = {"switched_off": "off", "switched_on": "on"}


async def page(read: transaction.Transaction) -> views.SwitchesView:
    """Every switch, and what was moved lately. Raises AccessError for all but foundation admins."""
    await admins.demand(read)
    moved = {row.scope: row for row in (await read.data.exec(sqlmodel.select(operating.Switch))).all()}
    event = tables.Event
    wanted = sqlmodel.select(event).where(col(event.what).in_(_MOVED)).order_by(col(event.seq).desc()).limit(_LAST)
    return views.SwitchesView(
        switches=tuple(
            _switch(scope, switchboard.NAMES[scope], moved.get(scope)) for scope in switchboard.scopes(read.data)
        ),
        changes=tuple(
            policy_views.Change(one.at, one.actor, (_said(one),)) for one in (await read.data.exec(wanted)).all()
        ),
    )


def _switch(scope: str, name: str, row: operating.Switch | None) -> views.Switch:
    if row is None:
        return views.Switch(scope, name, off=False, reason="", set_by="", set_at=None)
    return views.Switch(scope, name, off=row.off, reason=row.reason, set_by=row.set_by, set_at=row.set_at)


def _said(event: tables.Event) -> str:
    scope = event.subject.partition(":")[2]
    name = switchboard.NAMES.get(scope, scope)
    return f"{name[:1].upper()}{name[1:]} switched {_MOVED[event.what]}: {event.data['reason']}"
