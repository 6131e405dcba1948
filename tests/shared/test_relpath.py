# SPDX-License-Identifier: Apache-2.0
"""Paths of files in a release: no two that look alike, none that leads elsewhere."""

import pytest

import atr.shared.relpath as relpath


@pytest.mark.parametrize("path", ["a.txt", "a/b c/d.jar", "-x", "a..b", "ä/ñ.txt", "日本/語"])
def test_a_plain_path_can_be_used(path: str) -> None:
    assert relpath.why_not(path) == ""
    assert relpath.checked(path) == path


@pytest.mark.parametrize(
    ("path", "why_not"),
    [
        # Each looks like a.txt, or like "a b.txt".
        ("a\u200b.txt", "nobody can see"),
        ("a\u2060.txt", "nobody can see"),
        ("\ufeffa.txt", "nobody can see"),
        ("a\u202etxt.b", "nobody can see"),
        ("a\u2066.txt", "nobody can see"),
        ("a\xad.txt", "nobody can see"),
        ("a\U000e0041.txt", "nobody can see"),
        ("a\xa0b.txt", "nobody can see"),
        ("a\u3000b.txt", "nobody can see"),
        ("a.txt ", "begins or ends with a space"),
        (" a.txt", "begins or ends with a space"),
        ("a /b.txt", "begins or ends with a space"),
        ("a.txt.", "ends with a dot"),
        ("a./b.txt", "ends with a dot"),
    ],
    ids=ascii,
)
def test_a_path_that_looks_like_another_is_refused(path: str, why_not: str) -> None:
    assert why_not in relpath.why_not(path)
