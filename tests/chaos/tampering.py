# SPDX-License-Identifier: Apache-2.0
"""T13: each event is edited, deleted, cut off with all after it, changed with its neighbour, has one put before it, and
is forged with every hash after it made anew, by somebody who owns the database and has dropped its triggers.

Heads are told hourly, so there are events that no head covers yet. What is done to a covered event must show. Of an
event that came after the last head, an edit, an insertion, a swap and a gap must show by the chain itself; that the end
was cut off or forged after that head does not, until the next one is told: this is what an hour's gap means.
"""

import asyncio
import collections
import datetime
import pathlib
import random
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.session as session
import atr.models.promotion as tables
import atr.storage.audit as audit
import tests.chaos.outcome as outcome
from tests import databases as provided

ROWS: Final = {outcome.Size.SMALL: 20, outcome.Size.CI: 200, outcome.Size.RELEASE: 10_000}
# So many releases are under way at a time, and each grows on after its head was told.
_CHAINS: Final = 5
_AT: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
Harm = Callable[[session.Session, tables.Event, random.Random], Awaitable[None]]
Anchors = Mapping[str, audit.Head]


class _UndoneError(Exception):
    """Takes a harm back: the transaction is rolled back."""


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Every harm to every event."""
    return asyncio.run(harmed(ROWS[size], seed))


async def harmed(rows: int, seed: int, *, told_after: float = 0.8) -> outcome.Outcome:
    """Every harm to each of so many events. The heads were told once this part of them was written; 0: never."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="atr-t13-") as name, provided.chosen(pathlib.Path(name)) as databases:
        directory = pathlib.Path(name) / "own"
        directory.mkdir()
        database = session.Database(databases.empty(directory))
        try:
            covered = round(rows * told_after)
            await _fill(database, range(covered))
            async with database.read() as data:
                told = await audit.heads(data)
            await _fill(database, range(covered, rows))
            await _drop_triggers(database)
            async with database.read() as data:
                events = (await data.exec(sqlmodel.select(tables.Event))).all()
                last = await audit.heads(data)
                violations = [
                    f"{found.chain} is wrong before anything was done: {found.wrong[0]}"
                    async for found in audit.check(data, {one: frozenset({head}) for one, head in told.items()})
                    if found.wrong
                ]
            unseen = collections.Counter[str]()
            for event in events:
                for what, harm in HARMS.items():
                    if await _shows(database, event, harm, told, chance):
                        continue
                    unseen[what] += 1
                    if not _may_hide(what, event, told, last):
                        violations.append(
                            f"{what} of event {event.number} of {event.chain} did not show. "
                            f"{outcome.SEED}={seed} python -m tests.chaos T13"
                        )
        finally:
            await database.close()
    hidden = ", ".join(f"{what} {count}" for what, count in sorted(unseen.items())) or "nothing"
    seen = f"{rows - covered} of {rows} events came after the last head; not seen there: {hidden}"
    return outcome.Outcome(rounds=len(events) * len(HARMS), violations=tuple(violations), seen=(seen,))


def _may_hide(what: str, event: tables.Event, told: Anchors, last: Anchors) -> bool:
    """Whether no head that was told covers it, and what is left follows from one another."""
    covered = (event.chain in told) and (event.number <= told[event.chain].number)
    at_the_end = event.number == last[event.chain].number
    return (not covered) and ((what in {"cut", "forge"}) or ((what == "delete") and at_the_end))


async def _fill(database: session.Database, numbers: range) -> None:
    async with database.write() as data:
        for number in numbers:
            at = _AT + datetime.timedelta(seconds=number)
            chain = f"release-{number % _CHAINS}"
            facts = {"from": "requested", "to": "sending", "n": number}
            await audit.append(
                data, at, chain=chain, actor="ada", subject="promotion:1", what="promotion_moved", facts=facts
            )


async def _drop_triggers(database: session.Database) -> None:
    async with database.write() as data:
        on_sqlite = database.on_sqlite
        triggers = await data.exec(
            sqlalchemy.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'")
            if on_sqlite
            else sqlalchemy.text("SELECT 'USER'")  # type: ignore[call-overload]
        )
        for (name,) in triggers.all():
            harm = f"DROP TRIGGER {name}" if on_sqlite else f"ALTER TABLE event DISABLE TRIGGER {name}"
            await data.exec(sqlalchemy.text(harm))  # type: ignore[call-overload]


async def _shows(
    database: session.Database, event: tables.Event, harm: Harm, told: Anchors, chance: random.Random
) -> bool:
    shown = False
    try:
        async with database.write() as data:
            await harm(data, event, chance)
            anchor = frozenset({told[event.chain]}) if event.chain in told else frozenset()
            shown = bool((await audit.check_one(data, event.chain, anchor)).wrong)
            raise _UndoneError
    except _UndoneError:
        return shown


async def _edit(data: session.Session, event: tables.Event, chance: random.Random) -> None:
    values: dict[str, object] = {
        "at": event.at + datetime.timedelta(microseconds=1),
        "actor": "bob",
        "subject": "promotion:2",
        "what": "promotion_looked",
        "data": {**event.data, "to": "live"},
        "previous": "f" * 64,
        "hash": "f" * 64,
    }
    name = chance.choice(sorted(values))
    await data.exec(_change(event).values(**{name: values[name]}))


async def _delete(data: session.Session, event: tables.Event, _chance: random.Random) -> None:
    await data.exec(sqlalchemy.delete(tables.Event).where(col(tables.Event.seq) == event.seq))


async def _cut(data: session.Session, event: tables.Event, _chance: random.Random) -> None:
    await data.exec(sqlalchemy.delete(tables.Event).where(*_from(event)))


async def _swap(data: session.Session, event: tables.Event, _chance: random.Random) -> None:
    newest = await data.exec(sqlmodel.select(sqlalchemy.func.max(tables.Event.number)).where(*_of_chain(event)))
    other = event.number - 1 if event.number == newest.one() else event.number + 1
    mine, number = col(tables.Event.chain) == event.chain, col(tables.Event.number)
    for frm, to in ((event.number, -1), (other, event.number), (-1, other)):
        await data.exec(_update().where(mine, number == frm).values(number=to))


async def _insert(data: session.Session, event: tables.Event, _chance: random.Random) -> None:
    forged = _copy(event, actor="mallory")
    number = col(tables.Event.number)
    await data.exec(_update().where(*_from(event)).values(number=-number - 1))
    await data.exec(_update().where(col(tables.Event.chain) == event.chain, number < 0).values(number=-number))
    forged.hash = audit.digest(forged)
    data.add(forged)
    await data.flush()


async def _forge(data: session.Session, event: tables.Event, _chance: random.Random) -> None:
    wanted = sqlmodel.select(tables.Event).where(*_from(event)).order_by(col(tables.Event.number))
    previous = event.previous
    for one in (await data.exec(wanted)).all():
        forged = _copy(one, actor="mallory" if one.number == event.number else one.actor)
        forged.previous = previous
        previous = audit.digest(forged)
        await data.exec(_change(one).values(actor=forged.actor, previous=forged.previous, hash=previous))


def _copy(event: tables.Event, *, actor: str) -> tables.Event:
    return tables.Event(**{**event.model_dump(exclude={"seq", "actor"}), "actor": actor})


def _update() -> sqlalchemy.Update:
    return sqlalchemy.update(tables.Event).execution_options(synchronize_session=False)


def _change(event: tables.Event) -> sqlalchemy.Update:
    return _update().where(col(tables.Event.seq) == event.seq)


def _of_chain(event: tables.Event) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return (col(tables.Event.chain) == event.chain,)


def _from(event: tables.Event) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return col(tables.Event.chain) == event.chain, col(tables.Event.number) >= event.number


HARMS: Final[Mapping[str, Harm]] = MappingProxyType(
    {"edit": _edit, "delete": _delete, "insert": _insert, "swap": _swap, "cut": _cut, "forge": _forge}
)
