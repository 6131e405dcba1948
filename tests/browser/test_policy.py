# SPDX-License-Identifier: Apache-2.0
"""The policy, the names and "Pre-flight checks" as people use them: with a script and without, on every screen."""

from typing import Any, Final

import pytest
from playwright import async_api

import atr.demo.people as people
from tests import world as worlds
from tests.browser import conftest
from tests.browser import person as persons

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
RELEASE: Final = f"{people.PROJECT}-2.4.0"
_SCREENS: Final = {"light": persons.LIGHT, "dark": persons.DARK, "phone": persons.PHONE}


async def _member(visit: conftest.Visit, web: str, name: str = worlds.MEMBER, **context: Any) -> persons.Person:
    person = await visit(web, **context)
    await person.go("/releases")
    await person.sign_in(name)
    return person


@pytest.mark.parametrize("screen", _SCREENS)
async def test_the_pages_by_day_by_night_and_on_a_phone(
    screen: str, house: worlds.World, web: str, visit: conftest.Visit
) -> None:
    """An accessibility checker finds nothing, and nothing is cut off."""
    await house.staged()
    await house.work()
    erin = await _member(visit, web, people.ADMIN, **_SCREENS[screen])
    alice = await _member(visit, web, **_SCREENS[screen])
    for person, path, name in (
        (alice, f"/policy/{people.PROJECT}", "policy"),
        (alice, f"/finish/{people.PROJECT}/2.4.0", "readiness"),
        (erin, f"/target/{people.PROJECT}", "target"),
        (erin, "/targets", "targets"),
    ):
        await person.go(path)
        await person.picture(f"{name}-{screen}")


async def test_patterns_are_tried_while_one_types(house: worlds.World, web: str, visit: conftest.Visit) -> None:
    """And saved only by the button; what was typed is not lost by trying."""
    await house.staged()
    alice = await _member(visit, web)
    await alice.go(f"/policy/{people.PROJECT}")
    field = alice.page.get_by_label("Files for Maven Central, under the tag mavencentral")
    await field.fill("nothing/**")
    await async_api.expect(alice.page.locator("#trial")).to_contain_text("“nothing/**” matches no file")
    await field.fill("maven/[")
    await async_api.expect(alice.page.locator("#trial")).to_contain_text("a [ has no ] after it")
    await field.fill("maven/org/**\nmaven/**")
    await async_api.expect(alice.page.locator("#trial")).to_contain_text("has no effect")
    await alice.picture("policy-tried")
    await alice.page.get_by_role("button", name="Save the policy").click()
    await async_api.expect(alice.page.get_by_text("Policy saved.")).to_be_visible()
    await async_api.expect(alice.page.locator("#changes ~ ol")).to_contain_text("maven/org/**, maven/**, was maven/**")


async def test_without_a_script_a_button_tries_them(house: worlds.World, web: str, visit: conftest.Visit) -> None:
    await house.staged()
    alice = await _member(visit, web, java_script_enabled=False)
    await alice.go(f"/policy/{people.PROJECT}")
    await alice.page.get_by_label("Files for Maven Central, under the tag mavencentral").fill("nothing/**")
    await alice.page.get_by_role("button", name="Try patterns").click()
    await async_api.expect(alice.page.locator("#trial")).to_contain_text("“nothing/**” matches no file")
    await async_api.expect(
        alice.page.get_by_label("Files for Maven Central, under the tag mavencentral")
    ).to_have_value("nothing/**")
    await alice.page.get_by_role("button", name="Save the policy").click()
    await async_api.expect(alice.page.get_by_text("Policy saved.")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_asking_leads_back_and_the_answer_appears(
    script: bool,  # noqa: FBT001
    house: worlds.World,
    web: str,
    visit: conftest.Visit,
) -> None:
    """With a script by itself, without one when the page is read again."""
    await house.staged()
    await house.work()
    house.fault("published", status=401, body="Invalid token", times=None)
    dave = await _member(visit, web, people.COMMITTER, java_script_enabled=script)
    await dave.go(f"/finish/{people.PROJECT}/2.4.0")
    await dave.page.get_by_role("button", name="Run checks now").click()
    await async_api.expect(dave.page.locator("#readiness")).to_contain_text("Checks in progress")
    assert dave.page.url.endswith(f"/finish/{people.PROJECT}/2.4.0")
    await house.work()
    if not script:
        await dave.page.reload()
    await async_api.expect(dave.page.locator("#readiness")).to_contain_text("refused our credentials", timeout=10_000)
    await dave.picture(f"readiness-no-{'script' if script else 'plain'}")
