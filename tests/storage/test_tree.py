# SPDX-License-Identifier: Apache-2.0
"""The files of a revision on a page: by folder, counted, and never more lines than somebody reads."""

import hashlib

import atr.pages.tree as trees
import atr.promotion.fileset as fileset


def files(*paths: str) -> tuple[fileset.File, ...]:
    return tuple(fileset.File(path, 10, hashlib.sha256(path.encode()).hexdigest()) for path in paths)


def test_few_files_are_all_there_by_their_folders() -> None:
    places: dict[str, trees.Place] = {"a/x": ((("Maven Central", "x"),), ""), "a/y": ((), "It is wrong.")}
    tree = trees.of(files("a/x", "a/y", "b/c/z", "top"), places)
    assert [(one.path, one.files, one.problems) for one in tree.folders] == [("", 1, 0), ("a", 2, 1), ("b/c", 1, 0)]
    assert [line.name for line in tree.folders[1].lines] == ["x", "y"]
    assert tree.folders[1].lines[0].places == (("Maven Central", "x"),)
    assert (tree.found, tree.shown) == (4, 4)


def test_many_files_are_folders_to_be_opened() -> None:
    """A folder that holds nothing but another one is skipped; one that is opened shows what lies in it."""
    many = files(*(f"maven/org/m{number // 100}/{number}.jar" for number in range(10_000)), "NOTICE")
    top = trees.of(many, {})
    assert [(one.path, one.files, len(one.lines)) for one in top.folders] == [("", 1, 1), ("maven/org", 10_000, 0)]
    inside = trees.of(many, {}, folder="maven/org")
    assert [one.files for one in inside.folders] == [100] * 100
    assert inside.above == (("maven", "maven"), ("org", "maven/org"))
    one = trees.of(many, {}, folder="maven/org/m7")
    assert (one.found, one.shown) == (100, 100)


def test_what_is_found_and_what_is_listed_is_bounded() -> None:
    many = files(*(f"f{number}/x.jar" for number in range(1_000)))
    assert (len(trees.of(many, {}).folders), trees.of(many, {}).folders_total) == (trees.LINES, 1_000)
    found = trees.of(many, {}, query="X.JAR")
    assert (found.found, found.shown) == (1_000, trees.LINES)
    assert [line.path for one in trees.of(many, {}, query="f77/").folders for line in one.lines] == ["f77/x.jar"]
    assert trees.of(many, {}, query="nothing").found == 0


def test_a_flat_folder_of_thousands_is_cut() -> None:
    tree = trees.of(files(*(f"dist/{number}.jar" for number in range(3_000))), {}, folder="dist")
    assert [(one.files, len(one.lines)) for one in tree.folders] == [(3_000, trees.LINES)]
    assert (tree.found, tree.shown) == (3_000, trees.LINES)
