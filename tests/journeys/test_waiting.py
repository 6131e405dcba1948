# SPDX-License-Identifier: Apache-2.0
"""From the call to the end: PUBLISHING, CHECKING, IN_DOUBT, DIVERGED, and what a person may decide there."""

import datetime
import uuid
from typing import Any

import pytest

import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
from tests import world as worlds
from tests.coded import coded

_State = states.State
_POM = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.pom"
_JAR = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.jar"


_BAD_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("before", {"status": 401}),
    ("after", {"status": 401}),
    ("after", {"status": 404}),
    ("before", {"status": 502, "body": "<html>Bad Gateway</html>"}),
    ("after", {"status": 200, "body": "<html>Welcome</html>"}),
    ("before", {"status": 200, "body": ["PUBLISHED"]}),
    ("after", {"status": 200, "body": {"deploymentState": "PUBLISHED"}}),
    ("after", {"status": 200, "body": {"deploymentId": str(uuid.UUID(int=7)), "deploymentState": "PUBLISHED"}}),
    ("before", {"status": 302, "headers": {"Location": "/"}}),
]


@pytest.mark.parametrize(
    ("when", "answer"),
    _BAD_ANSWERS,
    ids=lambda one: str(one.get("body") or one["status"])[:20] if isinstance(one, dict) else one,
)
async def test_one_bad_answer_to_status_has_its_sentence_and_moves_nothing(
    when: str, answer: dict[str, Any], voted: worlds.World
) -> None:
    """Before the call or after it: a look that failed, noted on the row and as an event; then it goes on."""
    if when == "after":
        voted.stand_in_settings(publishing_polls=3)
        await voted.promote(1)
        await voted.until(1, _State.PUBLISHING)
    calls = voted.publish_calls
    voted.fault("status", **answer)
    if when == "before":
        await voted.promote(1)
    else:
        await voted.turn_to_due()
    await voted.work()
    row = await voted.row(1)
    assert row.state is (_State.REQUESTED if (when == "before") else _State.PUBLISHING)
    assert voted.publish_calls == calls
    if answer["status"] != 404:
        assert row.next_note
        looked = [one.data["blocker"] for one in await voted.events("promotion:1") if one.what == "promotion_looked"]
        assert row.next_note in looked
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_failed_while_publishing_with_nothing_public_is_refused(voted: worlds.World) -> None:
    """The platform's final word and a public look at every file. The deployment is not called published."""
    await voted.promote(1)
    voted.knob(await voted.row(1), "fail-publishing")
    row = await voted.until(1, _State.REFUSED)
    assert "none of its files is public" in row.reason
    assert voted.publish_calls == 1
    paths = {path for path, count in voted.platform.traffic.paths.items() if count}
    assert {f"/maven2/{path}" for path in voted.tree.files} <= paths
    row = await voted.until(1, lambda row: row.deployment_state is states.DeploymentState.FAILED)
    assert "reports that it failed" in row.problem
    assert not any(target.holding for target in await voted.rows(tables.PromotionTarget))


async def test_failed_while_publishing_with_some_public_is_never_called_unpublished(voted: worlds.World) -> None:
    """CHECKING, and as the rest never comes, a person."""
    await voted.promote(1)
    row = await voted.row(1)
    voted.knob(row, "stick")
    await voted.until(1, _State.PUBLISHING)
    content = voted.tree.files[_POM]
    assert isinstance(content, bytes)
    voted.platform.portal.put_public(_POM, content)
    voted.knob(row, "fail-publishing")
    voted.knob(row, "stick", on=False)
    await voted.until(1, _State.CHECKING)
    row = await voted.until(1, _State.IN_DOUBT, seconds=9000)
    assert "did not appear in time" in row.reason
    assert voted.publish_calls == 1


async def test_publishing_without_end_is_in_doubt_after_a_day_and_still_watched(voted: worlds.World) -> None:
    """Past the deadline only a definite end counts: CHECKING once all public bytes were read."""
    await voted.promote(1)
    began = voted.clock.at
    row = await voted.row(1)
    voted.knob(row, "stick")
    row = await voted.until(1, _State.IN_DOUBT, seconds=3000)
    waited = voted.clock.at - began
    assert datetime.timedelta(hours=24) <= waited < datetime.timedelta(hours=25)
    asked = voted.requests("status")
    await voted.pass_time(rounds=3, minutes=11)
    assert voted.requests("status") == asked + 3
    assert (await voted.row(1)).state is _State.IN_DOUBT
    voted.knob(row, "withhold-public", paths=[_JAR])
    voted.knob(row, "stick", on=False)
    await voted.pass_time(rounds=3, minutes=30)
    row = await voted.row(1)
    assert row.state is _State.IN_DOUBT, "PUBLISHED alone is no end"
    assert row.deployment_state is states.DeploymentState.PUBLISHED, "but it is what the deployment is"
    content = voted.tree.files[_JAR]
    assert isinstance(content, bytes)
    voted.platform.portal.put_public(_JAR, content)
    await voted.live(1)
    assert voted.publish_calls == 1
    moves = [one.data["to"] for one in await voted.events("promotion:1") if one.what == "promotion_moved"]
    assert moves[-3:] == ["in-doubt", "checking", "live"]


async def test_a_person_may_extend_it(voted: worlds.World) -> None:
    """The day begins anew, with a reason; a stranger to the committee or no reason changes nothing."""
    await voted.promote(1)
    voted.knob(await voted.row(1), "stick")
    row = await voted.until(1, _State.PUBLISHING)
    number = row.promotion_id or 0
    await voted.pass_time(hours=23)
    with pytest.raises(errors.InputError):
        async with voted.member() as member:
            await member.promotions.extend(number, "  ")
    async with voted.member() as member:
        await member.promotions.extend(number, "They are slow today.")
    await voted.pass_time(rounds=2, hours=11)
    assert (await voted.row(1)).state is _State.PUBLISHING
    await voted.pass_time(rounds=2, hours=2)
    assert (await voted.row(1)).state is _State.IN_DOUBT
    async with voted.member() as member:
        await member.promotions.extend(number, "Once more.")
    row = await voted.until(1, _State.PUBLISHING)
    voted.knob(row, "stick", on=False)
    await voted.live(1)
    with pytest.raises(errors.ConflictError, check=coded("not-in-state", state="live")):
        async with voted.member() as member:
            await member.promotions.extend(number, "Too late.")


async def test_giving_up_takes_a_day_of_observed_absence(voted: worlds.World) -> None:
    """Not a day in which nobody could look, nor one in which nobody did; then it is ABORTED and free."""
    voted.fault("publish", cut=True, times=3)
    await voted.promote(1)
    row = await voted.until(1, _State.IN_DOUBT)
    number = row.promotion_id or 0

    async def give_up() -> None:
        async with voted.member() as member:
            await member.promotions.give_up(number, "Nothing came of it.")

    with pytest.raises(errors.ConflictError, check=coded("may-be-sent")):
        await give_up()
    # A day in which the platform answers nothing.
    outage = voted.platform.faults
    voted.fault("status", status=503, times=None)
    await voted.pass_time(rounds=10, minutes=150)
    with pytest.raises(errors.ConflictError, check=coded("may-be-sent")):
        await give_up()
    # A day in which no worker ran.
    outage.clear()
    await voted.pass_time(minutes=15)
    voted.clock.turn(hours=25)
    with pytest.raises(errors.ConflictError, check=coded("may-be-sent")):
        await give_up()
    await voted.pass_time(rounds=10, minutes=160)
    await give_up()
    row = await voted.row(1)
    assert row.state is _State.ABORTED
    assert "Nothing came of it." in row.reason
    assert not any(target.holding for target in await voted.rows(tables.PromotionTarget))
    assert voted.publish_calls == 3


async def test_an_incident_is_checked_again_by_a_person_with_a_reason(voted: worlds.World) -> None:
    """DIVERGED stays until somebody says why to look again; then the bytes decide."""
    voted.knob(await voted.row(1), "alter-public")
    await voted.promote(1)
    row = await voted.until(1, _State.DIVERGED)
    assert "widgets-core-2.4.0.jar" in row.reason
    assert row.proof.public_link == "differs"
    await voted.pass_time(rounds=3, hours=10)
    assert (await voted.row(1)).state is _State.DIVERGED
    number = row.promotion_id or 0
    async with voted.member() as member:
        await member.promotions.check_again(number, "They say it is mended.")
    row = await voted.until(1, _State.DIVERGED)
    content = voted.tree.files[_JAR]
    assert isinstance(content, bytes)
    voted.platform.portal.put_public(_JAR, content)
    with pytest.raises(errors.InputError):
        async with voted.member() as member:
            await member.promotions.check_again(number, "")
    async with voted.member() as member:
        await member.promotions.check_again(number, "Now it is.")
    row = await voted.live(1)
    assert row.proof.public_link == "equal"
    assert voted.publish_calls == 1


async def test_stopping_is_for_what_was_only_asked_for(voted: worlds.World) -> None:
    """REQUESTED -> ABORTED with a reason; after an attempt no button works, and nothing changes."""
    voted.fault("status", status=503, times=None)
    first = await voted.promote(1)
    await voted.work()
    async with voted.member("bob") as member:
        await member.promotions.abort(first, "Wrong one.")
    assert (await voted.row(1)).state is _State.ABORTED
    voted.platform.faults.clear()
    await voted.pass_time(rounds=2, hours=1)
    assert voted.publish_calls == 0
    second = await voted.promote(1)
    assert second != first
    for state in (_State.PUBLISHING, _State.CHECKING, _State.LIVE):
        await voted.until(1, state)
        for act in ("abort", "give_up", "check_again", "send_again"):
            with pytest.raises(errors.ConflictError):
                async with voted.member() as member:
                    await getattr(member.promotions, act)(second, "Please.")
        assert (await voted.promotion(second)).state is state


async def test_a_stop_in_the_middle_of_the_proof_wins(voted: worlds.World) -> None:
    """The person's no comes before the mark: the mark finds it and sends nothing."""
    promotion_id = await voted.promote(1)
    assert await voted.dies(voted.dying_at("after_verify"))
    async with voted.member() as member:
        await member.promotions.abort(promotion_id, "Stop.")
    await voted.pass_time(rounds=3, hours=1)
    assert (await voted.row(1)).state is _State.ABORTED
    assert voted.publish_calls == 0


async def test_after_care_finds_an_altered_file_in_two_complete_readings(voted: worlds.World) -> None:
    """LIVE -> DIVERGED; a truncated body is a fault of the way and no difference."""
    await voted.promote(1)
    row = await voted.live(1)
    voted.fault("repository", path=".jar", effect=True, cut_after=10, times=None)
    await voted.pass_time(rounds=3, hours=26)
    row = await voted.row(1)
    assert row.state is _State.LIVE
    assert row.next_note
    voted.platform.faults.clear()
    await voted.pass_time(rounds=2, hours=26)
    assert (await voted.row(1)).state is _State.LIVE
    before = voted.requests("repository")
    voted.knob(row, "alter-public")
    row = await voted.until(1, _State.DIVERGED)
    assert "widgets-core-2.4.0.jar" in row.reason
    assert voted.requests("repository") - before >= 2 * len(voted.tree.files)


async def test_other_bytes_public_before_the_call_refuse_and_equal_ones_are_a_success(voted: worlds.World) -> None:
    """Under another id: equal bytes go through CHECKING to LIVE with no call; a part of them says nothing yet."""
    for path, content in list(voted.tree.files.items())[:3]:
        assert isinstance(content, bytes)
        voted.platform.portal.put_public(path, content)
    await voted.promote(1)
    await voted.pass_time(rounds=5, seconds=60)
    row = await voted.row(1)
    assert row.state is _State.REQUESTED
    assert "not there yet" in row.next_note
    for path, content in voted.tree.files.items():
        assert isinstance(content, bytes)
        voted.platform.portal.put_public(path, content)
    row = await voted.live(1)
    assert row.out_of_band
    assert voted.publish_calls == 0


async def test_this_version_public_with_other_bytes_is_refused(voted: worlds.World) -> None:
    """Nothing is sent, the file is named."""
    voted.platform.portal.put_public(_JAR, b"somebody else's jar")
    await voted.promote(1)
    row = await voted.until(1, _State.REFUSED)
    assert "already public" in row.reason
    assert "widgets-core-2.4.0.jar" in row.reason
    assert voted.publish_calls == 0
