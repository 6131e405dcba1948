# SPDX-License-Identifier: Apache-2.0
"""Every change is an event in its own transaction, chained from the first one on."""

import itertools
import pathlib
import shutil
import sqlite3

import pytest
import sqlalchemy.exc
import sqlmodel

import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.audit as audit
import atr.storage.worker.captures as captures
from tests import world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"


async def test_the_chains_hold_after_a_journey_and_name_who_did_what(voted: worlds.World) -> None:
    """One chain a release, one for the site; numbers without a gap, time that never goes back."""
    await voted.promote(1, "bob")
    await voted.live(1)
    assert await voted.chain_holds()
    chain = await voted.events_of(RELEASE)
    assert [event.number for event in chain] == list(range(1, len(chain) + 1))
    assert all(later.at >= earlier.at for earlier, later in itertools.pairwise(chain))
    by_what = {event.what: event for event in chain}
    assert by_what["promotion_requested"].actor == "bob"
    assert by_what["attempt_marked"].actor == "bob"
    assert by_what["promotion_moved"].actor == "system"
    assert by_what["vote_opened"].actor == people.COMMITTER
    site = await voted.events_of(audit.SITE)
    assert {"policy_edited", "target_set", "committee_set", "project_set"} == {event.what for event in site}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE event SET actor = 'nobody' WHERE seq = {seq}",
        "UPDATE event SET data = '{{}}' WHERE seq = {seq}",
        "UPDATE event SET at = '2026-01-01 00:00:00.000000' WHERE seq = {seq}",
        "UPDATE event SET what = 'nothing' WHERE seq = {seq}",
        "DELETE FROM event WHERE seq = {seq}",
        "UPDATE event SET number = number + 1000 WHERE seq = {seq}",
        "UPDATE event SET subject = 'deployment:2' WHERE seq = {seq}",
    ],
)
async def test_what_was_edited_deleted_or_moved_shows(
    harm: str, voted_scene: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    """The triggers refuse it; on a copy without them the chain breaks at that event or the next."""
    copy = tmp_path / "atr.db"
    shutil.copy(voted_scene.directory / "atr.db", copy)
    with sqlite3.connect(copy) as database:
        seq, number = database.execute(
            "SELECT seq, number FROM event WHERE chain = ? AND number = 5", (RELEASE,)
        ).fetchone()
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            database.execute(harm.format(seq=seq))
        triggers = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for trigger in triggers:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute(harm.format(seq=seq))
    database.close()
    assert await _broken_at(copy) in {number, number + 1}


@pytest.mark.sqlite
async def test_two_events_that_changed_places_show(voted_scene: worlds.Scene, tmp_path: pathlib.Path) -> None:
    """Order is part of the chain; so is its end, as far as the last number is known elsewhere."""
    copy = tmp_path / "atr.db"
    shutil.copy(voted_scene.directory / "atr.db", copy)
    with sqlite3.connect(copy) as database:
        for (trigger,) in list(database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
            database.execute(f"DROP TRIGGER {trigger}")
        for old, new in ((4, 900), (5, 4), (900, 5)):
            database.execute("UPDATE event SET number = ? WHERE chain = ? AND number = ?", (new, RELEASE, old))
    database.close()
    assert await _broken_at(copy) == 4


async def _broken_at(path: pathlib.Path) -> int | None:
    database = session.Database(f"sqlite+aiosqlite:///{path}")
    try:
        async with database.read() as data:
            rows = (await data.exec(sqlmodel.select(tables.Event).where(tables.Event.chain == RELEASE))).all()
            return audit.broken_at(sorted(rows, key=lambda event: event.number))
    finally:
        await database.close()


@pytest.mark.sqlite
async def test_an_error_takes_the_change_and_its_event_back_together(voted: worlds.World) -> None:
    """No event without its change, no change without its event."""
    events = len(await voted.rows(tables.Event))
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with voted.member() as member:
            await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})
            await member.deployments.drop(1, "Not needed.")
            raise RuntimeError
    assert len(await voted.rows(tables.Event)) == events
    (policy,) = await voted.rows(sql.ReleasePolicy)
    assert policy.remote_promotion == {"mavencentral": True}
    assert (await voted.row(1)).deployment_state is not None
    # And the other way round: an event that cannot be written takes the change with it.
    full = "CREATE TRIGGER disk_full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no space left'); END"
    with sqlite3.connect(voted.settings.state_dir / "atr.db") as database:
        database.execute(full)
    database.close()
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="no space"):
        async with voted.member() as member:
            await member.deployments.drop(1, "Not needed.")
    (deployment,) = await voted.rows(tables.Deployment)
    assert (deployment.state.value, deployment.drop_reason) == ("staged", "")


async def test_every_writer_method_of_a_person_writes_an_event(staged: worlds.World) -> None:
    """One at least, by that person, about the right thing."""
    told: list[str] = []

    async def events() -> list[tables.Event]:
        return list(await staged.rows(tables.Event))

    async def check(what: str, actor: str) -> None:
        news = [event for event in await events() if event.what not in told and event.what == what]
        assert news, what
        assert news[-1].actor == actor
        told.append(what)

    async with staged.member() as member:
        await member.release.start(people.PROJECT, "7.0")
    await check("release_started", "alice")
    async with staged.member() as member:
        await member.deployments.take_off_ballot(1, "Try without.")
    await check("deployment_off_ballot", "alice")
    async with staged.member() as member:
        await member.deployments.put_on_ballot(1)
    await check("deployment_on_ballot", "alice")
    async with staged.member() as member:
        await member.vote.open_vote(RELEASE)
        await member.vote.cast(RELEASE, sql.VoteChoice.ABSTAIN)
        await member.vote_resolution.resolve_failed(RELEASE, "A test failed.")
        await member.vote.open_vote(RELEASE)
        await member.vote_resolution.abandon(RELEASE, "Another test failed.")
    for what in ("vote_opened", "vote_cast", "vote_failed", "candidate_abandoned"):
        await check(what, "alice")
    async with staged.service() as service:
        await service.checks.record_staged(1, "1", [captures.Result(sql.CheckResultStatus.NOTE, "Fine.")])
    assert await staged.chain_holds()


async def test_a_failed_look_at_a_deployment_is_told_once(staged: worlds.World) -> None:
    """The sentence on the row, and one event, however often it fails in the same way."""
    staged.fault("status", status=503, times=None)
    await staged.pass_time(rounds=4, hours=2)
    row = await staged.row(1)
    looked = [event for event in await staged.events("deployment:1") if event.what == "deployment_looked"]
    assert len(looked) == 1
    assert looked[0].data["problem"] == row.problem != ""


async def test_a_reason_is_one_line(staged: worlds.World) -> None:
    """What a person types cannot fake a second line of a log."""
    async with staged.member() as member:
        await member.deployments.drop(1, "fine\n2026-01-01 INFO everything promoted")
    row = await staged.row(1)
    assert "\n" not in row.drop_reason
    with pytest.raises(errors.ConflictError):
        async with staged.member() as member:
            await member.deployments.drop(1, "again")
