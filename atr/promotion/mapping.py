# SPDX-License-Identifier: Apache-2.0
"""Which files of a revision go to a platform, by the policy's patterns, and where they stand there. Pure."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Final

import pathspec

import atr.errors as errors
import atr.promotion.fileset as fileset
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


def _cut(path: str, patterns: Sequence[str]) -> str | None:
    for pattern in patterns:
        if _matches(pattern, path):
            wild = _WILDCARD.search(pattern)
            prefix = pattern[: wild.start()] if wild else _directory(pattern, path)
            return path.removeprefix(prefix.lstrip("/")).lstrip("/")
    return None


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


def _matches(pattern: str, path: str) -> bool:
    return _spec(pattern).match_file(path)


@functools.lru_cache(maxsize=256)
def _spec(pattern: str) -> pathspec.GitIgnoreSpec:
    try:
        return pathspec.GitIgnoreSpec.from_lines([pattern])
    except ValueError as error:
        raise errors.InputError(f"“{pattern}” is no pattern. Patterns are written as in a .gitignore file.") from error


def _is_metadata(path: str) -> bool:
    return path.rpartition("/")[2].startswith(maven.METADATA)
