# SPDX-License-Identifier: Apache-2.0
"""Public, and compared with nothing: said on the row, in the way of the announcement, and gone once it is compared."""

from collections.abc import Sequence

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
from tests import world as worlds

_State = states.State
_Deployment = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"
_NOT_OURS = "namespaces do not belong to this project"


async def _set_names(world: worlds.World, names: Sequence[str]) -> None:
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=names)


async def _announce(world: worlds.World) -> None:
    async with world.member() as member:
        await member.announce.announce_without(RELEASE, seen="", reason="Nobody waits for it.")


async def _refused_and_published(world: worlds.World) -> None:
    """The names move while it is asked for; then somebody publishes it on the platform's page."""
    await world.promote(1)
    await _set_names(world, ["org.example.gadgets"])
    await world.until(1, _State.REFUSED)
    world.knob(await world.row(1), "publish-by-hand")


async def test_what_is_public_under_names_that_moved_is_said_and_holds_the_announcement(voted: worlds.World) -> None:
    """It was voted on, so it is not said that it was not."""
    await _refused_and_published(voted)
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert row.standing.css == "diverged"
    assert _NOT_OURS in row.standing.sentence
    assert "not voted on" not in row.standing.sentence
    assert not row.needs_you
    with pytest.raises(errors.BlockedError, match="Published, but not verified"):
        await _announce(voted)
    async with voted.member() as member:
        with pytest.raises(errors.ConflictError, match="project"):
            await member.promotions.prove_published(1)
    timeline = [event for event in await voted.events_of(RELEASE) if event.what == "public_not_voted"]
    assert [event.data for event in timeline] == [{"voted": True}]


async def test_it_is_compared_as_soon_as_the_names_are_the_projects_again(voted: worlds.World) -> None:
    await _refused_and_published(voted)
    await voted.until(1, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    # No look of its own is due any more.
    await voted.pass_time(rounds=40, hours=24)
    await _set_names(voted, voted.tree.namespaces)
    row = await voted.live(1)
    assert (row.by_hand, voted.publish_calls) == (True, 0)


async def test_what_another_deployment_made_public_is_said_on_the_row_of_a_stopped_promotion(
    voted: worlds.World,
) -> None:
    """Ours stays staged; the version is public, and nothing here compares it."""
    voted.stand_in_settings(held_by="publishing", publishing_polls=0)
    await voted.promote(1)
    await _set_names(voted, ["org.example.gadgets"])
    await voted.until(1, _State.REFUSED)
    external_id = await voted.stage_elsewhere(voted.tree)
    voted.clock.turn(seconds=60)
    voted.platform.portal.advance()
    voted.platform.portal.publish(voted.platform.portal.deployments[external_id], by_hand=True)
    await voted.pass_time(rounds=40, hours=1)
    row = await voted.row(1)
    assert (row.state, row.deployment_state) == (_State.REFUSED, _Deployment.STAGED)
    assert _NOT_OURS in row.standing.sentence
    with pytest.raises(errors.BlockedError, match="Published, but not verified"):
        await _announce(voted)
    assert [one.found_at is not None for one in await voted.rows(tables.Promotion)] == [True]


async def test_what_is_public_and_held_in_part_by_another_release_is_not_said_to_be_tracked(
    voted: worlds.World,
) -> None:
    """The other package is compared; this one is nobody's finding, and the announcement waits for who can tell why."""
    old = await voted.promotion(await voted.promote(1))
    async with voted.member() as member:
        await member.promotions.abort(old.id or 0, "The wrong candidate.")
        other = await member.release.start(people.PROJECT, "2.5.0")
    theirs = {"id": 2, "release_key": other, "deployment_id": None, "state": _State.LIVE, "due_at": None}
    await voted.change(tables.Promotion(**{**old.model_dump(), **theirs}))
    core, *rest = voted.tree.packages
    assert rest
    await voted.change(
        tables.PromotionTarget(
            promotion_id=2,
            purl=core.purl,
            owner_namespace=core.owner_namespace,
            package=core.package,
            version=core.version,
        )
    )
    voted.knob(await voted.row(1), "publish-by-hand")
    row = await voted.until(1, lambda row: row.deployment_state is _Deployment.PUBLISHED)
    assert "another release has reserved its coordinates" in row.standing.sentence
    assert row.standing.css == "diverged"
    with pytest.raises(errors.BlockedError, match="Published, but not verified"):
        await _announce(voted)
