# SPDX-License-Identifier: Apache-2.0
"""What can happen behind a client's back."""

import pathlib

import pytest

import atr.errors as errors
import atr.sandbox.central_portal.knobs as knobs
import tests.sandbox.bundles as bundles
from tests.sandbox.clients import API, STEM, Portal


async def paths(portal: Portal) -> list[str]:
    (listed,) = (await portal.files())["deployments"]
    return [file["relativePath"] for file in listed["deploymentFiles"]]


async def staged(portal: Portal, deployment_id: str, path: str) -> bytes:
    answer = await portal.http.get(f"{API}/deployment/{deployment_id}/download/{path}")
    assert answer.status_code == 200
    return answer.content


async def public(portal: Portal, path: str) -> bytes | None:
    answer = await portal.http.get(f"/maven2/{path}")
    return answer.content if answer.status_code == 200 else None


@pytest.mark.parametrize("path", ["", f"{STEM}.jar"])
async def test_tamper_changes_one_byte_of_a_staged_file(portal: Portal, path: str) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "tamper", path=path)
    changed = await staged(portal, deployment_id, f"{STEM}.jar")
    assert len(changed) == len(b"class")
    assert sum(one != other for one, other in zip(changed, b"class", strict=True)) == 1
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"


async def test_what_was_tampered_with_is_what_gets_public(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "tamper")
    changed = await staged(portal, deployment_id, f"{STEM}.jar")
    await portal.publish(deployment_id)
    await portal.status(deployment_id)
    assert await public(portal, f"{STEM}.jar") == changed


async def test_tampering_after_publishing_leaves_the_public_file(portal: Portal) -> None:
    deployment_id = await portal.live(bundles.bundle())
    await portal.knob(deployment_id, "tamper")
    assert await public(portal, f"{STEM}.jar") == b"class"


async def test_files_can_be_added_removed_and_renamed(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    before = set(await paths(portal))
    await portal.knob(deployment_id, "add-file", text="new")
    assert set(await paths(portal)) - before == {f"{STEM}-extra.txt"}
    assert await staged(portal, deployment_id, f"{STEM}-extra.txt") == b"new"
    await portal.knob(deployment_id, "remove-file", path=f"{STEM}-extra.txt")
    assert set(await paths(portal)) == before
    await portal.knob(deployment_id, "rename-file", path=f"{STEM}.jar", to=f"{STEM}-other.jar")
    assert set(await paths(portal)) ^ before == {f"{STEM}.jar", f"{STEM}-other.jar"}
    assert await staged(portal, deployment_id, f"{STEM}-other.jar") == b"class"


async def test_vanish_drops_in_any_state(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.publish(deployment_id)
    await portal.knob(deployment_id, "vanish")
    assert (await portal.http.post(f"{API}/status?id={deployment_id}")).status_code == 404


async def test_publish_by_hand_is_no_call_of_ours(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "publish-by-hand")
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"
    assert portal.world.traffic.requests["publish"] == 0
    assert portal.world.traffic.effects["publish_by_hand"] == 1
    again = await portal.http.post(f"/control/deployments/{deployment_id}/publish-by-hand")
    assert again.status_code == 409


async def test_publishing_can_last_for_ever_or_end_badly(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "stick")
    await portal.knob(deployment_id, "fail-publishing", errors=["no room"])
    await portal.publish(deployment_id)
    for _ in range(5):
        assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"
    await portal.knob(deployment_id, "stick", on=False)
    status = await portal.status(deployment_id)
    assert (status["deploymentState"], status["errors"]) == ("FAILED", {"common": ["no room"]})
    assert await public(portal, f"{STEM}.jar") is None


async def test_errors_can_stand_on_a_good_deployment(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "show-errors")
    status = await portal.status(deployment_id)
    assert status["deploymentState"] == "VALIDATED"
    assert status["errors"] == {"common": ["Deployment components info not found"]}
    await portal.knob(deployment_id, "show-errors", errors=None)
    assert (await portal.status(deployment_id))["errors"] == {}


async def test_an_unknown_word_can_stand_for_the_state(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "show-state", word="ARCHIVED", reads=2)
    states = [(await portal.status(deployment_id))["deploymentState"] for _ in range(3)]
    assert states == ["ARCHIVED", "ARCHIVED", "VALIDATED"]
    await portal.knob(deployment_id, "show-state")
    for _ in range(3):
        assert (await portal.status(deployment_id))["deploymentState"] == "QUARANTINED"


async def test_the_listing_can_be_wrong_for_a_while(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    right = await paths(portal)
    await portal.knob(deployment_id, "listing", twist="hide", reads=2)
    assert [await paths(portal), await paths(portal), await paths(portal)] == [[], [], right]
    await portal.knob(deployment_id, "listing", twist="extra")
    assert set(await paths(portal)) - set(right) == {"org/example/thing/1.0/ghost.jar"}
    await portal.knob(deployment_id, "listing", twist="repeat")
    assert sorted(await paths(portal)) == sorted([*right, right[0]])
    await portal.knob(deployment_id, "listing", twist="omit", reads=None)
    for _ in range(3):
        assert "deploymentFiles" not in (await portal.files())["deployments"][0]


async def test_a_public_byte_can_differ_from_the_start(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "alter-public", path=f"{STEM}.pom")
    await portal.publish(deployment_id)
    await portal.status(deployment_id)
    shown = await public(portal, f"{STEM}.pom")
    assert shown is not None
    assert shown != bundles.pom()
    assert len(shown) == len(bundles.pom())
    assert await staged(portal, deployment_id, f"{STEM}.pom") == bundles.pom()
    assert await public(portal, f"{STEM}.jar") == b"class"


async def test_a_public_byte_can_change_later(portal: Portal) -> None:
    deployment_id = await portal.live(bundles.bundle())
    await portal.knob(deployment_id, "alter-public")
    assert await public(portal, f"{STEM}.jar") not in {None, b"class"}
    assert await staged(portal, deployment_id, f"{STEM}.jar") == b"class"


async def test_the_public_set_can_be_partial(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.knob(deployment_id, "withhold-public", paths=[f"{STEM}.jar"])
    await portal.publish(deployment_id)
    await portal.status(deployment_id)
    assert await public(portal, f"{STEM}.jar") is None
    assert await public(portal, f"{STEM}.pom") == bundles.pom()
    await portal.status(deployment_id)
    await portal.knob(deployment_id, "withhold-public", paths=[f"{STEM}.pom"])
    assert await public(portal, f"{STEM}.pom") is None


async def test_knobs_say_what_is_wrong_with_a_turn(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    base = f"/control/deployments/{deployment_id}"
    for path, fields, status in (
        (f"{base}/unheard-of", {}, 404),
        ("/control/deployments/unknown/tamper", {}, 404),
        (f"{base}/tamper", {"path": "none"}, 404),
        (f"{base}/tamper", {"pth": "x"}, 400),
        (f"{base}/add-file", {"path": "../../out"}, 400),
        (f"{base}/rename-file", {"to": "/etc/x"}, 400),
        (f"{base}/listing", {"twist": "unknown"}, 400),
        (f"{base}/tamper", ["list"], 400),
    ):
        answer = await portal.http.post(path, json=fields)
        assert answer.status_code == status, path
        assert answer.json()["error"]


def test_every_knob_has_its_test() -> None:
    tests = pathlib.Path(__file__).read_text("utf-8")
    assert [name for name in knobs.KNOBS if f'"{name}"' not in tests] == []


async def test_a_knob_in_this_process_is_the_same(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    knobs.turn(portal.world.portal, deployment_id, "tamper", {})
    assert await staged(portal, deployment_id, f"{STEM}.jar") != b"class"
    with pytest.raises(errors.NotFoundError):
        knobs.turn(portal.world.portal, deployment_id, "tamper", {"path": "none"})
