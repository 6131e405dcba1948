# SPDX-License-Identifier: Apache-2.0
"""Endings that are none: what was stopped, dropped or is being published is what the platform makes of it later."""

import pathlib

import pytest

from tests.attacks import ground as grounds
from tests.demo import starting

pytestmark = pytest.mark.slow


async def test_h2_what_somebody_published_after_a_stop_is_compared_and_shown_as_public(ground: grounds.Ground) -> None:
    key = await _stopped(ground)
    await ground.press(await ground.external_id(), "Publish")
    await ground.until_public()
    await _is_found_public(ground, key)


async def test_h2_what_we_published_after_the_backup_that_was_restored_is_shown_as_public(
    tmp_path: pathlib.Path,
) -> None:
    """The backup knows of a stop, and not of the call that followed it."""
    state_dir = tmp_path / "state"
    async with grounds.running(state_dir) as stack, grounds.entered(stack, "2.4.0") as ground:
        key = await _stopped(ground)
        assert starting.atr(state_dir, "backup", str(tmp_path / "before.atrbackup")).returncode == 0
        await ground.promoted(key)
        assert (await ground.ended(key)).state == "Live"
    restored = starting.atr(state_dir, "restore", str(tmp_path / "before.atrbackup"), "--replace")
    assert restored.returncode == 0, restored.stderr
    async with grounds.running(state_dir) as stack, grounds.entered(stack, "2.4.0") as ground:
        await _is_found_public(ground, key)


async def _stopped(ground: grounds.Ground) -> str:
    """A voted deployment whose promotion was asked for and stopped before anything was sent: its row."""
    key = await ground.voted()
    # The platform cannot be asked, so that the stop comes before the call.
    await ground.faults({"endpoint": "status", "status": 503, "times": None})
    await ground.promoted(key)
    assert await ground.act(key, "abort", reason="Not this one")
    await ground.until(lambda rows: rows[key].state == "Stopped")
    await ground.faults()
    return key


async def _is_found_public(ground: grounds.Ground, key: str) -> None:
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
    await ground.compared(key)
    await _is_found_public(ground, key)


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
