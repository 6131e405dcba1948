# SPDX-License-Identifier: Apache-2.0
"""A worker does not start where its promises would not hold."""

import datetime
import pathlib
from typing import Final

import pytest
import sqlalchemy

import atr.db.condition as condition
import atr.db.session as session
import atr.errors as errors
import atr.platforms.registry as registry
import atr.worker as worker
from tests import world as worlds

_DROPPED: Final = sqlalchemy.text("DROP INDEX ix_promotion_target_one_open")


@pytest.mark.sqlite
async def test_a_database_that_is_well_is_safe(voted: worlds.World) -> None:
    """The one of a whole world, by that world's clock."""
    database = session.Database(voted.settings.database, voted.clock)
    await condition.demand_safe(database)
    await database.close()


@pytest.mark.sqlite
async def test_a_clock_behind_what_was_written_stops_the_start(voted: worlds.World) -> None:
    database = session.Database(voted.settings.database, lambda: voted.clock() - datetime.timedelta(seconds=60))
    with pytest.raises(errors.SettingsError, match=r"clock is 6\d s behind the newest event.*Synchronise it with NTP"):
        await condition.demand_safe(database)
    await database.close()


@pytest.mark.sqlite
async def test_a_worker_does_not_start_without_what_keeps_a_coordinate_to_one(tmp_path: pathlib.Path) -> None:
    settings = registry.WorkerSettings(state_dir=tmp_path)
    async with worker.context(settings):
        pass
    database = session.Database(settings.database)
    async with database.write() as data:
        await (await data.connection()).execute(_DROPPED)
    await database.close()
    with pytest.raises(errors.SettingsError, match="lacks ix_promotion_target_one_open"):
        async with worker.context(settings):
            pass
