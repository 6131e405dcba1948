# SPDX-License-Identifier: Apache-2.0
"""The files of a revision as a page lists them: by folder, counted, never more lines than somebody reads. Pure."""

import collections
import dataclasses
import os.path
from collections.abc import Mapping, Sequence
from typing import Final

import atr.promotion.fileset as fileset
import atr.shared.relpath as relpath

# Where a file goes, (platform, path there), and what is wrong with that.
Place = tuple[tuple[tuple[str, str], ...], str]
# As many files, and as many folders, as one page lists. Beyond it folders are named, each to be opened on its own.
LINES: Final = 200
_NOWHERE: Final[Place] = ((), "")


@dataclasses.dataclass(frozen=True)
class FileLine:
    """One file of a revision: where the policy maps it, (platform, path there), and what is wrong with that."""

    path: str
    name: str
    size: int
    sha256: str
    places: tuple[tuple[str, str], ...]
    problem: str


@dataclasses.dataclass(frozen=True)
class Folder:
    """One folder of the listing. `lines` are its files; empty where it is only named, to be opened on its own."""

    path: str
    files: int
    size: int
    problems: int
    lines: tuple[FileLine, ...]


@dataclasses.dataclass(frozen=True)
class Tree:
    """The files below one folder that fit a filter, as many as a page holds."""

    folder: str
    # (name, path) of the folders above, the outermost first; the last one is `folder` itself.
    above: tuple[tuple[str, str], ...]
    query: str
    # The first of them, and how many there are.
    folders: tuple[Folder, ...]
    folders_total: int
    # How many files fit, and how many of them have a line.
    found: int
    shown: int


def of(files: Sequence[fileset.File], places: Mapping[str, Place], folder: str = "", query: str = "") -> Tree:
    """The files below a folder whose paths hold the text that was asked for."""
    prefix = f"{folder}/" if folder else ""
    wanted = query.casefold()
    found = [file for file in files if file.path.startswith(prefix) and (wanted in file.path.casefold())]
    by_folder: dict[str, list[fileset.File]] = collections.defaultdict(list)
    for file in found:
        by_folder[relpath.folder(file.path)].append(file)
    listed = (len(found) <= LINES) or bool(query)
    groups = by_folder if listed else _children(by_folder, folder)
    left = LINES
    shown = []
    for path, inside in sorted(groups.items()):
        lines = inside[:left] if (listed or (path == folder)) else []
        left -= len(lines)
        shown.append(
            Folder(
                path=path,
                files=len(inside),
                size=sum(file.size for file in inside),
                problems=sum(1 for file in inside if places.get(file.path, _NOWHERE)[1]),
                lines=tuple(_line(file, places) for file in lines),
            )
        )
    if query:
        # A filter finds files: a folder of which none fits on the page says nothing.
        shown = [one for one in shown if one.lines]
    return Tree(
        folder=folder,
        above=tuple((path.rpartition("/")[2], path) for path in (*relpath.folders(folder), folder) if path),
        query=query,
        folders=tuple(shown[:LINES]),
        folders_total=len(shown),
        found=len(found),
        shown=LINES - left,
    )


def _children(by_folder: Mapping[str, list[fileset.File]], folder: str) -> dict[str, list[fileset.File]]:
    """The files of the folder itself, and each folder in it; one that holds nothing but another folder is skipped."""
    start = len(folder) + 1 if folder else 0
    groups: dict[str, list[fileset.File]] = collections.defaultdict(list)
    deepest: dict[str, str] = {}
    for path, files in by_folder.items():
        child = f"{path[:start]}{path[start:].partition('/')[0]}" if path != folder else folder
        groups[child].extend(files)
        deepest[child] = os.path.commonpath([deepest[child], path]) if child in deepest else path
    return {deepest[child]: files for child, files in groups.items()}


def _line(file: fileset.File, places: Mapping[str, Place]) -> FileLine:
    where, problem = places.get(file.path, _NOWHERE)
    return FileLine(
        path=file.path,
        name=file.path.rpartition("/")[2],
        size=file.size,
        sha256=file.sha256,
        places=where,
        problem=problem,
    )
