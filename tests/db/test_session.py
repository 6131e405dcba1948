# SPDX-License-Identifier: Apache-2.0
"""The engine: the pragmas on every connection, the write lock before the first read, all or nothing."""

import asyncio
import pathlib
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import sqlmodel

import atr.db.session as session
import atr.errors as errors
import atr.models.sql as sql


@pytest.fixture
def database(migrated: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A migrated file of the test's own."""
    path = tmp_path / "atr.db"
    shutil.copy(migrated, path)
    return path


@pytest_asyncio.fixture
async def opened(database: pathlib.Path) -> AsyncIterator[session.Database]:
    """A migrated database of the test's own."""
    one = session.Database(f"sqlite+aiosqlite:///{database}")
    yield one
    await one.close()


async def _pragma(data: session.Session, name: str) -> object:
    connection = await data.connection()
    return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()


async def test_a_connection_waits_for_whoever_writes_to_a_fresh_file(tmp_path: pathlib.Path) -> None:
    """SQLite itself would not wait: a file that is being written to cannot be put into WAL mode."""
    other = sqlite3.connect(tmp_path / "atr.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE project (key TEXT)")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.execute, ["COMMIT"])
    done.start()
    one = session.Database(f"sqlite+aiosqlite:///{tmp_path}/atr.db")
    async with one.read() as data:
        assert await _pragma(data, "journal_mode") == "wal"
    await one.close()
    done.join()
    other.close()


async def test_every_connection_is_durable_and_checks_its_keys(opened: session.Database) -> None:
    """Several at once: not only the first one of the pool."""
    ready = asyncio.Barrier(4)

    async def look() -> tuple[object, ...]:
        async with opened.read() as data:
            await ready.wait()
            return tuple(
                [await _pragma(data, name) for name in ("foreign_keys", "synchronous", "journal_mode", "busy_timeout")]
            )

    answers = await asyncio.gather(*(look() for _ in range(4)))
    # 2 is FULL: the mark is on disk before the first byte leaves.
    assert set(answers) == {(1, 2, "wal", 30_000)}
    async with opened.write() as data:
        assert await _pragma(data, "synchronous") == 2


async def test_a_writer_has_the_lock_before_it_reads(database: pathlib.Path) -> None:
    """What was checked is still true when it is written: two processes count to twenty together."""
    stores = [session.Database(f"sqlite+aiosqlite:///{database}") for _ in range(2)]

    async def count(store: session.Database) -> None:
        for _ in range(10):
            async with store.write() as data:
                row = await data.get(sql.RevisionCounter, "r") or sql.RevisionCounter(
                    release_key="r", last_allocated_number=0
                )
                await asyncio.sleep(0)
                row.last_allocated_number += 1
                data.add(row)

    await asyncio.gather(*(count(store) for store in stores))
    async with stores[0].read() as data:
        row = await data.get(sql.RevisionCounter, "r")
    for store in stores:
        await store.close()
    assert row is not None
    assert row.last_allocated_number == 20


async def test_an_error_rolls_everything_back(opened: session.Database) -> None:
    """Nothing of it is there."""
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with opened.write() as data:
            data.add(sql.Committee(key="a", stored_name="A"))
            await data.flush()
            raise RuntimeError
    async with opened.read() as data:
        assert (await data.exec(sqlmodel.select(sql.Committee))).all() == []


async def test_a_reader_sees_one_state_while_a_writer_commits(opened: session.Database) -> None:
    """The page and its numbers belong together."""
    async with opened.read() as reading:
        before = (await reading.exec(sqlmodel.select(sql.Committee))).all()
        async with opened.write() as data:
            data.add(sql.Committee(key="a", stored_name="A"))
        after = (await reading.exec(sqlmodel.select(sql.Committee))).all()
    assert before == after == []


async def test_a_full_disk_is_an_error_of_ours_and_nothing_stays(opened: session.Database) -> None:
    """As SQLite says it when its file cannot grow."""
    with pytest.raises(errors.NoRoomError, match="free space"):  # noqa: PT012
        async with opened.write() as data:
            pages = await _pragma(data, "page_count")
            await (await data.connection()).exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            data.add(sql.Committee(key="large", stored_name="x" * 1_000_000))
    async with opened.read() as data:
        assert (await data.exec(sqlmodel.select(sql.Committee))).all() == []
