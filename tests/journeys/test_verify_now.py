# SPDX-License-Identifier: Apache-2.0
"""Verify now: every staged file is read again because somebody asked, and nothing else changes."""

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.pages.deployments as deployments
import atr.pages.views as views
import atr.promotion.states as states
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
_JAR = "widgets-core-2.4.0.jar"


async def _ask(world: worlds.World, asf_uid: str = people.COMMITTER) -> None:
    async with world.store.write_as_project_committee_participant(people.PROJECT, asf_uid) as participant:
        await participant.deployments.verify(1)


async def _answered(world: worlds.World) -> views.DeploymentView:
    """What came of it, on however busy a machine: a stand-in that answers too late is asked again."""
    return await world.until(1, lambda row: row.verified.at is not None)


async def _deployment(world: worlds.World) -> tables.Deployment:
    (row,) = await world.rows(tables.Deployment)
    return row


async def test_equal_files_are_said_to_be_equal(voted: worlds.World) -> None:
    """Any committer may ask; who asked, when, and the digest stand on the row and in the timeline."""
    before = await voted.row(1)
    await _ask(voted)
    running = await voted.row(1)
    assert running.verified is not None
    assert (running.verified.asked_by, running.verified.at) == (people.COMMITTER, None)
    assert running.is_moving
    row = await _answered(voted)
    assert row.verified is not None
    assert (row.verified.at, row.verified.problem, row.verified.differs) == (voted.clock.at, "", False)
    assert before.proof.staged is not None
    assert row.verified.digest == before.proof.staged.digest
    assert not row.is_moving
    what = [event.what for event in await voted.events("deployment:1")]
    assert what[-2:] == ["verify_asked", "verify_ended"]


async def test_a_difference_is_named_shown_file_by_file_and_changes_nothing(voted: worlds.World) -> None:
    """The captured digest, the evidence and the promotion stay what they were; the gates read the bytes anyway."""
    before = await voted.row(1)
    voted.knob(before, "tamper")
    await _ask(voted)
    await _answered(voted)
    async with voted.store.read(worlds.MEMBER) as read:
        detail = await deployments.detail(read, RELEASE, "d1")
    row = detail.row
    assert row.verified is not None
    assert row.verified.differs
    assert _JAR in row.verified.problem
    assert detail.staged_read_at == voted.clock.at
    assert [file.name for file in detail.files if file.result == "differs"] == [_JAR]
    assert row.proof == before.proof
    assert (row.evidence_digest, row.row_version, row.standing.css) == (
        before.evidence_digest,
        before.row_version,
        "ready",
    )
    await voted.promote(1)
    await voted.until(1, states.State.REFUSED)
    assert voted.publish_calls == 0


async def test_before_a_vote_it_is_compared_with_the_capture(staged: worlds.World) -> None:
    """There is nothing else to compare it with."""
    staged.knob(await staged.row(1), "add-file")
    await _ask(staged)
    row = await _answered(staged)
    assert row.verified is not None
    assert "extra" in row.verified.problem
    event = (await staged.events("deployment:1"))[-1]
    assert (event.what, event.data["against"]) == ("verify_ended", "captured")


async def test_asking_twice_while_it_runs_is_one_task_and_one_event(voted: worlds.World) -> None:
    """Whoever asks second is told the same."""
    await _ask(voted)
    await _ask(voted, "bob")
    tasks = [
        task for task in await voted.rows(operating.Task) if task.task_type is operating.TaskType.DISTRIBUTION_VERIFY
    ]
    assert len(tasks) == 1
    assert [event.what for event in await voted.events("deployment:1")].count("verify_asked") == 1
    assert (await _deployment(voted)).verify_asked_by == people.COMMITTER
    await _answered(voted)
    await _ask(voted, "bob")
    assert (await _deployment(voted)).verify_asked_by == "bob"


async def test_a_platform_that_does_not_answer_is_asked_a_few_times_and_then_a_person_is_told(
    voted: worlds.World,
) -> None:
    """Until then it says what holds it up; at its end it does not claim that anybody goes on."""
    voted.fault("download", status=503, times=1000)
    await _ask(voted)
    await voted.work()
    row = await voted.row(1)
    assert row.verified is not None
    assert (row.verified.at, row.is_moving) == (None, True)
    assert "503" in row.verified.problem
    row = await _answered(voted)
    assert row.verified is not None
    assert (row.verified.digest, row.verified.differs) == ("", False)
    assert row.verified.problem
    assert "ask again" not in row.verified.problem
    assert not row.is_moving
    what = [event.what for event in await voted.events("deployment:1")]
    assert what[-2:] == ["verify_asked", "verify_failed"]


async def test_a_platform_that_asks_to_wait_is_not_asked_before(voted: worlds.World) -> None:
    """The task's own next try waits as told, and reads on from what was read."""
    voted.fault("download", status=429, headers={"Retry-After": "600"}, times=1)
    await _ask(voted)
    await voted.work()
    asked = voted.requests("download")
    await voted.pass_time(rounds=9, minutes=1)
    row = await voted.row(1)
    assert row.verified is not None
    assert row.verified.at is None
    assert voted.requests("download") == asked
    await voted.pass_time(rounds=1, minutes=2)
    row = await voted.row(1)
    assert row.verified is not None
    assert (row.verified.at, row.verified.problem) == (voted.clock.at, "")


async def test_a_definite_no_is_told_at_once(voted: worlds.World) -> None:
    """Refused credentials get no better by asking again."""
    voted.fault("download", status=403, times=1000)
    await _ask(voted)
    await voted.work()
    row = await voted.row(1)
    assert row.verified is not None
    assert row.verified.at == voted.clock.at
    assert "credentials" in row.verified.problem


async def test_a_worker_that_dies_reads_on_where_it_stopped(voted: worlds.World) -> None:
    """What was read is kept under a name of its own, and forgotten at the end."""
    await _ask(voted)
    assert await voted.dies(voted.dying_at("before_verified"))
    kept = await voted.rows(tables.FileRead)
    assert {row.owner for row in kept} == {"verify:1"}
    row = await voted.row(1)
    assert row.verified is not None
    # Checksums are kept as well, and are no members.
    members = [one for one in kept if not one.text]
    assert (len(members), len(kept)) == (10, 20)
    assert (row.verified.done, row.verified.total) == (10, 10)
    downloads = voted.requests("download")
    await voted.until(1, lambda row: row.verified.at is not None)
    assert voted.requests("download") == downloads
    assert await voted.rows(tables.FileRead) == []


@pytest.mark.parametrize("state", [states.DeploymentState.GONE, states.DeploymentState.PUBLISHED])
async def test_what_is_not_staged_is_not_read(voted: worlds.World, state: states.DeploymentState) -> None:
    """The page does not offer it, the writer refuses it."""
    row = await _deployment(voted)
    row.state = state
    await voted.change(row)
    assert "verify" not in {act.name for act in (await voted.row(1)).acts}
    with pytest.raises(errors.ConflictError, check=coded("nothing-staged")):
        await _ask(voted)


async def test_what_is_on_its_way_is_not_read_beside_it(voted: worlds.World) -> None:
    """Its public files are compared soon."""
    voted.knob(await voted.row(1), "stick")
    await voted.promote(1)
    await voted.until(1, states.State.PUBLISHING)
    with pytest.raises(errors.ConflictError, check=coded("compared-when-public")):
        await _ask(voted)


async def test_a_stranger_may_not_ask(voted: worlds.World) -> None:
    """Nobody outside the committee makes us read gigabytes."""
    with pytest.raises(errors.AccessError):
        await _ask(voted, people.STRANGER)
