# SPDX-License-Identifier: Apache-2.0
"""What was voted on is the measure, not the deployments that are left of it."""

import pytest

from tests.attacks import ground as grounds

pytestmark = pytest.mark.slow


async def test_h6_a_release_whose_only_deployment_vanished_is_not_called_live(ground: grounds.Ground) -> None:
    key = await ground.voted()
    await ground.press(await ground.external_id(), "Drop")
    assert await ground.act(key, "look")
    await ground.until(lambda rows: rows[key].state == "Gone")
    assert grounds.GROUP in await ground.missing()
    assert grounds.GROUP in await ground.page("announce")
    assert ground.public() == {}


async def test_h6_a_voted_module_that_vanished_is_named_beside_the_one_that_is_live(ground: grounds.Ground) -> None:
    await ground.composed()
    staged, keys = {}, {}
    for package in (grounds.PARENT, grounds.CORE):
        files = {path: data for path, data in ground.files.items() if f"/{package}/" in path}
        staged[package] = await ground.stage_elsewhere(files)
        keys[package] = await ground.recorded(package, staged[package])
        await ground.rests(keys[package])
    await ground.vote()
    await ground.promoted(keys[grounds.CORE])
    assert (await ground.ended(keys[grounds.CORE])).state == "Live"
    await ground.press(staged[grounds.PARENT], "Drop")
    assert await ground.act(keys[grounds.PARENT], "look")
    await ground.until(lambda rows: rows[keys[grounds.PARENT]].state == "Gone")
    assert grounds.PARENT in await ground.missing()
    assert grounds.PARENT in await ground.page("announce")
    assert not any(f"/{grounds.PARENT}/" in path for path in ground.public())
