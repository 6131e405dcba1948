# SPDX-License-Identifier: Apache-2.0
"""The judge of pages: one that keeps an incident to itself, or calls it by another name, is told from ours."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import atr.models.promotion as tables
import atr.pages.finish as finish
import tests.chaos.acts as acts
import tests.chaos.attacks as attacks
import tests.chaos.conformance as conformance
import tests.chaos.sayings as sayings
import tests.chaos.simulated as simulated
import tests.chaos.theatre as theatre
import tests.chaos.truth as truth
from tests import world as worlds

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]
_MOVED = "the names move, and then it is published by hand"
_REFUSED = "refused since a file is gone, and then it is published by hand"
_NOBODY = "nothing holds that"


@pytest.fixture(scope="module")
def stage() -> Iterator[theatre.Theatre]:
    """One prepared release for all."""
    with theatre.theatre() as made:
        yield made


def _judged(
    stage: theatre.Theatre, steps: Sequence[conformance.Step], change: Callable[[finish.FinishView], finish.FinishView]
) -> list[str]:
    """What is wrong at the end of a story with its page, once that says something else."""
    found: list[str] = []

    async def look(world: simulated.Simulated) -> Sequence[str]:
        async with world.store.read(worlds.MEMBER) as read:
            page = await finish.page(read, acts.RELEASE)
        seen = sayings.Seen(
            await world.rows(tables.Deployment), await world.rows(tables.Promotion), page, world.platform.now()
        )
        voted = truth.hashed(world.tree.files)
        assert sayings.judged(seen, world.truth, voted) == []
        found.extend(sayings.judged(dataclasses.replace(seen, page=change(page)), world.truth, voted))
        return ()

    assert conformance.played(stage, (*steps, look), "sayings")[1] == ()
    return found


def _standing(**fields: Any) -> Callable[[finish.FinishView], finish.FinishView]:
    def change(page: finish.FinishView) -> finish.FinishView:
        rows = [dataclasses.replace(row, standing=dataclasses.replace(row.standing, **fields)) for row in page.rows]
        return dataclasses.replace(page, rows=tuple(rows))

    return change


def _page(**fields: Any) -> Callable[[finish.FinishView], finish.FinishView]:
    return lambda page: dataclasses.replace(page, **fields)


@pytest.mark.parametrize("name", [_MOVED, _REFUSED])
@pytest.mark.parametrize("change", [_standing(css="published"), _page(announce_why_not="")])
def test_an_incident_is_shown_and_bars_the_announcement(
    name: str, change: Callable[[finish.FinishView], finish.FinishView], stage: theatre.Theatre
) -> None:
    (said,) = _judged(stage, attacks.ATTACKS[name].steps, change)
    assert _NOBODY in said


def test_what_was_voted_on_is_not_said_to_be_unvoted(stage: theatre.Theatre) -> None:
    changed = _standing(sentence="Published, but not voted on.")
    (said,) = _judged(stage, attacks.ATTACKS[_MOVED].steps, changed)
    assert said.endswith("that it was not voted on, and it was")


@pytest.mark.parametrize(
    "fields", [{"nothing_missing": "Nothing is outstanding. All is public."}, {"announce_why_not": ""}]
)
def test_of_an_abandoned_candidate_nothing_counts(fields: dict[str, Any], stage: theatre.Theatre) -> None:
    (said,) = _judged(stage, ("dropped by hand", "promote", 86_400.0, "vote abandoned", 86_400.0), _page(**fields))
    assert "counts" in said
