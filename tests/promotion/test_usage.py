# SPDX-License-Identifier: Apache-2.0
"""What publishing takes of a platform's limits for a calendar month."""

import datetime
from typing import Final

import pytest

import atr.promotion.usage as usage
from tests.promotion import samples

Usage = usage.Usage
_BEYOND: Final = (
    "This would exceed the monthly limit: 1,300 files of 1,167. The platform may accept nothing more until next "
    "month. Uploads by others under this account are not counted."
)


def test_the_month_begins_at_midnight_utc_of_its_first_day() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5))
    assert usage.month(samples.NOW) == datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
    assert usage.month(datetime.datetime(2026, 6, 1, 4, 59, tzinfo=zone)).month == 5
    assert usage.month(datetime.datetime(2026, 6, 1, 5, 0, tzinfo=zone)).month == 6
    assert usage.month(datetime.datetime(2026, 6, 1, 5, 0, tzinfo=zone)).tzinfo is datetime.UTC


@pytest.mark.parametrize(
    ("limits", "exceeded"),
    [
        (Usage(), ()),
        (Usage(1_300, 90_000_000, 3), ()),
        (Usage(files=1_299), ("1,300 files of 1,299",)),
        (Usage(size=78_000_000), ("90.0 MB of 78.0 MB",)),
        (Usage(releases=2), ("3 deployments of 2",)),
        (Usage(1, 1, 1), ("1,300 files of 1", "90.0 MB of 1 byte", "3 deployments of 1")),
    ],
)
def test_what_is_over_a_limit_is_named(limits: usage.Usage, exceeded: tuple[str, ...]) -> None:
    assert usage.over(Usage(1_300, 90_000_000, 3), limits) == exceeded


def test_the_sentences_say_what_it_takes_what_was_promoted_and_the_limits() -> None:
    said = usage.sentences(Usage(96, 1_234_567, 1), Usage(1_204, 310, 2), Usage(1_167, 0, 7), samples.NOW)
    assert said == (
        "It would publish 96 files with 1.2 MB, including signatures and checksums.",
        "In May (UTC) 2 deployments were promoted from here under this account: 1,204 files with 310 bytes.",
        "The monthly limits are 1,167 files, 7 deployments.",
        _BEYOND,
    )


def test_what_is_not_known_is_said() -> None:
    said = usage.sentences(None, Usage(), Usage(size=5_000_000_000_000), samples.NOW)
    assert said == (
        "The volume is not known yet: nothing is staged, and the policy maps no files.",
        "In May (UTC) nothing has been promoted from here under this account.",
        "The monthly limits are 5,000.0 GB.",
    )
    assert usage.sentences(None, Usage(1, 1, 1), Usage(), samples.NOW)[1:] == (
        "In May (UTC) 1 deployment was promoted from here under this account: 1 file with 1 byte.",
        "The operator has configured no monthly limits.",
    )


def test_usages_add_up() -> None:
    assert Usage(1, 20, 300) + Usage(4, 50, 600) == Usage(5, 70, 900)
