# SPDX-License-Identifier: Apache-2.0
"""T25: no attack that was found succeeds again; each kind of file is published whole or refused by its name."""

import random
from collections.abc import Iterator

import pytest

import tests.chaos.attacks as attacks
import tests.chaos.broken_builds as broken_builds
import tests.chaos.elsewhere as elsewhere
import tests.chaos.outcome as outcome
import tests.chaos.theatre as theatre

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture(scope="module")
def stage() -> Iterator[theatre.Theatre]:
    """One prepared release for all."""
    with theatre.theatre() as made:
        yield made


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_that_was_found_succeeds_no_more(name: str, stage: theatre.Theatre) -> None:
    assert elsewhere.attacked(stage, attacks.ATTACKS[name]) == ()


@pytest.mark.parametrize("part", elsewhere.PARTS)
def test_what_was_staged_elsewhere_becomes_live_whole_or_is_refused_by_name(part: str, stage: theatre.Theatre) -> None:
    end, wrong = elsewhere.played(stage, elsewhere.Plan((part,)), "T25")
    assert wrong == []
    assert end != "diverged"


@pytest.mark.parametrize("name", broken_builds.ATTACKED)
def test_an_attack_succeeds_against_a_build_that_lacks_its_mend(name: str, stage: theatre.Theatre) -> None:
    attack = attacks.ATTACKS[name]
    broken = elsewhere.attacked(stage, attack, broken_builds.ATTACKED[name])
    assert any(one.startswith(attack.broke) for one in broken)


@pytest.mark.parametrize("size", [outcome.Size.CI, outcome.Size.RELEASE])
def test_each_kind_of_file_comes_alone_at_every_size_but_small(size: outcome.Size) -> None:
    plans = list(elsewhere.plans(size, random.Random(1)))
    assert {*elsewhere.PARTS} == {plan.parts[0] for plan in plans if plan == elsewhere.Plan(plan.parts[:1])}
