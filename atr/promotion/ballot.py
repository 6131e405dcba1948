# SPDX-License-Identifier: Apache-2.0
"""The rules for a ballot: one digest over all its entries, and one set of files for each package. Pure."""

import collections
import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence

import atr.errors as errors
import atr.promotion.fileset as fileset
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words


@dataclasses.dataclass(frozen=True, order=True)
class Entry:
    """One file set of a ballot. `kind` is "revision", "mapped" or "deployment"; `platform` a member name, or empty."""

    kind: str
    platform: str
    digest: str

    @property
    def line(self) -> str:
        """The entry as a line of the ballot digest."""
        return f"{self.kind} {self.platform or '-'} {self.digest}"


@dataclasses.dataclass(frozen=True)
class Held:
    """Files that are on a platform or mapped to it, with their name for people."""

    name: str
    platform: str
    files: fileset.FileSet
    # Mapped files are part of the revision, so they cannot be taken off the ballot.
    is_mapped: bool = False


@dataclasses.dataclass(frozen=True)
class Clash:
    """Two entries with the same packages and different files: either could be promoted as the voted one."""

    one: Held
    other: Held
    packages: tuple[str, ...]
    difference: fileset.Difference

    @property
    def reason(self) -> reasons.Reason:
        """The reason: what is wrong, and what to do."""
        return reasons.of(
            "clash-with-mapped" if self.one.is_mapped else "clash",
            one=self.one.name,
            other=self.other.name,
            packages=words.some(self.packages),
            difference=_described(self.difference),
        )


def _described(difference: fileset.Difference) -> str:
    """Describe the first files by which two sets differ, where neither set is the right one."""
    renamed = tuple(f"{old} as {new}" for old, new in difference.renamed)
    parts = (
        (difference.changed, "with different content"),
        (difference.missing, "only in the first"),
        (difference.extra, "only in the second"),
        (renamed, "under another path"),
    )
    said = [
        f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} {how}" for paths, how in parts if paths
    ]
    return f"{'; '.join(said)}."


def digest(entries: Iterable[Entry]) -> str:
    """Return the digest of a whole ballot: the sha256 of its sorted lines `<kind> <platform> <digest>`.

    Each line ends with a line feed.
    """
    return hashlib.sha256("".join(f"{line}\n" for line in lines(entries)).encode()).hexdigest()


def lines(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the lines of the ballot digest, in order."""
    return tuple(sorted(entry.line for entry in entries))


def clashes(held: Sequence[Held], built: layouts.Layouts) -> tuple[Clash, ...]:
    """Return every pair of entries of one platform that have a package in common with different files.

    Mapped files come first in each pair. Sets with equal digests are skipped.
    """
    ordered = sorted(held, key=lambda one: not one.is_mapped)
    by_package = {
        id(one): packages(one.files, built.on(distribution.DistributionPlatform[one.platform])) for one in ordered
    }
    found = []
    for one, other in itertools.combinations(ordered, 2):
        if (one.platform != other.platform) or (one.files.digest == other.files.digest):
            continue
        mine, theirs = by_package[id(one)], by_package[id(other)]
        differing = [where for where in mine if (where in theirs) and (mine[where].digest != theirs[where].digest)]
        if differing:
            first = fileset.FileSet.of(itertools.chain.from_iterable(mine[where].files for where in differing))
            second = fileset.FileSet.of(itertools.chain.from_iterable(theirs[where].files for where in differing))
            found.append(Clash(one, other, tuple(str(where) for where in differing), fileset.compare(first, second)))
    return tuple(found)


def packages(files: fileset.FileSet, layout: layouts.Layout) -> Mapping[distribution.Coordinates, fileset.FileSet]:
    """Return the files of each package, in the platform's layout. Raises InputError for a path that does not fit it."""
    parts: dict[distribution.Coordinates, list[fileset.File]] = collections.defaultdict(list)
    for file in files.files:
        parts[layout.package(file.path)].append(file)
    return {where: fileset.FileSet.of(parts[where]) for where in sorted(parts)}


def named_apart(
    named: Iterable[distribution.Coordinates], files: fileset.FileSet, layout: layouts.Layout
) -> tuple[str, tuple[str, ...]]:
    """Compare the packages that a platform lists with those of the files that were read.

    Return a sentence for packages of which no file was read: they could become public unseen, so nothing is sent. Then
    a sentence for each package that was read and not listed, which is only a warning. Both are empty if it lists none.
    """
    said = set(named)
    held = set()
    for file in files.files:
        # A path that does not fit the layout is refused elsewhere, with its name.
        with contextlib.suppress(errors.InputError):
            held.add(layout.package(file.path))
    unread = [str(where) for where in sorted(said - held)]
    return (
        f"The platform lists {words.some(unread)} in this deployment but none of its files, so it is unknown what "
        "would be published."
        if unread
        else "",
        tuple(
            f"The platform does not list {where} among the packages of this deployment."
            for where in sorted(held - said)
        )
        if said
        else (),
    )
