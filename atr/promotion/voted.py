# SPDX-License-Identifier: Apache-2.0
"""How much of what was voted on is verified as public. It measures the ballot, not the rows that remain. Pure."""

import dataclasses
from collections.abc import Iterable, Sequence

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.words as words


@dataclasses.dataclass(frozen=True)
class Part:
    """The files of a file set in one directory: the path of one, how many there are, and how many are public.

    Public means verified: a promotion that is LIVE read the same bytes in public under the same path.
    """

    path: str
    files: int
    public: int

    @property
    def directory(self) -> str:
        """The directory, which is one version of one package in the layout of a platform."""
        return self.path.rpartition("/")[0]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file set on the ballot of the vote that passed, in parts; `is_mapped` if it is what the policy maps."""

    platform: distribution.DistributionPlatform
    digest: str
    is_mapped: bool
    parts: tuple[Part, ...]

    @property
    def files(self) -> int:
        """The number of files."""
        return sum(part.files for part in self.parts)


@dataclasses.dataclass(frozen=True)
class VotedSet:
    """A voted file set, without the files of earlier ones: how many files, and how many are not verified as public.

    `packages` are those that are not completely public, with their versions; empty for a platform without a known
    layout.
    """

    platform: distribution.DistributionPlatform
    digest: str
    files: int
    not_public: int
    packages: tuple[distribution.Coordinates, ...]

    @property
    def name(self) -> str:
        """The part that is not public, as named in a sentence: packages, platform, number of files."""
        return f"{called(self.packages, self.platform)} ({words.count(self.not_public, 'file')})"


@dataclasses.dataclass(frozen=True)
class Measure:
    """How much of what was voted on is public."""

    # On platforms whose public files ATR reads.
    sets: tuple[VotedSet, ...] = ()
    # On other platforms: ATR cannot verify whether they are public.
    unprovable: tuple[VotedSet, ...] = ()

    @property
    def not_public(self) -> tuple[VotedSet, ...]:
        """The voted file sets that are not verified as public, in whole or in part."""
        return tuple(one for one in self.sets if one.not_public)

    @property
    def count(self) -> str:
        """How many are live, as the beginning of a sentence."""
        live = len(self.sets) - len(self.not_public)
        return f"{live} of {words.count(len(self.sets), 'voted file set is', 'voted file sets are')} live"


def called(packages: Sequence[distribution.Coordinates], platform: distribution.DistributionPlatform) -> str:
    """Return the name of packages on a platform for a sentence."""
    return f"{distribution.in_one_line(packages)} on {platform.display_name}" if packages else platform.display_name


def measured(entries: Iterable[Entry], built: layouts.Layouts) -> Measure:
    """Return how much of these file sets is public, with each file counted once.

    Equal digests are one file set. File sets of deployments come before those that the policy maps: a mapped set whose
    packages are all in deployments is not counted. (A vote opens only if each package has the same files wherever it
    is on the ballot.)
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
            # An old ballot may have paths that today's rules refuse. They count by their files.
            continue
    return tuple(sorted(found))
