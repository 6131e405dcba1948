# SPDX-License-Identifier: Apache-2.0
"""Find, verify and promote all, clicked through: with and without script, by day, by night and on a phone."""

import re
from typing import Any

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.promotion.states as states
from tests import world as worlds
from tests.browser import conftest as houses
from tests.browser import person as persons

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

VERSION = "2.4.0"
WAYS: dict[str, dict[str, Any]] = {
    "light": persons.LIGHT,
    "dark": persons.DARK,
    "phone": persons.PHONE,
    "no script": {**persons.LIGHT, "java_script_enabled": False},
}


def _part(tree: trees.Tree, package: str) -> trees.Tree:
    where = next(one for one in tree.packages if one.package == package)
    return trees.Tree({path: data for path, data in tree.files.items() if f"/{package}/" in path}, (where,))


async def _both_voted(house: worlds.World) -> None:
    """Two deployments of one release, staged by a build machine, recorded, captured, and voted on."""
    release_key = await house.composed()
    for number, package in enumerate(("widgets-core", "widgets-parent"), start=1):
        part = _part(house.tree, package)
        await house.record(release_key, await house.stage_elsewhere(part), part.packages[0])
        await house.until(number, lambda row: row.proof.staged is not None)
    await people.vote(house.store, release_key)
    await house.work()


async def _tamper(house: worlds.World) -> None:
    pom = "org/example/widgets/widgets-parent/2.4.0/widgets-parent-2.4.0.pom"
    house.knob(await house.row(2), "tamper", path=pom)


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_build_machine_staged_is_found_by_its_coordinates(
    house: worlds.World, web: str, visit: houses.Visit, way: str
) -> None:
    """Asked for by name, shown while the answer is waited for, and recorded from there."""
    alice = await visit(web, **WAYS[way])
    await house.composed()
    external_id = await house.stage_elsewhere(_part(house.tree, "widgets-core"))
    await house.pass_time(minutes=5)
    await alice.go(f"/distribution/stage/record/{people.PROJECT}/{VERSION}")
    await alice.press(re.compile("^alice"))
    await alice.picture(f"together-{way}-record")
    await alice.page.get_by_label("Maven Central").check()
    await alice.page.get_by_label("Owner").fill("org.example.widgets")
    await alice.page.get_by_label("Package").fill("widgets-core")
    await alice.press("Find deployment")
    assert "Searching Maven Central" in await alice.text()
    await house.work()
    if alice.scripts:
        await alice.until("answered")
    else:
        await alice.page.reload()
    await alice.look()
    await alice.picture(f"together-{way}-found")
    await alice.press(re.compile("Record deployment"))
    row = await house.until(1, lambda row: row.proof.staged is not None)
    assert row.external_id == external_id


@pytest.mark.parametrize("way", WAYS)
async def test_verify_now_tells_equal_from_different(
    house: worlds.World, web: str, visit: houses.Visit, way: str
) -> None:
    """One deployment is what it was, the other is not; both are said, nothing is changed."""
    alice = await visit(web, **WAYS[way])
    await _both_voted(house)
    await alice.go("/sign-in")
    await alice.press(re.compile("^alice"))
    await alice.page.goto(f"{web}/distribution/detail/{people.PROJECT}/{VERSION}/d1")
    await alice.press("Verify now")
    assert "Verifying since" in await alice.text()
    await _tamper(house)
    await house.until(1, lambda row: row.verified.at is not None)
    await alice.page.goto(f"{web}/distribution/detail/{people.PROJECT}/{VERSION}/d1")
    assert "all identical" in await alice.text()
    await alice.page.goto(f"{web}/distribution/detail/{people.PROJECT}/{VERSION}/d2")
    await alice.press("Verify now")
    await house.until(2, lambda row: row.verified.at is not None)
    await alice.page.reload()
    await alice.look()
    assert "the staged files have changed" in await alice.text()
    await alice.picture(f"together-{way}-differs")


@pytest.mark.parametrize("way", WAYS)
async def test_verify_now_says_what_holds_it_up(house: worlds.World, web: str, visit: houses.Visit, way: str) -> None:
    """While it is tried again, and at the end: nothing was compared."""
    alice = await visit(web, **WAYS[way])
    await _both_voted(house)
    house.fault("download", status=503, times=1000)
    await alice.go("/sign-in")
    await alice.press(re.compile("^alice"))
    await alice.page.goto(f"{web}/distribution/detail/{people.PROJECT}/{VERSION}/d1")
    await alice.press("Verify now")
    await house.work()
    await alice.page.reload()
    await alice.look()
    assert "Interrupted: " in await alice.text()
    await alice.picture(f"together-{way}-held-up")
    await house.until(1, lambda row: row.verified.at is not None)
    await alice.page.reload()
    await alice.look()
    assert "Nothing was compared, and there is no automatic retry" in await alice.text()
    await alice.picture(f"together-{way}-not-verified")


@pytest.mark.parametrize("way", WAYS)
async def test_promoted_together_and_one_is_stopped(
    house: worlds.World, web: str, visit: houses.Visit, way: str
) -> None:
    """In the order that was given; the first trouble stops what comes after, until somebody says to go on."""
    alice = await visit(web, **WAYS[way])
    await _both_voted(house)
    await _tamper(house)
    await alice.go("/sign-in")
    await alice.press(re.compile("^alice"))
    await _promote_both(alice, house, way)


async def _promote_both(alice: persons.Person, house: worlds.World, way: str) -> None:
    await alice.go(f"/finish/{people.PROJECT}/{VERSION}")
    assert "all identical" in await alice.text()
    await alice.picture(f"together-{way}-finish")
    await alice.press("Promote all…", kind="link")
    await alice.page.get_by_label("Number of").nth(0).fill("2")
    await alice.page.get_by_label("Type the version").fill("2.4")
    alice.expected = {422}
    await alice.press("Promote 2 deployments")
    assert "The number 2 is used twice" in await alice.text() or "The version does not match" in await alice.text()
    await alice.picture(f"together-{way}-wrong")
    await alice.page.get_by_label("Number of").nth(0).fill("2")
    await alice.page.get_by_label("Number of").nth(1).fill("1")
    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.press("Promote 2 deployments")
    assert "Asked for 2, one after another." in await alice.text()
    await house.until(2, states.State.REFUSED)
    await house.pass_time(minutes=1)
    await alice.go(f"/finish/{people.PROJECT}/{VERSION}")
    await alice.picture(f"together-{way}-stopped")
    assert house.publish_calls == 0
    await alice.press("Continue anyway…", kind="link")
    await alice.picture(f"together-{way}-go-on")
    await alice.page.get_by_label("Reason for “Continue anyway”").fill("they do not need one another")
    await alice.press("Continue anyway", exact=True)
    await house.live(1)
    assert house.publish_calls == 1
