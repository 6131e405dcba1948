# SPDX-License-Identifier: Apache-2.0
"""Listing a deployment's files, and reading them."""

import hashlib

import httpx
import pytest

import tests.sandbox.bundles as bundles
from tests.sandbox.clients import API, OWN, STEM, Clock, Portal, authorization
from tests.sandboxes import RunningSandbox


async def test_the_listing_has_every_file_with_its_size(portal: Portal, clock: Clock) -> None:
    files = bundles.component()
    deployment_id = await portal.stage(bundles.zipped(files), name="thing")
    page = await portal.files(deploymentIds=[deployment_id])
    (listed,) = page["deployments"]
    assert {file["relativePath"]: file["fileSize"] for file in listed["deploymentFiles"]} == {
        path: len(data) for path, data in files.items()
    }
    assert all(file["relativePath"].endswith(f"/{file['fileName']}") for file in listed["deploymentFiles"])
    del listed["deploymentFiles"]
    assert listed == {
        "deploymentId": deployment_id,
        "deploymentName": "thing",
        "deploymentState": "VALIDATED",
        "deploymentType": "BUNDLE",
        "createTimestamp": round(clock.now * 1000),
        "purls": ["pkg:maven/org.example/thing@1.0"],
        "deployedComponentVersions": [{"name": "thing-1.0.pom", "path": "org/example/thing/1.0", "errors": []}],
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"sortField": 1}', b"{", b'{"sortField": "x", "page": -1}', b'{"sortField": "x", "size": 0}'],
)
async def test_a_listing_that_is_asked_wrongly_is_refused(portal: Portal, body: bytes) -> None:
    answer = await portal.http.post(
        f"{API}/deployments/files", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


async def test_pages_count_deployments_newest_first(portal: Portal, clock: Clock) -> None:
    ids = []
    for version in ("1", "2", "3"):
        ids.append(await portal.stage(bundles.zipped(bundles.component(version=version))))
        clock.turn(1)
    page = await portal.files(page=0, size=2)
    assert [one["deploymentId"] for one in page["deployments"]] == [ids[2], ids[1]]
    assert (page["page"], page["pageSize"], page["pageCount"], page["totalResultCount"]) == (0, 2, 2, 3)
    assert [one["deploymentId"] for one in (await portal.files(page=1, size=2))["deployments"]] == [ids[0]]
    assert [one["deploymentId"] for one in (await portal.files(sortDirection="asc"))["deployments"]] == ids
    assert (await portal.files(page=7))["deployments"] == []


async def test_a_listing_can_be_narrowed_by_path(portal: Portal) -> None:
    await portal.stage(bundles.zipped(bundles.component() | bundles.component(artifact="other")))
    page = await portal.files(pathStarting="org/example/other/")
    names = {file["fileName"].partition("-")[0] for file in page["deployments"][0]["deploymentFiles"]}
    assert names == {"other"}


async def test_errors_stand_at_their_component(portal: Portal) -> None:
    await portal.refused(bundles.bundle(lambda files: files.pop(f"{STEM}.jar.asc")))
    (listed,) = (await portal.files())["deployments"]
    assert listed["deploymentState"] == "FAILED"
    assert listed["deployedComponentVersions"][0]["errors"] == ["Missing signature for file: thing-1.0.jar"]


async def test_a_download_has_the_uploaded_bytes(portal: Portal) -> None:
    content = bytes(range(256)) * 5000
    deployment_id = await portal.stage(bundles.zipped(bundles.component(content=content)))
    for base in (f"deployment/{deployment_id}", "deployments"):
        answer = await portal.http.get(f"{API}/{base}/download/{STEM}.jar")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-length"] == str(len(content))
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
    assert (await portal.http.get(f"{API}/deployment/{deployment_id}/download/{STEM}.war")).status_code == 404
    assert (await portal.http.get(f"{API}/deployment/unknown/download/{STEM}.jar")).status_code == 404
    assert (await portal.http.get(f"{API}/deployments/download/{STEM}.war")).status_code == 404


async def test_the_merged_view_shows_what_waits_and_the_newest_of_it(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"held_by": "publishing"})
    for content in (b"first", b"second"):
        newest = await portal.stage(bundles.zipped(bundles.component(content=content)))
    assert (await portal.http.get(f"{API}/deployments/download/{STEM}.jar")).content == b"second"
    await portal.publish(newest)
    assert (await portal.http.get(f"{API}/deployments/download/{STEM}.jar")).content == b"first"


async def test_a_path_with_odd_characters_is_found(portal: Portal) -> None:
    path = f"{STEM}-a b+c%é.jar"
    files = bundles.component() | bundles.with_side_files({path: b"odd"})
    deployment_id = await portal.stage(bundles.zipped(files))
    quoted = "/".join(httpx.URL(path="/" + path).raw_path.decode().split("/")[1:])
    answer = await portal.http.get(f"{API}/deployment/{deployment_id}/download/{quoted}")
    assert answer.content == b"odd"


async def test_a_download_can_lead_to_another_host(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    elsewhere = portal.sandbox.url.replace("127.0.0.1", "localhost")
    portal.world.settings = portal.world.settings.model_copy(update={"redirect_downloads": elsewhere})
    answer = await portal.http.get(f"{API}/deployment/{deployment_id}/download/{STEM}.jar")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{elsewhere}/elsewhere/{deployment_id}/{STEM}.jar"
    path = f"/elsewhere/{deployment_id}/{STEM}.jar"
    # Whoever carries the credentials along is found out.
    assert (await portal.http.get(path)).status_code == 400
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(answer.headers["location"])).content == b"class"
        assert (await stranger.get(f"{portal.sandbox.url}/elsewhere/{deployment_id}/none")).status_code == 404


async def test_published_answers_from_the_own_records(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"public_lag_seconds": 60})
    query = {"namespace": "org.example", "name": "thing", "version": "1.0"}
    assert (await portal.http.get(f"{API}/published", params=query)).json() == {"published": False}
    await portal.live(bundles.bundle())
    assert (await portal.http.get(f"{API}/published", params=query)).json() == {"published": True}
    assert (await portal.http.get(f"/maven2/{STEM}.jar")).status_code == 404
    assert (await portal.http.get(f"{API}/published", params={**query, "version": "2"})).json() == {"published": False}
    assert (await portal.http.get(f"{API}/published", params={"name": "thing"})).status_code == 400
    foreign = await portal.http.get(f"{API}/published", params={**query, "namespace": "org.other"})
    assert foreign.status_code == 403


async def test_credentials_of_one_sandbox_mean_nothing_to_another(portal: Portal) -> None:
    async with RunningSandbox() as second, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{second.url}{API}/published", headers=authorization(OWN))
        assert answer.status_code == 401
