# SPDX-License-Identifier: Apache-2.0
"""What page.js adds: rows that refresh themselves without taking anything from the reader, and one post a click."""

import dataclasses
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright import sync_api

import atr.pages.views as views
import atr.promotion.states as states
from tests.pages import samples, serving, stand_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FINISH: Final = "/finish/example-widgets/2.4.0"
ROW: Final = f"{FINISH}/row/d4"
DETAIL: Final = "/distribution/detail/example-widgets/2.4.0/d4"

PUBLISHING: Final = samples.moving(blockers=samples.requested().blockers)
LIVE: Final = samples.live(blockers=samples.requested().blockers)


def finish_page(row: views.DeploymentView, **changes: Any) -> serving.Answer:
    return 200, stand_in.render("finish", view=samples.finish(rows=(row,), **changes))


def row_answer(row: views.DeploymentView) -> serving.Answer:
    return 200, stand_in.render("row-live", row=row)


@pytest.fixture
def page(browser: sync_api.Browser) -> Iterator[sync_api.Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.clock.install()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def pass_time(page: sync_api.Page, seconds: int) -> None:
    page.clock.run_for(seconds * 1000)


def asked(site: serving.Site, path: str) -> int:
    return sum(target.partition("?")[0] == path for target in site.asked)


def wait_until_asked(site: serving.Site, page: sync_api.Page, path: str, times: int) -> None:
    deadline = time.monotonic() + 5
    while asked(site, path) < times:
        assert time.monotonic() < deadline, site.asked
        page.wait_for_timeout(20)
    # The answer reaches the page, too.
    page.wait_for_timeout(100)


def test_a_moving_row_is_asked_every_two_seconds_with_what_we_have(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING), ROW: (204, "")}
    page.goto(site.address + FINISH)
    assert page.locator("[data-refresh-note]").inner_text() == "This page updates automatically."
    for times in (1, 2, 3):
        pass_time(page, 2)
        wait_until_asked(site, page, ROW, times)
    assert f"{ROW}?have=d4.5" in site.asked
    # Unchanged: the page itself was not asked again.
    assert asked(site, FINISH) == 1


def test_a_page_that_stands_still_asks_nothing(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(LIVE), ROW: (204, "")}
    page.goto(site.address + FINISH)
    pass_time(page, 30)
    page.wait_for_timeout(100)
    assert asked(site, ROW) == 0


def test_a_row_that_went_live_is_shown_and_said(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING, sentence="It is publishing."), ROW: row_answer(LIVE)}
    page.goto(site.address + FINISH)
    page.locator("#d4 summary").click()
    page.locator("#evidence-d4").focus()
    site.answers[FINISH] = finish_page(LIVE, sentence="The deployment is live.", css="live")

    pass_time(page, 2)
    wait_until_asked(site, page, FINISH, 2)

    sync_api.expect(page.locator("#d4 .state")).to_have_text("Live")
    sync_api.expect(page.locator(".sentence")).to_have_text("The deployment is live.")
    sync_api.expect(page.locator("[data-say]")).to_have_text("Maven Central: Live")
    # What the reader had opened and where the reader was are as before.
    assert page.locator("#d4 details").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "evidence-d4"
    assert page.locator("#d4").get_attribute("data-moving") == "no"
    # And now nothing moves any more.
    before = len(site.asked)
    pass_time(page, 30)
    page.wait_for_timeout(100)
    assert len(site.asked) == before
    assert page.locator("[data-refresh-note]").inner_text() == ""


def test_a_button_that_goes_away_leaves_the_focus_on_its_row(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING), ROW: row_answer(LIVE)}
    page.goto(site.address + FINISH)
    page.get_by_role("button", name="Check now").focus()
    site.answers[FINISH] = finish_page(LIVE)
    pass_time(page, 2)
    sync_api.expect(page.locator("#d4 .state")).to_have_text("Live")
    assert page.evaluate("document.activeElement.id") == "d4"


def test_selected_text_is_not_torn_away(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING), ROW: row_answer(LIVE)}
    page.goto(site.address + FINISH)
    site.answers[FINISH] = finish_page(LIVE)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#d4 .what code'))")
    pass_time(page, 2)
    wait_until_asked(site, page, ROW, 1)
    assert page.locator("#d4 .state").inner_text() == "Publishing"
    page.evaluate("getSelection().removeAllRanges()")
    pass_time(page, 2)
    sync_api.expect(page.locator("#d4 .state")).to_have_text("Live")


def test_trouble_is_said_softly_and_asks_less_often(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING), ROW: (503, "")}
    page.goto(site.address + FINISH)
    note = page.locator("[data-refresh-note]")

    pass_time(page, 2)
    sync_api.expect(note).to_contain_text("The server does not respond")
    pass_time(page, 2)
    page.wait_for_timeout(100)
    assert asked(site, ROW) == 1
    pass_time(page, 2)
    wait_until_asked(site, page, ROW, 2)

    site.answers[ROW] = (204, "")
    pass_time(page, 8)
    sync_api.expect(note).to_have_text("This page updates automatically.")
    sync_api.expect(page.locator("[data-say]")).to_have_text("The page is up to date again.")


@pytest.mark.parametrize("status", [303, 401, 403])
def test_signed_out_says_so_and_stops(status: int, page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING), ROW: (status, "")}
    page.goto(site.address + FINISH)
    pass_time(page, 2)
    sync_api.expect(page.locator("[data-refresh-note]")).to_contain_text("You are signed out")
    pass_time(page, 120)
    page.wait_for_timeout(100)
    assert asked(site, ROW) == 1


def test_a_row_that_is_gone_says_so_and_stops(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(PUBLISHING)}
    page.goto(site.address + FINISH)
    pass_time(page, 2)
    sync_api.expect(page.locator("[data-refresh-note]")).to_contain_text("not here any more")
    pass_time(page, 120)
    page.wait_for_timeout(100)
    assert asked(site, ROW) == 1


def test_a_half_written_reason_outlives_a_refresh(page: sync_api.Page, site: serving.Site) -> None:
    doubt = samples.in_doubt()
    checking = samples.moving(states.State.CHECKING, acts=doubt.acts, etag="d4.6")
    site.answers = {
        DETAIL: (200, stand_in.render("detail-in-doubt", view=samples.detail(row=doubt))),
        ROW: row_answer(checking),
    }
    page.goto(site.address + DETAIL)
    page.get_by_label("Reason").press_sequentially("It is still")
    site.answers[DETAIL] = (200, stand_in.render("detail-in-doubt", view=samples.detail(row=checking)))

    pass_time(page, 2)

    sync_api.expect(page.locator(".verdict .state")).to_have_text("Checking")
    page.keyboard.type(" staged.")
    assert page.get_by_label("Reason").input_value() == "It is still staged."
    sync_api.expect(page.locator("[data-say]")).to_have_text("Maven Central: Checking")


def test_one_click_is_one_post_and_the_way_back_is_open(page: sync_api.Page, site: serving.Site) -> None:
    confirm = "/distribution/promote/example-widgets/2.4.0"

    def answer(body: str) -> serving.Answer:
        if "csrf_token" in body:
            # Slow enough for a second click.
            time.sleep(0.3)
            return finish_page(LIVE)
        return 200, stand_in.render("confirm")

    site.answers = {confirm: answer}
    page.goto(site.address + confirm)
    page.get_by_label("Type the version").fill("2.4.0")
    page.locator("main button[type=submit]").dblclick()
    page.wait_for_url(site.address + confirm)
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Apache Example Widgets 2.4.0")
    posts = [target for target in site.asked if "csrf_token" in target]
    assert len(posts) == 1
    assert re.search(r"version=2\.4\.0$", posts[0])

    page.go_back()
    assert page.locator("main button[type=submit]").is_enabled()


def test_a_button_with_a_value_sends_it(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {"/sign-in": (200, stand_in.render("sign-in-sandbox"))}
    page.goto(f"{site.address}/sign-in")
    page.get_by_role("button", name="release-manager").click()
    page.wait_for_load_state()
    assert any("asf_uid=release-manager" in target for target in site.asked)


def test_a_digest_is_copied_whole(page: sync_api.Page, site: serving.Site) -> None:
    site.answers = {DETAIL: (200, stand_in.render("detail-live"))}
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.address + DETAIL)
    page.locator(".verdict .copy").first.click()
    sync_api.expect(page.locator("[data-say]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == samples.digest("voted")


def test_without_a_script_the_page_still_works(browser: sync_api.Browser, site: serving.Site) -> None:
    site.answers = {FINISH: finish_page(dataclasses.replace(PUBLISHING))}
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address + FINISH)
    assert "every 5 seconds" in page.locator("[data-refresh-note]").inner_text()
    assert page.locator(".copy").count() == 0
    page.locator("#d4 summary").click()
    assert page.locator("#d4 [data-code]", has_text="Can be resolved by a release manager.").first.is_visible()
    context.close()
