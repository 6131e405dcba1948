# SPDX-License-Identifier: Apache-2.0
"""Sessions are rows: they end at sign-out, by their owner's hand, when they were idle too long, and when they are old.

What one page costs for it is counted, and a page that asks by itself keeps nobody signed in.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
import sqlalchemy

from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

IN: Final = "Signed in as"
POLLED: Final = {"Sec-Fetch-Dest": "empty"}
COUNT: Final = "SELECT count(*) FROM usersession WHERE uid = ?"


async def is_signed_in(person: houses.Person) -> bool:
    return IN in (await person.get("/releases", headers=POLLED)).text


def secret(person: houses.Person) -> str:
    return next(str(cookie.value) for cookie in person.client.cookie_jar or () if cookie.name == "session")


async def test_a_cookie_from_before_sign_out_signs_nobody_in(house: houses.House) -> None:
    person = await house.somebody(houses.MEMBER)
    copied = person.same_session()
    assert await is_signed_in(copied)
    assert (await person.post("/sign-out")).status == 303
    assert not await is_signed_in(copied)
    place = house.places["ready"]
    before = house.dump()
    answer = await copied.post(place.url("distribution/promote"), await house.promote_form(place))
    assert (answer.status, house.dump()) == (403, before)


async def test_signing_in_gives_a_new_secret_and_ends_the_one_before(house: houses.House) -> None:
    """Who has planted or copied a cookie before somebody signs in has nothing afterwards."""
    person = house.stranger()
    person.client.set_cookie("localhost", "session", "planted" * 6 + "x")
    await person.sign_in(houses.MEMBER)
    first, copied = secret(person), person.same_session()
    assert "planted" not in first
    await person.sign_in(houses.OTHER_MEMBER)
    assert secret(person) != first
    assert not await is_signed_in(copied)
    assert await is_signed_in(person)


async def test_a_token_is_of_one_session(house: houses.House) -> None:
    one, other = await house.somebody(houses.MEMBER), await house.somebody(houses.MEMBER)
    assert one.token != other.token
    assert (await one.post("/sign-out", token=other.token)).status == 403
    assert await is_signed_in(one)
    # The same on every page of it, also where nothing was kept in between.
    assert houses.token_of(await one.same_session().get("/releases")) == one.token


async def test_an_idle_session_ends_and_a_used_one_does_not(house: houses.House) -> None:
    clock, began = house.world.clock, house.world.clock.at
    idle, used = await house.somebody(houses.MEMBER), await house.somebody(houses.MEMBER)
    try:
        for _ in range(3):
            clock.turn(minutes=20)
            assert (await used.get("/releases")).status == 200
        assert not await is_signed_in(idle)
        assert await is_signed_in(used)
        clock.turn(minutes=29, seconds=59)
        assert await is_signed_in(used)
        clock.turn(seconds=1)
        assert not await is_signed_in(used)
    finally:
        clock.at = began


async def test_no_session_is_older_than_a_working_day(house: houses.House) -> None:
    clock, began = house.world.clock, house.world.clock.at
    person = await house.somebody(houses.MEMBER)
    try:
        for _ in range(23):
            clock.turn(minutes=20)
            await person.get("/releases")
        assert await is_signed_in(person)
        clock.turn(minutes=20)
        assert not await is_signed_in(person)
        # The next one who signs in clears away what is over.
        await house.somebody(houses.OTHER_MEMBER)
        assert house.rows(COUNT, houses.MEMBER) == [(0,)]
    finally:
        clock.at = began


async def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(house: houses.House) -> None:
    clock, began = house.world.clock, house.world.clock.at
    person, place = await house.somebody(houses.MEMBER), house.places["ready"]
    try:
        for _ in range(3):
            clock.turn(minutes=10)
            await person.get(place.url("row"), headers=POLLED)
        assert not await is_signed_in(person)
    finally:
        clock.at = began


async def test_its_last_use_is_written_once_a_minute(house: houses.House) -> None:
    clock, began = house.world.clock, house.world.clock.at
    person, seen = await house.somebody(houses.MEMBER), set()
    try:
        for _ in range(12):
            clock.turn(seconds=10)
            await person.get("/releases")
            seen |= {uts for (uts,) in house.rows("SELECT max(uts) FROM usersession")}
    finally:
        clock.at = began
    assert seen == {began.timestamp(), began.timestamp() + 60, began.timestamp() + 120}


async def test_a_page_costs_one_statement_for_the_session(house: houses.House) -> None:
    said: list[str] = []
    engine = house.app.extensions["atr"].site.storage.database._engine.sync_engine

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        await house.people[houses.MEMBER].get("/sign-in")
        about = [statement for statement in said if "usersession" in statement]
        said.clear()
        # Who has no cookie costs none, nor does a cookie that none of ours can be.
        await house.stranger().get("/sign-in")
        person = house.stranger()
        person.client.set_cookie("localhost", "session", "x" * 42)
        await person.get("/sign-in")
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    assert len(about) == 1
    assert [statement for statement in said if "usersession" in statement] == []


async def test_a_person_sees_their_own_sessions_and_ends_them(
    house: houses.House, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    here, there, elsewhere = [await house.somebody(houses.MEMBER) for _ in range(3)]
    other = await house.somebody(houses.OTHER_MEMBER)
    page = (await here.get("/sessions")).text
    ended = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
    # With the one that the house has kept for them.
    assert (len(ended), page.count("This browser")) == (3, 1)
    for cookie in map(secret, (here, there, elsewhere)):
        assert cookie not in page
    await here.post("/sessions", {"session": ended[0]})
    left = [await is_signed_in(one) for one in (here, there, elsewhere, house.people[houses.MEMBER])]
    assert (left[0], sum(left)) == (True, 3)
    await here.post("/sessions", {"others": "yes"})
    left = [await is_signed_in(one) for one in (here, there, elsewhere, house.people[houses.MEMBER], other)]
    assert left == [True, False, False, False, True]
    lines = [(line["actor"], line["message"]) for line in logged() if line.get("action") == "session_ended"]
    assert lines == [(houses.MEMBER, "alice ended sessions: 1"), (houses.MEMBER, "alice ended sessions: 2")]


async def test_nobody_ends_another_s_session(house: houses.House) -> None:
    person, mallory = await house.somebody(houses.MEMBER), await house.somebody(houses.ELSEWHERE)
    ((theirs,), *_) = house.rows("SELECT sid_hash FROM usersession WHERE uid = ? ORDER BY cts DESC", houses.MEMBER)
    before = house.dump()
    for given in (theirs, "", "x" * 10_000):
        assert (await mallory.post("/sessions", {"session": given})).status == 303
    assert house.dump() == before
    assert await is_signed_in(person)


async def test_many_pages_at_once_are_one_person(house: houses.House) -> None:
    person = await house.somebody(houses.MEMBER)
    answers = await asyncio.gather(*(person.same_session().get("/releases") for _ in range(10)))
    assert all(IN in answer.text for answer in answers)
