# SPDX-License-Identifier: Apache-2.0
"""All of it and nothing else: what nobody voted on, in a deployment, beside the public files, under others' names."""

import contextlib
from typing import Final

import pytest

import atr.demo.people as people
import atr.errors as errors
from tests.attacks import ground as grounds
from tests.sandbox import bundles

pytestmark = pytest.mark.slow

_FOREIGN: Final = "org.example.elsewhere"


@pytest.mark.parametrize("first", ["recorded", "voted"])
async def test_c1_an_artifact_that_is_named_like_repository_metadata_is_not_published_unseen(
    ground: grounds.Ground, first: str
) -> None:
    """It is of a group that the account may publish and the project may not."""
    foreign = bundles.component(_FOREIGN, "maven-metadata.xml", ground.version, content=b"foreign")
    await ground.composed()
    if first == "voted":
        await ground.vote()
    key = await ground.recorded(grounds.CORE, await ground.stage_elsewhere(ground.files, foreign))
    await ground.rests(key)
    if first == "recorded":
        with contextlib.suppress(errors.AtrError):
            await ground.vote()
    named = _FOREIGN in await ground.page("distribution/detail", key)
    if await ground.promote(key):
        await ground.ended(key)
    assert ground.unvoted() == []
    assert await ground.counted("publish") == 0
    assert named
    assert "promote" not in (await ground.rows())[key].offers


async def test_h1_what_stands_beside_what_is_recorded_as_public_is_found_and_named(ground: grounds.Ground) -> None:
    await ground.composed()
    await ground.vote()
    extras = bundles.with_side_files(_extras(ground))
    await ground.press(await ground.stage_elsewhere(ground.files, extras), "Publish")
    await ground.until_public()
    await _diverges(ground, await ground.recorded(grounds.CORE))


async def test_h1_what_was_added_before_somebody_pressed_publish_is_found_and_named(ground: grounds.Ground) -> None:
    key = await ground.voted()
    staged = await ground.external_id()
    for path in _extras(ground):
        await ground.turn(staged, "add-file", path=path)
    await ground.press(staged, "Publish")
    await _diverges(ground, key)


async def test_h5_another_committee_cannot_take_this_projects_names(ground: grounds.Ground) -> None:
    """Whatever it votes on and records, ours is promoted."""
    await ground.another_committee_votes()
    async with ground.somebody(people.STRANGER) as mallory:
        for package in (grounds.PARENT, grounds.CORE):
            await mallory.record(grounds.OTHER_PROJECT, ground.version, grounds.GROUP, package)
    key = await ground.voted()
    await ground.promoted(key)
    assert (await ground.ended(key)).state == "Live"
    assert await ground.counted("publish") == 1
    assert ground.unvoted() == []


def _extras(ground: grounds.Ground) -> dict[str, bytes]:
    """What a build may put beside the voted files without anybody having looked at it."""
    stem = f"org/example/widgets/{grounds.CORE}/{ground.version}/{grounds.CORE}-{ground.version}"
    return {f"{stem}-all.jar": b"all in one", f"{stem}.module": b"{}"}


async def _diverges(ground: grounds.Ground, key: str) -> None:
    assert (await ground.compared(key)).state == "Diverged"
    page = await ground.page("distribution/detail", key)
    assert all(path.rpartition("/")[2] in page for path in _extras(ground))
    assert not await ground.can_be_announced()
    assert await ground.counted("publish") == 0
