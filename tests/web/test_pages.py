# SPDX-License-Identifier: Apache-2.0
"""Every page of every situation, for everybody; what people and platforms wrote comes out as text."""

import ast
import pathlib
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

import atr.pages.timeline as timeline
import atr.promotion.states as states
import atr.template as template
from tests.pages import reading
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS: Final = {"a stranger": "", "a member": houses.MEMBER, "of another committee": houses.ELSEWHERE}
PAGES: Final = ("finish", "row", "distribution/list", "distribution/detail", "distribution/promote")
FORMS: Final = (
    "distribution/record",
    "distribution/stage/record",
    "distribution/automate",
    "distribution/stage/automate",
)
# What the finish page says of the row.
WORDS: Final = {
    "lost": "Lost",
    "in doubt": "In doubt",
    "doubted": "In doubt",
    "published by another hand": "Published",
    "composed": None,
    "embargoed": None,
    "searched": None,
    "failed": "Failed",
    "upload refused": "Failed",
    "dropped": "Dropped",
    "voted and dropped": "Dropped",
    "kept": "Staged",
    "live": "Live",
    "announced": "Live",
    "diverged": "Diverged",
    "extra file": "Diverged",
    "several": "Ready",
    "stopped": "Requested",
    "refused": "Refused",
    "refused by the platform": "Refused",
    "recorded": "Requested",
    "staged": "Staged",
    "voting": "Staged",
    "set aside": "Staged",
    "ready": "Ready",
    "aborted": "Stopped",
    "checking": "Checking",
    "publishing": "Publishing",
    "held": "Requested",
    "sending": "Sending",
    "strange word": "Requested",
    "requested": "Requested",
}


def _sound(page: str) -> reading.Element:
    """A whole page or a fragment in which nothing of what others wrote became markup."""
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "49}}" not in page
    # A template that was run twice.
    assert "onerror=alert(2)>\"'&49" not in page
    whole = reading.read(page)
    for element in whole.walk():
        handlers = [name for name in element.attributes if name.startswith("on")]
        assert not handlers, (element.tag, handlers)
        assert "style" not in element.attributes
        assert not element.attributes.get("href", "").startswith("javascript:")
    for script in whole.every("script"):
        assert script.attributes["src"].startswith("/static/page.js?v=")
        assert not script.text
    return whole


def _is_hidden(name: str, reader: str) -> bool:
    """Under embargo a release is for members alone; test_embargo.py has the rest."""
    return (name == "embargoed") and (READERS[reader] != houses.MEMBER)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", houses.SITUATIONS)
async def test_every_page_of_every_situation(house: houses.House, name: str, reader: str) -> None:
    place, person = house.places[name], house.people[READERS[reader]]
    before = house.dump()
    for page in PAGES:
        if not place.row_key and page not in {"finish", "distribution/list"}:
            continue
        if (page == "distribution/promote") and (not person.asf_uid or place.row_key.startswith("p")):
            continue
        query = f"?deployment_id={place.row_key[1:]}" if page == "distribution/promote" else ""
        answer = await person.get(f"{place.url(page)}{query}")
        if answer.status == 303:
            assert page == "distribution/promote"
            continue
        if _is_hidden(name, reader):
            assert answer.status == 404
            continue
        assert answer.status == 200, answer.text
        whole = _sound(answer.text)
        if WORDS[name] and page in {"finish", "row", "distribution/detail"}:
            states_shown = [e.text for e in whole.walk() if "state" in e.attributes.get("class", "").split()]
            assert WORDS[name] in states_shown
        if not person.asf_uid:
            assert [e for e in whole.every("form") if e.attributes.get("method") == "post"] == []
        if person.asf_uid == houses.ELSEWHERE:
            actions = {e.attributes.get("action") for e in whole.every("form")}
            assert actions <= {"/sign-out"}
    assert house.dump() == before


async def test_every_state_has_a_situation(house: houses.House) -> None:
    """ABORTING comes with the abort after an attempt, which no button offers yet."""
    shown = {row for (row,) in house.rows("SELECT DISTINCT state FROM promotion")}
    assert shown == {state.value for state in states.State} - {states.State.ABORTING.value}
    assert set(WORDS) == set(houses.SITUATIONS)


@pytest.mark.parametrize("page", FORMS)
@pytest.mark.parametrize("name", ["composed", "voting", "ready", "announced"])
async def test_every_form_page(house: houses.House, page: str, name: str) -> None:
    place = house.places[name]
    for who in (houses.MEMBER, houses.MANAGER, houses.ELSEWHERE):
        answer = await house.people[who].get(place.url(page))
        assert answer.status == 200
        _sound(answer.text)
    answer = await house.people[""].get(place.url(page))
    assert answer.status == 303
    assert answer.headers["location"].startswith("/sign-in?return_to=%2Fdistribution%2F") or answer.headers[
        "location"
    ].startswith("/sign-in?return_to=/distribution/")


@pytest.mark.parametrize("reader", READERS)
async def test_the_list_of_releases(house: houses.House, reader: str) -> None:
    answer = await house.people[READERS[reader]].get("/releases")
    assert answer.status == 200
    whole = _sound(answer.text)
    titles = {link.text for link in whole.every("a")}
    for name, place in house.places.items():
        assert (f"Widgets {houses.HOSTILE} {place.version}" not in titles) is _is_hidden(name, reader)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("ready", "finish"),  # the committee's name and the project's
        ("aborted", "distribution/detail"),  # a reason
        ("dropped", "distribution/detail"),  # a reason
        ("upload refused", "distribution/detail"),  # what the platform answered
        ("strange word", "distribution/detail"),  # the platform's word
        ("ready", "distribution/automate"),  # the policy's patterns
        ("ready", "distribution/list"),  # an error of a look
    ],
)
async def test_what_others_wrote_is_shown_as_text(house: houses.House, name: str, page: str) -> None:
    place = house.places[name]
    if page == "distribution/automate":
        async with house.world.store.write_as_project_committee_member(houses.PROJECT, houses.MEMBER) as member:
            await member.policy.edit(
                houses.PROJECT, file_tag_mappings={"mavencentral": ["maven/**", f"more/{houses.HOSTILE}"]}
            )
    if page == "distribution/list":
        house.change("UPDATE distribution SET last_error = ?, web_url = 'javascript:alert(1)'", houses.HOSTILE)
    answer = await house.people[houses.MEMBER].get(place.url(page))
    whole = _sound(answer.text)
    shown = " ".join(whole.text.split())
    assert "<script>alert(1)</script>" in shown


async def test_a_web_address_of_a_platform_is_a_link_only_when_it_is_one(house: houses.House) -> None:
    house.change("UPDATE distribution SET web_url = 'javascript:alert(1)', api_url = 'data:text/html,x'")
    for page in ("finish", "distribution/list", "distribution/detail"):
        answer = await house.people[houses.MEMBER].get(house.places["live"].url(page))
        assert answer.status == 200
        assert "javascript:" not in answer.text
        assert "data:text" not in answer.text


@pytest.mark.parametrize(
    "name", [name for name in houses.SITUATIONS if name not in {"composed", "searched", "embargoed"}]
)
async def test_a_fragment_is_sent_only_when_it_differs(house: houses.House, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    answer = await alice.get(place.url("row"))
    assert answer.status == 200
    (etag,) = re.findall(r'data-etag="([^"]+)"', answer.text)
    same = await alice.get(f"{place.url('row')}?have={etag}")
    assert (same.status, same.text) == (204, "")
    for other in ("", "x" * 5_000, "%00", "d1.1.0.0"):
        assert (await alice.get(f"{place.url('row')}?have={other}")).status == 200
    # It is what the page shows.
    assert f'data-etag="{etag}"' in (await alice.get(place.url("finish"))).text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE promotion SET last_look = '2026-09-17 23:00:00.000000' WHERE deployment_id = ?",
        "UPDATE promotion SET due_at = '2026-09-17 23:00:00.000000' WHERE deployment_id = ?",
        "UPDATE promotion SET blocker = 'Something else of the same length?' WHERE deployment_id = ?",
        "UPDATE promotion SET platform_word = 'ANOTHER' WHERE deployment_id = ?",
        "UPDATE promotion SET read_total = 77, read_done = 3 WHERE deployment_id = ?",
        "UPDATE deployment SET problem = 'oh' WHERE id = ?",
    ],
)
async def test_a_fragment_differs_when_anything_in_it_does(house: houses.House, change: str) -> None:
    """A row that polls for hours must not show the times of its first minute."""
    place, alice = house.places["checking"], house.people[houses.MEMBER]
    (etag,) = re.findall(r'data-etag="([^"]+)"', (await alice.get(place.url("row"))).text)
    house.change(change, place.deployment_id)
    assert (await alice.get(f"{place.url('row')}?have={etag}")).status == 200


async def test_a_row_changes_for_the_vote_too(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    (etag,) = re.findall(r'data-etag="([^"]+)"', (await alice.get(place.url("row"))).text)
    house.change("UPDATE release SET phase = 'RELEASE_CANDIDATE' WHERE version = ?", place.version)
    assert (await alice.get(f"{place.url('row')}?have={etag}")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/finish/nobody/1.0",
        "/finish/example-widgets/0",
        "/finish/example-widgets/{v}/row/d0",
        "/finish/example-widgets/{v}/row/d99999",
        "/finish/example-widgets/{v}/row/d999999999999999999999999",
        "/finish/example-widgets/{v}/row/p0",
        "/finish/example-widgets/{v}/row/x1",
        "/finish/example-widgets/{v}/row/d",
        "/finish/example-widgets/{v}/row/d-1",
        "/finish/example-widgets/{v}/row/d%EF%BC%91",
        "/finish/example-widgets/{v}/row/%00",
        "/finish/%ED%A0%80/%FF",
        "/finish/example-widgets/%2e%2e",
        "/finish/example-widgets/{v}%0d%0aX-Evil:1",
        "/distribution/list/nobody/1.0",
        "/distribution/detail/example-widgets/{v}/d99999",
        "/distribution/promote/example-widgets/{v}",
        "/distribution/promote/example-widgets/{v}?deployment_id=",
        "/distribution/promote/example-widgets/{v}?deployment_id=99999",
        "/distribution/promote/example-widgets/{v}?deployment_id=1%20OR%201",
        "/distribution/promote/example-widgets/{v}?deployment_id=-1",
        "/distribution/automate/example-widgets/{v}?platform=%FF",
        "/distribution/record/nobody/1",
        "/static/nothing.css",
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/config.py",
        "/<script>alert(1)</script>",
    ],
)
async def test_what_is_not_there(house: houses.House, path: str) -> None:
    alice, place = house.people[houses.MEMBER], house.places["ready"]
    answer = await alice.get(path.format(v=place.version))
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    _sound(answer.text)
    assert "All releases" in answer.text
    for leak in ("Traceback", "werkzeug", "sqlalchemy", ".py", "SELECT"):
        assert leak not in answer.text


@pytest.mark.parametrize(
    "page", ["/", "/sign-in", "/releases", "finish", "row", "distribution/list", "/static/page.js"]
)
async def test_head_answers_as_get_does(house: houses.House, page: str) -> None:
    alice = house.people[houses.MEMBER]
    path = page if page.startswith("/") else house.places["ready"].url(page)
    for _ in range(3):
        got = await alice.get(path)
        head = await houses.Answer.of(await alice.client.head(path))
        # When a file expires is told in whole seconds, and one may end between the two.
        if head.headers.get("expires") == got.headers.get("expires"):
            break
    # That no body follows is the server's business: test_process.py.
    assert head.status == got.status
    # Each request has a number of its own.
    own = {"date": "", "x-request-id": ""}
    assert {**head.headers, **own} == {**got.headers, **own}


async def test_a_fault_of_ours_is_a_page_with_a_number(
    house: houses.House, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Even when the database, which every page needs, is what is broken; the log has the rest."""
    house.change("ALTER TABLE committee RENAME TO elsewhere")
    answer = await house.people[houses.MEMBER].get("/releases")
    assert answer.status == 500
    whole = _sound(answer.text)
    number = answer.headers["x-request-id"]
    assert f"include the request id: {number}" in whole.text
    for leak in ("Traceback", "sqlite", "committee", "SELECT"):
        assert leak not in answer.text
    (line,) = [one for one in logged() if (one.get("request") == number) and ("exception" in one)]
    assert line["action"] == "bug"


async def test_static_files_are_named_by_what_they_hold(house: houses.House) -> None:
    page = await house.people[""].get("/sign-in")
    found = dict(re.findall(r'="/static/([a-z.]+)\?v=([0-9a-f]{12})"', page.text))
    assert set(found) == {"icon.svg", "style.css", "page.js"}
    for name, version in found.items():
        assert template.static_version(name) == version
        answer = await house.people[""].get(f"/static/{name}?v={version}")
        assert answer.status == 200
        assert "max-age=86400" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_event_has_its_words() -> None:
    """The timeline knows each kind of event that a writer makes for a deployment or a promotion."""
    elsewhere = {"release", "project", "committee", "search:", "audit.SITE"}
    found: dict[str, str] = {}
    for path in (pathlib.Path(template.__file__).parent / "storage").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in {"event", "event_of"}:
                continue
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            # The row itself, for an event of a row.
            subject = ast.unparse(node.args[1 if node.func.attr == "event" else 0]) if len(node.args) > 1 else ""
            if texts and not any(word in subject for word in elsewhere) and "distribution:" not in subject:
                found[texts[-1]] = f"{path.name}:{node.lineno}"
    # A search is neither: its page has no timeline.
    rows = {what: where for what, where in found.items() if not what.startswith("deployment_search")}
    assert len(rows) > 30
    assert set(rows) <= set(timeline._TEXTS), rows


@pytest.mark.parametrize("page", ["0", "-1", "99", "two", "9" * 40, "%D9%A4", ""])
async def test_a_bent_page_number_is_no_error(house: houses.House, page: str) -> None:
    place = house.places["recorded"]
    answer = await house.people[houses.MEMBER].get(f"{place.url('distribution/list')}?page={page}")
    assert answer.status == 200
    assert "widgets-core" in answer.text


async def test_the_ballot_of_the_finish_page_is_that_of_the_vote(house: houses.House) -> None:
    """One digest under one name, on every page."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    digest = house.frozen_digest(place)
    for page in ("finish", "vote"):
        assert digest[:12] in (await alice.get(place.url(page))).text, page


async def test_what_is_off_the_next_ballot_says_so_wherever_it_stands(house: houses.House) -> None:
    place, alice = house.places["set aside"], house.people[houses.MEMBER]
    for page in ("finish", "distribution/detail", "distribution/list", "voting"):
        assert "It was staged for candidate 1, whose vote failed." in (await alice.get(place.url(page))).text, page
