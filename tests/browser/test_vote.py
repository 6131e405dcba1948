# SPDX-License-Identifier: Apache-2.0
"""A vote in a real browser: cast, passed, failed, dropped, abandoned, announced; with and without a script."""

import re
from typing import Final

import pytest

import atr.demo.people as people
import atr.promotion.states as states
from tests import world as worlds
from tests.browser import conftest as fixtures
from tests.browser import person as persons

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    # Four people with a window each, every page looked at by the checker and photographed on three screens.
    pytest.mark.timeout(400),
]

VERSION: Final = "2.4.0"
WHERE: Final = f"{people.PROJECT}/{VERSION}"
SCRIPTS: Final = pytest.mark.parametrize("scripts", [True, False], ids=["with-script", "without-script"])


async def _somebody(visit: fixtures.Visit, web: str, asf_uid: str, *, scripts: bool) -> persons.Person:
    one: persons.Person = await visit(web, java_script_enabled=scripts)
    await one.go("/releases")
    await one.sign_in(asf_uid)
    return one


async def _everybody(visit: fixtures.Visit, web: str, *, scripts: bool) -> list[persons.Person]:
    return [await _somebody(visit, web, who, scripts=scripts) for who in (people.COMMITTER, *people.MEMBERS)]


async def _open(one: persons.Person, candidate: int = 1) -> None:
    await one.go(f"/voting/{WHERE}")
    await one.press(f"Open the vote on candidate {candidate}")


async def _cast(one: persons.Person, choice: str, comment: str) -> None:
    await one.go(f"/vote/{WHERE}")
    await one.page.get_by_role("radio", name=choice, exact=True).check()
    await one.page.get_by_label("What you checked").fill(comment)
    await one.press(re.compile("my vote$"))


async def _photograph(one: persons.Person, visit: fixtures.Visit, name: str) -> None:
    """The page they are on: light, dark, and on a phone."""
    await one.picture(name)
    for screen, settings in (("dark", persons.DARK), ("phone", persons.PHONE)):
        there = await visit(one.base, **settings, storage_state=await one.page.context.storage_state())
        await there.go(one.page.url.removeprefix(one.base))
        width = await there.page.evaluate("document.documentElement.scrollWidth")
        assert width <= settings["viewport"]["width"]
        await there.picture(f"{name}-{screen}")


@SCRIPTS
async def test_from_the_ballot_to_announced(
    house: worlds.World,
    web: str,
    visit: fixtures.Visit,
    scripts: bool,  # noqa: FBT001  (a case of the table)
) -> None:
    await house.staged()
    dave, alice, bob, carol = await _everybody(visit, web, scripts=scripts)
    await dave.go(f"/voting/{WHERE}")
    assert "The vote on candidate 1 can be opened" in await dave.text()
    if scripts:
        await _photograph(dave, visit, "voting")
    await dave.press("Open the vote on candidate 1")
    assert "The vote on candidate 1 is open. Send the call for votes now" in await dave.text()
    letter = await dave.page.locator("pre.letter", has_text="this is the vote on releasing").text_content()
    assert letter is not None
    assert f"{web}/vote/{WHERE}" in letter
    # Nobody's staging address: the stand-in's is not ours.
    assert house.sandbox.portal_url not in letter

    await alice.go(f"/vote/{WHERE}")
    await _cast(dave, "+1", "Built it.")
    if scripts:
        # She only watches: the count comes to her.
        await alice.page.get_by_text("Built it.").wait_for()
    await _cast(alice, "+1", "The signatures are good.")
    await _cast(bob, "\N{MINUS SIGN}1", "No LICENSE.")
    await _cast(bob, "+1", "There it is.")
    if scripts:
        await _photograph(bob, visit, "vote")
    await dave.go(f"/resolve/{WHERE}")
    button = dave.page.get_by_role("button", name="Resolve as passed")
    assert await button.is_disabled()
    why = dave.page.locator(f"#{await button.get_attribute('aria-describedby')}")
    assert "a release needs at least 3 binding +1" in await why.inner_text()
    await _cast(carol, "+1", "Fine.")
    await dave.go(f"/resolve/{WHERE}")
    if scripts:
        await _photograph(dave, visit, "resolve")
    await dave.press("Resolve as passed")
    assert dave.page.url == f"{web}/finish/{WHERE}"
    await dave.go(f"/vote/{WHERE}")
    assert (
        "3 binding +1: alice, bob, carol" in await dave.text()
        or await dave.page.get_by_text("3 binding +1: alice, bob, carol").count()
    )

    await house.work()
    await house.promote(1)
    await house.live(1)
    await dave.go(f"/finish/{WHERE}")
    await dave.press(f"Announce {VERSION}…", kind="link")
    if scripts:
        await _photograph(dave, visit, "announce")
    await dave.page.get_by_label("Type the version").fill(VERSION)
    await dave.press(f"Mark {VERSION} as announced")
    assert "is marked as announced" in await dave.text()


@SCRIPTS
async def test_a_failed_vote_offers_to_drop_and_the_next_ballot_is_clean(
    house: worlds.World,
    web: str,
    visit: fixtures.Visit,
    scripts: bool,  # noqa: FBT001  (a case of the table)
) -> None:
    await house.staged()
    dave, alice, *_ = await _everybody(visit, web, scripts=scripts)
    await _open(dave)
    await dave.go(f"/resolve/{WHERE}")
    await dave.page.get_by_label("Why it failed").fill("The NOTICE names another project.")
    await dave.press("Resolve as failed")
    assert dave.page.url == f"{web}/voting/{WHERE}"
    assert "Staged deployments remain until they are dropped." in await dave.text()
    await alice.go(f"/voting/{WHERE}")
    assert "It was staged for candidate 1, whose vote failed." in await alice.text()
    if scripts:
        await _photograph(alice, visit, "voting-after-failed")
    await alice.page.get_by_text("Drop…").first.click()
    await alice.page.get_by_label("Reason for dropping it").first.fill("Candidate 1 failed.")
    await alice.press(re.compile(r"^Drop ?:"))
    assert "Drop requested." in await alice.text()
    await house.until(1, lambda row: row.deployment_state is states.DeploymentState.DROPPED)
    assert house.requests("drop") == 1
    await _open(dave, 2)
    assert "The vote on candidate 2 is open" in await dave.text()


@SCRIPTS
async def test_approved_by_mistake_and_taken_back(
    house: worlds.World,
    web: str,
    visit: fixtures.Visit,
    scripts: bool,  # noqa: FBT001  (a case of the table)
) -> None:
    _, number = await house.voted()
    await house.promote(number)
    dave = await _somebody(visit, web, people.COMMITTER, scripts=scripts)
    await dave.go(f"/finish/{WHERE}")
    await dave.press("abandoned", kind="link")
    assert "requested by alice is stopped before anything is sent." in await dave.text()
    if scripts:
        await _photograph(dave, visit, "abandon")
    old = await dave.another_tab()
    await old.go(f"/abandon/{WHERE}")
    await dave.page.get_by_label("Reason for abandoning it").fill("Approved by mistake.")
    await dave.press("Abandon candidate 1")
    assert "Candidate 1 is abandoned; no publish request was sent." in await dave.text()
    await house.pass_time(rounds=3, hours=2)
    assert house.publish_calls == 0
    # The other tab still shows the form.
    old.expected.add(409)
    await old.page.get_by_label("Reason for abandoning it").fill("Approved by mistake.")
    await old.press("Abandon candidate 1")
    assert "there is no candidate to abandon" in await old.text()
    assert old.said == []


async def test_a_ballot_that_moves_is_seen_and_an_old_form_opens_nothing(
    house: worlds.World, web: str, visit: fixtures.Visit
) -> None:
    """A capture ends while she looks: the page follows. In another tab somebody takes it off."""
    await house.composed()
    number = await house.stage(f"{people.PROJECT}-{VERSION}")
    await house.until(number, lambda row: row.deployment_state is states.DeploymentState.VALIDATING)
    alice = await _somebody(visit, web, "alice", scripts=True)
    await alice.go(f"/voting/{WHERE}")
    assert await alice.page.get_by_role("button", name="Open the vote on candidate 1").is_disabled()
    await house.until(number, lambda row: row.proof.staged is not None)
    await alice.page.get_by_text("The vote on candidate 1 can be opened").wait_for()
    await alice.look()
    other = await alice.another_tab()
    await other.go(f"/voting/{WHERE}")
    await other.page.get_by_text("Remove from the ballot…").click()
    await other.page.get_by_label("Reason for excluding it").fill("Not this one.")
    await other.press(re.compile(r"^Remove from the ballot\b"))
    alice.expected.add(409)
    await alice.press("Open the vote on candidate 1")
    assert "The ballot changed since you opened the page, so nothing was done." in await alice.text()
    assert "Not this one." in await alice.text()
    await alice.press("Open the vote on candidate 1")
    assert "The vote on candidate 1 is open." in await alice.text()


async def test_by_keyboard_only(house: worlds.World, web: str, visit: fixtures.Visit) -> None:
    await house.staged()
    alice = await _somebody(visit, web, "alice", scripts=True)
    await _open(alice)
    await alice.go(f"/vote/{WHERE}")
    await alice.tab_to("choice")
    await alice.page.keyboard.press("Space")
    await alice.tab_to("comment")
    await alice.page.keyboard.type("By keyboard.")
    await alice.tab_to("Cast my vote")
    async with alice.page.expect_navigation():
        await alice.page.keyboard.press("Enter")
    await alice.look()
    assert "By keyboard." in await alice.text()
