# SPDX-License-Identifier: Apache-2.0
"""What is PostgreSQL's own: its clock, locks that order transactions, rows that are passed over, unsafe settings."""

import asyncio
import datetime
import pathlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
import pytest_asyncio
import sqlmodel

import atr.db.condition as condition
import atr.db.guards as guards
import atr.db.leases as leases
import atr.db.migrate as migrate
import atr.db.queries as queries
import atr.db.session as session
import atr.errors as errors
import atr.models.sql as sql
from tests import databases, installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(databases.programs() is None, reason=installed.POSTGRESQL.advice),
]

MINUTE: Final = datetime.timedelta(minutes=1)
NOW: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def made() -> Iterator[databases.Postgresql]:
    with databases.server() as server:
        yield databases.Postgresql(server)


@pytest_asyncio.fixture
async def one(made: databases.Postgresql, tmp_path: pathlib.Path) -> AsyncIterator[session.Database]:
    """A fresh database."""
    database = session.Database(made.empty(tmp_path))
    yield database
    await database.close()


async def test_the_time_is_the_databases_and_stands_still_in_no_transaction(one: session.Database) -> None:
    async with one.read() as data:
        first, second = await one.now(data), await one.now(data)
    assert first < second
    assert first.tzinfo is datetime.UTC
    assert abs(session.utc_now() - first) < MINUTE


async def test_whoever_holds_a_scope_is_waited_for_and_what_they_changed_is_seen(one: session.Database) -> None:
    """Without the guard the second one would have counted from what it read before."""
    holding, waited = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with one.write() as data:
            await guards.hold(data, guards.committee("c"))
            holding.set()
            await waited.wait()
            data.add(sql.Committee(key="c", stored_name="Changed", committee_members=["alice"]))

    async def second() -> list[str]:
        await holding.wait()
        async with one.write() as data:
            assert await data.get(sql.Committee, "c") is None
            asyncio.get_running_loop().call_later(0.3, waited.set)
            await guards.hold(data, guards.SITE, guards.committee("c"))
            row = await data.get(sql.Committee, "c", populate_existing=True)
            assert row is not None
            return row.committee_members

    _, members = await asyncio.gather(first(), second())
    assert members == ["alice"]


async def test_scopes_are_taken_in_one_order_whatever_order_they_are_asked_for(one: session.Database) -> None:
    """Two that each want both never wait for each other."""
    scopes = (guards.release("r"), guards.committee("c"), guards.SITE)

    async def hold(*wanted: str) -> None:
        for _ in range(20):
            async with one.write() as data:
                await guards.hold(data, *wanted)

    await asyncio.gather(hold(*scopes), hold(*reversed(scopes)), hold(*scopes[1:], scopes[0]))


async def _pending(one: session.Database, *packages: str) -> None:
    """A release with these distributions, all due."""
    async with one.write() as data:
        data.add(sql.Committee(key="c", stored_name="C"))
        await data.flush()
        data.add(sql.Project(key="p", stored_name="P", committee_key="c"))
        await data.flush()
        data.add(sql.Release(key="p-1", created=NOW, project_key="p", version="1"))
        await data.flush()
        data.add_all(
            sql.Distribution(
                release_key="p-1",
                platform="MAVEN",
                owner_namespace="org.example",
                package=name,
                version="1",
                staging=False,
                pending=True,
                created_by="alice",
                due_at=NOW,
            )
            for name in packages
        )


async def test_who_works_on_a_row_waits_for_nobody_who_holds_what_it_belongs_to(one: session.Database) -> None:
    """A scan has rows that a mark waits for: were it to wait for the mark's release, neither would go on."""
    await _pending(one, "a")
    async with one.write() as scan, one.write() as mark:
        [row] = await leases.claim(scan, sql.Distribution, NOW, owner="w", seconds=60, limit=1)
        await queries.demand_release(mark, "p-1", fresh=True)
        row.lease_until = None
        # PostgreSQL looks whether the release is there: the row was changed twice in this transaction.
        await asyncio.wait_for(scan.flush(), timeout=5)


async def test_a_row_that_another_worker_is_taking_is_passed_over(one: session.Database) -> None:
    await _pending(one, "a", "b")

    async def claim(data: session.Session, owner: str) -> list[str]:
        rows = await leases.claim(data, sql.Distribution, NOW, owner=owner, seconds=60, limit=1)
        return [row.package for row in rows]

    async with one.write() as first, one.write() as second:
        # Neither waits for the other, and each has its own.
        assert sorted([*await claim(first, "one"), *await claim(second, "two")]) == ["a", "b"]
    async with one.read() as data:
        rows = (await data.exec(sqlmodel.select(sql.Distribution))).all()
    assert sorted(row.lease_owner for row in rows) == ["one", "two"]


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_may_lose_what_it_acknowledged_is_refused(name: str) -> None:
    with databases.server({name: "off"}) as server:
        database = session.Database(server.create())
        with pytest.raises(errors.SettingsError, match=f"{name} = off, so it may lose"):
            await database.ensure_durable()
        await database.close()


async def test_a_server_as_it_comes_is_taken() -> None:
    with databases.server({}) as server:
        address = server.create()
        migrate.upgrade(address)
        database = session.Database(address)
        await condition.demand_safe(database)
        await database.close()
