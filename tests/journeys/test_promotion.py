# SPDX-License-Identifier: Apache-2.0
"""The main job, in one process, over real HTTP and real files."""

import atr.models.sql as sql
import atr.promotion.states as states
from tests import world as worlds


async def test_a_staged_and_voted_deployment_becomes_live_by_one_call(world: worlds.World) -> None:
    """One publish call, three equal digests."""
    _, deployment_id = await world.voted()
    await world.promote(deployment_id)
    row = await world.live(deployment_id)
    assert world.publish_calls == 1
    sides = [row.proof.voted, row.proof.staged, row.proof.public]
    assert len({side.digest for side in sides if side}) == 1
    assert all(sides)
    assert row.state is states.State.LIVE


async def test_at_live_every_package_is_final_with_date_and_address_and_its_asker(voted: worlds.World) -> None:
    """One transaction, every distribution of the deployment, created_by the person and never the service."""
    await voted.promote(1, "bob")
    row = await voted.live(1)
    listed = await voted.rows(sql.Distribution)
    assert len(listed) == len(row.packages) == 2
    for one in listed:
        assert (one.staging, one.pending, one.created_by) == (False, False, "bob")
        assert one.upload_date
        assert one.api_url
        assert one.web_url
    assert row.staged_by == "alice"
    assert row.deployment_state is states.DeploymentState.PUBLISHED
    upgraded = [event for event in await voted.events_of(row.release_key) if event.what == "distribution_upgraded"]
    assert {event.actor for event in upgraded} == {"bob"}
    assert len({event.at for event in upgraded}) == 1


async def test_before_the_platform_says_so_nothing_is_public_on_our_pages(voted: worlds.World) -> None:
    """While PUBLISHING the rows are still staged, and so is the deployment: its end is not known yet."""
    await voted.promote(1)
    row = await voted.until(1, states.State.PUBLISHING)
    assert row.deployment_state is states.DeploymentState.STAGED
    assert all(one.staging for one in await voted.rows(sql.Distribution))
