# SPDX-License-Identifier: Apache-2.0
"""Patterns mean what git says, as the library that everybody uses reads it; and none of them can stop the process."""

import re
import time
import warnings

import hypothesis
import pathspec
import pytest
from hypothesis import strategies

import atr.errors as errors
import atr.promotion.patterns as patterns

_NAME = strategies.text("ab.-", min_size=1, max_size=4).filter(lambda name: name.strip("."))
_PATHS = strategies.lists(_NAME, min_size=1, max_size=5).map("/".join)
_PIECE = strategies.sampled_from(
    ("a", "b", "*", "?", "[ab]", "[a-b]", ".", "-", "a*", "*b", "a*a", "[!a]", "[^b.]", "[]a]")
)
_NAMES = strategies.one_of(strategies.just("**"), strategies.lists(_PIECE, min_size=1, max_size=4).map("".join))
_PATTERNS = strategies.tuples(
    strategies.sampled_from(("", "", "/")),
    strategies.lists(_NAMES, min_size=1, max_size=5).map("/".join),
    strategies.sampled_from(("", "", "/")),
).map("".join)


@hypothesis.settings(max_examples=500, deadline=None)
@hypothesis.given(pattern=_PATTERNS, path=_PATHS)
@hypothesis.example(pattern="ab*b", path="ab")
@hypothesis.example(pattern="**/a/**/b", path="a/a/a/b")
@hypothesis.example(pattern="**/", path="a")
@hypothesis.example(pattern="a/**", path="a")
@hypothesis.example(pattern="a**b", path="a/b")
def test_it_means_what_the_library_says(pattern: str, path: str) -> None:
    """But for [!a], which to the library may be a slash, and to git may not."""
    hypothesis.assume(("/" not in path) or not re.search(r"\[[!^]", pattern))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pathspec.GitIgnoreSpec.from_lines([pattern]).match_file(path)
    assert bool(patterns.compiled(pattern).match(path)) is theirs


@pytest.mark.parametrize("pattern", ["a[!b]c", "a[^b]c"])
def test_one_character_is_never_a_slash(pattern: str) -> None:
    assert patterns.compiled(pattern).match("axc")
    assert not patterns.compiled(f"/{pattern}").match("a/c")


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("", "1 to 200"),
        ("   ", "1 to 200"),
        ("a" * 201, "1 to 200"),
        ("!a", "match nothing"),
        ("# a", "match nothing"),
        ("/", "between two slashes"),
        ("a//b", "between two slashes"),
        ("a\\*", "backslash"),
        ("a\u202eb", "invisible character"),
        ("a\nb", "invisible character"),
        ("[a", "no ]"),
        ("[]", "is not a valid pattern."),
        ("[]x", "is not a valid pattern."),
        ("[z-a]", "is not a valid pattern."),
    ],
)
def test_what_is_no_pattern_says_why(pattern: str, word: str) -> None:
    with pytest.raises(errors.InputError, match="is not a valid pattern") as raised:
        patterns.compiled(pattern)
    assert word in str(raised.value)


@hypothesis.given(pattern=strategies.text(max_size=30), path=strategies.text(max_size=30))
def test_any_text_is_a_pattern_or_an_input_error(pattern: str, path: str) -> None:
    """Warnings are errors, so sets that Python will read otherwise one day do not get through."""
    try:
        expression = patterns.compiled(pattern)
    except errors.InputError:
        return
    assert expression.match(path) is None or path


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a*" * 90 + "b", "a" * 1_000),
        ("*a" * 90 + "b", "a" * 1_000),
        ("**/a" * 40 + "/b", "a/" * 500 + "c"),
        ("*a*a/" * 30 + "b", "aaaaaaaaaaaaaaa/" * 60 + "c"),
        ("**/*a*a*a*a*/" * 12 + "b", "aaaaaaaaaaaaaaa/" * 60 + "c"),
        ("?*" * 90 + "b", "a" * 1_000),
        ("[!b]*" * 35 + "b", "a" * 1_000),
    ],
)
def test_no_pattern_takes_longer_than_its_path_is_long(pattern: str, path: str) -> None:
    """A thousand such paths in well under the time of a click; one of them stopped the library for good."""
    expression = patterns.compiled(pattern)
    begun = time.process_time()
    for _ in range(100):
        assert not expression.match(path)
    assert time.process_time() - begun < 2
