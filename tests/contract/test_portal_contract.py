# SPDX-License-Identifier: Apache-2.0
"""Our description of the Central Portal, against the sandbox that we test with and the vendor's own description."""

import json
import pathlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

import atr.sandbox.endpoints as endpoints
import tests.sandbox.bundles as bundles
from atr.sandbox.central_portal.deployment import State
from atr.sandbox.server import create_app
from atr.sandbox.settings import Settings
from atr.sandbox.world import World
from tests.sandbox.clients import OWN, STEM, Portal, authorization
from tests.sandboxes import RunningSandbox

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
OURS: Final[dict[str, Any]] = json.loads((ROOT / "tests/contract/portal-api.json").read_text("utf-8"))
VENDORS: Final = ROOT.parent / "shared" / "contracts" / "central-publisher-api.json"
CALLS: Final[list[dict[str, Any]]] = OURS["calls"]
VERBS: Final = ("get", "post", "put", "patch", "delete")

needs_vendor = pytest.mark.skipif(not VENDORS.is_file(), reason="the team's folder shared/ is not here")


@pytest.fixture
async def portal(tmp_path: pathlib.Path) -> AsyncIterator[Portal]:
    world = World(tmp_path, settings=Settings(validate_seconds=0, publish_seconds=0))
    world.portal.add_account("own", ["org.example"], OWN)
    async with (
        RunningSandbox(world) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, headers=authorization(), trust_env=False) as client,
    ):
        yield Portal(sandbox, client)


def routes(world: World) -> set[tuple[str, str]]:
    """The sandbox's calls below the prefix: (method, path with the names of its parameters left out)."""
    return {
        (method, re.sub(r"<[^>]*>", "{}", rule.rule).removeprefix(OURS["prefix"]))
        for rule in create_app(world).url_map.iter_rules()
        if rule.rule.startswith(OURS["prefix"])
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def named(call: dict[str, Any]) -> str:
    return f"{call['method']} {call['path']}"


def test_the_sandbox_has_our_calls_and_no_other(tmp_path: pathlib.Path) -> None:
    ours = {(call["method"], re.sub(r"{[^}]*}", "{}", call["path"])) for call in CALLS}
    assert routes(World(tmp_path)) == ours


@pytest.mark.parametrize("call", CALLS, ids=named)
def test_faults_and_counters_know_every_call(call: dict[str, Any]) -> None:
    path = OURS["prefix"] + re.sub(r"{relativePath}", "a/b/c.jar", call["path"]).replace("{deploymentId}", "some-id")
    endpoint = endpoints.find(call["method"], path)
    assert endpoint is not None
    assert endpoint.name == call["endpoint"]


def test_the_states_are_the_six_of_the_platform() -> None:
    assert [str(state) for state in State] == OURS["states"]


@pytest.mark.parametrize("call", CALLS, ids=named)
async def test_every_call_is_answered_as_described(portal: Portal, call: dict[str, Any]) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    path = call["path"].replace("{deploymentId}", deployment_id).replace("{relativePath}", f"{STEM}.jar")
    query = {"id": deployment_id, "namespace": "org.example", "name": "thing", "version": "1.0"}
    answer = await portal.http.request(
        call["method"],
        OURS["prefix"] + path,
        params={name: query[name] for name, required in call.get("query", {}).items() if required},
        json={"sortField": "createTimestamp"} if "body" in call else None,
        files={"bundle": ("again.zip", b"not a zip")} if "multipart" in call else None,
    )
    assert answer.status_code == call["success"]
    assert answer.headers["content-type"].partition(";")[0] == call["media"] if "media" in call else not answer.content
    if "fields" in call:
        assert set(call["fields"]) <= set(answer.json())
    if "file_fields" in call:
        (deployment,) = answer.json()["deployments"]
        assert set(deployment) == set(call["deployment_fields"])
        assert set(deployment["deploymentFiles"][0]) == set(call["file_fields"])


@pytest.mark.parametrize("call", CALLS, ids=named)
async def test_every_call_needs_a_token(portal: Portal, call: dict[str, Any]) -> None:
    path = call["path"].replace("{deploymentId}", "some-id").replace("{relativePath}", "a/b")
    answer = await portal.http.request(call["method"], OURS["prefix"] + path, headers={"Authorization": ""})
    assert 401 in call["refusals"]
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("call", "place", "name"),
    [
        pytest.param(call, place, name, id=f"{named(call)} {name}")
        for call in CALLS
        for place in ("query", "body")
        for name, required in call.get(place, {}).items()
        if required
    ],
)
async def test_what_is_required_is_asked_for(portal: Portal, call: dict[str, Any], place: str, name: str) -> None:
    given = {other: "x" for other, required in call[place].items() if required and other != name}
    sent: dict[str, Any] = {"params": given} if place == "query" else {"json": given}
    answer = await portal.http.request(call["method"], OURS["prefix"] + call["path"], **sent)
    assert 400 in call["refusals"]
    assert answer.status_code == 400


def vendors() -> dict[tuple[str, str], dict[str, Any]]:
    """The vendor's operations by method and path, each with the parameters of its path."""
    described = json.loads(VENDORS.read_text("utf-8"))
    return {
        (verb.upper(), path.removeprefix(OURS["prefix"])): {
            **operation,
            "parameters": [*item.get("parameters", []), *operation.get("parameters", [])],
        }
        for path, item in described["paths"].items()
        for verb, operation in item.items()
        if verb in VERBS
    }


@needs_vendor
@pytest.mark.shared
def test_the_vendor_has_the_same_calls() -> None:
    assert set(vendors()) == {(call["method"], call["path"]) for call in CALLS}


@needs_vendor
@pytest.mark.shared
@pytest.mark.parametrize("call", CALLS, ids=named)
def test_the_vendor_describes_each_call_so(call: dict[str, Any]) -> None:
    theirs = vendors()[call["method"], call["path"]]
    query = {one["name"]: one["required"] for one in theirs["parameters"] if one["in"] == "query"}
    assert query == call.get("query", {})
    choices = {one["name"]: one["schema"]["enum"] for one in theirs["parameters"] if "enum" in one["schema"]}
    assert choices == call.get("choices", {})
    assert {int(status) for status in theirs["responses"]} == {call["success"], *call["refusals"]}
    content = theirs["responses"][str(call["success"])].get("content", {})
    assert list(content) == ([call["media"]] if "media" in call else [])


@needs_vendor
@pytest.mark.shared
def test_the_vendor_names_bodies_and_fields_so() -> None:
    by_endpoint = {call["endpoint"]: call for call in CALLS}
    theirs = {call["endpoint"]: vendors()[call["method"], call["path"]] for call in CALLS}
    multipart = theirs["upload"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert list(multipart["properties"]) == by_endpoint["upload"]["multipart"]
    asked = theirs["files"]["requestBody"]["content"]["application/json"]["schema"]
    assert {name: name in asked["required"] for name in asked["properties"]} == by_endpoint["files"]["body"]
    listed = theirs["files"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(listed) == set(by_endpoint["files"]["fields"])
    example = listed["deployments"]["example"][0]
    assert set(example) == set(by_endpoint["files"]["deployment_fields"])
    assert set(example["deploymentFiles"][0]) == set(by_endpoint["files"]["file_fields"])
    status = theirs["status"]["responses"]["200"]["content"]["application/json"]["examples"]["deployment"]["value"]
    assert set(status) == set(by_endpoint["status"]["fields"])
    published = theirs["published"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert set(published["Published"]["value"]) == set(by_endpoint["published"]["fields"])


@needs_vendor
@pytest.mark.shared
def test_the_vendor_takes_our_schemes() -> None:
    schemes = json.loads(VENDORS.read_text("utf-8"))["components"]["securitySchemes"].values()
    assert {one["scheme"].lower() for one in schemes} == {scheme.lower() for scheme in OURS["schemes"]}
