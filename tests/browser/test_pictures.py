# SPDX-License-Identifier: Apache-2.0
"""The pictures in docs/: `make pictures` keeps what these tests photograph, and each is told by the page that shows it.

The clock of the house stands still, so two runs differ in the numbers of ports and of deployments alone.
"""

import pathlib
from typing import Any, Final

import pytest
from playwright import async_api

import atr.demo.people as people
import atr.demo.playground as playground
import atr.demo.tree as trees
import atr.promotion.states as states
import atr.shared.distribution as distribution
from tests import world as worlds
from tests.browser import conftest as fixtures
from tests.browser import person as persons

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

VERSION: Final = "2.4.0"
WHERE: Final = f"{people.PROJECT}/{VERSION}"
# Narrower than people's windows, so that the letters can be read on a page of text.
PAPER: Final[dict[str, Any]] = {"viewport": {"width": 1080, "height": 800}, "color_scheme": "light"}
NIGHT: Final[dict[str, Any]] = {**PAPER, "color_scheme": "dark"}
# Pixels: what is below says no more.
TALLEST: Final = 1_000


async def somebody(visit: fixtures.Visit, web: str, asf_uid: str, **screen: Any) -> persons.Person:
    one: persons.Person = await visit(web, **(PAPER | screen))
    await one.go("/releases")
    await one.sign_in(asf_uid)
    return one


async def photograph(one: persons.Person, name: str, part: str = "main", *, tallest: int = TALLEST) -> None:
    """Keep a part of the page as a picture, from its top as far down as `tallest`."""
    place = one.page.locator(part).first
    await async_api.expect(place).to_be_visible()
    box = await place.bounding_box()
    assert box is not None
    left, top = await one.page.evaluate("[window.scrollX, window.scrollY]")
    clip: async_api.FloatRect = {
        "x": box["x"] + left,
        "y": box["y"] + top,
        "width": box["width"],
        "height": min(box["height"], tallest),
    }
    path = one.pictures / f"{name}.png"
    await one.page.screenshot(path=path, full_page=True, clip=clip, animations="disabled", caret="hide")


def part_of(tree: trees.Tree, package: str) -> trees.Tree:
    """The files of one package of a tree, as a build machine may stage them alone."""
    where = next(one for one in tree.packages if one.package == package)
    return trees.Tree({path: data for path, data in tree.files.items() if f"/{package}/" in path}, (where,))


async def test_composing(house: worlds.World, web: str, visit: fixtures.Visit, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "example-upload"
    playground.lay_out(folder)
    await house.settle_in()
    dave = await somebody(visit, web, people.COMMITTER)
    await dave.go(f"/start/{people.PROJECT}")
    await dave.page.get_by_label("Version").fill(playground.NEXT)
    await photograph(dave, "start")
    await dave.press("Start the release")
    dave.expected.add(422)
    (folder / ".DS_Store").write_text("hidden")
    await dave.page.set_input_files("#folder", folder)
    await dave.page.get_by_role("button", name="Upload", exact=True).click()
    await dave.page.get_by_text("1 name cannot be used").wait_for()
    await photograph(dave, "upload-refused", "#upload")
    (folder / ".DS_Store").unlink()
    await dave.page.set_input_files("#folder", folder)
    await dave.page.get_by_role("button", name="Upload", exact=True).click()
    await dave.page.get_by_text("Revision 00001 is made").wait_for()
    await photograph(dave, "compose")
    (folder / "NOTICE").write_text("Example Widgets, with the names of all who wrote it")
    await dave.page.set_input_files("#files", folder / "NOTICE")
    await dave.page.get_by_label("What changed").fill("A better notice")
    await dave.page.get_by_role("button", name="Upload", exact=True).click()
    await dave.page.get_by_text("Revision 00002 is made").wait_for()
    await dave.press("Compare revisions", kind="link")
    await dave.page.locator("#from-00001").check()
    await dave.page.locator("#to-00002").check()
    await dave.press("Compare revisions")
    assert "1 changed" in await dave.text()
    await photograph(dave, "revisions")


async def test_what_has_to_be_set(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    await house.staged()
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/policy/{people.PROJECT}")
    await alice.page.get_by_label("Files for Maven Central, under the tag mavencentral").fill("maven/org/**\nmaven/**")
    await async_api.expect(alice.page.locator("#trial")).to_contain_text("has no effect")
    await photograph(alice, "policy", tallest=800)
    erin = await somebody(visit, web, people.ADMIN)
    await erin.go(f"/target/{people.PROJECT}")
    await photograph(erin, "target")


async def test_staged_elsewhere_and_found(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    await house.composed()
    await house.stage_elsewhere(house.tree)
    # Validated there by now.
    await house.pass_time(minutes=5)
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/distribution/stage/record/{WHERE}")
    await alice.page.get_by_label("Maven Central").check()
    await alice.page.get_by_label("Owner").fill("org.example.widgets")
    await alice.page.get_by_label("Package").fill("widgets-core")
    await alice.press("Find deployment")
    await house.work()
    await alice.until("answered")
    assert "1 deployment found" in await alice.text()
    await photograph(alice, "found")


async def test_the_panel(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    await house.staged()
    await house.work()
    house.fault("published", status=401, body="Invalid token", times=None)
    dave = await somebody(visit, web, people.COMMITTER)
    await dave.go(f"/compose/{WHERE}")
    await dave.page.get_by_role("button", name="Run checks now").click()
    await async_api.expect(dave.page.locator("#readiness")).to_contain_text("Checks in progress")
    await house.work()
    await async_api.expect(dave.page.locator("#readiness")).to_contain_text("refused our credentials")
    await photograph(dave, "readiness", "#readiness", tallest=1_400)


async def test_the_vote(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    await house.staged()
    await house.work()
    dave = await somebody(visit, web, people.COMMITTER)
    await dave.go(f"/voting/{WHERE}")
    await photograph(dave, "voting")
    await dave.press("Open the vote on candidate 1")
    for asf_uid in people.MEMBERS:
        voter = await somebody(visit, web, asf_uid)
        await voter.go(f"/vote/{WHERE}")
        await voter.page.get_by_role("radio", name="+1", exact=True).check()
        await voter.page.get_by_label("What you checked").fill("Built it, ran the tests, read the NOTICE.")
        if asf_uid == people.MEMBERS[-1]:
            await photograph(voter, "vote")
            await voter.page.get_by_text("Use with Maven").first.click()
            await photograph(voter, "voters", 'section[aria-labelledby="get"]')
        await voter.press("Cast my vote")
    await dave.go(f"/resolve/{WHERE}")
    await photograph(dave, "resolve")
    await dave.press("Resolve as passed")
    assert "vote" in await dave.text()
    await dave.go(f"/abandon/{WHERE}")
    await photograph(dave, "abandon")


async def test_from_ready_to_announced(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, number = await house.voted()
    alice = await somebody(visit, web, "alice")
    await photograph(alice, "releases")
    # By day, by night, on a phone.
    for name, screen in (("finish", PAPER), ("finish-dark", NIGHT), ("finish-phone", persons.PHONE)):
        one = await somebody(visit, web, "alice", **screen)
        await one.go(f"/finish/{WHERE}")
        await photograph(one, name, tallest=720)
    await alice.go(f"/distribution/detail/{WHERE}/d{number}")
    await photograph(alice, "evidence")
    await alice.go(f"/distribution/promote/{WHERE}?deployment_id={number}")
    await photograph(alice, "confirm")
    await house.promote(number)
    await house.live(number)
    await alice.go(f"/finish/{WHERE}")
    assert "Live" in await alice.text()
    await photograph(alice, "live", tallest=720)
    await alice.go(f"/announce/{WHERE}")
    await photograph(alice, "announce")


async def test_several_and_one_of_them_in_trouble(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    release_key = await house.composed()
    for package in ("widgets-core", "widgets-parent"):
        part = part_of(house.tree, package)
        number = await house.record(release_key, await house.stage_elsewhere(part), part.packages[0])
        await house.until(number, lambda row: row.proof.staged is not None)
    await people.vote(house.store, release_key)
    await house.work()
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/distribution/promote-all/{WHERE}")
    await photograph(alice, "promote-all")
    house.knob(await house.row(1), "tamper")
    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.press("Promote 2 deployments")
    await house.until(1, states.State.REFUSED)
    await house.pass_time(minutes=1)
    await alice.go(f"/finish/{WHERE}")
    assert "Continue anyway" in await alice.text()
    await photograph(alice, "promote-all-stopped", 'section[aria-labelledby="deployments"]')


async def test_refused(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, number = await house.voted()
    house.knob(await house.row(number), "tamper")
    await house.promote(number)
    await house.until(number, states.State.REFUSED)
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/distribution/detail/{WHERE}/d{number}")
    assert "This check cannot be bypassed" in await alice.text()
    await photograph(alice, "refused")


async def test_diverged(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, number = await house.voted()
    house.knob(await house.row(number), "alter-public")
    await house.promote(number)
    await house.until(number, states.State.DIVERGED)
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/distribution/detail/{WHERE}/d{number}")
    assert "Action required" in await alice.text()
    await photograph(alice, "diverged")


async def test_staged_again(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    _, number = await house.voted()
    house.knob(await house.row(number), "vanish")
    await house.until(number, lambda row: row.deployment_state is states.DeploymentState.GONE)
    alice = await somebody(visit, web, "alice")
    await alice.go(f"/finish/{WHERE}")
    await alice.press("Restage the voted files…", kind="link")
    assert distribution.DistributionPlatform.MAVEN.display_name in await alice.text()
    await photograph(alice, "stage-again")
