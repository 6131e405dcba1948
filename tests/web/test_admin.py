# SPDX-License-Identifier: Apache-2.0
"""The pages of those who run the site, through their forms."""

import pytest

from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SWITCHES = "/admin/switches"
_OFF = {"scope": "mechanism:CENTRAL_PORTAL", "to": "off", "reason": "Its status page is red."}


async def test_a_platform_is_switched_off_and_every_page_says_who_and_why(house: houses.House) -> None:
    admin, alice, place = house.people[houses.ADMIN], house.people[houses.MEMBER], house.places["ready"]
    answer = await admin.post(_SWITCHES, _OFF)
    assert answer.status == 303
    page = (await admin.get(_SWITCHES)).text
    assert "It is off from now on." in page
    assert "Maven Central switched off: Its status page is red." in page
    assert "Switch Maven Central on" in page
    said = f"{houses.ADMIN} switched Maven Central off on"
    assert said in (await admin.get("/admin/stuck")).text
    for name in ("distribution/detail", "finish"):
        shown = (await alice.get(place.url(name))).text
        assert said in shown
        assert "disabled" in shown
    again = await admin.post(_SWITCHES, _OFF)
    assert again.status == 303
    assert "It was off already." in (await admin.get(_SWITCHES)).text
    await admin.post(_SWITCHES, {**_OFF, "to": "on"})
    assert said not in (await alice.get(place.url("finish"))).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": " "}, "Enter a reason of at most 500 characters."),
        ({"reason": "x" * 600}, "This is too long."),
        ({"scope": "platform:NOWHERE"}, ""),
        ({"scope": houses.HOSTILE}, ""),
        ({"to": "sideways"}, ""),
        ({"scope": "", "to": "", "reason": ""}, ""),
    ],
)
async def test_what_is_wrong_stands_beside_the_field_and_nothing_changes(
    changes: dict[str, str], sentence: str, house: houses.House
) -> None:
    before = house.rows("SELECT * FROM switch")
    answer = await house.people[houses.ADMIN].post(_SWITCHES, {**_OFF, **changes})
    assert answer.status == 422
    assert sentence in answer.text
    assert "<script>alert" not in answer.text
    assert house.rows("SELECT * FROM switch") == before


async def test_what_is_stuck_is_listed_with_a_way_to_it(house: houses.House) -> None:
    place = house.places["in doubt"]
    page = (await house.people[houses.ADMIN].get("/admin/stuck")).text
    assert page.index("Diverged") < page.index("In doubt")
    assert place.url("distribution/detail") in page
    assert "Nothing is stuck" not in page
