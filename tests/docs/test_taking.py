# SPDX-License-Identifier: Apache-2.0
"""docs/taking-this-into-atr.md: every file of ours has its place in it, its lines are counted, and the order works."""

import functools
import itertools
import pathlib
import re
from typing import Final

import grimp

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "taking-this-into-atr.md").read_text("utf-8")
CODE: Final = re.compile(r"`((?:atr|templates|migrations)/[\w./]*)`")
# Where the sandbox and the demo go is said in a sentence.
ALONG: Final = ("atr/sandbox/", "atr/demo/")
# What comes along under another name has its place like any other file.
RENAMED: Final = "another thing under the same name"
# ATR's own lines that one pull request may change.
AT_MOST: Final = 500


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the first table of a text that begins with this head, as cells."""
    _, found, rest = text.partition(f"\n| {head} |")
    rows = itertools.takewhile(lambda line: line.startswith("|"), rest.splitlines()[1:])
    return [row.strip("|").split(" | ") for row in rows if not row.startswith("|---")] if found else []


def named(rows: list[list[str]]) -> list[str]:
    """The paths in the first cells."""
    return [path for row in rows for path in CODE.findall(row[0])]


@functools.cache
def pull_requests() -> tuple[str, ...]:
    """The text of each, in order."""
    return tuple(re.findall(r"^## \d\. .*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL))


@functools.cache
def shared() -> dict[str, list[str]]:
    """What becomes of ours where both have a file, and the paths: left out, merged, taken under a new name."""
    return {row[1].strip(): named([row]) for row in table(PAGE, "both have | ours")}


@functools.cache
def files() -> tuple[str, ...]:
    """Our files, without those that hold a licence line alone."""
    found = [path for folder in ("atr", "templates", "migrations") for path in (ROOT / folder).rglob("*")]
    kept = [path for path in found if path.suffix in {".py", ".html", ".js", ".css", ".svg"}]
    return tuple(sorted(path.relative_to(ROOT).as_posix() for path in kept if lines(path) > 2))


def lines(path: pathlib.Path) -> int:
    return len(path.read_text("utf-8").splitlines())


@functools.cache
def atrs() -> frozenset[str]:
    """The modules that ATR has or had in the folders that both have."""
    kept = (ROOT / "tests" / "docs" / "atr_files.txt").read_text("utf-8").splitlines()
    folders = {folder: names.split() for folder, _, names in (line.partition(": ") for line in kept)}
    inits = {f"{folder}/__init__.py" for folder in folders}
    return frozenset(f"{folder}/{name}.py" for folder, names in folders.items() for name in names) | inits


@functools.cache
def place(file: str) -> tuple[int, str]:
    """With which pull request a file comes (0 for none), and the path that says so: the longest one."""
    if any(file in paths for said, paths in shared().items() if not said.startswith(RENAMED)):
        return 0, file
    rows = {
        path: number for number, text in enumerate(pull_requests(), 1) for path in named(table(text, "adds | lines"))
    }
    rows |= dict.fromkeys([*named(table(PAGE, "left out")), *ALONG], 0)
    fits = [path for path in rows if (file == path) or (path.endswith("/") and file.startswith(path))]
    return (rows[max(fits, key=len)], max(fits, key=len)) if fits else (-1, "")


def test_there_are_five_or_six_and_each_changes_little_of_atr() -> None:
    assert len(pull_requests()) in {5, 6}
    for text in pull_requests():
        changed = [int(row[1].strip()) for row in table(text, "in ATR's own files | about")]
        assert 0 < sum(changed) <= AT_MOST


def test_every_file_has_its_place() -> None:
    assert [file for file in files() if place(file)[0] < 0] == []


def test_every_file_that_both_have_is_said_to_be_one() -> None:
    assert sorted(path for paths in shared().values() for path in paths) == sorted(atrs() & set(files()))


def test_the_lines_are_counted() -> None:
    """Within a tenth, so that not every change of the code is one of the page."""
    wrong = []
    for text in pull_requests():
        for row in table(text, "adds | lines"):
            paths = CODE.findall(row[0])
            counted = sum(lines(ROOT / file) for file in files() if place(file)[1] in paths)
            if abs(counted - int(row[1].strip("| "))) > max(20, counted / 10):
                wrong.append((paths[0], counted))
    assert wrong == []


def test_no_file_needs_one_that_comes_later() -> None:
    graph = grimp.build_graph("atr")
    there = {path for said, paths in shared().items() if not said.startswith((RENAMED, "left out: ")) for path in paths}
    wrong = []
    for file in files():
        number = place(file)[0]
        if (number < 1) or not file.startswith("atr/") or not file.endswith(".py"):
            continue
        for module in graph.find_modules_directly_imported_by(file[:-3].removesuffix("/__init__").replace("/", ".")):
            other = f"{module.replace('.', '/')}.py"
            if (other in files()) and (other not in there) and not (1 <= place(other)[0] <= number):
                wrong.append((file, other))
    assert wrong == []
