# SPDX-License-Identifier: Apache-2.0
"""The campaign of kills: it says nothing of this build, and a build that calls before it commits fails it."""

import pytest

import tests.chaos.fleet as fleet
import tests.chaos.grounds as grounds
import tests.chaos.killing as killing
import tests.chaos.outcome as outcomes

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

_STRIKES = [
    killing.Strike(grounds.SQLITE, "after_verify", "kill"),
    killing.Strike(grounds.SQLITE, "after_mark", "stop"),
]


def test_every_round_of_this_build_ends_well() -> None:
    assert killing.strike_with(_STRIKES, fleet.work) == []


def test_a_build_that_calls_and_then_commits_fails() -> None:
    """Killed between the two, nothing in our rows knows of the call."""
    wrong = killing.strike_with(_STRIKES[:1], fleet.work_that_calls_first)
    assert "sqlite after_verify:kill: S3 does not hold" in wrong
    assert "sqlite after_verify:kill: 1 calls for 0 marks, of which 0 might be sent for" in wrong


def test_a_build_without_fencing_fails() -> None:
    """Frozen while it compares until another worker has the row, it writes what it found all the same."""
    strike = killing.Strike(grounds.SQLITE, "mid_public_check", "stop")
    wrong = killing.strike_with([strike], fleet.work_without_fence)
    assert "sqlite mid_public_check:stop: S10 does not hold" in wrong
    assert killing.strike_with([strike], fleet.work) == []


def test_the_first_size_strikes_every_failpoint_three_times_on_each_engine() -> None:
    strikes = killing.rounds(outcomes.Size.CI)
    assert len(strikes) == len(set(strikes)) == 96
    assert len(killing.rounds(outcomes.Size.RELEASE)) == 5_000
