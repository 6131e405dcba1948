# SPDX-License-Identifier: Apache-2.0
"""Our writers and our worker on a database of ATR's, whose rows and acts are ATR's own SQL."""

import contextlib
import dataclasses
import pathlib
import sqlite3
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import sqlalchemy
import sqlalchemy.ext.asyncio

import atr.db.guards as guards
import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.storage.files as files
import atr.storage.writers.ballots as ballots
import atr.storage.writers.revision as revisions
import tests.contract.atr as atrs
import tests.migrations.history as history
from tests import world as worlds

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

# What of ATR's no act of this page changes: tasks, papers, counters.
_THEIRS: Final = ("committee", "project", "projectcycle", "revisioncounter", "ballotpaper", "task", "workflowstatus")


@dataclasses.dataclass(frozen=True)
class Place:
    """A world over a database of ATR's, and its file."""

    world: worlds.World
    path: pathlib.Path
    tree: trees.Tree

    def act(self, *statements: str) -> None:
        """What ATR does now."""
        atrs.act(self.path, self.world.clock.at, *statements)

    def rows(self, *tables_of_atr: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of these tables."""
        with history.raw(self.path) as connection:
            return {
                table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')]
                for table in tables_of_atr
            }


@contextlib.asynccontextmanager
async def _atrs(directory: pathlib.Path, *, checks: bool) -> AsyncIterator[Place]:
    """ATR's database with ours added, a release in Compose whose files ATR has, and the project's names and policy."""
    path = directory / "atr.db"
    atrs.make(path, checks=checks)
    atrs.add_ours(path)
    with history.raw(path) as connection:
        history.insert(connection, "foundation_admin", {"asf_uid": people.ADMIN})
        # A worker asks for its own number at the start; in ATR's history ours has one of ATR's.
        connection.execute("UPDATE alembic_version SET version_num = ?", (history.HEAD,))
    async with worlds.open_world(directory, history.url(path)) as world:
        place = Place(world, path, trees.example())
        kept = world.store.place.revision_dir(people.PROJECT, "2.4.0", "00001")
        for name, content in place.tree.files.items():
            assert isinstance(content, bytes)
            (kept / "maven" / name).parent.mkdir(parents=True, exist_ok=True)
            (kept / "maven" / name).write_bytes(content)
        async with world.store.write(people.COMMITTER) as write:
            # ATR makes revisions itself, and has what they hold written down in the same transaction.
            await guards.hold(write.data, guards.release(atrs.RELEASE))
            await revisions.record(write, atrs.RELEASE, "00001", fileset.FileSet.of(files.hashed(kept)), {})
        async with world.admin() as admin:
            await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=place.tree.namespaces)
        async with world.member() as member:
            await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: True})
        yield place


async def _stage(place: Place, *, elsewhere: bool) -> int:
    world = place.world
    if elsewhere:
        world.tree = place.tree
        deployment_id = await world.record(atrs.RELEASE, await world.stage_elsewhere(place.tree))
    else:
        deployment_id = await world.stage(atrs.RELEASE)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    return deployment_id


async def _vote(place: Place) -> None:
    """ATR starts the vote in a session of its own and freezes the ballot in it; later it passes."""
    engine = sqlalchemy.ext.asyncio.create_async_engine(history.url(place.path))
    session.prepare_sqlite(engine.sync_engine)
    clock = place.world.clock
    async with sqlalchemy.ext.asyncio.AsyncSession(engine, expire_on_commit=False) as data:
        await data.execute(sqlalchemy.text(atrs.START_VOTE), {"at": atrs.text(clock.at)})
        host = ballots.Host(data, place.world.store.place, clock.at, people.COMMITTER)
        await host.freeze(atrs.RELEASE)
        await data.commit()
    await engine.dispose()
    clock.turn(hours=72)
    place.act(atrs.PASS_VOTE)


@pytest.mark.parametrize("elsewhere", [True, False])
@pytest.mark.parametrize("checks", [True, False])
async def test_what_atr_votes_on_goes_live_and_atr_announces_it(
    tmp_path: pathlib.Path, *, checks: bool, elsewhere: bool
) -> None:
    async with _atrs(tmp_path, checks=checks) as place:
        world = place.world
        before = place.rows(*_THEIRS)
        deployment_id = await _stage(place, elsewhere=elsewhere)
        await _vote(place)
        promotion_id = await world.promote(deployment_id)
        await world.live(deployment_id)
        assert world.publish_calls == 1
        # Our tasks are none of ATR's, and what we wrote into ATR's tables is what the deployment holds.
        assert place.rows(*_THEIRS) == before
        found = {row["package"]: row for row in place.rows("distribution")["distribution"]}
        for one in place.tree.packages:
            assert (found[one.package]["staging"], found[one.package]["pending"]) == (0, 0)
        # The announcement deletes every revision. What was promoted is still known, and looked at.
        place.act(*atrs.ANNOUNCE)
        assert place.rows("revision", "releasefilestate") == {"revision": [], "releasefilestate": []}
        await world.pass_time(days=2)
        row = await world.row(deployment_id)
        assert (row.state, row.blockers) == (states.State.LIVE, ())
        promotion = await world.promotion(promotion_id)
        assert promotion.public_digest == promotion.voted_digest
        assert await world.chain_holds()


@pytest.mark.parametrize("step", ["staged", "voted", "asked for", "live", "announced"])
async def test_atr_deletes_a_release_whatever_we_have_of_it(tmp_path: pathlib.Path, step: str) -> None:
    """What was recorded outlives it, what waits is stopped, and the worker goes on."""
    async with _atrs(tmp_path, checks=True) as place:
        world = place.world
        deployment_id = await _stage(place, elsewhere=False)
        if step != "staged":
            await _vote(place)
        if step in {"asked for", "live", "announced"}:
            await world.promote(deployment_id)
        if step in {"live", "announced"}:
            await world.live(deployment_id)
        if step == "announced":
            place.act(*atrs.ANNOUNCE)
        kept = (tables.Deployment, tables.BallotEntry, tables.Promotion, tables.Attempt)
        counts = [len(await world.rows(table)) for table in kept]
        events = len(await world.events_of(atrs.RELEASE))
        place.act(*atrs.DELETE_RELEASE)
        assert {row["release_key"] for row in place.rows("distribution", "checkresult")["distribution"]} == {atrs.OLDER}
        await world.pass_time(rounds=3, days=1)
        assert [len(await world.rows(table)) for table in kept] == counts
        assert len(await world.events_of(atrs.RELEASE)) >= events
        assert await world.chain_holds()
        ends = {"asked for": [states.State.ABORTED], "live": [states.State.LIVE], "announced": [states.State.LIVE]}
        assert [row.state for row in await world.rows(tables.Promotion)] == ends.get(step, [])
        assert world.publish_calls == (step in {"live", "announced"})
        with pytest.raises(errors.NotFoundError):
            await world.row(deployment_id)
        with history.raw(place.path) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_no_worker_takes_the_others_tasks(tmp_path: pathlib.Path) -> None:
    async with _atrs(tmp_path, checks=True) as place:
        world = place.world
        await world.stage(atrs.RELEASE)
        ours = len(await world.rows(operating.Task))
        assert ours > 0
        # ATR's takes the one that is queued there, and finds no other.
        assert [atrs.claim_task(place.path, world.clock.at) for _ in range(2)] == [1, None]
        before = place.rows("task")
        await world.pass_time(rounds=3, hours=1)
        assert place.rows("task") == before
        # What finishes one of ATR's keeps ATR's rule.
        with history.raw(place.path) as connection, pytest.raises(sqlite3.IntegrityError, match="ck_task"):
            connection.execute("UPDATE task SET status = 'COMPLETED' WHERE id = 1")


async def test_what_waits_of_atrs_distributions_is_looked_for(tmp_path: pathlib.Path) -> None:
    """A row of ATR's that nobody made by name: it is found when it is there, and not deleted when it is not."""
    async with _atrs(tmp_path, checks=True) as place:
        # The migration makes it due by the machine's clock.
        place.world.clock.at = session.utc_now()
        await place.world.pass_time(rounds=10, minutes=5)
        rows = [row for row in await place.world.rows(sql.Distribution) if row.platform == "NPM_SCOPED"]
        assert [(row.pending, row.created_by) for row in rows] == [(True, "")]
        assert rows[0].retries >= 1
