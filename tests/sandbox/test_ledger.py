# SPDX-License-Identifier: Apache-2.0
"""The ledger on the disk: what took effect, by whose doing, for whoever judges from outside."""

import json
from typing import Any

import tests.sandbox.bundles as bundles
from atr.sandbox.settings import Settings
from tests.sandbox.clients import STEM, Portal


def lines(portal: Portal) -> list[dict[str, Any]]:
    """Without the instants."""
    told = (portal.world.directory / "ledger.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "when"} for line in told]


async def test_a_call_is_told_with_its_account_and_then_what_became_public(portal: Portal) -> None:
    deployment_id = await portal.live(bundles.bundle())
    call, became = lines(portal)
    assert call == {"what": "publish", "deployment": deployment_id, "account": "own", "by": "token"}
    assert (became["what"], became["deployment"], became["withheld"]) == ("public", deployment_id, [])
    assert f"{STEM}.jar" in became["paths"]


async def test_a_hand_on_the_page_is_told_apart(portal: Portal) -> None:
    by_hand = await portal.stage(bundles.bundle())
    await portal.knob(by_hand, "publish-by-hand")
    assert [line.get("by") for line in lines(portal)] == ["hand"]


async def test_a_deployment_that_publishes_itself_is_told_apart(portal: Portal) -> None:
    portal.world.settings = Settings(validate_seconds=0, publish_seconds=0, publishing_polls=0, force_automatic=True)
    await portal.settled(await portal.upload(bundles.bundle()))
    assert "automatic" in [line.get("by") for line in lines(portal)]


async def test_what_is_changed_behind_everybodys_back_is_told(portal: Portal) -> None:
    deployment_id = await portal.live(bundles.bundle())
    await portal.knob(deployment_id, "alter-public")
    await portal.knob(deployment_id, "withhold-public")
    portal.world.portal.put_public("org/example/other.txt", b"")
    told = [(line["what"], line["paths"]) for line in lines(portal)[2:]]
    jar = f"{STEM}.jar"
    assert told == [("alter", [jar]), ("withdraw", [jar]), ("put", ["org/example/other.txt"])]


async def test_a_drop_and_a_deployment_that_is_forgotten_are_told(portal: Portal) -> None:
    dropped = await portal.stage(bundles.bundle())
    portal.world.portal.drop(portal.world.portal.deployments[dropped])
    assert [line["what"] for line in lines(portal)] == ["forgotten", "drop"]
