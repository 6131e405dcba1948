# SPDX-License-Identifier: Apache-2.0
"""The scan and the task table: oldest first, retried, and one bad row stops no other."""

import asyncio
import dataclasses
import gc
import itertools
from typing import Any

import pytest
import sqlalchemy
import sqlmodel

import atr.db.queue as queue
import atr.demo.people as people
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.tasks.distribution as scan
import atr.worker as worker
import tests.world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"


async def _lose_the_voted_files(world: worlds.World, digest: str) -> None:
    """The file set's rows are gone from the disk, as after a bad restore."""
    async with world.by_hand() as data:
        on_table = " ON file_set_file" if (await data.connection()).dialect.name == "postgresql" else ""
        await (await data.connection()).exec_driver_sql(f"DROP TRIGGER file_set_file_no_delete{on_table}")
        gone = sqlalchemy.delete(tables.FileSetFile).where(sqlmodel.col(tables.FileSetFile.digest) == digest)
        await data.exec(gone)


async def test_one_bad_row_stops_no_other(voted: worlds.World) -> None:
    """A promotion whose voted files are lost says so; a pending row behind it is found all the same."""
    promotion_id = await voted.promote(1)
    other = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-more", "2.4.0")
    async with voted.member() as member:
        await member.distributions.record(RELEASE, other, staging=False)
    voted.platform.portal.put_public("org/example/widgets/widgets-more/2.4.0/widgets-more-2.4.0.pom", b"<project/>")
    await _lose_the_voted_files(voted, (await voted.promotion(promotion_id)).voted_digest)
    await voted.pass_time(rounds=3, minutes=5)
    row = next(one for one in await voted.rows(sql.Distribution) if one.coordinates == other)
    assert row.web_url
    promotion = await voted.promotion(promotion_id)
    assert promotion.state is states.State.REQUESTED
    assert promotion.blocker
    assert promotion.due_at
    assert promotion.due_at > voted.clock.at, "it is tried again, not at once"
    assert voted.publish_calls == 0


class _Odd:
    """An adapter that has a bug."""

    def __getattr__(self, name: str) -> object:
        raise ZeroDivisionError(name)


async def test_a_bug_in_an_adapter_is_a_sentence_on_each_row_and_the_worker_goes_on(voted: worlds.World) -> None:
    """Nothing is lost: with the mended adapter everything ends."""
    await voted.promote(1)
    other = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-more", "2.4.0")
    async with voted.member() as member:
        await member.distributions.record(RELEASE, other, staging=False)
    odd: dict[mechanisms.Mechanism, object] = {mechanisms.Mechanism.CENTRAL_PORTAL: _Odd()}
    with voted.other_hands(promoters=odd):
        await voted.pass_time(rounds=3, minutes=2)
    row = await voted.row(1)
    assert "An unexpected error" in row.next_note
    pending = next(one for one in await voted.rows(sql.Distribution) if one.coordinates == other)
    assert "An unexpected error" in pending.last_error
    assert "ZeroDivision" not in row.next_note
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_a_row_taken_over_in_the_middle_of_a_failing_look_stops_nothing(voted: worlds.World) -> None:
    """The deployment's look fails just when somebody else holds the row: given up quietly."""
    voted.clock.turn(hours=2)
    voted.fault("status", status=503)
    steps = await scan.status_check(voted.hands, limit=10)
    assert len(steps) == 1
    async with voted.by_hand() as data:
        await (await data.connection()).exec_driver_sql("UPDATE deployment SET lease_epoch = lease_epoch + 1")
    await asyncio.gather(*steps)
    (row,) = await voted.rows(tables.Deployment)
    assert row.problem == ""


async def test_without_an_adapter_every_row_says_so(voted: worlds.World) -> None:
    """No platform is contacted unless the operator named its address."""
    await voted.promote(1)
    before = voted.platform.traffic.counters()["requests"]
    with voted.other_hands(promoters={}):
        await voted.pass_time(rounds=2, minutes=2)
    row = await voted.row(1)
    assert "No address is configured for Maven Central" in row.next_note
    assert voted.platform.traffic.counters()["requests"] == before


async def test_a_scan_that_could_not_commit_leaves_nothing_begun(voted: worlds.World) -> None:
    """Its rows are taken by the next one, and no work waits that nobody starts: Python warns of such."""
    await voted.promote(1)
    busy = scan.Busy()
    with pytest.raises(worlds.Died):
        await scan.status_check(voted.dying_at("in_claim_tx"), limit=5, busy=busy)
    gc.collect()
    assert not busy.total()
    await voted.live(1)


async def test_pending_rows_of_a_platform_are_looked_for_one_by_one(voted: worlds.World) -> None:
    """More rows than a scan takes: every one gets its turn, and none gets two before that."""
    names = [f"widgets-{number:02}" for number in range(25)]
    async with voted.member() as member:
        for name in names:
            where = distribution.coordinates(worlds.MAVEN, "org.example.widgets", name, "2.4.0")
            await member.distributions.record(RELEASE, where, staging=False)
    for _ in names:
        assert await worlds.drain(voted.hands, limit=5) == 1
    rows = [one for one in await voted.rows(sql.Distribution) if one.package in names]
    assert {one.retries for one in rows} == {1}
    assert all(one.due_at and one.due_at > voted.clock.at for one in rows)


# Tasks


async def _task(world: worlds.World, args: dict[str, object]) -> None:
    async with world.service() as service:
        await queue.enqueue(
            service.write.data, operating.TaskType.DISTRIBUTION_CAPTURE, dict(args), service.write.now, asf_uid="alice"
        )


async def test_a_task_for_what_is_not_there_any_more_is_over(voted: worlds.World) -> None:
    """A host may have deleted what it was for."""
    await _task(voted, {"deployment_id": 999})
    await voted.work()
    (task,) = [one for one in await voted.rows(operating.Task) if one.task_args == {"deployment_id": 999}]
    assert (task.status, task.tries) == (operating.TaskStatus.COMPLETED, 1)


async def test_a_task_is_tried_again_longer_apart_and_then_failed(voted: worlds.World) -> None:
    """Five tries; the rows it works on carry the truth, so that a lost task loses nothing."""
    wrong: dict[str, object] = {"deployment": 1}
    await _task(voted, wrong)
    began = voted.clock.at
    instants = []
    for _ in range(20):
        if await worlds.drain(voted.hands):
            instants.append((voted.clock.at - began).total_seconds())
        voted.clock.turn(seconds=1)
        (task,) = [one for one in await voted.rows(operating.Task) if one.task_args == wrong]
        if task.status is operating.TaskStatus.FAILED:
            break
        voted.clock.turn(seconds=2)
    await voted.pass_time(rounds=5, minutes=1)
    (task,) = [one for one in await voted.rows(operating.Task) if one.task_args == wrong]
    assert (task.status, task.tries) == (operating.TaskStatus.FAILED, 5)
    assert "KeyError" in (task.error or "")
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert gaps == sorted(gaps)


async def test_the_same_work_is_asked_for_once_until_it_is_done(voted: worlds.World) -> None:
    """Asked again afterwards it is new work."""
    before = len(await voted.rows(operating.Task))
    for _ in range(3):
        await _task(voted, {"deployment_id": 1})
    await _task(voted, {"deployment_id": 2})
    assert len(await voted.rows(operating.Task)) == before + 2
    await voted.work()
    await _task(voted, {"deployment_id": 1})
    assert len(await voted.rows(operating.Task)) == before + 3


async def test_a_task_whose_worker_died_is_taken_up_when_its_lease_has_ended(voted: worlds.World) -> None:
    """And not before."""
    await _task(voted, {"deployment_id": 1})
    async with voted.service() as service:
        (first,) = await service.tasks.claim(owner="dead", seconds=75, limit=5)
    voted.clock.turn(seconds=74)
    async with voted.service() as service:
        assert not await service.tasks.claim(owner="alive", seconds=75, limit=5)
    voted.clock.turn(seconds=2)
    async with voted.service() as service:
        (second,) = await service.tasks.claim(owner="alive", seconds=75, limit=5)
    assert (second.id, second.tries) == (first.id, first.tries + 1)


async def test_what_needs_files_is_left_to_a_worker_that_has_them(world: worlds.World) -> None:
    """DESIGN.md, 6: proving and promoting need only digests."""
    deployment_id = await world.stage(await world.composed())
    await worlds.drain(dataclasses.replace(world.hands, has_files=False))
    left = [one.task_type for one in await world.rows(operating.Task) if one.status is operating.TaskStatus.QUEUED]
    assert left == [operating.TaskType.DISTRIBUTION_STAGE]
    assert await world.rows(tables.Attempt) == []
    await worlds.drain(world.hands)
    assert (await world.row(deployment_id)).deployment_state is states.DeploymentState.VALIDATING


async def test_a_lost_capture_task_is_asked_for_again_by_the_scan(world: worlds.World) -> None:
    """The row says that it is staged and not captured."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, lambda row: row.deployment_state is states.DeploymentState.VALIDATING)
    for _ in range(50):
        await worlds.drain(world.hands)
        captures = [
            one for one in await world.rows(operating.Task) if one.task_type is operating.TaskType.DISTRIBUTION_CAPTURE
        ]
        if captures:
            break
        await world.turn_to_due()
    async with world.by_hand() as data:
        await data.delete(captures[0])
    await world.until(deployment_id, lambda row: row.proof.staged is not None)


async def test_a_stop_lets_what_is_in_hand_end(voted: worlds.World) -> None:
    """SIGTERM sets the event: nothing new is begun, the step in hand is finished and stored."""
    await voted.promote(1)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.work_until(voted.hands, stop, tick=0.01, slots=2))
    for _ in range(500):
        if voted.publish_calls:
            break
        await asyncio.sleep(0.01)
    stop.set()
    await working
    assert voted.publish_calls == 1
    assert (await voted.row(1)).state in {states.State.SENDING, states.State.PUBLISHING}
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_a_database_that_is_away_for_a_while_stops_no_worker(voted: worlds.World) -> None:
    """The scan says so in the log and tries again."""
    stop = asyncio.Event()
    no_number: Any = "not a number"
    broken = dataclasses.replace(voted.hands, lease=no_number)
    working = asyncio.create_task(worker.work_until(broken, stop, tick=0.01, slots=1))
    voted.clock.turn(hours=2)
    await asyncio.sleep(0.1)
    assert not working.done()
    stop.set()
    await working
