# SPDX-License-Identifier: Apache-2.0
"""T4 at tiny size: the machines find nothing here, and something in a build that lacks a rule."""

from collections.abc import Iterator

import hypothesis
import pytest

import tests.chaos.broken_builds as broken_builds
import tests.chaos.stateful as stateful
import tests.chaos.theatre as theatre

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sqlite,
    # What a worker has claimed and not begun when it dies is never awaited, as after a kill.
    pytest.mark.filterwarnings("ignore:coroutine '_?(work|task)' was never awaited"),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[theatre.Theatre]:
    """One prepared release for all."""
    with theatre.theatre(theatre.on_sqlite) as made:
        yield made


@pytest.mark.parametrize("machine", stateful.MACHINES)
def test_nothing_is_found_in_ours(machine: type[stateful.Machine], stage: theatre.Theatre) -> None:
    assert stateful.falsified(stage, machine, examples=1, steps=20, seed=1) == ""


def test_a_build_that_calls_and_then_commits_is_found(stage: theatre.Theatre) -> None:
    """By the invariant that says so, with the steps that lead there."""
    found = stateful.falsified(
        stage,
        stateful.Core,
        examples=10,
        steps=15,
        seed=1,
        build=broken_builds.CASES[0].build,
        phases=[hypothesis.Phase.generate],
    )
    assert "S3" in found.splitlines()[0]
    assert "state.click_first(" in found
