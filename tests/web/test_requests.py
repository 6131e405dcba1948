# SPDX-License-Identifier: Apache-2.0
"""The number of a request: in the answer, on error pages, and in every line that the log has of it."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY: Final = "canary-of-the-request"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.mark.parametrize("path", ["/releases", "/nothing", "/healthz", "/static/style.css"])
async def test_every_answer_has_one_of_its_own(house: houses.House, path: str) -> None:
    numbers = {(await house.people[""].get(path)).headers["x-request-id"] for _ in range(3)}
    assert len(numbers) == 3
    assert all(re.fullmatch("[0-9a-f]{12}", number) for number in numbers)


async def test_it_is_taken_from_nobody(house: houses.House) -> None:
    """Else a stranger could write into our log, or pass for another request."""
    names = ("X-Request-Id", "X-Correlation-Id", "Traceparent", "Request-Id")
    answer = await house.people[""].get("/nothing", headers=dict.fromkeys(names, CANARY))
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


async def test_an_error_page_says_it_and_the_log_has_it(house: houses.House, logged: Lines) -> None:
    place = house.places["ready"]
    answer = await house.people[houses.ELSEWHERE].post(place.url("distribution/delete"), {})
    assert answer.status == 403
    number = answer.headers["x-request-id"]
    assert f'<code class="id">{number}</code>' in answer.text
    lines = [line for line in logged() if line["logger"].startswith("atr.")]
    assert lines
    assert {line.get("request") for line in lines} == {number}


async def test_a_page_that_is_well_does_not_mention_it(house: houses.House) -> None:
    answer = await house.people[""].get("/releases")
    assert answer.headers["x-request-id"] not in answer.text


async def test_requests_that_run_at_once_keep_theirs_apart(house: houses.House, logged: Lines) -> None:
    place = house.places["ready"]
    people = [house.people[houses.ELSEWHERE], house.people[houses.COMMITTER]] * 4
    answers = await asyncio.gather(*(who.post(place.url("distribution/delete"), {}) for who in people))
    numbers = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(numbers)) == len(people)
    for who, answer, number in zip(people, answers, numbers, strict=True):
        assert answer.status == 403
        lines = [line for line in logged() if line.get("request") == number]
        assert [line["action"] for line in lines if line["logger"] == "atr.web"] == ["refused"]
        assert all(who.asf_uid in line["message"] for line in lines if line["logger"] == "atr.web")


async def test_the_events_of_a_request_are_found_by_it(house: houses.House, logged: Lines) -> None:
    place = house.places["ready"]
    form = await house.promote_form(place)
    answer = await house.people[houses.MEMBER].post(place.url("distribution/promote"), form)
    assert answer.status == 303
    number = answer.headers["x-request-id"]
    audited = [line for line in logged() if line["logger"] == "atr.storage.audit"]
    assert audited
    assert {line.get("request") for line in audited} == {number}


async def test_a_refusal_is_a_page_too_when_the_database_is_what_is_broken(house: houses.House) -> None:
    """Its page would show who is signed in, and cannot."""
    house.change("ALTER TABLE committee RENAME TO elsewhere")
    answer = await house.people[houses.MEMBER].post("/sign-in", {}, token="wrong")
    assert answer.status == 500
    assert answer.headers["x-request-id"] in answer.text


async def test_no_secret_of_a_request_is_logged(house: houses.House, logged: Lines) -> None:
    """Not its cookie, not its token, not what it typed into a form that was refused, whatever went wrong."""
    alice, place = house.people[houses.MEMBER], house.places["ready"]
    header = {"Authorization": f"Bearer {CANARY}"}
    assert (await alice.post("/sign-in", {"asf_uid": CANARY}, token=CANARY)).status == 403
    house.change("ALTER TABLE committee RENAME TO elsewhere")
    assert (await alice.get("/releases", headers=header)).status == 500
    assert (await alice.post(place.url("distribution/delete"), {"reason": CANARY}, headers=header)).status == 500
    said = str([line for line in logged() if line["logger"].startswith("atr.")])
    assert "request failed" in said
    assert CANARY not in said
    assert alice.token not in said
