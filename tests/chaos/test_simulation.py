# SPDX-License-Identifier: Apache-2.0
"""T1, T3 and T5 at tiny size: a seed replays, and what lacks a rule is told from ours."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

import atr.models.promotion as tables
import atr.promotion.states as states
import tests.chaos.broken_builds as broken_builds
import tests.chaos.conformance as conformance
import tests.chaos.simulation as simulation
import tests.chaos.table as table
import tests.chaos.theatre as theatre

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture(scope="module")
def stage() -> Iterator[theatre.Theatre]:
    """One prepared release for all."""
    with theatre.theatre() as made:
        yield made


def test_a_seed_replays(stage: theatre.Theatre) -> None:
    """The same lines at the same instants, whoever came between; another seed tells another story."""
    first = simulation.played(stage, 7)
    other = simulation.played(stage, 8)
    assert simulation.played(stage, 7) == first
    assert first.trace != other.trace
    assert first.broken == ()


@pytest.mark.parametrize("case", broken_builds.CASES, ids=lambda case: case.build.name)
def test_a_build_that_lacks_a_rule_is_caught(case: broken_builds.Case, stage: theatre.Theatre) -> None:
    """By the invariant that the rule is there for; our own goes through the same without a fault."""
    assert case.code in conformance.played(stage, case.steps, "T5", case.build)[1]
    assert conformance.played(stage, case.steps, "T5")[1] == ()


def test_a_story_draws_its_arrows(stage: theatre.Theatre) -> None:
    """The first of T3's: the way that nobody disturbs."""
    name = next(iter(conformance.STORIES))
    drawn, broken = conformance.told(stage, name, 1)
    assert broken == ()
    assert (states.State.CHECKING, states.State.LIVE) in drawn


def test_every_arrow_has_a_story() -> None:
    """So that a new arrow cannot be forgotten."""
    told = [[states.State(word) for word in name.split()] for name in conformance.STORIES]
    pairs = {pair for words in told for pair in itertools.pairwise(words)}
    assert pairs == conformance.ALL


async def _draws_anything(write: Any, row: Any, to: Any, _reason: str, *, by_person: bool) -> None:
    row.state, row.version = to, row.version + 1


async def test_a_writer_that_draws_any_arrow_and_notes_nothing_is_caught(database: str) -> None:
    """Every pair but the table's, and for those the missing event."""
    kind = dataclasses.replace(table.KINDS[0], draw=_draws_anything)
    count, wrong = await table.tried(database, (kind,))
    assert (kind.table, count) == (tables.Promotion, 400)
    assert len({one.partition(":")[0] for one in wrong}) == count
