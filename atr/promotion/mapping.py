# SPDX-License-Identifier: Apache-2.0
"""Which files of a revision go to a platform, and under which path, by the policy's patterns. Pure."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import atr.errors as errors
import atr.promotion.checksums as checksums
import atr.promotion.fileset as fileset
import atr.promotion.patterns as wildcards
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts

_WILDCARD: Final = re.compile(r"[*?\[]")


@dataclasses.dataclass(frozen=True)
class Placed:
    """A file that the policy maps: its path on the platform, and why it cannot be there; empty if it can."""

    file: fileset.File
    where: str
    problem: str = ""
    # The path that this file is a checksum of, on the platform; empty for a member of the file set.
    checksum_of: str = ""


def patterns_of(
    file_tag_mappings: Mapping[str, Sequence[str]], platform: distribution.DistributionPlatform
) -> tuple[str, ...]:
    """Return the patterns of a policy for a platform, under all of its slugs; empty if it maps nothing."""
    every = [pattern for slug in platform.slugs for pattern in file_tag_mappings.get(slug, ())]
    return tuple(dict.fromkeys(every))


def unknown_tags(file_tag_mappings: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that name no platform: ATR keeps them for the project's own workflows."""
    known = {slug for platform in distribution.DistributionPlatform for slug in platform.slugs}
    return tuple(tag for tag in file_tag_mappings if tag not in known)


def placed(revision: fileset.FileSet, patterns: Sequence[str], layout: layouts.Layout) -> tuple[Placed, ...]:
    """Return every file that the policy maps, each with the problem of its path on the platform.

    The text before a pattern's first wildcard is cut off; the rest must be a path of the platform's layout. The first
    pattern that matches a file counts. Raises InputError for an invalid pattern.
    """
    cut = [(file, where) for file in revision.files if (where := _cut(file.path, patterns)) is not None]
    sides = _sides(cut, layout)
    found: dict[str, str] = {}
    every = []
    for file, where in cut:
        of = sides[where].path if (where in sides) else ""
        problem = wrong_checksum(file) if of else _why_not(where, layout)
        if (not problem) and (where in found):
            problem = f"The policy maps both {found[where]} and {file.path} to {where}."
        found.setdefault(where, file.path)
        every.append(Placed(file, where, problem, of))
    return tuple(every)


def mapped(revision: fileset.FileSet, patterns: Sequence[str], layout: layouts.Layout) -> fileset.FileSet:
    """Return the file set that the platform should have, in its layout, without checksums.

    Raises InputError, naming the file, for a path that does not parse, a wrong checksum and two files under one path;
    and for an invalid pattern and if nothing is mapped.
    """
    found = placed(revision, patterns, layout)
    for one in found:
        if one.problem:
            raise errors.InputError(one.problem)
    if not found:
        raise errors.InputError(f"The policy's patterns ({', '.join(patterns)}) match no file of the revision.")
    return fileset.FileSet.of(dataclasses.replace(one.file, path=one.where) for one in found if not one.checksum_of)


def remarks(found: Sequence[Placed]) -> tuple[str, ...]:
    """A sentence for each file that is mapped, is named like a checksum, and counts as a file of its own."""
    members = {one.where: one.file.size for one in found if not one.checksum_of}
    return checksums.remarks(members, {one.where for one in found})


def sources(revision: fileset.FileSet, patterns: Sequence[str]) -> dict[str, str]:
    """Return, for an upload, each path on the platform, checksums included, with its path in the revision."""
    wheres = ((_cut(file.path, patterns), file.path) for file in revision.files)
    return {where: path for where, path in wheres if where is not None}


@dataclasses.dataclass(frozen=True)
class Trial:
    """The effect of patterns on a revision's files, mistakes included: for a page, where `mapped` would raise."""

    # (path on the platform, path in the revision), without checksums.
    placed: tuple[tuple[str, str], ...]
    # The number of checksums that are uploaded with the files that they name.
    sides: int
    skipped: tuple[str, ...]
    # Patterns that take no file, each with whether earlier ones took all that it matches.
    idle: tuple[tuple[str, bool], ...]
    # (path in the revision, the problem of its path on the platform)
    misfits: tuple[tuple[str, str], ...]
    # (path on the platform, the path in the revision that has it already, the second one)
    doubles: tuple[tuple[str, str, str], ...]
    packages: tuple[distribution.Coordinates, ...]


def tried(revision: fileset.FileSet, patterns: Sequence[str], layout: layouts.Layout | None) -> Trial:
    """Return what the patterns would do, by the rules of `mapped`. Raises InputError only for an invalid pattern.

    Without `layout`, paths on the platform are not checked, because their form is not known.
    """
    hits = [(file, _first(file.path, patterns)) for file in revision.files]
    cut = [(file, _below(file.path, pattern)) for file, pattern in hits if pattern is not None]
    checks = _sides(cut, layout) if layout else {}
    taken: dict[str, str] = {}
    misfits, doubles = [], []
    packages: set[distribution.Coordinates] = set()
    for file, where in cut:
        try:
            if layout and (where not in checks):
                packages.add(layout.package(where))
        except errors.InputError as error:
            misfits.append((file.path, str(error)))
            continue
        if (where in checks) and (wrong := wrong_checksum(file)):
            misfits.append((file.path, wrong))
        elif where in taken:
            doubles.append((where, taken[where], file.path))
        else:
            taken[where] = file.path
    busy = {pattern for _, pattern in hits}
    idle = [(one, _takes_any(revision, one)) for one in dict.fromkeys(patterns) if one not in busy]
    return Trial(
        placed=tuple(one for one in taken.items() if one[0] not in checks),
        sides=sum(1 for where in taken if where in checks),
        skipped=tuple(file.path for file, pattern in hits if pattern is None),
        idle=tuple(idle),
        misfits=tuple(misfits),
        doubles=tuple(doubles),
        packages=tuple(sorted(packages)),
    )


def _sides(cut: Sequence[tuple[fileset.File, str]], layout: layouts.Layout) -> dict[str, checksums.Named]:
    """Return the paths on the platform that are checksums, with what each names: all paths decide together."""
    if not layout.has_checksums:
        return {}
    return fileset.checksums_of(dataclasses.replace(file, path=where) for file, where in cut)


def wrong_checksum(file: fileset.File) -> str:
    """Return a sentence if a file of a revision is the wrong checksum of the file next to it; empty otherwise."""
    if file.odd is not fileset.Odd.DIGEST:
        return ""
    stem, _, algorithm = file.path.rpartition(".")
    return f"{file.path} is not the {algorithm} of {stem}. Correct it or remove it."


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


def _why_not(where: str, layout: layouts.Layout) -> str:
    try:
        layout.package(where)
    except errors.InputError as error:
        return str(error)
    return ""


def _directory(pattern: str, path: str) -> str:
    """Return the prefix to cut off without a wildcard: the directory that the pattern names, or that of its file."""
    whole = f"{pattern.strip('/')}/"
    return whole if path.startswith(whole) else pattern.rpartition("/")[0]
