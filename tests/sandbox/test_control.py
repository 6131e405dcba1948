# SPDX-License-Identifier: Apache-2.0
"""The strings that a demo pulls from another process."""

import pytest

import tests.sandbox.bundles as bundles
from tests.sandbox.clients import API, STEM, Clock, Portal


async def test_counters_count_what_arrived(portal: Portal) -> None:
    data = bundles.bundle()
    deployment_id = await portal.stage(data)
    await portal.faults({"endpoint": "publish", "status": 500})
    for _ in range(3):
        await portal.publish(deployment_id)
    counters = (await portal.http.get("/control/counters")).json()
    assert counters["requests"] == {
        "upload": 1,
        "status": 1,
        "publish": 3,
        "drop": 0,
        "published": 0,
        "files": 0,
        "download": 0,
        "elsewhere": 0,
        "index": 0,
        "repository": 0,
        "artifact-hub": 0,
        "docker-hub": 0,
        "npm": 0,
        "pypi": 0,
    }
    assert counters["effects"] == {"upload": 1, "publish": 1, "publish_by_hand": 0, "drop": 0}
    assert len(data) < counters["bytes_received"]["upload"] < len(data) + 500
    assert counters["bytes_received"]["publish"] == 0


async def test_the_log_has_the_last_requests(portal: Portal, clock: Clock) -> None:
    await portal.faults({"endpoint": "published", "status": 418})
    await portal.http.get(f"{API}/published?name=x")
    await portal.http.get("/maven2/none")
    requests = (await portal.http.get("/control/log", params={"last": 2})).json()["requests"]
    assert requests == [
        {
            "when": clock.now,
            "method": "GET",
            "path": f"{API}/published?name=x",
            "endpoint": "published",
            "status": 418,
            "faulty": True,
        },
        {
            "when": clock.now,
            "method": "GET",
            "path": "/maven2/none",
            "endpoint": "repository",
            "status": 404,
            "faulty": False,
        },
    ]
    assert (await portal.http.get("/control/log", params={"last": 0})).json() == {"requests": []}


async def test_what_is_sent_is_counted_too(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.zipped(bundles.component(content=b"x" * 1000)))
    await portal.http.get(f"{API}/deployment/{deployment_id}/download/{STEM}.jar")
    await portal.http.head(f"{API}/deployment/{deployment_id}/download/{STEM}.jar")
    assert (await portal.http.get("/control/counters")).json()["bytes_sent"]["download"] == 1000


async def test_deployments_are_shown_with_their_trail(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle(), name="thing")
    (shown,) = (await portal.http.get("/control/deployments")).json()["deployments"]
    assert (shown["deployment_id"], shown["name"], shown["account"], shown["state"]) == (
        deployment_id,
        "thing",
        "own",
        "VALIDATED",
    )
    assert [step["state"] for step in shown["trail"]] == ["PENDING", "VALIDATING", "VALIDATED"]
    assert f"{STEM}.jar" in shown["files"]


async def test_settings_change_one_by_one(portal: Portal) -> None:
    changed = await portal.http.post("/control/settings", json={"publishing_polls": 10})
    assert changed.status_code == 200
    assert changed.json()["publishing_polls"] == 10
    assert changed.json()["validate_seconds"] == 0
    assert portal.world.settings.publishing_polls == 10


@pytest.mark.parametrize("fields", [{"publish_seconds": -1}, {"unknown": 1}, {"wrong_state_status": 200}])
async def test_settings_are_checked_as_a_whole(portal: Portal, fields: dict[str, object]) -> None:
    before = portal.world.settings
    assert (await portal.http.post("/control/settings", json=fields)).status_code == 400
    assert portal.world.settings == before


async def test_orders_come_as_json_only(portal: Portal) -> None:
    # A form or plain text is what a page of another site could send without asking.
    answer = await portal.http.post("/control/faults", content=b"[]", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400
    assert (await portal.http.post("/control/faults", json=[{"endpoint": "status"}])).status_code == 400
    assert portal.world.faults.loaded == []
