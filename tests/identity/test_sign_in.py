# SPDX-License-Identifier: Apache-2.0
"""Sign-in by somebody else's word: a provider that does as it should, and every way in which it may not."""

import asyncio
import pathlib
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.identity import gateway as gateways
from tests.identity import ground as grounds
from tests.identity import provider as providers

TOKEN_REFUSED: Final = 403


async def test_somebody_signs_in_and_is_led_back(ground: grounds.Ground) -> None:
    browser = ground.browser()
    page = await browser.get("/sign-in?return_to=/start")
    assert 'href="/sign-in/begin?return_to=/start&amp;again="' in page.text
    assert "<form" not in page.text
    answer = await browser.sign_in(return_to="/start")
    assert (answer.status, answer.headers["location"]) == (303, "/start")
    (cookie,) = (one for one in answer.cookies if one.startswith("__Host-session="))
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    page = await browser.get("/releases")
    assert '<b class="id">alice</b>' in page.text
    assert "member of" in page.text
    # What was kept for the way is gone.
    assert any(one.startswith("__Host-sign-in=;") for one in answer.cookies)


async def test_whoever_the_roster_does_not_name_may_look(ground: grounds.Ground) -> None:
    ground.provider.knobs.userinfo = {"preferred_username": "nobody-here"}
    browser = ground.browser()
    await browser.sign_in()
    assert '<b class="id">nobody-here</b>' in (await browser.get("/releases")).text
    assert (await browser.get("/admin/stuck")).status == 403


async def test_what_is_asked(ground: grounds.Ground) -> None:
    """Each time with its own state, nonce and challenge; no secret goes through the browser."""
    browser, asked = ground.browser(), []
    for _ in range(2):
        address = await browser.begin()
        assert address.startswith(f"{ground.provider.issuer}/authorize?")
        asked.append(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query)))
    assert asked[0]["redirect_uri"] == f"{grounds.OURS}/sign-in/return"
    assert (asked[0]["scope"], asked[0]["max_age"], asked[0]["code_challenge_method"]) == ("openid", "28800", "S256")
    assert "prompt" not in asked[0]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name]) == 43
        assert asked[0][name] != asked[1][name]
    assert providers.SECRET not in str(asked)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_it_leads_to_no_other_site(ground: grounds.Ground, target: str) -> None:
    answer = await ground.browser().sign_in(return_to=target)
    assert (answer.status, answer.headers["location"]) == (303, "/releases")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["another-client", "a-third"]}, "aud, azp"),
        ({"aud": None}, "aud"),
        ({"aud": 5}, "aud"),
        ({"aud": [providers.CLIENT, "another-client"]}, "azp"),
        ({"aud": [providers.CLIENT, "another-client"], "azp": "another-client"}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"exp": 1}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "9999999999"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": None}, "iat"),
        ({"iat": 99_999_999_999}, "iat"),
        ({"nbf": 99_999_999_999}, "nbf"),
        ({"nonce": "of-another-sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": ["alice"]}, "sub"),
    ],
)
async def test_a_token_that_does_not_hold(ground: grounds.Ground, claims: dict[str, Any], said: str) -> None:
    ground.provider.knobs.claims = claims
    browser = ground.browser()
    answer = await browser.sign_in()
    assert answer.status == TOKEN_REFUSED
    assert f"is not valid ({said})" in answer.text
    assert not await browser.is_signed_in()


@pytest.mark.parametrize("claims", [{"aud": [providers.CLIENT]}, {"azp": providers.CLIENT}, {"nbf": 1}])
async def test_a_token_that_holds(ground: grounds.Ground, claims: dict[str, Any]) -> None:
    ground.provider.knobs.claims = claims
    browser = ground.browser()
    await browser.sign_in()
    assert await browser.is_signed_in()


@pytest.mark.parametrize(("ahead", "status"), [(-355, 303), (-365, 403), (55, 303), (65, 403)])
async def test_clocks_may_differ_by_a_minute(ground: grounds.Ground, ahead: float, status: int) -> None:
    """A token holds for five minutes: behind, it seems over; ahead, it seems to be from later than now."""
    ground.provider.knobs.ahead = ahead
    assert (await ground.browser().sign_in()).status == status


@pytest.mark.parametrize("alg", ["none", "HS256"])
async def test_a_token_that_anybody_can_make(ground: grounds.Ground, alg: str) -> None:
    """Without a signature, and with one by what is public."""
    ground.provider.knobs.alg = alg
    browser = ground.browser()
    answer = await browser.sign_in()
    assert answer.status == TOKEN_REFUSED
    assert "cannot be verified" in answer.text
    assert not await browser.is_signed_in()


async def test_elliptic_curves_sign_too(ground: grounds.Ground) -> None:
    ground.provider.knobs.alg = "ES256"
    browser = ground.browser()
    await browser.sign_in()
    assert await browser.is_signed_in()


async def test_keys_that_were_rotated_are_fetched_anew_and_not_for_each_token(ground: grounds.Ground) -> None:
    assert (await ground.browser().sign_in()).status == 303
    ground.provider.rotate()
    # They were fetched just now.
    assert (await ground.browser().sign_in()).status == TOKEN_REFUSED
    ground.clock.turn(seconds=10)
    assert (await ground.browser().sign_in()).status == 303
    assert ground.provider.asked.count("/jwks") == 2
    assert (await ground.browser().sign_in()).status == 303
    assert ground.provider.asked.count("/jwks") == 2


async def test_a_key_of_somebody_else_signs_nobody_in(ground: grounds.Ground) -> None:
    """Under the name of a key that the provider has."""
    await ground.browser().sign_in()
    theirs, ours = providers.Provider(1).keys["RS256"], ground.provider.keys["RS256"]
    ground.provider.keys["RS256"] = type(theirs).import_key({**theirs.as_dict(private=True), "kid": ours.kid})
    try:
        answer = await ground.browser().sign_in()
    finally:
        ground.provider.keys["RS256"] = ours
    assert answer.status == TOKEN_REFUSED
    assert "signed by no key of it" in answer.text


async def test_an_answer_is_good_once(ground: grounds.Ground) -> None:
    """Neither the same browser nor another one gets anywhere with it again."""
    browser, other = ground.browser(), ground.browser()
    back = await browser.visit(await browser.begin())
    assert (await browser.get(back)).status == 303
    await browser.client.post("/sign-out", scheme="https")
    asked = len(ground.provider.asked)
    for one in (browser, other):
        answer = await one.get(back)
        assert answer.status == TOKEN_REFUSED
        assert "was not begun in this browser" in answer.text
    assert len(ground.provider.asked) == asked, "The provider is not even asked."


async def test_a_code_that_was_used_is_refused_with_a_state_of_now(ground: grounds.Ground) -> None:
    mallory, browser = ground.browser(), ground.browser()
    stolen = urllib.parse.parse_qs(urllib.parse.urlsplit(await mallory.visit(await mallory.begin())).query)["code"][0]
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(await browser.begin()).query)["state"][0]
    query = urllib.parse.urlencode({"code": stolen, "state": state, "iss": ground.provider.issuer})
    answer = await browser.get(f"/sign-in/return?{query}")
    # Another sign-in's code: its challenge is another one.
    assert (answer.status, "was refused" in answer.text) == (502, True)
    assert not await browser.is_signed_in()
    # What was kept is gone with the first try.
    assert (await browser.get(f"/sign-in/return?{query}")).status == TOKEN_REFUSED


async def test_nobody_is_signed_in_as_who_sends_them_a_link(ground: grounds.Ground) -> None:
    """Mallory signs in, stops before the last step, and has Alice's browser take it."""
    mallory, alice = ground.browser(), ground.browser()
    back = await mallory.visit(await mallory.begin())
    await alice.begin()
    assert (await alice.get(back)).status == TOKEN_REFUSED
    assert not await alice.is_signed_in()


async def test_what_the_browser_keeps_is_for_ten_minutes_and_is_signed(ground: grounds.Ground) -> None:
    browser = ground.browser()
    back = await browser.visit(await browser.begin())
    (cookie,) = (one for one in browser.client.cookie_jar or () if one.name == "__Host-sign-in")
    assert cookie.expires is not None
    assert 400 <= cookie.expires - time.time() <= 600
    cookie.value = f"{str(cookie.value)[:-3]}xyz"
    assert (await browser.get(back)).status == TOKEN_REFUSED


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"iss": "https://evil.example"}, "not from the provider"),
        ({"iss": None}, "not from the provider"),
        ({"code": None}, "sent no code"),
        ({"code": None, "error": "access_denied"}, "access_denied"),
        ({"code": None, "error": "<script>alert(1)</script>"}, "did not sign you in: an error"),
        ({"state": None}, "not begun in this browser"),
        ({"state": "x"}, "not begun in this browser"),
        ({"state": "ü"}, "not begun in this browser"),
    ],
)
async def test_an_answer_that_is_none(ground: grounds.Ground, answer: dict[str, str | None], said: str) -> None:
    ground.provider.knobs.answer = answer
    browser = ground.browser()
    got = await browser.sign_in()
    assert got.status == TOKEN_REFUSED
    assert said in got.text
    assert "<script>alert" not in got.text
    assert "/token" not in ground.provider.asked, "A code is not handed to whoever may have asked for it."


async def test_a_provider_that_names_no_issuer_in_its_answers(ground: grounds.Ground) -> None:
    ground.provider.knobs.metadata = {"authorization_response_iss_parameter_supported": False}
    ground.provider.knobs.answer = {"iss": None}
    assert (await ground.browser().sign_in()).status == 303


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "no usable token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "no usable jwks_uri"),
        ({"userinfo_endpoint": "ftp://x"}, "no usable userinfo_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no usable authorization_endpoint"),
        ({"authorization_endpoint": None}, "no usable authorization_endpoint"),
    ],
)
async def test_a_provider_that_lies_about_itself(ground: grounds.Ground, metadata: dict[str, Any], said: str) -> None:
    ground.provider.knobs.metadata = metadata
    answer = await ground.browser().get("/sign-in/begin")
    assert (answer.status, said in answer.text) == (502, True)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"])
@pytest.mark.parametrize("instead", [500, 404, b"[]", b"<html>", b'{"a": ' + b"[" * 100_000, b" " * 300_000, b"\xff"])
async def test_a_provider_that_answers_nonsense(ground: grounds.Ground, path: str, instead: int | bytes) -> None:
    """A sentence for the person, and nobody is signed in; it is asked again a while later."""
    ground.provider.knobs.instead = {path: instead}
    browser = ground.browser()
    answer = await browser.get("/sign-in/begin")
    if answer.status == 303:
        answer = await browser.get(await browser.visit(answer.headers["location"]))
    assert answer.status == 502
    assert not await browser.is_signed_in()
    ground.provider.knobs.instead = {}
    ground.clock.turn(seconds=10)
    assert (await browser.sign_in()).status == 303


async def test_a_provider_that_is_down_is_asked_once_in_a_while(ground: grounds.Ground) -> None:
    path = "/.well-known/openid-configuration"
    ground.provider.knobs.instead = {path: 503}
    answers = await asyncio.gather(*(ground.browser().get("/sign-in/begin") for _ in range(5)))
    assert {answer.status for answer in answers} == {502}
    assert "cannot be read" in answers[0].text
    assert ground.provider.asked == [path]
    # Everything else goes on.
    assert (await ground.browser().get("/releases")).status == 200


async def test_nothing_listens_there(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with providers.running() as gone:
        pass
    async with grounds.opened(tmp_path, migrated, gone) as ground:
        answer = await ground.browser().get("/sign-in/begin")
        assert (answer.status, "ConnectError" in answer.text) == (502, True)


async def test_no_token(ground: grounds.Ground) -> None:
    ground.provider.knobs.no_token = True
    answer = await ground.browser().sign_in()
    assert (answer.status, "sent no ID token" in answer.text) == (TOKEN_REFUSED, True)


@pytest.mark.parametrize(
    "name", ["system", "operator", "System", "", "a b", "a\nb", "<b>", "-a", "ü", "a" * 101, None, 5, ["alice"]]
)
async def test_a_name_that_cannot_be_one_here(ground: grounds.Ground, name: Any) -> None:
    ground.provider.knobs.userinfo = {"preferred_username": name}
    browser = ground.browser()
    assert (await browser.sign_in()).status == TOKEN_REFUSED
    assert not await browser.is_signed_in()


async def test_user_info_about_somebody_else(ground: grounds.Ground) -> None:
    ground.provider.knobs.userinfo = {"sub": "sub-mallory"}
    answer = await ground.browser().sign_in()
    assert (answer.status, "about somebody else" in answer.text) == (TOKEN_REFUSED, True)


async def test_a_claim_of_the_token_needs_no_user_info(ground: grounds.Ground) -> None:
    ground.provider.knobs.claims = {"preferred_username": "bob"}
    browser = ground.browser()
    await browser.sign_in()
    assert '<b class="id">bob</b>' in (await browser.get("/releases")).text
    assert "/userinfo" not in ground.provider.asked


async def test_nothing_of_a_sign_in_stays_in_the_rows(ground: grounds.Ground, tmp_path: pathlib.Path) -> None:
    browser = ground.browser()
    back = await browser.visit(await browser.begin())
    await browser.get(back)
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["code"][0]
    cookies = [str(one.value) for one in browser.client.cookie_jar or () if one.name == "__Host-session"]
    held = _held(tmp_path)
    assert len(cookies) == 1
    for secret in (code, providers.SECRET, *cookies, *ground.provider._tokens):
        assert secret.encode() not in held


def _held(directory: pathlib.Path) -> bytes:
    """All that is in the files of the database."""
    return b"".join(path.read_bytes() for path in directory.glob("atr.db*"))


class TestTheGateway:
    """The ASF's own."""

    @pytest.fixture
    def gateway(self) -> Iterator[gateways.Gateway]:
        with providers.running(gateways.Gateway) as running:
            assert isinstance(running, gateways.Gateway)
            yield running

    async def test_somebody_signs_in(
        self, gateway: gateways.Gateway, migrated: pathlib.Path, tmp_path: pathlib.Path
    ) -> None:
        async with grounds.opened(tmp_path, migrated, gateway, asf_oauth_url=f"{gateway.issuer}/") as ground:
            browser, other = ground.browser(), ground.browser()
            back = await browser.visit(await browser.begin(return_to="/start"))
            assert (await other.get(back)).status == TOKEN_REFUSED
            answer = await browser.get(back)
            assert (answer.status, answer.headers["location"]) == (303, "/start")
            # The rows say what somebody may do, whatever the gateway says.
            page = await browser.get("/releases")
            assert '<b class="id">alice</b>' in page.text
            assert (await browser.get("/admin/stuck")).status == 403
            assert (await browser.get(back)).status == TOKEN_REFUSED

    async def test_a_code_that_it_does_not_know(
        self, gateway: gateways.Gateway, migrated: pathlib.Path, tmp_path: pathlib.Path
    ) -> None:
        async with grounds.opened(tmp_path, migrated, gateway, asf_oauth_url=gateway.issuer) as ground:
            browser = ground.browser()
            back = await browser.visit(await browser.begin())
            gateway.known.clear()
            assert (await browser.get(back)).status == 502
            assert not await browser.is_signed_in()
