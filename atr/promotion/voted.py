# SPDX-License-Identifier: Apache-2.0
"""What was voted on, and what of it is proved public. The measure of a release: not the rows that are left. Pure."""

import dataclasses
from collections.abc import Iterable, Sequence

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words


@dataclasses.dataclass(frozen=True)
class Part:
    """The files of a file set that stand in one directory: one path of them, how many, and how many are public.

    Public means proved: read in public under the same path, with the same bytes, by a promotion that is LIVE.
    """

    path: str
    files: int
    public: int

    @property
    def directory(self) -> str:
        """In the layout of a platform the directory is the package in its version."""
        return self.path.rpartition("/")[0]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file set on the ballot of the vote that passed, part by part; `is_mapped`: what the policy maps there."""

    platform: distribution.DistributionPlatform
    digest: str
    is_mapped: bool
    parts: tuple[Part, ...]

    @property
    def files(self) -> int:
        """How many files it has."""
        return sum(part.files for part in self.parts)


@dataclasses.dataclass(frozen=True)
class VotedSet:
    """A voted file set, without what an earlier one holds: how many files, and how many are not proved public.

    `packages` are those that are not whole in public, with their versions; of a platform whose layout we do not know
    there are none.
    """

    platform: distribution.DistributionPlatform
    digest: str
    files: int
    not_public: int
    packages: tuple[distribution.Coordinates, ...]

    @property
    def name(self) -> str:
        """What of it is not public, as a sentence calls it: packages, platform, number of files."""
        return f"{called(self.packages, self.platform)} ({words.count(self.not_public, 'file')})"


@dataclasses.dataclass(frozen=True)
class Measure:
    """How much of what was voted on is public."""

    # For platforms whose public files we read.
    sets: tuple[VotedSet, ...] = ()
    # For the others: whether they are public is what nobody can prove from here.
    unprovable: tuple[VotedSet, ...] = ()

    @property
    def not_public(self) -> tuple[VotedSet, ...]:
        """The voted file sets that are not proved public, in whole or in part."""
        return tuple(one for one in self.sets if one.not_public)

    @property
    def count(self) -> str:
        """The beginning of a sentence: how many are live."""
        live = len(self.sets) - len(self.not_public)
        return f"{live} of {words.count(len(self.sets), 'voted file set is', 'voted file sets are')} live"


def called(packages: Sequence[distribution.Coordinates], platform: distribution.DistributionPlatform) -> str:
    """How a sentence calls packages on a platform."""
    return f"{distribution.in_one_line(packages)} on {platform.display_name}" if packages else platform.display_name


def measured(entries: Iterable[Entry], built: layouts.Layouts) -> Measure:
    """What of these file sets is public, each file counted once.

    Equal digests are one file set. What the deployments hold comes before what the policy maps: a mapped set whose
    packages the deployments cover together is no file set of its own. (A ballot holds a package with the same files
    wherever it holds it, or it is not opened.)
    """
    counted: set[tuple[distribution.DistributionPlatform, str]] = set()
    sets = []
    for entry in sorted(entries, key=lambda one: (one.is_mapped, -one.files, one.platform.name, one.digest)):
        own = [part for part in entry.parts if (entry.platform, part.directory) not in counted]
        if not own:
            continue
        counted.update((entry.platform, part.directory) for part in own)
        lacking = [part for part in own if part.public < part.files]
        sets.append(
            VotedSet(
                platform=entry.platform,
                digest=entry.digest,
                files=sum(part.files for part in own),
                not_public=sum(part.files - part.public for part in lacking),
                packages=_packages(entry.platform, lacking, built),
            )
        )
    sets.sort(key=lambda one: (one.platform.name, one.packages, one.digest))
    return Measure(
        sets=tuple(one for one in sets if built.supports(one.platform)),
        unprovable=tuple(one for one in sets if not built.supports(one.platform)),
    )


def _packages(
    platform: distribution.DistributionPlatform, parts: Iterable[Part], built: layouts.Layouts
) -> tuple[distribution.Coordinates, ...]:
    if not built.supports(platform):
        return ()
    found = set()
    for part in parts:
        try:
            found.add(built.on(platform).package(part.path))
        except errors.InputError:
            # An old ballot may hold what today's rules do not take. It counts by its files.
            continue
    return tuple(sorted(found))
