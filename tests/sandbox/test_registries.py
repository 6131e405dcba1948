# SPDX-License-Identifier: Apache-2.0
"""The registries of the stand-in: what is published shows, to clients and to people, and stays."""

import pathlib

import pytest

from atr.sandbox.settings import Settings
from atr.sandbox.shelf import Registry
from atr.sandbox.world import World
from tests.sandbox.clients import Clock, Portal

PLACES = {
    "artifact-hub": ("apache", "/registries/artifact-hub/api/v1/packages/helm/apache/widgets/1.0"),
    "docker-hub": ("apache", "/registries/docker-hub/v2/namespaces/apache/repositories/widgets/tags/1.0"),
    "npm": ("", "/registries/npm/widgets/1.0"),
    "pypi": ("", "/registries/pypi/pypi/widgets/1.0/json"),
}


@pytest.mark.parametrize("name", PLACES)
async def test_the_button_publishes_and_the_client_sees_it(portal: Portal, name: str) -> None:
    owner, address = PLACES[name]
    assert "Nothing has been published yet" in (await portal.http.get("/registries/")).text
    assert (await portal.http.get(address)).status_code == 404
    fields = {"registry": name, "owner": owner, "package": " widgets ", "version": "1.0"}
    pressed = await portal.http.post("/registries/publish", data=fields)
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/registries/")
    assert "widgets 1.0</code>" in (await portal.http.get("/registries/")).text
    answer = await portal.http.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert portal.world.traffic.requests[name] == 2
    again = await portal.http.post("/registries/publish", data=fields)
    assert again.status_code == 409
    assert "is there already" in again.text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"registry": "nowhere", "package": "widgets", "version": "1.0"},
        {"registry": "npm", "package": "", "version": "1.0"},
        {"registry": "npm", "package": "<script>", "version": "1.0"},
        {"registry": "npm", "package": "widgets", "version": "1.0", "owner": "apache"},
        {"registry": "docker-hub", "package": "widgets", "version": "1.0"},
    ],
)
async def test_what_cannot_be_published_is_said(portal: Portal, fields: dict[str, str]) -> None:
    answer = await portal.http.post("/registries/publish", data=fields)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert portal.world.shelf.all() == []


async def test_another_sites_page_can_publish_nothing(portal: Portal) -> None:
    fields = {"registry": "npm", "package": "widgets", "version": "1.0"}
    foreign = await portal.http.post("/registries/publish", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert portal.world.shelf.all() == []


async def test_a_version_of_npm_stands_under_its_scope(portal: Portal) -> None:
    address = "/registries/npm/@apache%2Fwidgets/1.0"
    assert (await portal.http.get(address)).json() == {"error": "Not found"}
    portal.world.publish_version("npm", "", "@apache/widgets", "1.0")
    assert (await portal.http.get(address)).json()["version"] == "1.0"
    assert (await portal.http.get("/registries/npm/@apache/widgets/2.0")).json() == "version not found: 2.0"
    assert list((await portal.http.get("/registries/npm/@apache%2Fwidgets")).json()["versions"]) == ["1.0"]


async def test_pypi_finds_a_package_under_every_spelling(portal: Portal) -> None:
    portal.world.publish_version("pypi", "", "Apache_Widgets", "1.0")
    answer = await portal.http.get("/registries/pypi/pypi/apache-widgets/1.0/json")
    assert answer.json()["info"]["name"] == "Apache_Widgets"
    assert [len(file["upload_time"]) for file in answer.json()["urls"]] == [19, 19]


@pytest.mark.parametrize(
    ("registry", "owner", "package", "page"),
    [
        ("npm", "", "@apache/widgets", "npm-pages/package/@apache/widgets/v/1.0"),
        ("pypi", "", "widgets", "pypi/project/widgets/1.0/"),
        ("docker-hub", "library", "widgets", "docker-hub/_/widgets/tags?name=1.0"),
        ("docker-hub", "apache", "widgets", "docker-hub/r/apache/widgets/tags?name=1.0"),
        ("artifact-hub", "apache", "widgets", "artifact-hub/packages/helm/apache/widgets/1.0"),
    ],
)
async def test_each_version_has_a_page(portal: Portal, registry: str, owner: str, package: str, page: str) -> None:
    assert (await portal.http.get(f"/registries/{page}")).status_code == 404
    portal.world.publish_version(registry, owner, package, "1.0")
    answer = await portal.http.get(f"/registries/{page}")
    assert "Public since" in answer.text
    assert f"{package} 1.0</h1>" in answer.text
    assert portal.world.traffic.requests[registry] == 0, "people are not counted"


async def test_what_is_public_outlives_the_process(tmp_path: pathlib.Path, clock: Clock) -> None:
    first = World(tmp_path / "other", settings=Settings(), clock=clock)
    first.publish_version("npm", "", "widgets", "1.0")
    first.save()
    second = World(tmp_path / "other", settings=Settings(), clock=clock)
    assert second.shelf.all() == first.shelf.all()
    assert second.shelf.find(Registry.NPM, "", "widgets", "1.0", clock.now)
