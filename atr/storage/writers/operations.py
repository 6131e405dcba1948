# SPDX-License-Identifier: Apache-2.0
"""What admins and operators say of the whole: a mechanism is switched off, the database was restored from a backup."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.reasons as reasons
import atr.storage.audit as audit
import atr.storage.lanes as lanes
import atr.storage.transaction as transaction

_WORK = (
    (tables.Promotion, col(tables.Promotion.state).in_(list(states.OPEN))),
    (
        tables.Deployment,
        col(tables.Deployment.state).in_([states.DeploymentState.UPLOADING, states.DeploymentState.DROPPING]),
    ),
)
# What has ended here may have gone on before the restore, so all but what is public is looked at.
_ASKED: Final = frozenset(states.DeploymentState) - {states.DeploymentState.PUBLISHED}
# These wait for "promote again", and a stop for "request the drop again"; from IN_DOUBT a person asks to send again,
# and from the others nothing is sent.
_HELD: Final = frozenset({states.State.REQUESTED, states.State.SENDING, states.State.ABORTING})
_LEASED: Final = (tables.Promotion, tables.Deployment, sql.Distribution, operating.Task)
# A worker that outlived the restore holds an epoch that will come again. None comes so far in one generation.
_EPOCHS: Final = 1_000_000


class FoundationAdmin(transaction.Writer):
    """Switch a mechanism off, or the whole site: from that instant no mark is written there until it is on again."""

    async def switch_off(self, scope: str, reason: str) -> bool:
        """Hold every mark of this scope from now on; False if it was off already. Raises InputError.

        A mark that was committed before this is a call on its way: it is asked about until it ends.
        """
        row = await self._held(scope)
        why = transaction.checked_reason(reason)
        if row.off:
            return False
        row.off = True
        await self._note(row, "switched_off", why)
        return True

    async def switch_on(self, scope: str, reason: str) -> bool:
        """Let marks be written again; False if it was on already. What waited is looked at now. Raises InputError."""
        row = await self._held(scope)
        why = transaction.checked_reason(reason)
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
        if scope not in lanes.scopes(write.data):
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


class Operator(transaction.Writer):
    """A database that was restored: what it says of calls may be old, so all that had not ended waits for a person.

    The generation grows. What was asked for in an earlier one is looked at first and sent only when somebody asks again
    (the gate "restored"); until then nothing is claimed of it that a lost call could make false.
    """

    async def declare(self, backup_at: datetime.datetime | None, *, before: int = 0) -> int:
        """Say that the database was restored, from a backup of this instant if it is known; the new generation.

        It is later than the one `before`, in which the database was that this one replaces.
        """
        write = self._write
        open_promotions = col(tables.Promotion.state).in_(list(states.OPEN))
        ended = col(tables.Promotion.state).in_(list(states.ENDED))
        asked = col(tables.Deployment.state).in_(list(_ASKED)) & (
            col(tables.Deployment.external_id).is_not(None)
            | col(tables.Deployment.state).in_([states.DeploymentState.UPLOADING, states.DeploymentState.LOST])
        )
        releases = {row.release_key for row in await queries.promotions(write.data, open_promotions | ended)}
        releases |= {row.release_key for row in await self._deployments(asked)}
        chains = [guards.chain(name) for name in (audit.SITE, *releases)]
        await guards.hold(write.data, guards.SITE, *map(guards.release, releases), *chains)
        await self._forget_leases()
        write.data.expire_all()
        site = await queries.site(write.data)
        site.generation = max(site.generation, before) + 1
        site.restored_at, site.backup_at = write.now, backup_at
        write.data.add(site)
        for promotion in await queries.promotions(write.data, open_promotions):
            stops = promotion.state is states.State.ABORTING
            await self._hold(
                promotion, gates.restored(backup_at, "request the drop again" if stops else "promote again")
            )
        for promotion in await queries.promotions(write.data, ended):
            promotion.due_at = write.now
        for deployment in await self._deployments(asked):
            deployment.due_at, deployment.gone_looks, deployment.gone_since = write.now, 0, None
        await write.event(
            audit.SITE,
            audit.SITE,
            "database_restored",
            generation=site.generation,
            backup_at=backup_at.isoformat() if backup_at else "",
        )
        return site.generation

    async def _deployments(self, *where: Any) -> Sequence[tables.Deployment]:
        return (await self._write.data.exec(sqlmodel.select(tables.Deployment).where(*where))).all()

    async def _hold(self, row: tables.Promotion, why: reasons.Reason) -> None:
        """Look at it first; what was observed or half read before says nothing of now."""
        row.due_at, row.absent_since, row.gone_looks, row.gone_since = self._write.now, None, 0, None
        row.difference, row.read_round, row.read_done = "", row.read_round + 1, 0
        row.resend = False
        if row.by_hand:
            return
        row.held, row.blocker = row.held or (row.state in _HELD), why.sentence
        row.version += 1
        await self._write.event_of(row, "promotion_held", reason=why.sentence)

    async def _forget_leases(self) -> None:
        for table in _LEASED:
            model: Any = table
            statement = (
                sqlalchemy.update(model)
                .values(lease_epoch=model.lease_epoch + _EPOCHS, lease_until=None)
                .execution_options(synchronize_session=False)
            )
            await self._write.data.exec(statement)
