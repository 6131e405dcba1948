# SPDX-License-Identifier: Apache-2.0
"""Endings that are none: what was stopped, dropped or is being published is what the platform makes of it later."""

import pytest

from tests.attacks import ground as grounds

pytestmark = pytest.mark.slow


async def test_h2_what_somebody_published_after_a_stop_is_compared_and_shown_as_public(ground: grounds.Ground) -> None:
    key = await ground.voted()
    # The platform cannot be asked, so that the stop comes before the call.
    await ground.faults({"endpoint": "status", "status": 503, "times": None})
    assert await ground.promote(key)
    assert await ground.act(key, "abort", reason="Not this one")
    await ground.until(lambda rows: rows[key].state == "Stopped")
    await ground.faults()
    await ground.press(await ground.external_id(), "Publish")
    await ground.until_public()
    rows = await ground.until(lambda rows: rows[key].state == "Live")
    assert "promote" not in rows[key].offers
    assert await ground.counted("publish") == 0
    assert ground.unvoted() == []


async def test_h3_a_drop_that_was_not_carried_out_is_not_called_done_for_a_few_404(ground: grounds.Ground) -> None:
    key = await ground.voted()
    staged = await ground.external_id()
    await ground.faults(
        {"endpoint": "drop", "status": 503, "times": None},
        {"endpoint": "status", "after": "drop", "status": 404, "times": 3},
    )
    assert await ground.act(key, "drop", reason="Not this one")
    await ground.until_hit("status")
    await ground.press(staged, "Publish")
    await ground.until_public()
    await ground.until(lambda rows: rows[key].state == "Published")
    assert await ground.act(key, "prove_published")
    assert (await ground.ended(key)).state == "Live"
    assert ground.unvoted() == []


async def test_h7_what_is_being_published_by_hand_may_fail_and_is_shown_as_failed_then(ground: grounds.Ground) -> None:
    key = await ground.voted()
    staged = await ground.external_id()
    await ground.turn(staged, "stick")
    await ground.press(staged, "Publish")
    assert await ground.act(key, "look")
    await ground.until_told(key, "PUBLISHING")
    published = (await ground.rows())[key].state == "Published"
    await ground.turn(staged, "fail-publishing")
    await ground.turn(staged, "stick", on=False)
    rows = await ground.until(lambda rows: rows[key].state in {"Failed", "Gone"})
    assert not published
    assert rows[key].offers & {"drop", "stage_again"}
    assert ground.public() == {}
