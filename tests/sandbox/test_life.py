# SPDX-License-Identifier: Apache-2.0
"""A deployment's states in time, publishing and dropping."""

import pytest

from tests.sandbox.bundles import bundle
from tests.sandbox.clients import API, STEM, Clock, Portal


async def test_states_come_when_their_time_comes(portal: Portal, clock: Clock) -> None:
    portal.world.settings = portal.world.settings.model_copy(
        update={"pending_seconds": 1, "validate_seconds": 10, "publish_seconds": 100, "publishing_polls": 0}
    )
    deployment_id = await portal.upload(bundle())
    expected = [(0, "PENDING"), (1, "VALIDATING"), (9.5, "VALIDATING"), (0.5, "VALIDATED"), (5000, "VALIDATED")]
    for seconds, state in expected:
        clock.turn(seconds)
        assert (await portal.settled(deployment_id))["deploymentState"] == state
    assert (await portal.publish(deployment_id)).status_code == 204
    for seconds, state in [(0, "PUBLISHING"), (99.5, "PUBLISHING"), (0.5, "PUBLISHED"), (5000, "PUBLISHED")]:
        clock.turn(seconds)
        assert (await portal.status(deployment_id))["deploymentState"] == state


async def test_nothing_is_known_of_a_bundle_before_validation_ends(portal: Portal, clock: Clock) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"validate_seconds": 10})
    deployment_id = await portal.upload(bundle())
    status = await portal.settled(deployment_id)
    assert (status["deploymentState"], status["purls"]) == ("VALIDATING", [])
    listed = (await portal.files(deploymentIds=[deployment_id]))["deployments"][0]
    assert (listed["deploymentFiles"], listed["deployedComponentVersions"]) == ([], [])
    clock.turn(10)
    assert len((await portal.files())["deployments"][0]["deploymentFiles"]) == 16


async def test_publishing_is_answered_at_least_so_often(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"publishing_polls": 3})
    deployment_id = await portal.stage(bundle())
    await portal.publish(deployment_id)
    states = [(await portal.status(deployment_id))["deploymentState"] for _ in range(5)]
    assert states == ["PUBLISHING", "PUBLISHING", "PUBLISHING", "PUBLISHED", "PUBLISHED"]


async def test_publish_answers_nothing_and_only_once(portal: Portal) -> None:
    deployment_id = await portal.stage(bundle())
    first, second = await portal.publish(deployment_id), await portal.publish(deployment_id)
    assert (first.status_code, first.content) == (204, b"")
    assert second.status_code == 400
    assert portal.world.traffic.effects["publish"] == 1
    assert portal.world.traffic.requests["publish"] == 2


@pytest.mark.parametrize("status", [404, 409, 500])
async def test_the_answer_to_a_wrong_state_can_be_chosen(portal: Portal, status: int) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"wrong_state_status": status})
    deployment_id = await portal.live(bundle())
    assert (await portal.publish(deployment_id)).status_code == status
    assert (await portal.http.delete(f"{API}/deployment/{deployment_id}")).status_code == status


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_unknown_deployment_is_not_found(portal: Portal, method: str) -> None:
    assert (await portal.http.request(method, f"{API}/deployment/unknown")).status_code == 404


async def test_dropping_removes_a_waiting_deployment(portal: Portal) -> None:
    deployment_id = await portal.stage(bundle())
    dropped = await portal.http.delete(f"{API}/deployment/{deployment_id}")
    assert (dropped.status_code, dropped.content) == (204, b"")
    assert (await portal.http.post(f"{API}/status?id={deployment_id}")).status_code == 404
    assert (await portal.files())["deployments"] == []


async def test_dropping_removes_a_failed_deployment_and_no_other(portal: Portal) -> None:
    failed = await portal.upload(bundle(lambda files: files.pop(f"{STEM}.jar.asc")))
    assert (await portal.settled(failed))["deploymentState"] == "FAILED"
    assert (await portal.publish(failed)).status_code == 400
    assert (await portal.http.delete(f"{API}/deployment/{failed}")).status_code == 204
    moving = await portal.stage(bundle())
    await portal.publish(moving)
    assert (await portal.http.delete(f"{API}/deployment/{moving}")).status_code == 400
    assert (await portal.status(moving))["deploymentState"] == "PUBLISHING"


async def test_status_may_not_know_a_new_deployment_yet(portal: Portal) -> None:
    portal.world.settings = portal.world.settings.model_copy(update={"status_404_after_upload": 2})
    deployment_id = await portal.upload(bundle())
    codes = [(await portal.http.post(f"{API}/status?id={deployment_id}")).status_code for _ in range(3)]
    assert codes == [404, 404, 200]


async def test_status_needs_an_id(portal: Portal) -> None:
    assert (await portal.http.post(f"{API}/status")).status_code == 400
    assert (await portal.http.post(f"{API}/status?id=unknown")).status_code == 404
