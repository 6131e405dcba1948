# SPDX-License-Identifier: Apache-2.0
"""T13: each event is edited, deleted, cut off with all after it, changed with its neighbour, has one put before it, and
is forged with every hash after it made anew, by somebody who owns the database and has dropped its triggers.

Each must show: by the chain itself, or against the head that was told before.
"""

import asyncio
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
import atr.storage.chains as chains
import tests.chaos.outcome as outcome
from tests import databases as provided

ROWS: Final = {outcome.Size.SMALL: 20, outcome.Size.CI: 200, outcome.Size.RELEASE: 10_000}
_CHAIN: Final = 40
_AT: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
Harm = Callable[[session.Session, tables.Event, random.Random], Awaitable[None]]
Anchors = Mapping[str, chains.Head]


class _UndoneError(Exception):
    """Takes a harm back: the transaction is rolled back."""


def campaign(size: outcome.Size, seed: int) -> outcome.Outcome:
    """Every harm to every event."""
    return asyncio.run(harmed(ROWS[size], seed, anchored=True))


async def harmed(rows: int, seed: int, *, anchored: bool) -> outcome.Outcome:
    """Every harm to each of so many events; `anchored`: the heads were told before."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="atr-t13-") as name, provided.chosen(pathlib.Path(name)) as databases:
        directory = pathlib.Path(name) / "own"
        directory.mkdir()
        database = session.Database(databases.empty(directory))
        try:
            await _fill(database, rows)
            async with database.read() as data:
                told = await chains.heads(data) if anchored else {}
                events = (await data.exec(sqlmodel.select(tables.Event))).all()
                violations = [
                    f"{found.chain} is wrong before anything was done: {found.wrong[0]}"
                    async for found in chains.check(data, {one: frozenset({head}) for one, head in told.items()})
                    if found.wrong
                ]
            for event in events:
                for what, harm in HARMS.items():
                    if not await _shows(database, event, harm, told, chance):
                        violations.append(
                            f"{what} of event {event.number} of {event.chain} did not show. ATR_CHAOSSEED={seed}"
                        )
        finally:
            await database.close()
    return outcome.Outcome(rounds=len(events) * len(HARMS), violations=tuple(violations))


async def _fill(database: session.Database, rows: int) -> None:
    async with database.write() as data:
        for number in range(rows):
            at = _AT + datetime.timedelta(seconds=number)
            chain = f"release-{number // _CHAIN}"
            facts = {"from": "requested", "to": "sending", "n": number}
            await audit.append(
                data, at, chain=chain, actor="ada", subject="promotion:1", what="promotion_moved", facts=facts
            )
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
            shown = bool((await chains.check_one(data, event.chain, anchor)).wrong)
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
    other = event.number - 1 if event.number % _CHAIN == 0 else event.number + 1
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


def _from(event: tables.Event) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return col(tables.Event.chain) == event.chain, col(tables.Event.number) >= event.number


HARMS: Final[Mapping[str, Harm]] = MappingProxyType(
    {"edit": _edit, "delete": _delete, "insert": _insert, "swap": _swap, "cut": _cut, "forge": _forge}
)
