# SPDX-License-Identifier: Apache-2.0
"""What is public outranks what we did: endings are looked at again, and only what is known is said of them."""

import dataclasses
import pathlib
import re

import pytest

import atr.backup as backup
import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.pages.resolution as resolution
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.worker as worker
from tests import world as worlds

_State = states.State
_Deployment = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"


async def _stop(world: worlds.World, promotion_id: int) -> None:
    async with world.member() as member:
        await member.promotions.stop(promotion_id, "The wrong candidate.")


async def _stopped(world: worlds.World) -> int:
    """A promotion that was stopped before its call, with its deployment still staged. Its number."""
    promotion_id = await world.promote(1)
    await _stop(world, promotion_id)
    await world.work()
    assert (await world.row(1)).state is _State.ABORTED
    return promotion_id


async def _drop(world: worlds.World) -> None:
    async with world.member() as member:
        await member.deployments.drop(1, "Not needed.")


async def _announce(world: worlds.World) -> None:
    async with world.manager() as manager:
        await manager.announce.announce(RELEASE)


async def _staged_elsewhere(world: worlds.World, *, published: bool = False) -> str:
    """The same files staged once more by another hand, and there published if that is wanted: the platform's id."""
    world.stand_in_settings(held_by="publishing")
    external_id = await world.stage_elsewhere(world.tree)
    world.clock.turn(seconds=60)
    world.platform.portal.advance()
    if published:
        _publish(world, external_id)
    return external_id


def _publish(world: worlds.World, external_id: str) -> None:
    """Somebody presses Publish on the platform's own page."""
    world.platform.portal.publish(world.platform.portal.deployments[external_id], by_hand=True)


# An ending that is public after all


async def test_what_was_stopped_and_then_published_by_hand_is_tracked_compared_and_shown(voted: worlds.World) -> None:
    """A new promotion, asked for by the old one's person, never sent, takes it to LIVE; the old ending is over."""
    old = await _stopped(voted)
    voted.knob(await voted.row(1), "publish-by-hand")
    row = await voted.live(1)
    assert row.promotion_id != old
    assert (row.by_hand, row.out_of_band, voted.publish_calls) == (True, True, 0)
    assert row.requested_by == worlds.MEMBER
    assert row.deployment_state is _Deployment.PUBLISHED
    assert (await voted.promotion(old)).state is _State.ABORTED
    assert await voted.chain_holds()


async def test_an_ending_is_looked_at_after_an_hour_a_day_a_week_and_a_month(voted: worlds.World) -> None:
    """The status by id each time, and no more once they are over."""
    old = await _stopped(voted)
    began = (await voted.promotion(old)).entered_at
    for hours in (1, 24, 168, 720):
        due = (await voted.promotion(old)).due_at
        assert due is not None
        assert (due - began).total_seconds() == hours * 3_600
        voted.clock.at = due
        await voted.work()
        assert (await voted.promotion(old)).last_look == due
    assert (await voted.promotion(old)).due_at is None
    assert (await voted.promotion(old)).state is _State.ABORTED


async def test_a_version_that_the_records_do_not_know_is_not_asked_for_in_public(voted: worlds.World) -> None:
    """An early 404 may be cached: the public POM is asked for only when the platform's records say yes."""
    old = await _stopped(voted)
    before = (voted.requests("repository"), voted.requests("published"))
    due = (await voted.promotion(old)).due_at
    assert due is not None
    voted.clock.at = due
    await voted.work()
    assert voted.requests("published") > before[1]
    assert voted.requests("repository") == before[0]


async def test_an_ending_whose_id_the_platform_has_forgotten_is_found_by_its_records(voted: worlds.World) -> None:
    """Published by hand, and the id forgotten before anybody looked: 404 says nothing, the records and the POM do."""
    voted.stand_in_settings(publishing_polls=0)
    await _stopped(voted)
    one = voted.platform.portal.deployments[(await voted.row(1)).external_id]
    voted.platform.portal.publish(one, by_hand=True)
    voted.clock.turn(seconds=60)
    voted.platform.portal.advance()
    voted.platform.portal.forget(one)
    row = await voted.live(1)
    assert (row.by_hand, voted.publish_calls) == (True, 0)


async def test_what_is_found_of_a_deployment_that_another_promotion_shares_is_proved_for_its_own_packages(
    voted: worlds.World,
) -> None:
    """One package was recorded as public already: the other one is compared by its own files, and looked beside."""
    await _stopped(voted)
    core, *rest = voted.tree.packages
    assert rest
    async with voted.member() as member:
        await member.distributions.record(RELEASE, core, staging=False)
    voted.knob(await voted.row(1), "publish-by-hand")
    await voted.pass_time(rounds=40, hours=1)
    found = [row for row in await voted.rows(tables.Promotion) if row.by_hand]
    assert len(found) == 2
    assert {row.state for row in found} == {_State.LIVE}
    assert all(row.beside_at is not None for row in found), [row.beside_problem for row in found]


async def test_a_release_with_something_public_that_was_stopped_is_not_announced_unseen(voted: worlds.World) -> None:
    """From the moment it is found until it was compared, the announcement is held up."""
    await _stopped(voted)
    voted.knob(await voted.row(1), "withhold-public")
    voted.knob(await voted.row(1), "publish-by-hand")
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert row.state in {_State.REQUESTED, _State.CHECKING}
    with pytest.raises(errors.BlockedError):
        await _announce(voted)


async def test_what_is_public_and_was_not_voted_on_holds_the_announcement_and_is_said(voted: worlds.World) -> None:
    """An abandoned candidate is published by hand; the next one holds other bytes: an incident, whoever looks."""
    voted.stand_in_settings(held_by="publishing")
    second = await voted.record(RELEASE, await voted.stage_elsewhere(_with_one_more(voted)))
    await voted.until(second, lambda row: row.proof.staged is not None)
    voted.knob(await voted.row(second), "publish-by-hand")
    row = await voted.until(second, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert "not voted on" in row.standing.sentence
    assert not row.needs_you
    with pytest.raises(errors.BlockedError, match="not voted on"):
        await _announce(voted)


async def test_a_live_version_does_not_cover_what_another_deployment_made_public_beside_it(voted: worlds.World) -> None:
    """That one held a file that nobody voted on, as we read ourselves, and no index is to be had."""
    voted.stand_in_settings(held_by="publishing")
    second = await voted.record(RELEASE, await voted.stage_elsewhere(_with_one_more(voted)))
    await voted.until(second, lambda row: row.proof.staged is not None)
    voted.knob(await voted.row(second), "publish-by-hand")
    await voted.until(second, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    voted.fault("index", status=404, times=None)
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 0
    assert "not voted on" in (await voted.row(second)).standing.sentence
    with pytest.raises(errors.BlockedError, match="not voted on"):
        await _announce(voted)


def _with_one_more(world: worlds.World) -> trees.Tree:
    """The tree with a file that nobody voted on, and its signature."""
    jar = next(path for path in world.tree.files if path.endswith("-sources.jar"))
    more = jar.replace("-sources.jar", "-more.txt")
    signature = world.tree.files[f"{jar}.asc"]
    return dataclasses.replace(world.tree, files={**world.tree.files, more: b"more\n", f"{more}.asc": signature})


async def test_our_own_call_before_a_restored_backup_is_found_though_the_row_says_stopped(
    voted_scene: worlds.Scene, tmp_path: pathlib.Path
) -> None:
    """Stopped, backed up, asked for again and published, restored: the stopped row is what is left, and is wrong."""
    # On a port: the worker after the restore is another one.
    async with voted_scene.opened(tmp_path / "state", sockets=True) as voted:
        await _stopped(voted)
        file, _ = await backup.take(voted.settings.database, tmp_path / "backup", voted.clock)
        await voted.promote(1)
        await voted.live(1)
        voted.clock.turn(hours=200)
        await voted.store.database.close()
        await backup.restore(voted.settings.database, file, replace=True, clock=voted.clock)
        async with worker.context(voted.settings, voted.clock) as hands:
            after = worlds.World(hands, hands.storage, voted.sandbox, voted.clock, voted.settings)
            assert (await after.row(1)).state is _State.ABORTED
            await after.work()
            assert (await after.row(1)).state is not _State.ABORTED
            row = await after.live(1)
        assert voted.publish_calls == 1
        assert "ATR did not publish them" not in row.reason


# A deployment's own endings


async def test_a_drop_without_effect_is_not_taken_for_done_by_an_outage(voted: worlds.World) -> None:
    """503 without effect, then 404 for half a minute: it takes three looks over a quarter of an hour to believe it."""
    voted.fault("drop", status=503)
    await _drop(voted)
    await voted.work()
    voted.fault("status", status=404, times=3)
    await voted.pass_time(rounds=4, seconds=10)
    assert (await voted.row(1)).deployment_state is _Deployment.DROPPING
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.STAGED)
    assert "did not drop" in row.problem


async def test_a_deployment_that_is_gone_before_its_drop_was_sent_is_dropped_in_the_end(voted: worlds.World) -> None:
    """Nothing is sent for what the platform does not show; after the patience it is over, and nobody waits for ever."""
    voted.fault("status", status=404, times=None)
    await _drop(voted)
    await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED, rounds=60)
    assert voted.requests("drop") == 0
    assert voted.requests("published") > 0


async def test_a_drop_that_was_believed_is_left_again_when_the_platform_still_has_it(voted: worlds.World) -> None:
    """However long the platform says 404: when it shows the deployment again, the row says so, and it may go public."""
    external_id = (await voted.row(1)).external_id
    voted.fault("drop", status=503)
    await _drop(voted)
    await voted.work()
    voted.fault("status", status=404, times=40)
    await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    voted.platform.faults.clear()
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.STAGED)
    assert row.external_id == external_id
    await voted.promote(1)
    await voted.live(1)


async def test_what_was_believed_dropped_and_is_public_says_so(voted: worlds.World) -> None:
    voted.fault("drop", status=503)
    await _drop(voted)
    await voted.work()
    voted.fault("status", status=404, times=40)
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    assert not re.search("nothing of it|none of its files|not (been )?published", row.standing.sentence)
    voted.platform.faults.clear()
    voted.knob(row, "publish-by-hand")
    row = await voted.live(1)
    assert row.deployment_state is _Deployment.PUBLISHED
    assert voted.publish_calls == 0


async def test_what_has_gone_comes_back_when_the_platform_shows_it_again(voted: worlds.World) -> None:
    voted.fault("status", status=404, times=40)
    await voted.until(1, lambda row: row.deployment_state is _Deployment.GONE)
    voted.platform.faults.clear()
    await voted.until(1, lambda row: row.deployment_state is _Deployment.STAGED)


async def test_a_failed_deployment_that_is_public_after_all_says_so(voted: worlds.World) -> None:
    """A platform that takes its own word back: FAILED, and an hour later PUBLISHED."""
    external_id = await _staged_elsewhere(voted)
    failed = {"deploymentId": external_id, "deploymentState": "FAILED", "purls": [], "errors": {}}
    voted.fault("status", status=200, body=failed)
    second = await voted.record(RELEASE, external_id)
    await voted.until(second, lambda row: row.deployment_state is _Deployment.FAILED)
    _publish(voted, external_id)
    row = await voted.live(second)
    assert row.deployment_state is _Deployment.PUBLISHED


# Publishing is not public


async def test_what_was_seen_publishing_and_then_failed_is_shown_failed_and_can_be_dropped(voted: worlds.World) -> None:
    row = await voted.row(1)
    voted.knob(row, "fail-publishing")
    voted.stand_in_settings(publishing_polls=3)
    voted.knob(row, "publish-by-hand")
    voted.clock.turn(hours=1, minutes=10)
    await voted.work(rounds=1)
    row = await voted.row(1)
    assert row.platform_word == "PUBLISHING"
    assert row.deployment_state is not _Deployment.PUBLISHED
    assert "publishing" in f"{row.standing.sentence} {row.next_sentence}"
    async with voted.store.read(worlds.MEMBER) as read:
        assert "publishing" in (await resolution.abandon(read, RELEASE)).why_not
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.FAILED)
    assert any((act.name == "stage_again") and not act.why_not for act in row.acts)
    async with voted.store.read(worlds.MEMBER) as read:
        assert not (await resolution.abandon(read, RELEASE)).why_not
    await _drop(voted)
    await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    assert voted.publish_calls == 0


async def test_a_recorded_deployment_that_is_publishing_is_asked_on_until_it_is_public(voted: worlds.World) -> None:
    voted.stand_in_settings(publishing_polls=4)
    external_id = await _staged_elsewhere(voted, published=True)
    second = await voted.record(RELEASE, external_id)
    await voted.work()
    assert (await voted.row(second)).deployment_state is _Deployment.VALIDATING
    await voted.live(second)


# Only what is known is said


async def test_what_was_published_by_hand_and_then_recorded_is_compared_with_the_vote(voted: worlds.World) -> None:
    """The platform names its packages. Nobody knows who pressed the button, so no sentence says it."""
    external_id = await _staged_elsewhere(voted, published=True)
    voted.clock.turn(seconds=60)
    second = await voted.record(RELEASE, external_id)
    row = await voted.live(second)
    assert "automatic" not in row.problem
    assert set(row.packages) == set(voted.tree.packages)
    assert not row.needs_you
    events = " ".join(str(event.data) for event in await voted.events_of(RELEASE))
    assert "by itself" not in events


async def test_what_is_public_before_any_vote_is_said_to_be_that_and_compared_once_a_vote_has_passed(
    staged: worlds.World,
) -> None:
    staged.knob(await staged.row(1), "publish-by-hand")
    row = await staged.until(1, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert "not voted on" in row.standing.sentence
    await people.vote(staged.store, RELEASE)
    row = await staged.live(1)
    assert (row.by_hand, staged.publish_calls) == (True, 0)


async def test_our_deployment_is_not_called_published_when_another_one_published_the_version(
    voted: worlds.World,
) -> None:
    """Our call was cut without effect; the platform still holds ours, so the row says so and offers to drop it."""
    voted.stand_in_settings(publishing_polls=0)
    other = await _staged_elsewhere(voted)
    voted.fault("publish", cut=True)
    await voted.promote(1)
    await voted.until(1, _State.SENDING)
    _publish(voted, other)
    await voted.live(1)
    await voted.work()
    row = await voted.row(1)
    assert row.deployment_state is _Deployment.STAGED
    assert "nother deployment" in f"{row.standing.sentence} {row.next_sentence} {row.problem}"
    assert any((act.name == "drop") and not act.why_not for act in row.acts)
    await _drop(voted)
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.DROPPED)
    assert row.state is _State.LIVE
    assert voted.platform.portal.deployments.get(row.external_id) is None


async def test_what_failed_because_another_deployment_holds_the_packages_says_which_and_where_to_go(
    voted: worlds.World,
) -> None:
    _publish(voted, (await voted.row(1)).external_id)
    voted.stand_in_settings(publishing_polls=1_000)
    other = await voted.stage_elsewhere(voted.tree)
    second = await voted.record(RELEASE, other)
    row = await voted.until(second, lambda row: row.deployment_state is _Deployment.FAILED)
    assert (await voted.row(1)).external_id in row.problem
    assert "record" in row.problem.lower()
    assert any((act.name == "stage_record") and not act.why_not for act in row.acts)


async def test_what_is_abandoned_says_when_the_platform_was_last_asked_and_asks_it_again(voted: worlds.World) -> None:
    """Published by hand, and nobody has looked since: the page does not claim to know."""
    voted.knob(await voted.row(1), "publish-by-hand")
    async with voted.store.read(worlds.MEMBER) as read:
        view = await resolution.abandon(read, RELEASE)
    assert not view.why_not
    assert any("last checked" in line for line in view.stays)
    async with voted.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, "Wrong files.")
    await voted.work()
    voted.clock.turn(seconds=20)
    await voted.work()
    row = await voted.row(1)
    assert row.deployment_state is _Deployment.PUBLISHED
    assert "not voted on" in row.standing.sentence


def test_no_ending_claims_that_nothing_is_public() -> None:
    """Of an ending only what is known is said: what the world does after our last look, no row can know."""
    for words in (*states.WORDS.values(), *states.DEPLOYMENT_WORDS.values()):
        for claim in ("before anything became public", "nothing of it became public", "we published nothing"):
            assert claim not in words.sentence
    assert steps.Timing().looks == 3


async def test_what_was_never_read_is_proved_for_no_package_that_nobody_voted_on(voted: worlds.World) -> None:
    """Published by hand before we could read it: one of its packages is on no ballot, and no index is to be had."""
    core = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0"
    other = {
        path.replace("widgets-core", "widgets-other"): _renamed(content) if path.endswith(".pom") else content
        for path, content in voted.tree.files.items()
        if path.startswith(core)
    }
    tree = dataclasses.replace(voted.tree, files={**voted.tree.files, **other})
    voted.stand_in_settings(held_by="publishing")
    external_id = await voted.stage_elsewhere(tree)
    voted.clock.turn(seconds=60)
    voted.platform.portal.advance()
    _publish(voted, external_id)
    voted.fault("index", status=404, times=None)
    second = await voted.record(RELEASE, external_id)
    row = await voted.until(second, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert len(row.packages) == len(voted.tree.packages) + 1
    with pytest.raises(errors.AtrError):
        async with voted.member() as member:
            await member.promotions.prove_published(second)
    await voted.pass_time(rounds=5, hours=1)
    assert (await voted.row(second)).state is not _State.LIVE


def _renamed(content: object) -> bytes:
    assert isinstance(content, bytes)
    return content.replace(b"widgets-core", b"widgets-other")
