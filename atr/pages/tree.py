# SPDX-License-Identifier: Apache-2.0
"""The files of a revision as a page lists them: by folder, with counts and a limited number of lines. Pure."""

import collections
import dataclasses
import os.path
from collections.abc import Mapping, Sequence
from typing import Final

import atr.promotion.fileset as fileset
import atr.shared.relpath as relpath

# Where a file is mapped, as (platform, path there) pairs, and the problem with that, if any.
Place = tuple[tuple[tuple[str, str], ...], str]
# The most files, and the most folders, that one page lists. With more files the folders are shown closed.
LINES: Final = 200
_NOWHERE: Final[Place] = ((), "")


@dataclasses.dataclass(frozen=True)
class FileLine:
    """One file of a revision: where the policy maps it, as (platform, path there) pairs, and the problem with that."""

    path: str
    name: str
    size: int
    sha256: str
    places: tuple[tuple[str, str], ...]
    problem: str


@dataclasses.dataclass(frozen=True)
class Folder:
    """One folder of the listing. `lines` are its files; empty if the folder is shown closed."""

    path: str
    files: int
    size: int
    problems: int
    lines: tuple[FileLine, ...]


@dataclasses.dataclass(frozen=True)
class Tree:
    """The files below one folder that match a filter, as many as a page lists."""

    folder: str
    # (name, path) of the parent folders, the outermost first; the last one is `folder` itself.
    above: tuple[tuple[str, str], ...]
    query: str
    # The first folders, and the number of all.
    folders: tuple[Folder, ...]
    folders_total: int
    # How many files match, and how many of them have a line.
    found: int
    shown: int


def of(files: Sequence[fileset.File], places: Mapping[str, Place], folder: str = "", query: str = "") -> Tree:
    """Return the files below a folder whose paths contain the query."""
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
        # A filter finds files, so folders whose files do not fit on the page are left out.
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
    """Group files by the folder itself and its children; a child that contains only another folder is skipped."""
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
