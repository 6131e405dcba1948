# SPDX-License-Identifier: Apache-2.0
"""What sentences are made of."""

import datetime

import atr.shared.words as words

_AT = datetime.datetime(2026, 9, 7, 21, 31, 5, tzinfo=datetime.UTC)


def test_plurals() -> None:
    assert [words.count(number, "file") for number in (0, 1, 3_000)] == ["0 files", "1 file", "3,000 files"]
    assert [words.count(number, "file is", "files are") for number in (1, 2)] == ["1 file is", "2 files are"]
    assert [words.either(number, "it", "them") for number in (0, 1, 2)] == ["them", "it", "them"]


def test_lists() -> None:
    assert [words.listed(list("abc")[:number]) for number in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert words.some(range(3)) == "0, 1, 2"
    assert words.some(range(1_003)) == "0, 1, 2 and 1,000 more"
    assert words.first(["A.", "B."]) == "A. B."
    assert words.first(["A.", "B.", "C.", "D."]) == "A. B. C. And 1 more."


def test_the_first_letter() -> None:
    assert (words.upper("deployment 4"), words.upper("")) == ("Deployment 4", "")
    assert (words.lower("Compare It"), words.lower("")) == ("compare It", "")


def test_dates() -> None:
    assert (words.short(_AT), words.long(_AT)) == ("7 Sep, 21:31", "7 September 2026 at 21:31 UTC")
