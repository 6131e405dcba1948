# SPDX-License-Identifier: Apache-2.0
"""The rows of sessions, on both engines: who may change which, and what a restore leaves of them."""

import datetime
import pathlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest
import pytest_asyncio

import atr.db.session as session
import atr.errors as errors
import atr.models.sessions as sessions
import atr.storage as storage
import atr.storage.readers.sessions as readers
import atr.storage.transaction as transaction
from tests import world as worlds

LIMITS: Final = sessions.Limits(
    datetime.timedelta(minutes=30), datetime.timedelta(hours=8), datetime.timedelta(minutes=10)
)


@pytest.fixture
def clock() -> worlds.Clock:
    return worlds.Clock()


@pytest_asyncio.fixture
async def store(database: str, clock: worlds.Clock, tmp_path: pathlib.Path) -> AsyncIterator[storage.Storage]:
    rows = session.Database(database, clock)
    yield storage.Storage(rows, transaction.Place(tmp_path))
    await rows.close()


async def begin(store: storage.Storage, who: str, sid_hash: str, proved: datetime.datetime | None = None) -> None:
    async with store.write(who) as write:
        await write.as_general_public().sessions.begin(sid_hash, address="::1", proved=proved, limits=LIMITS)


async def own(store: storage.Storage, who: str) -> Sequence[str]:
    async with store.read(who) as read:
        return [one.sid_hash for one in await readers.own(read, LIMITS)]


async def test_one_is_begun_used_and_ended(store: storage.Storage, clock: worlds.Clock) -> None:
    began = clock.at
    await begin(store, "alice", "a")
    clock.turn(minutes=9)
    async with store.write("alice") as write:
        await write.as_foundation_committer().sessions.seen("a")
    one = await store.session("a")
    assert one == sessions.Session("a", "alice", "::1", began, clock.at, began)
    assert LIMITS.holds(one, clock.at + datetime.timedelta(minutes=29, seconds=59))
    assert not LIMITS.holds(one, clock.at + datetime.timedelta(minutes=30))
    assert LIMITS.is_fresh(one, clock.at)
    assert not LIMITS.is_fresh(one, began + datetime.timedelta(minutes=10))
    async with store.write("") as write:
        await write.as_general_public().sessions.end("a")
    assert await store.session("a") is None


async def test_a_clock_that_is_ahead_makes_nobody_more_recent(store: storage.Storage, clock: worlds.Clock) -> None:
    await begin(store, "alice", "a", clock.at + datetime.timedelta(days=1))
    await begin(store, "alice", "b", datetime.datetime.fromtimestamp(0, datetime.UTC))
    one, other = await store.session("a"), await store.session("b")
    assert one is not None
    assert other is not None
    assert one.proved == clock.at
    assert not LIMITS.is_fresh(other, clock.at)


async def test_what_is_over_goes_with_the_next_sign_in(store: storage.Storage, clock: worlds.Clock) -> None:
    await begin(store, "alice", "a")
    clock.turn(minutes=30)
    assert await own(store, "alice") == []
    assert await store.session("a") is not None
    await begin(store, "bob", "b")
    assert await store.session("a") is None


async def test_each_ends_their_own(store: storage.Storage) -> None:
    for who, name in (("alice", "a"), ("alice", "b"), ("alice", "c"), ("bob", "d")):
        await begin(store, who, name)
    async with store.write("bob") as write:
        await write.as_foundation_committer().sessions.revoke("a")
    assert set(await own(store, "alice")) == {"a", "b", "c"}
    async with store.write("alice") as write:
        await write.as_foundation_committer().sessions.revoke("a")
        await write.as_foundation_committer().sessions.revoke_others("b")
    assert (await own(store, "alice"), await own(store, "bob")) == (["b"], ["d"])


async def test_nobody_is_signed_in_as_a_service_or_without_a_name(store: storage.Storage) -> None:
    with pytest.raises(errors.AccessError):
        await begin(store, transaction.SYSTEM_SERVICE_UID, "a")
    with pytest.raises(errors.AccessError):
        async with store.write("") as write:
            write.as_foundation_committer()


async def test_a_restored_database_has_none(store: storage.Storage) -> None:
    """Who has signed out since the backup stays signed out."""
    await begin(store, "alice", "a")
    async with store.write_as_operator() as operator:
        await operator.restoring.declare(None)
    assert await store.session("a") is None
