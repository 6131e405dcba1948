# SPDX-License-Identifier: Apache-2.0
"""Which files of a revision go to a platform, by the policy's patterns, and where they stand there. Pure."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Final

import atr.errors as errors
import atr.promotion.fileset as fileset
import atr.promotion.patterns as wildcards
import atr.shared.distribution as distribution
import atr.shared.maven as maven

_WILDCARD: Final = re.compile(r"[*?\[]")


@dataclasses.dataclass(frozen=True)
class Placed:
    """A file that the policy maps: where it would stand on the platform, and why it cannot; empty if it can."""

    file: fileset.File
    where: str
    problem: str = ""


def placed(revision: fileset.FileSet, patterns: Sequence[str]) -> tuple[Placed, ...]:
    """Every file that the policy maps, side files left out, each with what is wrong with its place.

    The text before a pattern's first wildcard is cut off; what remains must be a path of the platform's layout. The
    first pattern that matches a file counts. Raises InputError for a pattern that is none.
    """
    found: dict[str, str] = {}
    every = []
    for file in revision.files:
        where = _cut(file.path, patterns)
        if (where is None) or maven.is_side_file(where):
            continue
        problem = _why_not(where)
        if (not problem) and (where in found):
            problem = f"The policy maps both {found[where]} and {file.path} to {where}."
        found.setdefault(where, file.path)
        every.append(Placed(file, where, problem))
    return tuple(every)


def mapped(revision: fileset.FileSet, patterns: Sequence[str]) -> fileset.FileSet:
    """The file set that the platform should hold, in the layout of a Maven repository, without side files.

    Raises InputError, naming the file, for a path that does not parse, for two files on one path, for a pattern that
    is none, and when nothing is mapped.
    """
    found = placed(revision, patterns)
    for one in found:
        if one.problem:
            raise errors.InputError(one.problem)
    if not found:
        raise errors.InputError(f"The policy's patterns ({', '.join(patterns)}) match no file of the revision.")
    return fileset.FileSet.of(fileset.File(one.where, one.file.size, one.file.sha256) for one in found)


def sources(revision: fileset.FileSet, patterns: Sequence[str]) -> dict[str, str]:
    """For an upload: each mapped path of the platform, side files too, with the path in the revision it comes from."""
    wheres = ((_cut(file.path, patterns), file.path) for file in revision.files)
    return {where: path for where, path in wheres if (where is not None) and not _is_metadata(where)}


@dataclasses.dataclass(frozen=True)
class Trial:
    """What patterns do to a revision's files, the mistakes included: for a page, where `mapped` would raise."""

    # (path on the platform, path in the revision), without checksums.
    placed: tuple[tuple[str, str], ...]
    # Checksums that go along with the files that they name.
    sides: int
    skipped: tuple[str, ...]
    # Patterns that take no file, each with whether an earlier one took all that it matches.
    idle: tuple[tuple[str, bool], ...]
    # Paths in the revision, and what is wrong with where they would stand.
    misfits: tuple[tuple[str, str], ...]
    # (path on the platform, the path in the revision that has it already, the one that comes second)
    doubles: tuple[tuple[str, str, str], ...]
    packages: tuple[distribution.Coordinates, ...]


def tried(revision: fileset.FileSet, patterns: Sequence[str], *, layout: bool) -> Trial:
    """What the patterns would do, by the rules of `mapped`. Raises InputError only for a pattern that is none.

    Without `layout` it is not known what a path of the platform looks like, and nothing is said about it.
    """
    taken: dict[str, str] = {}
    misfits, doubles, skipped = [], [], []
    packages: set[distribution.Coordinates] = set()
    busy: set[str] = set()
    sides = 0
    for file in revision.files:
        pattern = _first(file.path, patterns)
        if pattern is None:
            skipped.append(file.path)
            continue
        busy.add(pattern)
        where = _below(file.path, pattern)
        if layout and maven.is_side_file(where):
            sides += 1
            continue
        try:
            if layout:
                packages.add(maven.parse_path(where).coordinates)
        except errors.InputError as error:
            misfits.append((file.path, str(error)))
            continue
        if where in taken:
            doubles.append((where, taken[where], file.path))
        else:
            taken[where] = file.path
    idle = [(one, _takes_any(revision, one)) for one in dict.fromkeys(patterns) if one not in busy]
    return Trial(
        placed=tuple(taken.items()),
        sides=sides,
        skipped=tuple(skipped),
        idle=tuple(idle),
        misfits=tuple(misfits),
        doubles=tuple(doubles),
        packages=tuple(sorted(packages)),
    )


def _cut(path: str, patterns: Sequence[str]) -> str | None:
    pattern = _first(path, patterns)
    return None if pattern is None else _below(path, pattern)


def _first(path: str, patterns: Sequence[str]) -> str | None:
    return next((pattern for pattern in patterns if wildcards.compiled(pattern).match(path)), None)


def _takes_any(revision: fileset.FileSet, pattern: str) -> bool:
    return any(wildcards.compiled(pattern).match(file.path) for file in revision.files)


def _below(path: str, pattern: str) -> str:
    wild = _WILDCARD.search(pattern)
    prefix = pattern[: wild.start()] if wild else _directory(pattern, path)
    return path.removeprefix(prefix.lstrip("/")).lstrip("/")


def _why_not(where: str) -> str:
    try:
        maven.parse_path(where)
    except errors.InputError as error:
        return str(error)
    return ""


def _directory(pattern: str, path: str) -> str:
    """What is cut off where there is no wildcard: the directory that the pattern names, or that of the one file."""
    whole = f"{pattern.strip('/')}/"
    return whole if path.startswith(whole) else pattern.rpartition("/")[0]


def _is_metadata(path: str) -> bool:
    return path.rpartition("/")[2].startswith(maven.METADATA)
