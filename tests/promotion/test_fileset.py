# SPDX-License-Identifier: Apache-2.0
"""File sets: the digest and the one comparison."""

import dataclasses
import hashlib
from typing import Final

import hypothesis
import hypothesis.strategies as strategies
import pytest

import atr.errors as errors
import atr.promotion.fileset as fileset
from tests.promotion import samples

A64: Final = "a" * 64
B64: Final = "b" * 64

# Few names and contents, so that renames and twins are common.
PATHS: Final = strategies.sampled_from(["a", "b", "B", "a/b", "a.b", "é", "\uffee", "\U0001f4e6"])
CONTENTS: Final = strategies.sampled_from(["one", "two", "three"])
FILE_SETS: Final = strategies.dictionaries(PATHS, CONTENTS, min_size=1).map(
    lambda content: fileset.FileSet.of(samples.file(path, text) for path, text in content.items())
)


def test_the_digest_is_the_golden_one() -> None:
    """Written down once: a changed formula would make every stored digest a stranger."""
    voted = fileset.FileSet.of([fileset.File("b/c.jar", 12, B64), fileset.File("a.pom", 3, A64)])
    assert voted.digest == "b43da7af83ba32a26b90eee30d12dae2a5563547615c79f781593f7cfa947853"


def test_the_digest_is_that_of_the_lines_in_path_order() -> None:
    voted = samples.files("org/b.jar", "org/a.jar", "org/ä.jar")
    lines = "".join(f"{file.sha256} {file.size} {file.path}\n" for file in sorted(voted.files))
    assert voted.digest == hashlib.sha256(lines.encode()).hexdigest()


def test_the_order_is_that_of_utf8_bytes() -> None:
    """Not that of UTF-16 code units, which puts what lies above the basic plane before U+FFEE; nor of letters."""
    paths = ["\U0001f4e6", "\uffee", "é", "z", "a/b", "a.b", "B", "a"]
    voted = samples.files(*paths)
    assert [file.path for file in voted.files] == ["B", "a", "a.b", "a/b", "z", "é", "\uffee", "\U0001f4e6"]
    assert [file.path for file in voted.files] == sorted(paths, key=str.encode)


@pytest.mark.parametrize(
    ("path", "size", "sha256"),
    [
        ("", 1, A64),
        ("a\nb", 1, A64),
        ("a\n", 1, A64),
        ("a", -1, A64),
        ("a", 1, ""),
        ("a", 1, A64[:-1]),
        ("a", 1, A64.upper()),
        ("a", 1, f"{A64}\n"),
        ("a", 1, "\u0660" * 64),
        # What a disk hands over for a name that is not UTF-8.
        ("a\udcff", 1, A64),
    ],
)
def test_what_is_no_file(path: str, size: int, sha256: str) -> None:
    with pytest.raises(errors.InputError, match="is not a file"):
        fileset.File(path, size, sha256)


def test_an_empty_file_is_a_file() -> None:
    assert fileset.File("a", 0, A64).size == 0


def test_there_is_no_empty_set() -> None:
    with pytest.raises(errors.InputError, match="no files to compare"):
        fileset.FileSet.of([])


def test_a_path_named_twice_is_refused_even_with_the_same_bytes() -> None:
    with pytest.raises(errors.InputError, match=r"^a, b, c and 1 more is listed twice"):
        fileset.FileSet.of([samples.file(path) for path in "aabbccddx"])


def test_paths_and_size() -> None:
    voted = samples.files("a", "bb")
    assert voted.size == 3
    assert voted.by_path == {"a": samples.file("a"), "bb": samples.file("bb")}


VOTED: Final = samples.files("a", "b", "c", d="twin", e="twin")


@pytest.mark.parametrize(
    ("other", "expected", "sentence"),
    [
        pytest.param(
            samples.files("c", "b", "a", e="twin", d="twin"),
            fileset.Difference(equal=5),
            "All 5 staged files are identical to the voted files.",
            id="equal",
        ),
        pytest.param(
            samples.files("a", "b", d="twin", e="twin"),
            fileset.Difference(missing=("c",), equal=4),
            "1 staged file is missing (c).",
            id="missing",
        ),
        pytest.param(
            samples.files("a", "b", "c", "x", "y", d="twin", e="twin"),
            fileset.Difference(extra=("x", "y"), equal=5),
            "2 staged files were not voted on (x, y).",
            id="extra",
        ),
        pytest.param(
            samples.files("a", "c", b="other", d="twin", e="twin"),
            fileset.Difference(changed=("b",), equal=4),
            "1 staged file differs (b).",
            id="changed",
        ),
        pytest.param(
            samples.files("a", "b", d="twin", e="twin", x="c"),
            fileset.Difference(renamed=(("c", "x"),), equal=4),
            "1 staged file has another path (c as x).",
            id="renamed",
        ),
        pytest.param(
            samples.files("a", "b", "c", x="twin", y="twin"),
            fileset.Difference(renamed=(("d", "x"), ("e", "y")), equal=3),
            "2 staged files have another path (d as x, e as y).",
            id="twins renamed",
        ),
        pytest.param(
            samples.files("a", "b", "c", x="twin"),
            fileset.Difference(missing=("e",), renamed=(("d", "x"),), equal=3),
            "1 staged file is missing (e); 1 staged file has another path (d as x).",
            id="one of two twins renamed, the other missing",
        ),
        pytest.param(
            samples.files("a", "b", "c", d="twin", e="twin", f="twin"),
            fileset.Difference(extra=("f",), equal=5),
            "1 staged file was not voted on (f).",
            id="a third twin is extra",
        ),
        pytest.param(
            samples.files("a", "b", c="twin", d="c", e="twin"),
            fileset.Difference(changed=("c", "d"), equal=3),
            "2 staged files differ (c, d).",
            id="two files changed places",
        ),
        pytest.param(
            samples.files("v", "w", "x", "y", "z"),
            fileset.Difference(missing=("a", "b", "c", "d", "e"), extra=("v", "w", "x", "y", "z")),
            "5 staged files are missing (a, b, c and 2 more); 5 staged files were not voted on (v, w, x and 2 more).",
            id="nothing alike",
        ),
    ],
)
def test_compare(other: fileset.FileSet, expected: fileset.Difference, sentence: str) -> None:
    difference = fileset.compare(VOTED, other)
    assert difference == expected
    assert difference.is_empty == (other.digest == VOTED.digest)
    assert difference.described("staged") == sentence


def test_before_a_vote_what_is_extra_is_not_told_as_missing() -> None:
    difference = fileset.Difference(missing=("a",), extra=("v", "w"))
    assert difference.described("staged", voted=False) == (
        "1 staged file is missing (a); 2 staged files are not among them (v, w)."
    )


def test_the_same_content_in_another_size_is_no_twin() -> None:
    """Two files are alike only in sha256 and size together."""
    voted, other = (fileset.FileSet.of([fileset.File("a", size, A64)]) for size in (1, 2))
    assert fileset.compare(voted, other).changed == ("a",)


def test_thousands_are_counted_readably() -> None:
    assert "1,200 public files" in fileset.Difference(equal=1200).described("public")


@hypothesis.given(FILE_SETS)
def test_a_set_equals_itself(one: fileset.FileSet) -> None:
    assert fileset.compare(one, one) == fileset.Difference(equal=len(one.files))


@hypothesis.given(FILE_SETS, FILE_SETS)
def test_compare_is_symmetric(one: fileset.FileSet, two: fileset.FileSet) -> None:
    there, back = fileset.compare(one, two), fileset.compare(two, one)
    assert (there.missing, there.extra) == (back.extra, back.missing)
    assert (there.changed, there.equal) == (back.changed, back.equal)
    assert {(new, old) for old, new in there.renamed} == set(back.renamed)


@hypothesis.given(FILE_SETS, FILE_SETS)
def test_compare_accounts_for_every_file_once(one: fileset.FileSet, two: fileset.FileSet) -> None:
    difference = fileset.compare(one, two)
    both = len(difference.changed) + len(difference.renamed) + difference.equal
    assert len(one.files) == both + len(difference.missing)
    assert len(two.files) == both + len(difference.extra)


@hypothesis.given(FILE_SETS, FILE_SETS)
def test_digests_are_equal_exactly_when_the_sets_are(one: fileset.FileSet, two: fileset.FileSet) -> None:
    assert (one.digest == two.digest) == (set(one.files) == set(two.files))
    assert fileset.compare(one, two).is_empty == (one == two)


@hypothesis.given(FILE_SETS, strategies.randoms())
def test_the_order_in_which_files_are_handed_over_means_nothing(one: fileset.FileSet, random: object) -> None:
    shuffled = list(one.files)
    getattr(random, "shuffle")(shuffled)  # noqa: B009
    assert fileset.FileSet.of(shuffled) == one


def test_what_is_only_named_like_a_checksum_is_a_file_like_any_other() -> None:
    """Its text is something else."""
    there = samples.files(**{"x.tgz": "bytes", "y.sha512": "an orphan"})
    odd = fileset.File("x.tgz.sha512", 9, "a" * 64, fileset.Odd.TEXT)
    assert fileset.checksums_of([*there.files, odd]) == {}
    assert fileset.checksums_of([*there.files, dataclasses.replace(odd, odd=None)]) == {
        "x.tgz.sha512": ("x.tgz", "sha512")
    }


def test_the_closest_candidate_explains_best() -> None:
    near, far = samples.files("a", "b", c="other"), samples.files("x", "y")
    assert fileset.closest(samples.files("a", "b", "c"), [far, near]) == near
    assert fileset.closest(near, []) is None


EVIDENCE: Final = ("id-1", "central org.apache", ("pkg:a", "pkg:b"), "v" * 8, "s" * 8)


def test_the_evidence_does_not_depend_on_the_order_of_packages() -> None:
    deployment, target, purls, voted, staged = EVIDENCE
    assert fileset.evidence_digest(*EVIDENCE) == fileset.evidence_digest(
        deployment, target, reversed(purls), voted, staged
    )


@pytest.mark.parametrize(
    "moved",
    [
        ("id-2", *EVIDENCE[1:]),
        (EVIDENCE[0], "central org.other", *EVIDENCE[2:]),
        (*EVIDENCE[:2], ("pkg:a",), *EVIDENCE[3:]),
        (*EVIDENCE[:2], ("pkg:a", "pkg:b", "pkg:c"), *EVIDENCE[3:]),
        (*EVIDENCE[:2], ("pkg:apkg:b",), *EVIDENCE[3:]),
        (*EVIDENCE[:3], "w" * 8, EVIDENCE[4]),
        (*EVIDENCE[:4], "t" * 8),
        # What is voted and what is staged changed places.
        (*EVIDENCE[:3], EVIDENCE[4], EVIDENCE[3]),
        # A line break inside a value makes no other line.
        ("id-1\n18 central org.apache", "", *EVIDENCE[2:]),
    ],
)
def test_any_change_of_the_evidence_changes_its_digest(moved: tuple[str, str, tuple[str, ...], str, str]) -> None:
    assert fileset.evidence_digest(*moved) != fileset.evidence_digest(*EVIDENCE)
