# SPDX-License-Identifier: Apache-2.0
"""The protocol holds in every world that can be reached, and each of its rules is missed when it is taken away."""

import functools
from collections.abc import Callable

import pytest

import atr.promotion.states as states
import tests.model.__main__ as command
import tests.model.invariants as invariants
import tests.model.search as search
import tests.model.settings as settings
import tests.model.worlds as worlds

S = states.State
BLIND = settings.SMALL[1].mechanism
# Drawn by after-care only, which is not modelled.
AFTER_CARE = {(S.LIVE, S.DIVERGED)}


@pytest.fixture(scope="module")
def explore() -> Callable[[settings.Setting], search.Found]:
    """The search, once for each world."""
    return functools.cache(search.explore)


@pytest.mark.slow
@pytest.mark.parametrize("setting", settings.SMALL, ids=lambda setting: setting.name)
def test_nothing_is_broken_and_nothing_gets_stuck(
    explore: Callable[[settings.Setting], search.Found], setting: settings.Setting
) -> None:
    found = explore(setting)
    assert (found.code, found.trace) == ("", ())
    assert (found.violations, found.stuck) == (0, 0)
    assert found.states > 20_000


@pytest.mark.slow
def test_every_arrow_of_the_table_is_drawn_and_no_other(explore: Callable[[settings.Setting], search.Found]) -> None:
    # By hand on the platform's page: a promotion that is public before any call of ours.
    searched = (settings.SMALL[0], settings.Setting("by-hand", workers=1, clicks=1, by_hand=True))
    table = {(frm, to) for frm in S for to in invariants.arrows(frm, by_person=True)}
    assert frozenset().union(*(explore(setting).arrows for setting in searched)) == table - AFTER_CARE


@pytest.mark.parametrize("removal", settings.REMOVALS, ids=lambda removal: removal.setting.name)
def test_a_rule_that_is_taken_away_is_missed(removal: settings.Removal) -> None:
    assert search.shortest(removal.setting, removal.breaks)


def test_every_rule_is_taken_away_once() -> None:
    assert [removal.setting.without for removal in settings.REMOVALS] == list(worlds.Rule)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        (settings.without(worlds.Rule.FENCE), "S10"),
        (settings.without(worlds.Rule.NO_RESEND, BLIND), "S8"),
    ],
)
def test_what_else_is_noticed(setting: settings.Setting, code: str) -> None:
    assert search.shortest(setting, code)


def test_the_command_says_what_it_found() -> None:
    told: list[str] = []
    tiny = settings.Setting("tiny", workers=1, clicks=1)
    removal = settings.Removal(settings.without(worlds.Rule.ONE_OPEN), "S6")
    assert command.campaign([tiny], [removal], told.append)
    assert told[0].startswith("T2 config=tiny states=")
    assert " violations=0 stuck=0 seconds=" in told[0]
    assert told[1:] == ["T2 removed=one-open-promotion-for-a-target caught=S6 steps=2 (click > click)"]


def test_the_command_fails_with_the_shortest_way_when_something_is_broken() -> None:
    told: list[str] = []
    ungated = settings.Setting("ungated", workers=1, clicks=1, without=worlds.Rule.GATES)
    assert not command.campaign([ungated], [], told.append)
    assert " violations=0 " not in told[0]
    assert " first=S3 (click > rights are taken away > " in told[0]


def test_the_command_fails_when_a_removed_rule_is_not_missed() -> None:
    told: list[str] = []
    kept = settings.Removal(settings.Setting("nothing", workers=1, clicks=1), "S6")
    assert not command.campaign([], [kept], told.append)
    assert told == ["T2 removed=nothing caught=nothing steps=0 ()"]


def test_an_unknown_size_is_refused() -> None:
    told: list[str] = []
    assert command.main("huge", told.append) == 2
    assert told == ["MODEL is 'huge'; it is one of: ci, release."]
