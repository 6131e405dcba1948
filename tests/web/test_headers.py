# SPDX-License-Identifier: Apache-2.0
"""What every answer carries: headers, cookies, and where it leads."""

import base64
import datetime
import hashlib
import pathlib
import shutil
import urllib.parse
from typing import Final

import pytest

import atr.config as config
import atr.db.session as session
import atr.demo.people as people
import atr.server as server
import atr.storage as storage
import atr.storage.transaction as transaction
from tests.pages import reading
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ADDRESSES: Final = (
    "/",
    "/sign-in",
    "/releases",
    "/finish/{p}/{v}",
    "/finish/{p}/{v}/row/{r}",
    "/finish/{p}/{v}/row/d9999",
    "/distribution/list/{p}/{v}",
    "/distribution/detail/{p}/{v}/{r}",
    "/distribution/promote/{p}/{v}?deployment_id={n}",
    "/distribution/record/{p}/{v}",
    "/distribution/automate/{p}/{v}",
    "/nothing",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("who", ["", houses.MEMBER])
async def test_every_answer_is_strict(house: houses.House, address: str, who: str) -> None:
    place = house.places["ready"]
    path = address.format(p=houses.PROJECT, v=place.version, r=place.row_key, n=place.row_key[1:])
    answer = await house.people[who].get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers


async def test_refusals_and_faults_are_as_strict(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    answers = [
        await alice.post(place.url("distribution/promote"), {}, token="wrong"),
        await alice.post(place.url("distribution/promote"), {}),
        await alice.post(place.url("distribution/delete"), {}),
        await houses.Answer.of(await alice.client.put("/releases")),
    ]
    house.change("ALTER TABLE committee RENAME TO elsewhere")
    answers.append(await alice.get("/releases"))
    assert [answer.status for answer in answers] == [403, 404, 422, 405, 500]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_cookie_of_a_session(house: houses.House) -> None:
    """In sandbox mode, which is loopback over http."""
    person = house.stranger()
    answer = await person.sign_in(houses.MEMBER)
    (cookie,) = (one for one in answer.cookies if one.startswith("session="))
    parts = [part.strip() for part in cookie.split(";")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)
    assert not any(part.startswith("Domain") or part == "Secure" for part in parts)
    (until,) = [part.removeprefix("Expires=") for part in parts if part.startswith("Expires=")]
    left = datetime.datetime.strptime(until, "%a, %d %b %Y %H:%M:%S %Z").replace(
        tzinfo=datetime.UTC
    ) - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=7) < left < datetime.timedelta(hours=9)
    # It holds 256 random bits, of which the database knows the hash alone.
    secret = parts[0].removeprefix("session=")
    assert len(base64.urlsafe_b64decode(f"{secret}=")) == 32
    rows = house.rows("SELECT sid_hash, uid FROM usersession")
    assert (hashlib.sha256(secret.encode()).hexdigest(), houses.MEMBER) in rows
    assert secret not in repr(rows)


async def test_an_answer_that_changes_no_session_carries_none(house: houses.House) -> None:
    """A row asked for before somebody signed out must not sign them in again, nor keep the session alive."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    for page in ("row", "finish", "distribution/detail"):
        assert (await alice.get(place.url(page))).cookies == ()


async def test_signing_in_ends_the_session_before(house: houses.House) -> None:
    person = house.stranger()
    person.token = houses.token_of(await person.get("/sign-in"))
    before = person.token
    await person.sign_in(houses.MEMBER)
    assert person.token
    assert person.token != before
    await person.sign_in(houses.OTHER_MEMBER)
    assert f'<b class="id">{houses.OTHER_MEMBER}</b>' in (await person.get("/releases")).text


async def test_signing_out(house: houses.House) -> None:
    person = await house.somebody(houses.MEMBER)
    answer = await person.post("/sign-out")
    assert answer.status == 303
    page = await person.get("/releases")
    assert "You are signed out." in page.text
    assert "Signed in as" not in page.text
    form = await house.promote_form(house.places["ready"])
    assert (await person.post(house.places["ready"].url("distribution/promote"), form)).status == 403


async def test_nobody_signs_in_as_somebody_who_is_not_there(house: houses.House) -> None:
    for asf_uid in ("", "nobody", houses.REMOVED, "alice\n", "ALICE", "alice "):
        person = house.stranger()
        token = houses.token_of(await person.get("/sign-in"))
        answer = await person.post("/sign-in", {"asf_uid": asf_uid}, token=token)
        assert answer.status == 403
        assert "Signed in as" not in (await person.get("/releases")).text


async def test_a_forged_cookie_is_nobody(house: houses.House) -> None:
    person = house.stranger()
    ((known,),) = house.rows("SELECT sid_hash FROM usersession WHERE uid = ?", houses.MEMBER)
    forged = ("x", "eyJhc2ZfdWlkIjoiYWxpY2UifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb", "\\", ".", "a" * 4_000, "a" * 43)
    for name in ("session", "notes"):
        for value in (*forged, known, known[:43]):
            person.client.set_cookie("localhost", name, value)
            answer = await person.get("/releases")
            assert answer.status == 200
            assert "Signed in as" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
async def test_a_form_from_another_site_is_refused(house: houses.House, site: str) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    answer = await alice.post(
        place.url("distribution/promote"), await house.promote_form(place), headers={"Sec-Fetch-Site": site}
    )
    assert answer.status == 403
    assert "nothing was changed" in answer.text
    assert house.dump() == before


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
        "",
        "/" + "x" * 10_000,
        "/\u2028/evil.example",
        "/\x00",
        "/\r\nX-Evil: 1",
    ],
)
async def test_signing_in_leads_to_no_other_site(house: houses.House, target: str) -> None:
    person = house.stranger()
    page = await person.get(f"/sign-in?{urllib.parse.urlencode({'return_to': target})}")
    assert 'name="return_to" value="/releases"' in page.text
    answer = await person.sign_in(houses.MEMBER, return_to=target)
    assert answer.status == 303
    assert answer.headers["location"] == "/releases"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("target", ["/finish/a/1", "/distribution/promote/a/1?deployment_id=3", "/"])
async def test_signing_in_leads_back(house: houses.House, target: str) -> None:
    person = house.stranger()
    answer = await person.sign_in(houses.MEMBER, return_to=target)
    assert answer.headers["location"] == target


async def test_the_page_that_asked_to_sign_in_is_come_back_to(house: houses.House) -> None:
    place, person = house.places["ready"], house.stranger()
    wanted = f"{place.url('distribution/promote')}?deployment_id={place.deployment_id}"
    asked = await person.get(wanted)
    query = urllib.parse.urlsplit(asked.headers["location"]).query
    answer = await person.sign_in(houses.MEMBER, return_to=dict(urllib.parse.parse_qsl(query))["return_to"])
    assert answer.headers["location"] == wanted


@pytest.mark.parametrize("page", ["finish", "distribution/list"])
async def test_the_link_for_signing_in_leads_back_to_the_page_it_stands_on(house: houses.House, page: str) -> None:
    place, person = house.places["ready"], house.stranger()
    shown = reading.read((await person.get(place.url(page))).text)
    (link,) = (one.attributes["href"] for one in shown.every("a") if one.text == "Sign in")
    query = urllib.parse.urlsplit(link).query
    answer = await person.sign_in(houses.MEMBER, return_to=dict(urllib.parse.parse_qsl(query))["return_to"])
    assert answer.headers["location"] == place.url(page)


class TestOutsideSandboxMode:
    """The same application as an operator runs it."""

    async def test_cookies(self, tmp_path: pathlib.Path, migrated: pathlib.Path) -> None:
        database = tmp_path / "atr.db"
        shutil.copy(migrated, database)
        rows = session.Database(f"sqlite+aiosqlite:///{database}")
        store = storage.Storage(rows, transaction.Place(tmp_path))
        await people.settle_in(store, ("org.example",))
        app = server.create_app(config.WebSettings(state_dir=tmp_path), store)
        client = app.test_client()
        page = await houses.Answer.of(await client.get("/sign-in", scheme="https"))
        assert "not configured on this server" in page.text
        assert houses.MEMBER not in page.text
        assert "Sandbox" not in page.text
        assert "strict-transport-security" in page.headers
        # A token is made where a form is; outside sandbox mode a stranger sees none.
        assert page.cookies == ()
        async with client.session_transaction(scheme="https") as kept:
            kept["csrf"] = "known"
        form = {"csrf_token": "known", "asf_uid": houses.MEMBER}
        answer = await houses.Answer.of(await client.post("/sign-in", form=form, scheme="https"))
        assert answer.status == 403
        assert "Sign-in is not configured" in answer.text
        answer = await houses.Answer.of(await client.post("/sign-out", form=form, scheme="https"))
        for name in ("__Host-notes", "__Host-session"):
            cookie = next(one for one in answer.cookies if one.startswith(f"{name}="))
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
            assert "Domain" not in cookie
        await rows.close()
