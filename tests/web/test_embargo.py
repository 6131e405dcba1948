# SPDX-License-Identifier: Apache-2.0
"""An expedited release on every page that there is: for members only, and no page of another one names it."""

import pytest

from tests.web import house as houses
from tests.web import routes

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.authorisation]

OTHERS = ("", houses.MANAGER, houses.COMMITTER, houses.ADMIN, houses.ELSEWHERE, houses.REMOVED)
_KEYS = {"digest": "0" * 64, "path": "org/", "row_key": "d1"}
_OF_A_RELEASE = sorted(rule for _, rule, methods in routes.rules() if ("GET" in methods) and ("<version_key>" in rule))
_OTHER_PAGES = (
    "/releases",
    "/start",
    f"/start/{houses.PROJECT}",
    f"/policy/{houses.PROJECT}",
    "/targets",
    "/admin/stuck",
)


def _address(rule: str, version: str) -> str:
    rule = rule.replace("<path:path>", "<path>")
    for name, value in {"project_key": houses.PROJECT, "version_key": version, **_KEYS}.items():
        rule = rule.replace(f"<{name}>", value)
    return rule


@pytest.mark.parametrize("rule", _OF_A_RELEASE)
@pytest.mark.parametrize("who", OTHERS)
async def test_each_page_of_it_answers_as_for_a_release_that_is_not_there(
    house: houses.House, rule: str, who: str
) -> None:
    version = house.places["embargoed"].version
    person = house.people[who]
    there = await person.get(_address(rule, version))
    missing = await person.get(_address(rule, "9.9.9"))
    assert there.status == missing.status
    assert there.status in {303, 404}
    assert there.headers.get("location", "") == missing.headers.get("location", "").replace("9.9.9", version)


@pytest.mark.parametrize("who", OTHERS)
async def test_no_other_page_names_it(house: houses.House, who: str) -> None:
    version = house.places["embargoed"].version
    for page in _OTHER_PAGES:
        assert f"/{version}" not in (await house.people[who].get(page)).text, page
    assert f"/{version}" in (await house.people[houses.MEMBER].get("/releases")).text


async def test_a_member_sees_it_and_lifts_it(house: houses.House) -> None:
    place, alice = house.places["embargoed"], house.people[houses.MEMBER]
    page = await alice.get(place.url("compose"))
    assert "under embargo" in page.text
    assert place.url("embargo") in page.text
    assert (await alice.post(place.url("distribution/stage/automate"), {"platform": "MAVEN"})).status == 409
    before = house.dump()
    assert (await alice.post(place.url("embargo"), {"reason": " "})).status == 422
    assert house.dump() == before
    answer = await alice.post(place.url("embargo"), {"reason": houses.HOSTILE[:80]})
    assert answer.status == 303
    assert "lifted the embargo" in (await alice.get(place.url("embargo"))).text
    again = await alice.post(place.url("embargo"), {"reason": "Once more."})
    assert again.status == 409
    assert (await house.people[houses.MANAGER].get(place.url("compose"))).status == 404


@pytest.mark.parametrize("who", [houses.MEMBER, houses.MANAGER])
async def test_only_a_member_is_offered_to_start_one(house: houses.House, who: str) -> None:
    person = house.people[who]
    assert ('name="expedited"' in (await person.get(f"/start/{houses.PROJECT}")).text) == (who == houses.MEMBER)
    answer = await person.post(f"/start/{houses.PROJECT}", {"version": "8.0.1", "expedited": "yes"})
    assert answer.status == (303 if who == houses.MEMBER else 403)
    started = house.rows("SELECT expedited FROM release WHERE version = '8.0.1'")
    assert [bool(row[0]) for row in started] == ([True] if who == houses.MEMBER else [])
