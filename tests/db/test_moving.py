# SPDX-License-Identifier: Apache-2.0
"""`atr move`: a world's rows in another database, and everything goes on there."""

import asyncio
import datetime
import pathlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy

import atr.db.migrate as migrate
import atr.errors as errors
import atr.models.promotion as tables
import atr.storage.moving as moving
from tests import databases, installed
from tests import world as worlds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(databases.programs() is None, reason=installed.POSTGRESQL.advice),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Postgresql]:
    with databases.server() as running:
        yield databases.Postgresql(running)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """On SQLite: a promotion that was stopped, and one that waits."""

    async def bring(world: worlds.World) -> tuple[str, int]:
        release_key, deployment_id = await world.voted()
        promotion_id = await world.promote(deployment_id)
        async with world.member() as member:
            await member.promotions.abort(promotion_id, "not yet")
        await world.promote(deployment_id)
        return release_key, deployment_id

    directory = tmp_path_factory.mktemp("asked")
    return worlds.scene(directory, databases.Sqlite(tmp_path_factory.mktemp("template")), bring)


async def test_everything_arrives_as_it_was_and_the_promotion_goes_on_there(
    server: databases.Postgresql, asked: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    told: list[Mapping[str, Any]] = []
    target = server.empty(tmp_path)
    before = _rows(asked.database)
    await asyncio.to_thread(moving.move, asked.database, target, told.append)
    after = _rows(target)
    assert {name: len(rows) for name, rows in after.items()} == {
        one["table"]: one["rows"] for one in told if one["step"] == "moved"
    }
    assert after == before
    assert _rows(asked.database) == before
    shutil.copytree(asked.directory, tmp_path / "state", ignore=shutil.ignore_patterns("atr.db*"))
    async with worlds.open_world(tmp_path / "state", target, began=asked.at) as world:
        # New numbers follow the old ones, or this would fail at the first event.
        await world.pass_time(rounds=2, minutes=1)
        assert len(await world.rows(tables.Event)) > len(before["event"])
        assert await world.chain_holds()


def test_a_database_with_rows_is_refused(
    server: databases.Postgresql, asked: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    target = server.empty(tmp_path)
    moving.move(asked.database, target, _silent)
    there = _rows(target)
    with pytest.raises(errors.SettingsError, match=r"not empty; it has rows in .*event"):
        moving.move(asked.database, target, _silent)
    assert _rows(target) == there


def test_a_file_that_is_in_use_is_refused(
    server: databases.Postgresql, asked: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "atr.db"
    shutil.copy(str(sqlalchemy.make_url(asked.database).database), file)
    target = server.empty(tmp_path)
    user = sqlite3.connect(file)
    user.execute("SELECT count(*) FROM event").fetchone()
    with pytest.raises(errors.SettingsError, match="Stop the web process and the worker first"):
        moving.move(databases.sqlite_url(file), target, _silent)
    user.close()
    assert not any(_rows(target).values())
    moving.move(databases.sqlite_url(file), target, _silent)
    assert any(_rows(target).values())


def test_a_broken_chain_of_events_is_not_moved(
    server: databases.Postgresql, asked: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "atr.db"
    shutil.copy(str(sqlalchemy.make_url(asked.database).database), file)
    with sqlite3.connect(file) as meddler:
        meddler.execute("DROP TRIGGER event_no_update")
        meddler.execute("UPDATE event SET actor = 'mallory' WHERE chain <> 'site' AND number = 2")
    meddler.close()
    target = server.empty(tmp_path)
    with pytest.raises(errors.SettingsError, match=r"Event 2 of .* does not follow"):
        moving.move(databases.sqlite_url(file), target, _silent)
    assert not any(_rows(target).values())


def test_two_revisions_are_refused(server: databases.Postgresql, asked: worlds.Scene, tmp_path: pathlib.Path) -> None:
    old = databases.sqlite_url(tmp_path / "old.db")
    migrate.upgrade(old, "0001")
    with pytest.raises(errors.SettingsError, match=r"at revision 0001 and the database at .*both must be at"):
        moving.move(old, server.empty(tmp_path), _silent)
    with pytest.raises(errors.SettingsError, match="must be a PostgreSQL database"):
        moving.move(asked.database, old, _silent)
    with pytest.raises(errors.SettingsError, match="must be an existing SQLite file"):
        moving.move(databases.sqlite_url(tmp_path / "none.db"), old, _silent)


def _silent(_told: Mapping[str, Any]) -> None:
    """Nobody listens."""


def _rows(address: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, through the models' types."""
    engine = migrate.engine(address)
    try:
        with engine.connect() as connection:
            return {
                table.name: [
                    {name: _same(value) for name, value in row.items()}
                    for row in connection.execute(
                        sqlalchemy.select(table).order_by(*table.primary_key.columns)
                    ).mappings()
                ]
                for table in tables.Event.metadata.sorted_tables
            }
    finally:
        engine.dispose()


def _same(value: Any) -> Any:
    """An instant is the same in every zone."""
    return value.astimezone(datetime.UTC) if isinstance(value, datetime.datetime) else value
