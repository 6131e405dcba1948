# SPDX-License-Identifier: Apache-2.0
"""Paths of files in a release: no two that look alike, none that leads elsewhere."""

import pytest

import atr.errors as errors
import atr.shared.relpath as relpath


@pytest.mark.parametrize("path", ["a.txt", "a/b c/d.jar", "-x", "a..b", "ä/ñ.txt", "日本/語"])
def test_a_plain_path_can_be_used(path: str) -> None:
    assert relpath.why_not(path) == ""
    assert relpath.checked(path) == path


@pytest.mark.parametrize(
    ("path", "why_not"),
    [
        # Each looks like a.txt, or like "a b.txt".
        ("a\u200b.txt", "invisible character"),
        ("a\u2060.txt", "invisible character"),
        ("\ufeffa.txt", "invisible character"),
        ("a\u202etxt.b", "invisible character"),
        ("a\u2066.txt", "invisible character"),
        ("a\xad.txt", "invisible character"),
        ("a\U000e0041.txt", "invisible character"),
        ("a\xa0b.txt", "invisible character"),
        ("a\u3000b.txt", "invisible character"),
        ("a.txt ", "begins or ends with a space"),
        (" a.txt", "begins or ends with a space"),
        ("a /b.txt", "begins or ends with a space"),
        ("a.txt.", "ends with a dot"),
        ("a./b.txt", "ends with a dot"),
        ("a\u0308.txt", "Unicode normalization form C"),
        # Each leads elsewhere, or nowhere.
        ("", "no name"),
        ("a/" * 600, "longer than 1,000 characters"),
        ("a\x00b", "invisible character"),
        ("a\\b", "a backslash"),
        ("/etc/passwd", "absolute"),
        ("a//b", "an empty name"),
        ("a/../b", "It contains “..”"),
        ("./b", "It contains “.”"),
        (".git/config", "hidden"),
        ("ä" * 128, "longer than 255 bytes"),
    ],
    ids=ascii,
)
def test_a_path_that_looks_like_another_or_leads_elsewhere_is_refused(path: str, why_not: str) -> None:
    assert why_not in relpath.why_not(path)
    with pytest.raises(errors.InputError, match="cannot be the path of a file in a release"):
        relpath.checked(path)


def test_what_cannot_be_printed_is_shown_all_the_same() -> None:
    assert relpath.shown("a.txt") == "a.txt"
    assert relpath.shown("a\x00b\u202e") == "a\\x00b\\u202e"
    assert relpath.shown("x" * 200) == "x" * 120 + "…"


def test_the_folders_of_a_path() -> None:
    assert relpath.folder("a/b/c.txt") == "a/b"
    assert relpath.folder("c.txt") == ""
    assert relpath.folders("a/b/c.txt") == ("a", "a/b")
    assert relpath.folders("c.txt") == ()
