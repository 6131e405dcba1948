# SPDX-License-Identifier: Apache-2.0
"""Promote all: one form, several promotions, each sent when the one before it is live; trouble stops the rest."""

import dataclasses
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.finish as finish
import atr.promotion.order as order
import atr.promotion.states as states
import atr.shared.maven as maven
from tests import databases as provided
from tests import world as worlds
from tests.coded import coded

S = states.State
VERSION = "2.4.0"
RELEASE = f"{people.PROJECT}-{VERSION}"


def _parts() -> tuple[trees.Tree, ...]:
    """Three packages, each to be staged as a deployment of its own."""
    whole = trees.example()
    core = {path: data for path, data in whole.files.items() if "/widgets-core/" in path}
    parent = {path: data for path, data in whole.files.items() if "/widgets-parent/" in path}
    cli = {path.replace("widgets-parent", "widgets-cli"): _renamed(data) for path, data in parent.items()}
    return tuple(
        trees.Tree(files, (maven.parse_path(next(path for path in files if path.endswith(".pom"))).coordinates,))
        for files in (core, parent, cli)
    )


def _renamed(data: bytes | pathlib.Path) -> bytes:
    assert isinstance(data, bytes)
    return data.replace(b"widgets-parent", b"widgets-cli")


async def _bring(world: worlds.World) -> tuple[str, int]:
    release_key = await world.composed()
    for part in _parts():
        external_id = await world.stage_elsewhere(part)
        deployment_id = await world.record(release_key, external_id, part.packages[0])
        await world.until(deployment_id, lambda row: row.proof.staged is not None)
    await people.vote(world.store, release_key)
    await world.work()
    return release_key, 1


@pytest.fixture(scope="module")
def several_scene(databases: provided.Databases, tmp_path_factory: pytest.TempPathFactory) -> worlds.Scene:
    """A release in Finish with three deployments, 1, 2 and 3, each ready to be promoted."""
    return worlds.scene(tmp_path_factory.mktemp("several"), databases, _bring)


@pytest_asyncio.fixture
async def several(several_scene: worlds.Scene, tmp_path: pathlib.Path) -> AsyncIterator[worlds.World]:
    """A world of its own over that scene."""
    async with several_scene.opened(tmp_path) as opened:
        yield opened


async def _seen(world: worlds.World, *numbers: int) -> list[order.Asked]:
    """What a form would carry for these deployments now."""
    rows = [await world.row(number) for number in numbers]
    return [order.Asked(row.deployment_id or 0, row.evidence_digest, row.row_version) for row in rows]


async def _ask(
    world: worlds.World, asked: list[order.Asked], *, stop: bool = True, asf_uid: str = worlds.MEMBER
) -> list[int]:
    async with world.member(asf_uid) as member:
        opened = await member.promotions.promote_all(RELEASE, asked, stop_at_trouble=stop)
        return [row.id or 0 for row in opened]


async def _promote_all(world: worlds.World, *numbers: int, stop: bool = True) -> list[int]:
    return await _ask(world, await _seen(world, *numbers), stop=stop)


async def _states(world: worlds.World, promotions: list[int]) -> list[states.State]:
    return [(await world.promotion(number)).state for number in promotions]


async def test_all_become_live_in_the_order_that_was_asked_for(several: worlds.World) -> None:
    """One call each, and each call only after the one before was live."""
    promotions = await _promote_all(several, 2, 1, 3)
    for number in (2, 1, 3):
        await several.live(number)
    assert several.publish_calls == 3
    marks = {row.promotion_id: row.marked_at for row in await several.rows(tables.Attempt) if row.promotion_id}
    lives = {}
    for promotion_id in promotions:
        events = await several.events(f"promotion:{promotion_id}")
        lives[promotion_id] = next(
            event.at for event in events if event.what == "promotion_moved" and event.data["to"] == "live"
        )
    assert marks[promotions[1]] >= lives[promotions[0]]
    assert marks[promotions[2]] >= lives[promotions[1]]
    assert await several.chain_holds()


async def test_while_the_first_is_on_its_way_the_others_wait_and_say_so(several: worlds.World) -> None:
    """A waiting row is neither read nor sent, its page names whom it waits for, and it is not asked about all day."""
    await _promote_all(several, 1, 2, 3)
    await several.until(1, S.PUBLISHING)
    row = await several.row(2)
    assert row.state is S.REQUESTED
    assert "widgets-core" in row.next_sentence
    assert row.next_sentence.startswith("It is queued behind ")
    assert [blocker.code for blocker in row.blockers] == ["turn"]
    assert "go_on" not in {act.name for act in row.acts}
    assert (await several.promotion(2)).verified_digest is None
    assert several.publish_calls == 1
    third = await several.row(3)
    assert "widgets-parent" in third.next_sentence


async def test_a_waiting_row_is_no_hot_loop(several: worlds.World) -> None:
    """It is looked at once and then rests; nothing of it is downloaded."""
    several.knob(await several.row(1), "stick")
    await _promote_all(several, 1, 2)
    await several.until(1, S.PUBLISHING)
    await several.work()
    due = (await several.promotion(2)).due_at
    assert due is not None
    assert (due - several.clock.at).total_seconds() > 3_000


@pytest.fixture(params=["refused", "aborted"])
def trouble(request: pytest.FixtureRequest) -> str:
    """How the first one ends."""
    return str(request.param)


async def _first_ends(world: worlds.World, promotions: list[int], trouble: str) -> None:
    if trouble == "aborted":
        async with world.member() as member:
            await member.promotions.abort(promotions[0], "a slip")
        return
    world.knob(await world.row(1), "tamper")
    await world.until(1, S.REFUSED)


async def test_trouble_stops_the_rest_and_nothing_of_it_is_sent(several: worlds.World, trouble: str) -> None:
    """REQUESTED with a blocker that names which one stopped it, until a member says so."""
    promotions = await _promote_all(several, 1, 2, 3)
    await _first_ends(several, promotions, trouble)
    await several.pass_time(rounds=5, hours=1)
    assert await _states(several, promotions) == [S(trouble), S.REQUESTED, S.REQUESTED]
    assert several.publish_calls == 0
    row = await several.row(2)
    assert [blocker.code for blocker in row.blockers] == ["stopped"]
    assert "widgets-core" in row.blockers[0].sentence
    assert row.needs_you
    assert not row.is_moving
    assert {act.name for act in row.acts} >= {"go_on", "abort"}
    assert (await several.row(3)).next_sentence.startswith("It is queued behind ")
    assert [event.what for event in await several.events(f"promotion:{promotions[1]}")].count("promotion_stopped") == 1


async def test_go_on_without_it_sends_the_rest(several: worlds.World, trouble: str) -> None:
    """A member, with a reason; it is theirs from then on."""
    promotions = await _promote_all(several, 1, 2, 3)
    await _first_ends(several, promotions, trouble)
    async with several.member("bob") as member:
        await member.promotions.go_on(promotions[1], "they do not need one another")
    await several.live(2)
    await several.live(3)
    assert several.publish_calls == 2
    assert (await several.promotion(promotions[1])).requested_by == "bob"
    assert (await several.promotion(promotions[2])).requested_by == worlds.MEMBER
    events = await several.events(f"promotion:{promotions[1]}")
    assert [event.data["reason"] for event in events if event.what == "promotion_went_on"] == [
        "they do not need one another"
    ]


async def test_stopping_the_second_stops_the_third(several: worlds.World) -> None:
    """Each is stopped by the one before it, never skipped over."""
    promotions = await _promote_all(several, 1, 2, 3)
    async with several.member() as member:
        await member.promotions.abort(promotions[0], "a slip")
        await member.promotions.abort(promotions[1], "this one too")
    await several.pass_time(rounds=3, hours=1)
    assert await _states(several, promotions) == [S.ABORTED, S.ABORTED, S.REQUESTED]
    assert several.publish_calls == 0
    assert "widgets-parent" in (await several.row(3)).blockers[0].sentence


async def test_what_was_in_doubt_and_became_live_after_all_lets_the_next_one_go(several: worlds.World) -> None:
    """Whose turn it is is read off the one before, so nothing has to be undone when that one recovers."""
    several.knob(await several.row(1), "stick")
    promotions = await _promote_all(several, 1, 2)
    await several.until(1, S.PUBLISHING)
    await several.pass_time(days=2)
    assert await _states(several, promotions) == [S.IN_DOUBT, S.REQUESTED]
    assert "in doubt" in (await several.row(2)).blockers[0].sentence
    several.knob(await several.row(1), "stick", on=False)
    await several.live(1)
    await several.live(2)
    assert several.publish_calls == 2


async def test_without_stopping_it_goes_on_by_itself(several: worlds.World, trouble: str) -> None:
    """The box was not ticked."""
    promotions = await _promote_all(several, 1, 2, stop=False)
    await _first_ends(several, promotions, trouble)
    await several.live(2)
    assert several.publish_calls == 1


async def test_going_on_needs_trouble_a_reason_and_a_member(several: worlds.World) -> None:
    """Nobody jumps the queue by it."""
    promotions = await _promote_all(several, 1, 2)
    async with several.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("not-blocked")):
            await member.promotions.go_on(promotions[1], "in a hurry")
        await member.promotions.abort(promotions[0], "a slip")
        with pytest.raises(errors.InputError, match="Enter a reason"):
            await member.promotions.go_on(promotions[1], " ")


async def test_a_double_click_is_one_promotion_each(several: worlds.World) -> None:
    """The same person's identical second form is led to the first promotions."""
    asked = await _seen(several, 1, 2, 3)
    first = await _ask(several, asked)
    assert await _ask(several, asked) == first
    assert len(await several.rows(tables.Promotion)) == 3
    with pytest.raises(errors.ConflictError, check=coded("stale")):
        await _ask(several, asked, asf_uid="bob")


async def test_what_moved_is_named_and_nothing_is_opened(several: worlds.World) -> None:
    """All or none: one row that is not what was seen refuses them all."""
    asked = await _seen(several, 1, 2, 3)
    await several.promote(2)
    with pytest.raises(errors.ConflictError, match="widgets-parent", check=coded("stale")):
        await _ask(several, asked)
    forged = [asked[0], dataclasses.replace(asked[2], evidence_digest="0" * 64)]
    with pytest.raises(errors.ConflictError, match="widgets-cli", check=coded("stale")):
        await _ask(several, forged)
    assert len(await several.rows(tables.Promotion)) == 1


async def test_a_gate_that_says_no_refuses_all(several: worlds.World) -> None:
    """The reason names the one."""
    asked = await _seen(several, 1, 2)
    async with several.member("bob") as member:
        await member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False})
    with pytest.raises(errors.BlockedError) as caught:
        await _ask(several, asked)
    assert len(caught.value.reasons) == 2
    assert await several.rows(tables.Promotion) == []


async def test_rights_that_are_gone_before_the_second_mark_send_nothing_more(several: worlds.World) -> None:
    """Rights are looked at in each mark, not only at the click."""
    promotions = await _promote_all(several, 1, 2)
    await several.until(1, S.PUBLISHING)
    async with several.admin() as admin:
        await admin.policy.set_committee("example", "Example", committee_members=["bob", "carol"], committers=["alice"])
    await several.live(1)
    await several.until(2, S.REFUSED)
    assert several.publish_calls == 1
    assert "may not promote" in (await several.promotion(promotions[1])).reason


@pytest.mark.slow
@pytest.mark.parametrize("place", ["after_verify", "after_mark", "after_reply"])
async def test_a_crash_between_two_calls_loses_and_doubles_nothing(several: worlds.World, place: str) -> None:
    """The process dies at the second one's call, as it may anywhere; both are live in the end, by one call each."""
    await _promote_all(several, 1, 2)
    reached: list[str] = []

    def second_time(here: str) -> None:
        reached.extend([here] if here == place else [])
        if len(reached) == 2:
            raise worlds.Died(here)

    hands = dataclasses.replace(several.hands, owner="dies-at-the-second", failpoint=second_time)
    while not await several.dies(hands):
        assert await several.turn_to_due()
    assert (await several.row(1)).state is S.LIVE
    await several.live(2)
    assert several.publish_calls == 2


async def test_what_diverges_after_the_next_was_sent_changes_nothing(several: worlds.World) -> None:
    """A call cannot be taken back by another row's trouble; only what is still asked for is stopped."""
    promotions = await _promote_all(several, 1, 2, 3)
    await several.live(1)
    await several.until(2, S.PUBLISHING)
    first = await several.promotion(promotions[0])
    first.state = S.DIVERGED
    await several.change(first)
    await several.live(2)
    await several.live(3)
    assert several.publish_calls == 3


async def test_the_page_lists_them_in_order_with_what_is_left_out(several: worlds.World) -> None:
    """And the finish page offers it first; for a stranger it says who can."""
    await several.promote(3)
    async with several.store.read(worlds.MEMBER) as read:
        view = await finish.promote_all(read, sql.release_key(people.PROJECT, VERSION))
    assert [row.deployment_id for row in view.rows] == [1, 2]
    ((name, key, why),) = view.left_out
    assert "widgets-cli" in name
    assert key == "d3"
    assert why == "Already requested."
    async with several.store.read(people.STRANGER) as read:
        other = await finish.promote_all(read, sql.release_key(people.PROJECT, VERSION))
    assert other.rows == ()
    assert other.why_not == "Only committee members can promote."


async def test_what_comes_after_is_always_older_so_there_are_no_cycles(several: worlds.World) -> None:
    """`after_id` names a row that was written before."""
    await _promote_all(several, 3, 1, 2)
    rows = await several.rows(tables.Promotion)
    assert [row.deployment_id for row in rows] == [3, 1, 2]
    assert [row.after_id for row in rows] == [None, rows[0].id, rows[1].id]
