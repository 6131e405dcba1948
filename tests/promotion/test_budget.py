# SPDX-License-Identifier: Apache-2.0
"""How often a platform is looked at, and when it is left alone."""

import dataclasses
import datetime

import pytest

import atr.promotion.budget as budget

NOW = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
LIMITS = budget.LIMITS[budget.Reach.ACCOUNT]
PUBLIC = budget.LIMITS[budget.Reach.PUBLIC]
NEW = budget.Account()


def at(seconds: float) -> datetime.datetime:
    """So many seconds after the beginning."""
    return NOW + datetime.timedelta(seconds=seconds)


def looks(account: budget.Account, seconds: float, limits: budget.Limits = LIMITS) -> int:
    """How many rows may be looked at then."""
    return budget.verdict(account, limits, at(seconds), at_most=100).looks


def silent(*, since: float = 0) -> budget.Account:
    """An account whose platform has stopped to answer then."""
    account = NEW
    for _ in range(LIMITS.faults):
        account = budget.after_fault(account, LIMITS, at(since))
    return account


def wait_until(account: budget.Account, seconds: float) -> datetime.datetime | None:
    told = budget.waiting("Central", account, LIMITS, at(seconds))
    return told and told[1]


def test_ten_looks_are_there_at_once_and_ten_more_come_within_a_minute() -> None:
    assert looks(NEW, 0) == 10
    account = budget.spent(NEW, LIMITS, NOW, 10)
    assert [looks(account, seconds) for seconds in (0, 5.9, 6, 12, 59.9, 60, 3_600)] == [0, 0, 1, 2, 9, 10, 10]
    assert wait_until(account, 0) == at(6)
    assert budget.verdict(NEW, LIMITS, NOW, at_most=3).looks == 3


def test_however_looks_are_taken_no_minute_has_more_than_twice_its_share_and_in_the_long_run_none_is_lost() -> None:
    """What was saved up, and what came meanwhile."""
    account, taken = NEW, []
    for second in range(600):
        count = looks(account, second)
        account = budget.spent(account, LIMITS, at(second), count)
        taken += [second] * count
    assert len(taken) == 10 + 99
    assert max(sum(1 for one in taken if begin <= one < begin + 60) for begin in range(540)) <= 20


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    assert looks(budget.spent(NEW, LIMITS, NOW, 4), -60) == 6


def test_a_place_without_a_limit_gives_as_many_as_are_due() -> None:
    assert looks(budget.spent(NEW, PUBLIC, NOW, 1_000), 0, PUBLIC) == 100
    assert budget.spent(NEW, PUBLIC, NOW, 1_000) == NEW
    assert budget.waiting("x", NEW, PUBLIC, NOW) is None


def test_five_faults_within_two_minutes_open_the_breaker_and_four_do_not() -> None:
    account = NEW
    for seconds in (0, 30, 60, 90):
        account = budget.after_fault(account, LIMITS, at(seconds))
    assert looks(account, 91) == 10
    assert budget.after_fault(account, LIMITS, at(119)).opened_at == at(119)
    # The first is more than two minutes old by then.
    assert budget.after_fault(account, LIMITS, at(121)).opened_at is None


def test_it_rests_for_a_minute_then_one_read_is_let_through() -> None:
    account = silent()
    resting = budget.verdict(account, LIMITS, at(59), at_most=100)
    assert (resting, wait_until(account, 59)) == (budget.Verdict(0, budget.Breaker.OPEN), at(60))
    assert budget.verdict(account, LIMITS, at(60), at_most=100) == budget.Verdict(1, budget.Breaker.HALF_OPEN)


def test_while_somebody_probes_nobody_else_does() -> None:
    account = dataclasses.replace(silent(), probing_until=at(135))
    assert wait_until(account, 60) == at(135)
    assert looks(account, 135) == 1, "whoever probed has died"


def test_a_probe_that_is_answered_closes_it_and_one_that_is_not_lets_it_rest_anew() -> None:
    account = dataclasses.replace(silent(), probing_until=at(135))
    assert budget.after_probe(account) == NEW
    again = budget.after_fault(account, LIMITS, at(70))
    assert (again.opened_at, again.probing_until) == (at(70), None)
    assert looks(again, 129) == 0
    assert looks(again, 130) == 1


def test_what_a_platform_asks_for_goes_for_an_hour_at_most_and_is_not_made_shorter() -> None:
    account = budget.after_told(NEW, NOW, 120)
    assert (looks(account, 119), looks(account, 120)) == (0, 10)
    assert budget.after_told(account, at(1), 5) == account
    assert looks(budget.after_told(NEW, NOW, 86_400), 3_600) == 10
    # A half-open breaker is not tried meanwhile.
    assert looks(budget.after_told(silent(), NOW, 120), 61) == 0


@pytest.mark.parametrize(
    ("status", "counts"), [(None, True), (500, True), (503, True), (404, False), (408, False), (429, False)]
)
def test_an_answer_of_its_own_is_no_fault_of_the_platform(status: int | None, counts: bool) -> None:  # noqa: FBT001
    assert budget.is_fault(status) is counts


def test_the_page_says_why_and_until_when() -> None:
    assert budget.waiting("Maven Central", NEW, LIMITS, NOW) is None
    assert budget.waiting("Maven Central", silent(), LIMITS, at(1)) == (
        "Maven Central failed to respond 5 times within two minutes; next request at 12:01:00 UTC.",
        at(60),
    )
    told = budget.waiting("Maven Central", budget.after_told(NEW, NOW, 120), LIMITS, NOW)
    assert told == ("Maven Central asked for a pause; next request at 12:02:00 UTC.", at(120))
    used = budget.waiting("Maven Central", budget.spent(NEW, LIMITS, NOW, 10), LIMITS, NOW)
    assert used is not None
    assert used[0].startswith("The rate limit for Maven Central is used up; requests resume at 12:00:06 UTC")
    assert (
        "5 times within two minutes. Nothing is sent until it responds."
        in budget.silence("Maven Central", LIMITS).sentence
    )


def test_the_sandbox_runs_the_same_table_faster() -> None:
    fast = LIMITS.faster(60)
    assert (fast.looks, fast.per, fast.faults, fast.within, fast.rest) == (10, 1, 5, 2, 1)
    assert "within 2 seconds" in budget.silence("x", fast).sentence


def test_a_fault_as_old_as_the_window_counts_no_more_and_an_open_breaker_has_none_left() -> None:
    account = NEW
    for _ in range(LIMITS.faults - 1):
        account = budget.after_fault(account, LIMITS, at(0))
    assert budget.after_fault(account, LIMITS, at(LIMITS.within)).faults == (at(LIMITS.within),)
    opened = budget.after_fault(account, LIMITS, at(1))
    assert (opened.opened_at, opened.faults) == (at(1), ())
