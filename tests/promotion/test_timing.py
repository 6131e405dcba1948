# SPDX-License-Identifier: Apache-2.0
"""When a request that was answered 429 is sent again."""

import datetime
import itertools

import pytest

import atr.promotion.heard as heard
import atr.promotion.timing as timing
from tests.promotion import samples

DAY = 86_400.0
TABLE = timing.Timing()


def _reply(at: float, retry_after: float | None = None, *, is_limit: bool = True, words: str = "") -> timing.Reply:
    answer = heard.Answer.LIMITED if is_limit else heard.Answer.UNCLEAR
    return timing.Reply(answer, samples.ago(-at), retry_after, words)


def _seconds(wait: timing.Wait | None) -> float:
    assert wait is not None
    return (wait.until - samples.NOW).total_seconds()


def _tried(retry_after: float | None = None, table: timing.Timing = TABLE) -> list[timing.Reply]:
    """Answers to requests that are each sent as soon as they may, until it is over."""
    replies = [_reply(0, retry_after)]
    while not (wait := timing.wait(replies, table)) or not wait.is_over:
        replies.append(_reply(_seconds(wait), retry_after))
    return replies


def test_without_a_429_at_the_end_nothing_is_waited_for() -> None:
    assert timing.wait([], TABLE) is None
    assert timing.wait([_reply(0), _reply(9, is_limit=False)], TABLE) is None


@pytest.mark.parametrize("retry_after", [None, 0.0, 59.0])
def test_where_nothing_is_told_it_is_a_minute_then_twice_as_long_up_to_6_hours_and_3_days_in_all(
    retry_after: float | None,
) -> None:
    """What is told and shorter than the table counts as nothing: or it would be tried every second for ever."""
    replies = _tried(retry_after)
    waits = [(later.at - earlier.at).total_seconds() for earlier, later in itertools.pairwise(replies)]
    assert waits == [60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360, *[21_600] * 10, 12_540]
    assert (replies[-1].at - replies[0].at).total_seconds() == 3 * DAY


@pytest.mark.parametrize(("told", "waits"), [(60, 60), (1_800, 1_800), (20 * DAY, 20 * DAY), (400 * DAY, 31 * DAY)])
def test_what_is_told_is_waited_for_up_to_31_days(told: float, waits: float) -> None:
    wait = timing.wait([_reply(0, told)], TABLE)
    assert _seconds(wait) == waits
    assert wait is not None
    assert not wait.is_over


@pytest.mark.parametrize("told", [3_600.0, DAY, 31 * DAY])
def test_what_is_told_again_and_again_ends_after_31_days(told: float) -> None:
    replies = _tried(told)
    assert (replies[-1].at - replies[0].at).total_seconds() == 31 * DAY


def test_what_is_told_in_between_begins_the_table_anew() -> None:
    replies = [_reply(0), _reply(60), _reply(180, 3_600), _reply(3_780)]
    assert _seconds(timing.wait(replies, TABLE)) == 3_780 + 60


def test_after_another_answer_and_after_a_persons_click_the_table_begins_anew() -> None:
    assert _seconds(timing.wait([_reply(0), _reply(60, is_limit=False), _reply(70)], TABLE)) == 70 + 60
    over = _tried()
    clicked = 5 * DAY
    wait = timing.wait([*over, _reply(clicked)], TABLE)
    assert wait is not None
    assert (_seconds(wait), wait.is_over) == (clicked + 60, False)


def test_the_sandbox_divides_the_table_and_never_what_is_told() -> None:
    fast = TABLE.faster(60)
    assert _seconds(timing.wait([_reply(0)], fast)) == 1
    assert (_tried(table=fast)[-1].at - samples.NOW).total_seconds() == 3 * DAY / 60
    assert _seconds(timing.wait([_reply(0, 1_800)], fast)) == 1_800


def test_a_wait_holds_until_its_instant() -> None:
    wait = timing.Wait(samples.ago(-60), is_over=False, words="")
    assert timing.holding(wait, samples.NOW) is wait
    assert timing.holding(wait, wait.until) is None
    assert timing.holding(timing.Wait(wait.until, is_over=True, words=""), samples.NOW) is None
    assert timing.holding(None, samples.NOW) is None


def test_the_sentence_holds_the_platforms_words_and_the_instant() -> None:
    until = datetime.datetime(2026, 12, 1, 0, 5, tzinfo=datetime.UTC)
    assert timing.Wait(until, is_over=False, words="Limit reached").sentence("publish request") == (
        "The platform rate-limits the publish request (429): “Limit reached”. "
        "It is sent again at 00:05 UTC on 1 December."
    )
    assert timing.Wait(until, is_over=True, words="").sentence("upload") == (
        "The platform rate-limits the upload (429). "
        "Retries have ended; it is sent again only when a person requests it."
    )
