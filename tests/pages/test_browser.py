# SPDX-License-Identifier: Apache-2.0
"""Every page in a real browser: nothing that an accessibility checker finds, nothing in its log, nothing cut off."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from axe_playwright_python import sync_playwright as axe_playwright
from playwright import sync_api

import atr.promotion.states as states
from tests.pages import samples, serving, stand_in
from tests.pages import test_templates as templates

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCREENS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
# The states of a deployment stand together on one page, "finish-every-state".
PAGES: Final = [
    name
    for name in stand_in.page_names()
    if name.removeprefix("detail-") not in set(states.DeploymentState) - {"staged"}
]
# One of each template, with as many parts as it can have.
LONG_PAGES: Final = (
    "sign-in-sandbox",
    "error",
    "releases",
    "finish-done",
    "finish-every-state",
    "list",
    "record-wrong",
    "automate",
    "confirm-wrong",
    "detail-diverged",
    "detail-requested",
    "finish-readiness-no",
    "policy-wrong",
    "target-wrong",
    "stuck",
    "switches-wrong",
)
# All in daylight; by night and on a phone one of each kind.
CHECKED: Final = [("light", name) for name in PAGES] + [
    (screen, name)
    for screen in ("dark", "phone")
    for name in (*LONG_PAGES, "finish", "confirm", "confirm-blocked", "detail-live", "detail-in-doubt", "detail-empty")
]
NARROWEST: Final = 320


@pytest.fixture(scope="module", params=["light", "phone"])
def screen(request: pytest.FixtureRequest, browser: sync_api.Browser) -> Iterator[sync_api.BrowserContext]:
    context = browser.new_context(**SCREENS[request.param])
    yield context
    context.close()


@pytest.fixture(scope="module")
def served() -> Iterator[serving.Site]:
    site = serving.Site()
    # Rows that ask for themselves meanwhile have not changed.
    site.otherwise = (204, "")
    for name in PAGES:
        site.answers[f"/{name}"] = (200, stand_in.render(name))
    for name in LONG_PAGES:
        site.answers[f"/long/{name}"] = (200, templates.spoilt_page(name, samples.LONG))
    with serving.serve(site):
        yield site


@pytest.fixture
def page(screen: sync_api.BrowserContext) -> Iterator[sync_api.Page]:
    opened = screen.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    opened.close()
    assert said == []


@pytest.mark.parametrize(("screen", "name"), CHECKED, indirect=["screen"])
def test_a_checker_finds_nothing(name: str, page: sync_api.Page, served: serving.Site) -> None:
    page.goto(f"{served.address}/{name}")
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    found = axe_playwright.Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("name", LONG_PAGES)
def test_long_names_stay_on_the_page(name: str, page: sync_api.Page, served: serving.Site) -> None:
    page.goto(f"{served.address}/long/{name}")
    width = page.viewport_size
    assert width is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= width["width"]


@pytest.mark.parametrize("name", ["finish-every-state", "detail-diverged", "confirm", "record-staging", "list"])
def test_the_narrowest_phone_scrolls_in_one_direction(name: str, page: sync_api.Page, served: serving.Site) -> None:
    page.set_viewport_size({"width": NARROWEST, "height": 600})
    page.goto(f"{served.address}/{name}")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST


def test_the_proof_line_has_room_on_every_screen(page: sync_api.Page, served: serving.Site) -> None:
    """It reached below the buttons beside it, where a rail or the edge left three columns too little room."""
    page.goto(f"{served.address}/finish-every-state")
    cut = "[...document.querySelectorAll('.proof')].filter(line => line.scrollWidth > line.clientWidth).length"
    assert page.locator(".proof").count() > 0
    found = {}
    for width in (NARROWEST, 705, 768, 769, 959, 960, 1080, 1199, 1200, 1503, 1504):
        page.set_viewport_size({"width": width, "height": 600})
        found[width] = page.evaluate(cut)
    assert {width: lines for width, lines in found.items() if lines} == {}


def test_the_keyboard_reaches_the_content_first(page: sync_api.Page, served: serving.Site) -> None:
    page.goto(f"{served.address}/finish")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_paper_shows_whole_digests_and_no_buttons(page: sync_api.Page, served: serving.Site) -> None:
    page.goto(f"{served.address}/detail-live")
    page.emulate_media(media="print")
    first = page.locator(".verdict .hash").first
    assert first.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
    assert page.locator("button:visible").count() == 0
