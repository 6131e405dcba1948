# SPDX-License-Identifier: Apache-2.0
"""Somebody at a real browser, whose log and whose accessibility are watched on every page."""

import dataclasses
import os
import pathlib
import re
from typing import Any, Final

from axe_playwright_python import async_playwright as axe_playwright
from playwright import async_api

# However busy the machine is.
PATIENCE: Final = 30_000
LIGHT: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
DARK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}
# What the browser logs of a page whose status is not 200; a test says which ones it wants.
_STATUS: Final = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_AXE: Final = axe_playwright.Axe()


@dataclasses.dataclass
class Person:
    """A page in a context of its own. `base` is the server's address."""

    page: async_api.Page
    base: str
    pictures: pathlib.Path
    scripts: bool = True
    # Statuses of pages that are meant to be refused.
    expected: set[int] = dataclasses.field(default_factory=set)
    said: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    async def open(cls, browser: async_api.Browser, base: str, pictures: pathlib.Path, **context: Any) -> "Person":
        """A new browser window, with nothing in it."""
        context = LIGHT | context
        opened = await browser.new_context(**context)
        return cls(await _watched(opened), base, pictures, context.get("java_script_enabled", True))._listening()

    async def another_tab(self) -> "Person":
        """A second tab of the same browser, signed in like the first."""
        return Person(await _watched(self.page.context), self.base, self.pictures, self.scripts)._listening()

    async def go(self, path: str) -> None:
        """Open a page by its address, and look at it."""
        await self.page.goto(self.base + path)
        await self.look()

    async def press(self, name: str | re.Pattern[str], *, kind: Any = "button", exact: bool = False) -> None:
        """Press a button or follow a link that reads like this, and look at what comes."""
        async with self.page.expect_navigation():
            await self.page.get_by_role(kind, name=name, exact=exact).first.click()
        await self.look()

    async def sign_in(self, asf_uid: str) -> None:
        """Sign in from the page one is on."""
        await self.press("Sign in", kind="link")
        await self.press(re.compile(f"^{asf_uid}"))

    async def look(self) -> None:
        """Have the checker look at the page, with everything unfolded for it and folded again."""
        if not self.scripts:
            return
        await self.page.wait_for_load_state("load")
        folded = await self.page.query_selector_all("details:not([open])")
        for part in folded:
            await part.evaluate("part => { part.open = true; }")
        found = (await _AXE.run(self.page)).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], self.page.url
        for part in folded:
            await part.evaluate("part => { part.open = false; }")

    async def picture(self, name: str) -> None:
        """Photograph the whole page."""
        await self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True, animations="disabled")

    async def text(self) -> str:
        """What the page says."""
        return re.sub(r"\s+", " ", await self.page.locator("main").inner_text())

    async def state(self) -> str:
        """The word of the first deployment on the page."""
        return await self.page.locator("[data-state]").first.get_attribute("data-state") or ""

    async def until(self, word: str) -> None:
        """Wait until a deployment on the page stands at this word."""
        await self.page.wait_for_selector(f'[data-state="{word}"]', timeout=PATIENCE)

    async def tab_to(self, text: str) -> None:
        """Press the tabulator until what has the focus reads like this."""
        for _ in range(80):
            await self.page.keyboard.press("Tab")
            here = await self.page.evaluate(
                "[document.activeElement.innerText, document.activeElement.name].filter(Boolean).join(' ')"
            )
            if here.startswith(text):
                return
        raise AssertionError(f"The keyboard does not reach {text!r} on {self.page.url}")

    async def close(self) -> None:
        """Close the window. Nothing may have been said in its log."""
        await self.page.context.close()
        assert self.said == []

    def _listening(self) -> "Person":
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        return self

    def _hear(self, message: async_api.ConsoleMessage) -> None:
        status = _STATUS.match(message.text)
        if not (status and int(status.group(1)) in self.expected):
            self.said.append(message.text)


async def _watched(context: async_api.BrowserContext) -> async_api.Page:
    context.set_default_timeout(PATIENCE)
    return await context.new_page()


def pictures_in(fallback: pathlib.Path) -> pathlib.Path:
    """Where pictures go: the directory that ATR_PICTURES names."""
    named = pathlib.Path(os.environ.get("ATR_PICTURES") or fallback)
    named.mkdir(parents=True, exist_ok=True)
    return named
