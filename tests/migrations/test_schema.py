# SPDX-License-Identifier: Apache-2.0
"""The migrated database is the one that the models describe, and old rows can be read through them."""

import datetime
import pathlib

import alembic.autogenerate
import alembic.runtime.migration as migration
import pytest
import sqlalchemy

import atr.db.migrate as migrate
import atr.db.session as session
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.shared.distribution as distribution
import tests.migrations.history as history

_MODELS = tables.Event.metadata


def test_autogenerate_finds_nothing_to_do(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path))
    engine = migrate.engine(history.url(path))
    with engine.connect() as connection:
        context = migration.MigrationContext.configure(connection, opts={"target_metadata": _MODELS})
        assert alembic.autogenerate.compare_metadata(context, _MODELS) == []
    engine.dispose()


def test_what_autogenerate_does_not_compare_is_equal_too(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The members of each enum, by its CHECK; names of constraints; defaults; order of keys; conditions of indexes."""
    migrate.upgrade(history.url(path))
    fresh = tmp_path / "fresh.db"
    engine = migrate.engine(history.url(fresh))
    _MODELS.create_all(engine)
    engine.dispose()
    migrated, described = history.facts(path), history.facts(fresh)
    assert migrated.keys() == described.keys()
    for table, facts in described.items():
        assert migrated[table] == facts, table


async def test_rows_from_before_are_read_through_the_models(path: pathlib.Path) -> None:
    history.at(path, history.HEAD)
    read = await history.through_models(path)
    written = [(table, rows) for each in history.REVISIONS for table, rows in history.ROWS[each].items()]
    assert {table: len(read[table]) for table, _ in written} == {table: len(rows) for table, rows in written}

    revision: sql.Revision = read["revision"][0]
    assert revision.created == datetime.datetime(2026, 5, 4, 10, 20, 30, 123456, tzinfo=datetime.UTC)
    policy: sql.ReleasePolicy = read["releasepolicy"][0]
    assert (policy.remote_promotion, policy.file_tag_mappings) == ({}, {"mavencentral": ["maven/**"]})
    task: operating.Task = read["promotion_task"][0]
    assert (task.tries, task.lease_owner, task.lease_epoch, task.lease_until) == (0, "", 0, None)
    rows = {row.package: row for row in read["distribution"]}
    staged: sql.Distribution = rows["kit-core"]
    assert (staged.created, staged.last_error, staged.due_at, staged.lease_epoch) == (None, "", None, 0)
    assert {row.proof for row in rows.values()} == {distribution.Proof.UNPROVED}, "what ATR calls final, too"
    waiting: sql.Distribution = rows["kit-api"]
    assert waiting.due_at is not None
    assert abs(waiting.due_at - session.utc_now()) < datetime.timedelta(minutes=5)
    by_mechanism = [row.mechanism for row in read["deployment"]], [row.name for row in read["platform_account"]]
    assert by_mechanism == (["CENTRAL_PORTAL"], ["CENTRAL_PORTAL"])
    assert [row.scope for row in read["switch"]] == ["mechanism:CENTRAL_PORTAL"]


async def test_what_nobody_recorded_cannot_stand_on_a_ballot(path: pathlib.Path) -> None:
    history.at(path, history.HEAD)
    database = session.Database(history.url(path))
    try:
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="FOREIGN KEY"):
            async with database.write() as data:
                data.add(
                    tables.BallotEntry(
                        release_key="example-kit-1.2.0",
                        vote_seq=2,
                        kind=tables.BallotKind.REVISION,
                        file_set_digest="not-recorded",
                        opened=session.utc_now(),
                    )
                )
    finally:
        await database.close()


async def test_foreign_keys_are_on_in_our_own_connections(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path))
    database = session.Database(history.url(path))
    try:
        async with database.read() as data:
            assert (await (await data.connection()).exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="FOREIGN KEY"):
            async with database.write() as data:
                data.add(tables.FileSetFile(digest="no such set", path="a.jar", size=1, sha256="ab"))
    finally:
        await database.close()
