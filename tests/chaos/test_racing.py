# SPDX-License-Identifier: Apache-2.0
"""The campaign of races: it says nothing of this build, and a build that calls before it commits fails it."""

import pytest

import tests.chaos.fleet as fleet
import tests.chaos.grounds as grounds
import tests.chaos.racing as racing

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


def test_a_race_of_this_build_ends_well() -> None:
    """The second race is lost by the click: the policy changes in the same moment, or it is sent once."""
    races = [racing.Race(grounds.SQLITE, 2, 2, 2, change, after=0.0) for change in ("nothing", "policy")]
    wrong, orders = racing.run(races, fleet.work)
    assert wrong == []
    assert orders["nothing", "sent"] == 1


def test_a_build_that_calls_and_then_commits_fails() -> None:
    races = [racing.Race(grounds.SQLITE, 2, 1, 1, "nothing", after=0.0)]
    wrong, _ = racing.run(races, fleet.work_that_calls_first)
    assert any("S3 does not hold" in sentence for sentence in wrong)
