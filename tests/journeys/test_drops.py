# SPDX-License-Identifier: Apache-2.0
"""A deployment that is given up: refused, limited, lost and late drops; and which of two candidates goes."""

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.views as views
import atr.promotion.states as states
from tests import world as worlds
from tests.coded import coded

_State = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"


def _captured(row: views.DeploymentView) -> bool:
    return row.proof.staged is not None


def _is(state: _State) -> object:
    return lambda row: row.deployment_state is state


async def _drop(world: worlds.World, reason: str = "Not needed.") -> None:
    async with world.member() as member:
        await member.deployments.drop(1, reason)


async def test_a_drop_is_refused_while_the_ballot_or_a_promotion_is_open(staged: worlds.World) -> None:
    """And needs a reason; after the vote, without a promotion, it goes."""
    async with staged.member() as member:
        await member.vote.open_vote(RELEASE)
    with pytest.raises(errors.ConflictError, check=coded("on-open-ballot")):
        await _drop(staged)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    with pytest.raises(errors.InputError):
        await _drop(staged, "")
    await _drop(staged)
    row = await staged.until(1, _is(_State.DROPPED))
    assert staged.requests("drop") == 1
    assert row.drop_reason == "Not needed."
    with pytest.raises(errors.ConflictError):
        await _drop(staged)


async def test_a_drop_is_refused_while_it_is_promoted(voted: worlds.World) -> None:
    """Whatever the promotion's state, until it is given up."""
    promotion_id = await voted.promote(1)
    with pytest.raises(errors.ConflictError, check=coded("promotion-open")):
        await _drop(voted)
    async with voted.member() as member:
        await member.promotions.abort(promotion_id, "Another time.")
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED))
    with pytest.raises(errors.BlockedError, match="dropped"):
        await voted.promote(1)
    assert voted.publish_calls == 0


async def test_a_refused_drop_returns_and_may_be_asked_for_again(voted: worlds.World) -> None:
    """403: back to STAGED with its sentence. A new click is a new request. Then it is DROPPED."""
    voted.fault("drop", status=403, body="no")
    await _drop(voted)
    row = await voted.until(1, _is(_State.STAGED))
    assert "did not drop" in row.problem
    assert voted.requests("drop") == 1
    voted.clock.turn(minutes=5)
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED), rounds=30)
    assert voted.requests("drop") == 2


async def test_a_drop_that_was_limited_waits_and_goes_on(voted: worlds.World) -> None:
    """429 is no end."""
    voted.fault("drop", status=429, headers={"Retry-After": "600"})
    await _drop(voted)
    await voted.work()
    await voted.pass_time(minutes=9)
    assert voted.requests("drop") == 1
    await voted.until(1, _is(_State.DROPPED))
    assert voted.requests("drop") == 2


async def test_a_lost_reply_to_a_drop_is_settled_by_looking(voted: worlds.World) -> None:
    """Gone in three looks, with one request."""
    voted.fault("drop", effect=True, cut=True)
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED))
    assert voted.requests("drop") == 1


async def test_published_by_another_hand_while_we_drop(voted: worlds.World) -> None:
    """What is public cannot be dropped: the row says so, and the files are compared with the ballot's."""
    row = await voted.row(1)
    voted.knob(row, "publish-by-hand")
    await _drop(voted)
    await voted.until(1, _is(_State.PUBLISHED))
    row = await voted.live(1)
    assert voted.requests("drop") == 0
    assert (voted.publish_calls, row.by_hand, row.out_of_band) == (0, True, True)
    assert all(not one.staging and not one.pending for one in await voted.rows(sql.Distribution))


async def test_two_deployments_of_one_version_only_one_is_promoted(voted: worlds.World) -> None:
    """At most one open promotion holds a package; ABORTED frees it for the other."""
    voted.stand_in_settings(held_by="publishing")
    second = await voted.record(RELEASE, await voted.stage_elsewhere(voted.tree))
    await voted.until(second, _captured)
    first_promotion = await voted.promote(1)
    with pytest.raises(errors.ConflictError, check=coded("package-held", asf_uid="alice")):
        await voted.promote(second, "bob")
    async with voted.member("bob") as member:
        await member.promotions.abort(first_promotion, "The other one.")
    await voted.promote(second, "bob")
    await voted.live(second)
    with pytest.raises((errors.ConflictError, errors.BlockedError)):
        await voted.promote(1)
    assert voted.publish_calls == 1
    holding = [one for one in await voted.rows(tables.PromotionTarget) if one.holding]
    assert {one.purl for one in holding} == {one.purl for one in voted.tree.packages}


async def test_a_candidate_staged_again_after_the_vote_with_the_voted_bytes_may_go(voted: worlds.World) -> None:
    """Voted is what has its digest on the ballot, whenever it was staged."""
    row = await voted.row(1)
    voted.knob(row, "vanish")
    await voted.until(1, _is(_State.GONE))
    second = await voted.stage(RELEASE)
    row = await voted.until(second, _captured)
    assert row.check_messages[0][0] == "note"
    await voted.promote(second)
    await voted.live(second)
