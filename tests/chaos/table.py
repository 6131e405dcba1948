# SPDX-License-Identifier: Apache-2.0
"""T1: every pair of states through the writer that draws arrows, on real rows, on both engines.

A pair of the table moves the row, by one version and with one event in a chain that still holds; every other raises
and changes nothing. Each pair is tried as the machine and as a person.
"""

import asyncio
import contextlib
import dataclasses
import enum
import itertools
import pathlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import sqlmodel
from sqlmodel import col

import atr.db.guards as guards
import atr.db.queries as queries
import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.audit as audit
import atr.storage.transaction as transaction
import atr.storage.transitions as transitions
import atr.storage.worker as services
import tests.chaos.outcome as outcome
from tests import databases as provided
from tests import world as worlds


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of row that moves along arrows, and who draws them."""

    table: type[Any]
    states: type[enum.StrEnum]
    draw: Callable[..., Awaitable[None]]
    arrows: Mapping[Any, frozenset[Any]]
    persons: Mapping[Any, frozenset[Any]]
    peoples: Mapping[Any, frozenset[Any]]
    workers: Mapping[Any, frozenset[Any]]


KINDS: Final = (
    Kind(
        tables.Promotion,
        states.State,
        transitions.promotion,
        states.ARROWS,
        states.PERSONS_ARROWS,
        states.PEOPLES_ARROWS,
        states.WORKERS_ARROWS,
    ),
    Kind(
        tables.Deployment,
        states.DeploymentState,
        transitions.deployment,
        states.DEPLOYMENT_ARROWS,
        states.DEPLOYMENT_PERSONS_ARROWS,
        states.PEOPLES_DEPLOYMENT_ARROWS,
        states.WORKERS_DEPLOYMENT_ARROWS,
    ),
)


def campaign(size: outcome.Size, _seed: int) -> outcome.Outcome:
    """All pairs, on SQLite and, where its programs are installed, on PostgreSQL; at the small size on SQLite only."""
    rounds, violations = 0, []
    with tempfile.TemporaryDirectory(prefix="atr-table-", dir=outcome.MEMORY) as name, contextlib.ExitStack() as stack:
        engines: dict[str, provided.Databases] = {"SQLite": provided.Sqlite(_made(name, "template"))}
        if (size is not outcome.Size.SMALL) and provided.programs():
            engines["PostgreSQL"] = provided.Postgresql(stack.enter_context(provided.server()))
        for engine, databases in engines.items():
            count, wrong = asyncio.run(tried(databases.empty(_made(name, engine))))
            rounds += count
            violations += [f"{engine}: {one}; python -m tests.chaos T1" for one in wrong]
    return outcome.Outcome(rounds, tuple(violations), (f"engines: {', '.join(engines)}",))


async def tried(address: str, kinds: tuple["Kind", ...] | None = None) -> tuple[int, list[str]]:
    """How many pairs were tried in this empty database, and what was wrong; with our writers if no others are given."""
    clock = worlds.Clock()
    database = session.Database(address, clock)
    store = storage.Storage(database, transaction.Place(pathlib.Path()))
    count, wrong = 0, []
    try:
        await _settle_in(store)
        for kind in kinds or KINDS:
            choices = itertools.product(kind.states, kind.states, (False, True), (False, True))
            for frm, to, by_person, by_worker in choices:
                clock.turn(seconds=1)
                count += 1
                how = f"{' by a person' if by_person else ''}{', drawn by the worker' if by_worker else ''}"
                wrong += [
                    f"{kind.table.__tablename__} {frm.value} -> {to.value}{how}: {what}"
                    for what in await _pair(store, kind, frm, to, by_person=by_person, by_worker=by_worker)
                ]
    finally:
        await database.close()
    return count, wrong


async def _pair(
    store: storage.Storage, kind: "Kind", frm: Any, to: Any, *, by_person: bool, by_worker: bool
) -> list[str]:
    allowed = (to in kind.arrows.get(frm, ())) or (by_person and to in kind.persons.get(frm, ()))
    allowed &= to in (kind.workers if by_worker else kind.peoples).get(frm, ())
    async with store.database.write() as data:
        row = await data.get(kind.table, 1)
        assert row is not None
        row.state = frm
        await data.flush()
        before, last = row.model_dump(), await _last(data, row)
    try:
        async with _writing(store, by_worker=by_worker) as write:
            row = await write.data.get(kind.table, 1)
            assert row is not None
            await guards.hold(write.data, guards.release(row.release_key))
            await kind.draw(write, row, to, "Because.", by_person=by_person)
    except errors.TransitionError:
        moved = False
    else:
        moved = True
    async with store.read() as read:
        row = await read.data.get(kind.table, 1)
        assert row is not None
        after, event = row.model_dump(), await _last(read.data, row)
    if not moved:
        same = (after == before) and (event.hash == last.hash)
        return [*(["it is refused"] if allowed else []), *([] if same else ["it is refused and something changed"])]
    told = (event.what, event.data.get("from"), event.data.get("to"))
    checks = {
        "it is drawn": allowed,
        "it did not arrive": after["state"] == to,
        "its version did not grow by one": after["version"] == before["version"] + 1,
        "it has no event": told == (f"{kind.table.__tablename__}_moved", frm.value, to.value),
        "its event does not follow from the one before": (event.previous, event.number, event.hash)
        == (last.hash, last.number + 1, audit.digest(event)),
    }
    return [what for what, holds in checks.items() if not holds]


@contextlib.asynccontextmanager
async def _writing(store: storage.Storage, *, by_worker: bool) -> AsyncIterator[transaction.Transaction]:
    """A transaction of the worker, or of somebody."""
    if by_worker:
        async with store.write_as_system(services.PromotionService) as service:
            yield service.write
    else:
        async with store.write(worlds.MEMBER) as write:
            yield write


async def _last(data: session.Session, row: Any) -> tables.Event:
    """The end of the row's chain."""
    wanted = sqlmodel.select(tables.Event).where(tables.Event.chain == row.release_key)
    return (await data.exec(wanted.order_by(col(tables.Event.number).desc()).limit(1))).one()


async def _settle_in(store: storage.Storage) -> None:
    """A release with one deployment and one promotion."""
    await people.settle_in(store, ["org.example"])
    async with store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
        release_key = await participant.release.start(people.PROJECT, "1.0")
    about: dict[str, Any] = {
        "release_key": release_key,
        "platform": worlds.MAVEN.name,
        "mechanism": mechanisms.Mechanism.CENTRAL_PORTAL.name,
        "entered_at": worlds.Clock().at,
    }
    one = fileset.FileSet.of([fileset.File("a", 1, "0" * 64)])
    async with store.database.write() as data:
        digest = await queries.store_file_set(data, one, worlds.Clock().at)
        first = states.DeploymentState.STAGED
        data.add(tables.Deployment(id=1, state=first, created_by="alice", created=worlds.Clock().at, **about))
        await data.flush()
        data.add(
            tables.Promotion(
                id=1,
                deployment_id=1,
                state=states.State.REQUESTED,
                requested_by="alice",
                requested_at=worlds.Clock().at,
                evidence_digest="",
                voted_digest=digest,
                **about,
            )
        )


def _made(parent: str, name: str) -> pathlib.Path:
    directory = pathlib.Path(parent) / name
    directory.mkdir()
    return directory
