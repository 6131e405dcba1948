# SPDX-License-Identifier: Apache-2.0
"""Under which host the pages are served: a name of somebody else's that leads to this machine is not ours."""

import dataclasses
from typing import Final

import pytest
import quart

import atr.config as config
import atr.errors as errors
import atr.server as server
import atr.web as web
from tests.web import house as houses

PUBLIC: Final = "https://releases.example.org"
OURS: Final = ("localhost", "LOCALHOST:8080", "127.0.0.1", "127.8.8.8:1", "[::1]", "[::1]:8080", "atr.localhost")
OTHERS: Final = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "10.0.0.1", "[::2]", "x@")


def _app(house: houses.House, **settings: object) -> quart.Quart:
    given = {"state_dir": house.world.settings.state_dir, **settings}
    return server.create_app(config.WebSettings.model_validate(given), house.world.store)


async def _status(app: quart.Quart, host: str, path: str = "/releases") -> int:
    return (await app.test_client().get(path, headers={"Host": host})).status_code


@pytest.mark.parametrize("host", OURS)
async def test_this_machine_is_served(host: str, house: houses.House) -> None:
    assert await _status(house.app, host) == 200


@pytest.mark.parametrize("host", OTHERS)
async def test_another_name_is_not(host: str, house: houses.House) -> None:
    """By DNS rebinding, a page of that name could read our pages, and in sandbox mode sign in as anybody."""
    assert await _status(house.app, host) == 421
    client = house.app.test_client()
    answer = await client.post("/sign-in", headers={"Host": host}, form={"asf_uid": houses.MEMBER})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (421, False)


@pytest.mark.parametrize("sandbox", [True, False])
async def test_the_public_host_is_served_where_it_is_configured(sandbox: bool, house: houses.House) -> None:  # noqa: FBT001
    assert await _status(_app(house, sandbox=sandbox), "releases.example.org") == 421
    app = _app(house, sandbox=sandbox, public_url=PUBLIC)
    for host in ("releases.example.org", "Releases.Example.org:443", "127.0.0.1:8080"):
        assert await _status(app, host) == 200
    for host in ("example.org", "releases.example.org.evil.example"):
        assert await _status(app, host) == 421


async def test_machines_ask_for_health_by_any_address(house: houses.House) -> None:
    app = _app(house, public_url=PUBLIC)
    assert await _status(app, "10.1.2.3:8080", "/healthz") == 200
    assert await _status(app, "10.1.2.3:8080", "/readyz") == 200
    assert await _status(app, "10.1.2.3:8080", "/healthz/../releases") == 421


async def test_the_answer_says_what_to_set(house: houses.House) -> None:
    answer = await house.app.test_client().get("/releases", headers={"Host": "releases.example.org"})
    assert "ATR_PUBLIC_URL" in await answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("releases.example.org", "ATR_PUBLIC_URL"),
        ("ftp://releases.example.org", "ATR_PUBLIC_URL"),
        ("https://releases.example.org/atr", "ATR_PUBLIC_URL"),
        ("https://somebody@releases.example.org", "ATR_PUBLIC_URL"),
        ("https://releases.example.org?x", "ATR_PUBLIC_URL"),
        ("http://releases.example.org", "https"),
    ],
)
def test_an_address_that_is_none_stops_the_start(given: str, said: str) -> None:
    with pytest.raises(errors.SettingsError, match=said):
        config.WebSettings.from_environ({"ATR_PUBLIC_URL": given})


async def test_letters_name_the_public_address(house: houses.House) -> None:
    """Though the page was asked for by another host of ours, and over plain HTTP behind the proxy."""
    site = dataclasses.replace(_site(house), public_url=PUBLIC)
    app = quart.Quart("host")
    app.config.update(SESSION_COOKIE_SECURE=True)
    web.install(app, site, server.HOOKS)
    for blueprint in server.BLUEPRINTS:
        app.register_blueprint(blueprint)
    async with app.test_request_context("/vote/a/1", headers={"Host": "127.0.0.1:8080"}):
        assert web.external_url("get.vote.selected") == f"{PUBLIC}/vote/a/1"
        assert web.absolute("/x") == f"{PUBLIC}/x"


async def test_letters_say_https_where_the_cookies_demand_it(house: houses.House) -> None:
    app = quart.Quart("host")
    app.config.update(SESSION_COOKIE_SECURE=True)
    web.install(app, _site(house), server.HOOKS)
    for blueprint in server.BLUEPRINTS:
        app.register_blueprint(blueprint)
    async with app.test_request_context("/vote/a/1", headers={"Host": "releases.example.org"}):
        assert web.external_url("get.vote.selected") == f"{PUBLIC}/vote/a/1"


def _site(house: houses.House) -> web.Site:
    return web.Site(house.world.store)
