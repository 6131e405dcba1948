# SPDX-License-Identifier: Apache-2.0
"""Switch a mechanism off, or the whole site: from that instant no mark is written there until it is on again."""

from typing import Any

import sqlalchemy
from sqlmodel import col

import atr.db.guards as guards
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.audit as audit
import atr.storage.switchboard as switchboard
import atr.storage.transaction as transaction
import atr.storage.writers.rows as rows

_WORK = (
    (tables.Promotion, col(tables.Promotion.state).in_(list(states.OPEN))),
    (
        tables.Deployment,
        col(tables.Deployment.state).in_([states.DeploymentState.UPLOADING, states.DeploymentState.DROPPING]),
    ),
)


class FoundationAdmin:
    """What foundation admins may do."""

    def __init__(self, write: transaction.Transaction) -> None:
        self._write = write

    async def switch_off(self, scope: str, reason: str) -> bool:
        """Hold every mark of this scope from now on; False if it was off already. Raises InputError.

        A mark that was committed before this is a call on its way: it is asked about until it ends.
        """
        row = await self._held(scope)
        why = rows.checked_reason(reason)
        if row.off:
            return False
        row.off = True
        await self._note(row, "switched_off", why)
        return True

    async def switch_on(self, scope: str, reason: str) -> bool:
        """Let marks be written again; False if it was on already. What waited is looked at now. Raises InputError."""
        row = await self._held(scope)
        why = rows.checked_reason(reason)
        if not row.off:
            return False
        row.off = False
        await self._note(row, "switched_on", why)
        for table, waits in _WORK:
            await self._look_now(table, waits, scope)
        return True

    async def _held(self, scope: str) -> operating.Switch:
        """The switch, its scope held: either a mark came first, or it sees what is written here."""
        write = self._write
        if scope not in switchboard.scopes(write.data):
            raise errors.InputError("There is no switch of this name.", field="scope")
        write.subject = f"switch:{scope}"
        await guards.hold(write.data, scope)
        row = await write.data.get(operating.Switch, scope, populate_existing=True)
        if row is None:
            row = operating.Switch(scope=scope, set_by=write.asf_uid, set_at=write.now)
            write.data.add(row)
        return row

    async def _note(self, row: operating.Switch, what: str, why: str) -> None:
        row.reason, row.set_by, row.set_at = why, self._write.asf_uid, self._write.now
        await self._write.event(audit.SITE, f"switch:{row.scope}", what, reason=why)

    async def _look_now(self, table: Any, waits: Any, scope: str) -> None:
        now = self._write.now
        where = [waits, table.due_at > now]
        if scope != guards.SITE:
            where.append(table.mechanism == scope.partition(":")[2])
        await self._write.data.exec(
            sqlalchemy.update(table).where(*where).values(due_at=now).execution_options(synchronize_session=False)
        )
