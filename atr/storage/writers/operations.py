# SPDX-License-Identifier: Apache-2.0
"""What concerns all releases: admins switch a mechanism off, operators declare that the database was restored."""

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
# A deployment that has ended here may have continued before the restore, so all but the published ones are checked.
_ASKED: Final = frozenset(states.DeploymentState) - {states.DeploymentState.PUBLISHED}
# After a restore these wait for "promote again", and a stop for "request the drop again"; from IN_DOUBT a person
# requests another publish request, and from the other states nothing is sent.
_HELD: Final = frozenset({states.State.REQUESTED, states.State.SENDING, states.State.ABORTING})
_LEASED: Final = (tables.Promotion, tables.Deployment, sql.Distribution, operating.Task)
# Added to each epoch, so that those of workers from before the restore do not recur: no row is claimed this often.
_EPOCHS: Final = 1_000_000


class FoundationAdmin(transaction.Writer):
    """Switches a mechanism off, or all platforms: from that instant no mark is written there until it is on again."""

    async def switch_off(self, scope: str, reason: str) -> bool:
        """Block every mark of this scope from now on; return False if it was off already. Raises InputError.

        A mark that was committed before is a request on its way: it is polled until its outcome is known.
        """
        row = await self._held(scope)
        why = transaction.checked_reason(reason)
        if row.off:
            return False
        row.off = True
        await self._note(row, "switched_off", why)
        return True

    async def switch_on(self, scope: str, reason: str) -> bool:
        """Allow marks again, and make due the rows that waited; return False if it was on. Raises InputError."""
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
        """Return the switch and lock its scope: a mark either came first, or sees what is written here."""
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
    """Declares that the database was restored: it may lack requests, so every open promotion waits for a person.

    The generation grows. A row that was requested in an earlier one is polled first, and sent only when a person
    requests it again (the gate "restored"); until then ATR states nothing about it that a lost request could disprove.
    """

    async def declare(self, backup_at: datetime.datetime | None, *, before: int = 0) -> int:
        """Declare the database restored, from a backup of this instant if it is known; return the new generation.

        It is later than `before`, the generation of the database that this one replaces.
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
        # Who had signed out since the backup would be signed in again.
        await write.data.exec(sqlalchemy.delete(sql.UserSession))
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
        """Have the promotion polled first; earlier observations and unfinished readings do not count any more."""
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
