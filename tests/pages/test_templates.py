# SPDX-License-Identifier: Apache-2.0
"""Every template, with every kind of view: what comes out is whole, plain, labelled and escaped."""

import collections
import itertools
import pathlib
import re
from typing import Final

import jinja2
import pytest

from tests.pages import reading, samples, stand_in

PAGES: Final = stand_in.page_names()
EVERYTHING: Final = stand_in.page_names(whole=False)

SOURCES: Final = sorted(stand_in.TEMPLATES.rglob("*.html"))
INLINE: Final = re.compile(r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
# A template that says "trust this" must not exist.
UNESCAPED: Final = re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\(", re.IGNORECASE)
HOUSE_WORDS: Final = re.compile(r"\b(please|oops|successfully|whoops)\b|!", re.IGNORECASE)
# The line of a build tool's log, quoted as it is.
QUOTED: Final = "Uploaded bundle successfully"


def spoilt_page(name: str, text: str) -> str:
    _, context = stand_in.pages()[name]
    return stand_in.render(name, **{key: samples.spoilt(value, text) for key, value in context.items()})


def test_every_template_is_rendered_here() -> None:
    names = {path.relative_to(stand_in.TEMPLATES).as_posix() for path in SOURCES}
    # Those that others are made of.
    pieces = {
        "compose/upload.html",
        "compose/files.html",
        "compose/problems.html",
        "repository.html",
        "vote/pieces.html",
    }
    assert set(stand_in.by_template()) == names - {"layout.html", "parts.html"} - pieces


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(stand_in.TEMPLATES).as_posix())
def test_source_is_plain(path: pathlib.Path) -> None:
    text = path.read_text("utf-8")
    assert not INLINE.findall(text)
    assert not UNESCAPED.findall(text)
    assert "://" not in text.replace('"https://", "http://"', "")


@pytest.mark.parametrize("name", EVERYTHING)
def test_nothing_is_inline(name: str) -> None:
    page = reading.read(stand_in.render(name))
    for element in page.walk():
        assert element.tag != "style"
        assert not [key for key in element.attributes if key == "style" or key.startswith("on")]
        assert not element.attributes.get("href", "").lower().startswith("javascript:")
        if element.tag == "script":
            assert element.attributes["src"].startswith("/static/")
            assert element.text == ""


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_in_order(name: str) -> None:
    headings = reading.read(stand_in.render(name)).every("h1", "h2", "h3", "h4", "h5", "h6")
    levels = [int(heading.tag[1]) for heading in headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels)), levels
    assert all(heading.text for heading in headings)


@pytest.mark.parametrize("name", EVERYTHING)
def test_headings_use_the_words_of_the_house(name: str) -> None:
    for heading in reading.read(stand_in.render(name)).every("h1", "h2", "h3"):
        text = heading.text.lower()
        assert text.count("distribution") == text.count("third-party distribution")
        assert text.count("promotion") == text.count("remote promotion")


@pytest.mark.parametrize("name", EVERYTHING)
def test_nobody_is_begged_or_shouted_at(name: str) -> None:
    text = reading.read(stand_in.render(name)).text.replace(QUOTED, "")
    assert not HOUSE_WORDS.findall(text)


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_form_begins_with_its_token(name: str) -> None:
    """A form that only asks has none: it would stand in the address."""
    for form in reading.read(stand_in.render(name)).every("form"):
        if form.attributes["method"] == "get":
            assert not [field for field in form.every("input") if field.attributes.get("name") == "csrf_token"]
            continue
        assert form.attributes["method"] == "post"
        first = form.children[0]
        assert (first.tag, first.attributes.get("name")) == ("input", "csrf_token")
        assert sum(field.attributes.get("name") == "csrf_token" for field in form.every("input")) == 1
        assert any(button.attributes["type"] == "submit" for button in form.every("button"))


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_field_has_a_label(name: str) -> None:
    page = reading.read(stand_in.render(name))
    labelled = {label.attributes["for"] for label in page.every("label") if label.text}
    for field in page.every("input", "textarea", "select"):
        if field.attributes.get("type") != "hidden":
            assert field.attributes["id"] in labelled


@pytest.mark.parametrize("name", EVERYTHING)
def test_references_within_a_page_lead_somewhere(name: str) -> None:
    page = reading.read(stand_in.render(name))
    ids = collections.Counter(element.attributes["id"] for element in page.walk() if "id" in element.attributes)
    assert [found for found, times in ids.items() if times > 1] == []
    for element in page.walk():
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            assert set(element.attributes.get(attribute, "").split()) <= set(ids)
        href = element.attributes.get("href", "")
        # Rows are named by anchors of the view; a sample may speak of a row it does not show.
        if href.startswith("#") and not re.fullmatch(r"#[dp]\d+", href):
            assert href[1:] in ids


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_people_and_platforms_write_stays_text(name: str) -> None:
    page = reading.read(spoilt_page(name, samples.HOSTILE))
    assert page.every("img") == []
    assert [script for script in page.every("script") if script.text] == []
    for element in page.walk():
        assert not [key for key in element.attributes if key.startswith("on")]
        # 49 would be the answer of a template that evaluates what it is given.
        assert "49" not in element.attributes.get("value", "")


@pytest.mark.parametrize("name", EVERYTHING)
def test_an_address_of_a_platform_runs_nothing(name: str) -> None:
    _, context = stand_in.pages()[name]
    # Views carry what platforms answer; the rest is the server's own.
    views = {
        key: samples.spoilt(value, "javascript:alert(1)") for key, value in context.items() if key in {"view", "row"}
    }
    page = reading.read(stand_in.render(name, **views))
    assert [a for a in page.every("a") if a.attributes["href"].startswith("javascript:")] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_sandbox(name: str) -> None:
    page = stand_in.render(name, sandbox_mode=True, sandbox_url="http://127.0.0.1:8081/")
    assert "nothing here reaches a real platform" in page
    assert 'href="http://127.0.0.1:8081/"' in page
    if "sandbox_mode" not in stand_in.pages()[name][1]:
        assert "nothing here reaches a real platform" not in stand_in.render(name)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_seen_signed_out(name: str) -> None:
    page = stand_in.render(name, session_user="", session_role="")
    assert "Sign out" not in page
    assert 'href="/sign-in?return_to=' in page


@pytest.mark.parametrize("name", ["confirm", "promote-all"])
def test_what_cannot_be_undone_has_no_form_before_a_recent_sign_in(name: str) -> None:
    """And the evidence is shown all the same."""
    fresh, stale = (reading.read(stand_in.render(one)) for one in (name, f"{name}-stale"))
    assert [form.attributes["action"] for form in fresh.every("form")] != ["/sign-out"]
    assert [form.attributes["action"] for form in stale.every("form")] == ["/sign-out"]
    (link,) = (one for one in stale.every("a") if one.text == "Sign in again")
    assert link.attributes["href"] == stand_in.AGAIN
    assert {heading.text for heading in fresh.every("h2")} - {"What can be undone"} <= {
        heading.text for heading in stale.every("h2")
    }


def test_a_missing_value_is_an_error(environment: jinja2.Environment) -> None:
    with pytest.raises(jinja2.UndefinedError):
        environment.get_template("finish.html").render()


def test_a_page_reads_itself_again_only_while_something_moves() -> None:
    refresh = 'http-equiv="refresh"'
    assert refresh in stand_in.render("finish")
    assert refresh in stand_in.render("detail-publishing")
    assert 'content="5"' in stand_in.render("detail-publishing")
    for still in ("finish-done", "finish-empty", "detail-live", "detail-ready", "confirm", "releases"):
        assert refresh not in stand_in.render(still), still


def test_a_half_written_reason_is_given_time_without_a_script() -> None:
    assert 'content="60"' in stand_in.render("detail-in-doubt")


@pytest.mark.parametrize("name", ["confirm-blocked", "confirm-off"])
def test_a_blocked_promotion_has_no_form(name: str) -> None:
    page = reading.read(stand_in.render(name))
    assert [form.attributes["action"] for form in page.every("form")] == ["/sign-out"]
    assert "cannot be promoted now" in page.text


def test_the_confirm_form_carries_what_was_seen() -> None:
    row = samples.row()
    form = reading.read(stand_in.render("confirm")).every("form")[-1]
    sent = {field.attributes["name"]: field.attributes["value"] for field in form.every("input")}
    assert sent == {
        "csrf_token": "of-the-test",
        "platform": "MAVEN",
        "deployment_id": "4",
        "evidence_digest": row.evidence_digest,
        "row_version": "3",
        "version": "",
    }
    assert row.mechanism.undo in reading.read(stand_in.render("confirm")).text


def test_a_code_is_asked_for_where_one_may_be_needed_and_never_shown_again() -> None:
    page = stand_in.render("confirm-code")
    (code,) = [one for one in reading.read(page).every("input") if one.attributes["name"] == "code"]
    assert (code.attributes.get("value"), code.attributes["autocomplete"]) == (None, "one-time-code")
    assert "123456" not in page
    assert 'name="code"' not in stand_in.render("confirm")


def test_an_act_that_is_off_says_why_beside_it() -> None:
    page = reading.read(stand_in.render("detail-in-doubt"))
    off = [button for button in page.every("button") if "disabled" in button.attributes]
    assert [button.text for button in off] == ["It was not published"]
    why = {element.attributes.get("id"): element.text for element in page.walk()}[off[0].attributes["aria-describedby"]]
    assert why.startswith("Possible after 24 hours")


def test_the_row_alone_is_the_row_of_the_page() -> None:
    fragment = reading.read(stand_in.render("row-publishing")).children
    assert [element.tag for element in fragment] == ["li"]
    row = fragment[0].attributes
    assert row["id"] == "d4"
    assert row["data-row-url"] == "/finish/example-widgets/2.4.0/row/d4"
    assert (row["data-moving"], row["data-etag"]) == ("yes", "d4.5")


def test_a_row_that_stands_still_is_not_asked_again() -> None:
    assert 'data-moving="no"' in stand_in.render("row-live")


def test_every_state_has_its_word_and_its_mark() -> None:
    style = (stand_in.STATIC / "style.css").read_text("utf-8")
    for row in samples.rows().values():
        assert re.search(rf"\.is-{row.standing.css}\b[^{{]*{{ --tone", style), row.standing.css
        assert row.standing.word in stand_in.environment().get_template("finish/row.html").render(row=row)


def test_zeroes_stay_in_the_tally() -> None:
    assert "0 missing" in reading.read(stand_in.render("detail-live")).text


def test_cut_lists_say_so() -> None:
    assert "3 of 3,000 files are shown here" in reading.read(stand_in.render("detail-cut")).text
    assert "are shown here" not in reading.read(stand_in.render("detail-live")).text
