# SPDX-License-Identifier: Apache-2.0
"""The main job in a real browser: from sign-in to LIVE, against the real processes."""

import asyncio
import re
from typing import Final

import httpx
import pytest

import atr.demo.processes as processes
import atr.pages.views as views
from tests.browser import conftest as fixtures
from tests.browser import person as persons

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

Stack = tuple[processes.Stack, views.DeploymentView]
VERSION: Final = "2.4.0"
FINISH: Final = f"/finish/example-widgets/{VERSION}"
RELEASE: Final = f"Example Widgets {VERSION}"
PROMOTE: Final = f"Promote {VERSION} to Maven Central"


async def slow_down(stack: processes.Stack) -> None:
    """The stand-in takes long enough for a person to see each state."""
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as client:
        settings = {"publish_seconds": 3, "public_lag_seconds": 4}
        (await client.post("/control/settings", json=settings)).raise_for_status()


async def publish_calls(stack: processes.Stack) -> int:
    """How many requests reached the stand-in's publish endpoint."""
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as client:
        return int((await client.get("/control/counters")).json()["requests"]["publish"])


async def to_the_confirm_page(alice: persons.Person) -> None:
    """Sign in, open the release, press Promote."""
    await alice.go("/")
    await alice.sign_in("alice")
    await alice.press(RELEASE, kind="link")
    await alice.press("Promote to Maven Central…", kind="link")


async def test_from_sign_in_to_live(stack: Stack, visit: fixtures.Visit) -> None:
    running, row = stack
    await slow_down(running)
    alice = await visit(running.web_url)
    await alice.go("/")
    await alice.sign_in("alice")
    assert "Waiting for you" in await alice.text()
    await alice.picture("releases")

    await alice.press(RELEASE, kind="link")
    assert await alice.state() == "Ready"
    await alice.picture("finish")
    await photograph(alice, visit, "finish-dark", persons.DARK)
    await photograph(alice, visit, "finish-phone", persons.PHONE)

    await alice.press(re.compile("^Evidence"), kind="link")
    assert row.proof.staged is not None
    assert await alice.page.locator("table.files tbody tr:not(.group)").count() == row.proof.staged.files
    await alice.picture("evidence")

    await alice.press("Promote to Maven Central…", kind="link")
    await alice.picture("confirm")
    alice.expected.add(422)
    await alice.page.get_by_label("Type the version").fill("2.4.1")
    await alice.press(PROMOTE)
    assert f"The version does not match. Type {VERSION}." in await alice.text()
    assert await publish_calls(running) == 0

    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.press(PROMOTE)
    assert alice.page.url == running.web_url + FINISH
    assert "The staged files are verified once more" in await alice.text()
    # Lost by any reload.
    await alice.page.evaluate("window.neverReloaded = true")
    seen = await states_until_live(alice)
    assert await alice.page.evaluate("window.neverReloaded") is True
    assert {"Publishing", "Live"} <= set(seen)
    assert await publish_calls(running) == 1
    # What was said at the click is old news by now.
    await alice.page.locator(".flash").wait_for(state="detached")
    assert await alice.page.get_by_role("link", name="Open on Maven Central").count() == 1
    await alice.look()
    await alice.picture("live")

    await alice.press(re.compile("^Evidence"), kind="link")
    assert await alice.page.locator("table.files tr.is-equal").count() == row.proof.staged.files
    await alice.press("Open on Maven Central", kind="link")
    assert alice.page.url.startswith(f"{running.sandbox_url}/maven2/")
    assert await alice.page.get_by_role("link", name=f"widgets-core-{VERSION}.jar", exact=True).is_visible()


async def photograph(alice: persons.Person, visit: fixtures.Visit, name: str, screen: dict[str, object]) -> None:
    """The page she is on, on another screen."""
    there = await visit(alice.base, **screen, storage_state=await alice.page.context.storage_state())
    await there.go(alice.page.url.removeprefix(alice.base))
    await there.picture(name)


async def states_until_live(alice: persons.Person) -> list[str]:
    """The words that the row goes through while she only watches."""
    seen: list[str] = []
    async with asyncio.timeout(persons.PATIENCE / 1000):
        while "Live" not in seen:
            word = await alice.state()
            if word not in seen:
                seen.append(word)
            await asyncio.sleep(0.05)
    return seen


async def test_without_javascript_the_page_reads_itself_again(stack: Stack, visit: fixtures.Visit) -> None:
    running, _ = stack
    alice = await visit(running.web_url, java_script_enabled=False)
    await to_the_confirm_page(alice)
    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.press(PROMOTE)
    # Nobody touches it: the page asks for itself every few seconds.
    await alice.until("Live")
    assert await publish_calls(running) == 1


async def test_by_keyboard_only(stack: Stack, visit: fixtures.Visit) -> None:
    running, _ = stack
    alice = await visit(running.web_url)
    await alice.go("/")
    for text in ("Sign in", "alice", RELEASE, "Promote to Maven Central…"):
        await alice.tab_to(text)
        async with alice.page.expect_navigation():
            await alice.page.keyboard.press("Enter")
        await alice.look()
    await alice.tab_to("version")
    await alice.page.keyboard.type(VERSION)
    async with alice.page.expect_navigation():
        await alice.page.keyboard.press("Enter")
    await alice.until("Live")
    assert await publish_calls(running) == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
async def test_a_double_click_is_one_promotion(stack: Stack, visit: fixtures.Visit, scripts: bool) -> None:  # noqa: FBT001
    running, _ = stack
    alice = await visit(running.web_url, java_script_enabled=scripts)
    await to_the_confirm_page(alice)
    await alice.page.get_by_label("Type the version").fill(VERSION)
    await alice.page.get_by_role("button", name=PROMOTE).dblclick()
    await alice.page.wait_for_url(f"**{FINISH}")
    await alice.until("Live")
    assert await publish_calls(running) == 1
