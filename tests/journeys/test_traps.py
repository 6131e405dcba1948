# SPDX-License-Identifier: Apache-2.0
"""The known traps of Maven Central, by the numbers of docs/platforms.md, as far as the worker and its rows can fall in.

Those that are the adapter's alone: tests/platforms/test_traps.py. What is told here in one line is told at length in
the file that the test names.
"""

import dataclasses
import datetime

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
from tests import world as worlds

_State = states.State
_Deployment = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"


async def test_trap_01_the_client_dies_and_the_platform_goes_on(voted: worlds.World) -> None:
    """A day of silence in the middle of PUBLISHING is waited for, never called failed. More: test_kills.py."""
    await voted.promote(1)
    assert await voted.dies(voted.dying_at("after_reply"))
    voted.clock.turn(hours=20)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_trap_02_the_mark_is_on_disk_before_the_call_and_a_lost_answer_is_settled_by_asking(
    voted: worlds.World,
) -> None:
    """Seen from another connection at the moment when the call would leave."""
    await voted.promote(1)
    assert await voted.dies(voted.dying_at("after_mark"))
    assert voted.publish_calls == 0
    (mark,) = [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    assert mark.answered_at is None
    assert (await voted.row(1)).state is _State.SENDING
    voted.fault("publish", effect=True, cut=True)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_trap_03_one_promotion_of_an_id_at_a_time_and_one_worker_on_it(voted: worlds.World) -> None:
    """A uniqueness rule and a lease. More: tests/storage/test_promote.py, tests/tasks/test_leases.py."""
    await voted.promote(1)
    with pytest.raises(errors.ConflictError):
        await voted.promote(1, "bob")
    async with voted.service() as service:
        assert len(await service.promotions.claim(owner="one", seconds=60, limit=9)) == 1
        assert await service.promotions.claim(owner="two", seconds=60, limit=9) == []


async def test_trap_04_404_after_an_upload_is_waited_for_and_404_of_what_was_staged_stops(world: worlds.World) -> None:
    """The first is lag; the second was dropped by somebody: GONE, and nothing is sent."""
    release_key = await world.composed()
    world.stand_in_settings(status_404_after_upload=3)
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    world.knob(row, "vanish")
    gone_at = world.clock.at
    row = await world.until(deployment_id, lambda row: row.deployment_state is _Deployment.GONE)
    assert world.clock.at - gone_at < datetime.timedelta(hours=2)
    assert "dropped" in row.problem


async def test_trap_05_faults_in_a_row_are_waited_out(voted: worlds.World) -> None:
    """401, 502 and silence, twenty of them, before and after the call: one call, and it ends."""
    for status in (401, 502, 500, 403, 429):
        voted.fault("status", status=status, times=2)
        voted.fault("status", after="publish", status=status, times=2)
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_trap_06_errors_on_a_good_deployment_decide_nothing(voted: worlds.World) -> None:
    """The state decides."""
    voted.knob(await voted.row(1), "show-errors")
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_trap_07_coordinates_held_by_another_deployment_are_shown_and_not_uploaded_again(
    voted: worlds.World,
) -> None:
    """The platform refuses the second one and names the first; its words stand on the row."""
    first = await voted.row(1)
    second = await voted.stage(RELEASE)
    row = await voted.until(second, lambda row: row.deployment_state is _Deployment.FAILED)
    assert first.external_id in row.problem
    uploads = voted.requests("upload")
    await voted.pass_time(rounds=3, hours=3)
    assert voted.requests("upload") == uploads


async def test_trap_08_already_public_is_compared_before_the_call(voted: worlds.World) -> None:
    """Equal is recovered with no call. Different: a hard stop. More: test_waiting.py."""
    for path, content in voted.tree.files.items():
        assert isinstance(content, bytes)
        voted.platform.portal.put_public(path, content)
    await voted.promote(1)
    row = await voted.live(1)
    assert (voted.publish_calls, row.out_of_band) == (0, True)


async def test_trap_08_already_public_is_asked_again_after_a_refused_call(voted: worlds.World) -> None:
    """Somebody published another build meanwhile: nothing more is sent, and after a call it is an incident."""
    voted.fault("publish", status=401)
    await voted.promote(1)
    await voted.until(1, lambda row: "refused the publish request" in row.next_note)
    for path in voted.tree.files:
        voted.platform.portal.put_public(path, b"another build")
    await voted.promote(1)
    row = await voted.until(1, _State.DIVERGED)
    assert "10 public files differ" in row.reason
    assert voted.publish_calls == 1


async def test_trap_09_failed_while_publishing_is_an_end(voted: worlds.World) -> None:
    """Said by name, at once. More: test_waiting.py."""
    await voted.promote(1)
    voted.knob(await voted.row(1), "fail-publishing")
    began = voted.clock.at
    row = await voted.until(1, _State.REFUSED)
    assert voted.clock.at - began < datetime.timedelta(minutes=10)
    assert "rejected it" in row.reason


async def test_trap_10_what_waits_for_a_click_says_so_for_as_long_as_it_waits(voted: worlds.World) -> None:
    """Voted and not promoted: the row and the list name who must act; a person who cannot is told who can."""
    await voted.pass_time(days=30)
    row = await voted.row(1)
    assert (row.standing.css, row.needs_you, row.deployment_state) == ("ready", True, _Deployment.STAGED)
    stranger = await voted.row(1, people.COMMITTER)
    assert not stranger.needs_you
    assert "A committee member can promote it" in stranger.next_sentence


async def test_trap_11_a_wrong_id_is_seen_by_its_files_its_group_and_its_ballot(voted: worlds.World) -> None:
    """Somebody else's id, another version's id, another group's id: none of them can be promoted."""
    files = {
        path.replace("2.4.0", "2.4.1"): data.replace(b"2.4.0", b"2.4.1") if path.endswith(".pom") else data
        for path, data in voted.tree.files.items()
        if isinstance(data, bytes)
    }
    other = dataclasses.replace(voted.tree, files=files)
    external_id = await voted.stage_elsewhere(other)
    deployment_id = await voted.record(RELEASE, external_id)
    await voted.until(deployment_id, lambda row: row.proof.staged is not None)
    await voted.work()
    row = await voted.row(deployment_id)
    assert {package.version for package in row.packages} == {"2.4.1"}
    assert any(status == "blocker" for status, _ in row.check_messages)
    with pytest.raises(errors.BlockedError, match="differ from the files that the committee voted on"):
        await voted.promote(deployment_id)
    assert voted.publish_calls == 0


async def test_trap_12_what_was_staged_as_automatic_is_loud(world: worlds.World) -> None:
    """Public before the vote: said to be public and not voted on. And our own upload says USER_MANAGED."""
    release_key = await world.composed()
    world.stand_in_settings(force_automatic=True)
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert "not voted on" in row.standing.sentence
    uploads = [one.path for one in world.platform.traffic.log if one.endpoint == "upload"]
    assert all("publishingType=USER_MANAGED" in path for path in uploads)
    assert world.publish_calls == 0


async def test_trap_13_what_publishes_cannot_be_stopped_and_the_page_says_so_before(voted: worlds.World) -> None:
    """No button works after the call; the sentence stands there before it."""
    assert "This cannot be undone" in (await voted.row(1)).mechanism.undo
    promotion_id = await voted.promote(1)
    await voted.until(1, _State.PUBLISHING)
    for act in ("abort", "give_up"):
        with pytest.raises(errors.ConflictError):
            async with voted.member() as member:
                await getattr(member.promotions, act)(promotion_id, "Stop.")
    with pytest.raises(errors.ConflictError):
        async with voted.member() as member:
            await member.deployments.drop(1, "Stop.")
    assert voted.requests("drop") == 0


async def test_trap_17_the_public_place_is_read_thriftily(voted: worlds.World) -> None:
    """Each file once, nothing before it is published. More: test_captures.py."""
    await voted.promote(1)
    await voted.live(1)
    gets = [one.path for one in voted.platform.traffic.log if (one.endpoint, one.method) == ("repository", "GET")]
    assert sorted(gets) == sorted(f"/maven2/{path}" for path in voted.tree.files)


async def test_trap_18_no_secret_reaches_a_row_an_event_or_a_task(voted: worlds.World) -> None:
    """Though the platform echoes the token in its refusals."""
    echo = f"Bearer {worlds.TOKEN.password} and {worlds.TOKEN.name}:{worlds.TOKEN.password}"
    voted.fault("status", status=401, body=echo)
    voted.fault("publish", status=403, body=echo)
    await voted.promote(1)
    await voted.until(1, lambda row: "refused the publish request" in row.next_note)
    kinds = (
        tables.Promotion,
        tables.Deployment,
        tables.Attempt,
        tables.Event,
        sql.Distribution,
        operating.Task,
        sql.CheckResult,
    )
    everything = "".join([str(row.model_dump()) for kind in kinds for row in await voted.rows(kind)])
    assert worlds.TOKEN.password not in everything
    assert "[secret]" in everything


async def test_trap_19_a_path_that_leaves_its_place_is_no_file(world: worlds.World) -> None:
    """Neither captured nor asked for. The adapter's list of paths: tests/platforms/test_traps.py."""
    release_key = await world.composed()
    world.stand_in_settings(validate_seconds=60.0)
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, lambda row: row.deployment_state is _Deployment.VALIDATING)
    staged = world.platform.portal.deployments[row.external_id]
    staged.files["org/example/../../../etc/passwd"] = next(iter(staged.files.values()))
    row = await world.until(deployment_id, lambda row: "etc/passwd" in row.problem)
    assert row.proof.staged is None
    assert not any("passwd" in one.path for one in world.platform.traffic.log)


async def test_trap_20_an_unknown_word_is_polled_to_the_deadline_and_then_a_persons(voted: worlds.World) -> None:
    """Never success."""
    await voted.promote(1)
    await voted.until(1, _State.PUBLISHING)
    voted.knob(await voted.row(1), "show-state", word="QUARANTINED")
    row = await voted.until(1, lambda row: "QUARANTINED" in row.next_note)
    assert row.state is _State.PUBLISHING
    row = await voted.until(1, _State.IN_DOUBT, seconds=7200)
    voted.knob(row, "show-state", word="PUBLISHED", reads=0)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_trap_21_deadlines_are_stored_as_utc_and_the_marks_age_is_monotonic(voted: worlds.World) -> None:
    """Another worker resumes with the stored instants. More: test_kills.py."""
    await voted.promote(1)
    await voted.until(1, _State.PUBLISHING)
    (promotion,) = await voted.rows(tables.Promotion)
    (mark,) = [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    assert promotion.deadline == mark.marked_at + datetime.timedelta(hours=24)
    assert promotion.deadline.utcoffset() == datetime.timedelta(0)
    with voted.other_hands():
        await voted.live(1)
