# SPDX-License-Identifier: Apache-2.0
"""The paths of files on a platform, one layout for each mechanism. Pure: paths and names in, answers out.

Only a layout knows the form of a platform's paths, and so which package a path belongs to.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import atr.errors as errors
import atr.shared.bundle as bundle
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms


class Layout(Protocol):
    """The meaning of a mechanism's paths, ids and names."""

    @property
    def has_checksums(self) -> bool:
        """Whether `p.sha1` next to `p` is a checksum of it (promotion/checksums.py) and not a file of its own."""

    @property
    def is_maven_repository(self) -> bool:
        """Whether Maven's own client reads it, so that the parents that POMs name are there."""

    def holds(self, platform: distribution.DistributionPlatform) -> bool:
        """Return whether packages of this platform have this layout; npm's two members share their mechanisms."""

    def package(self, path: str) -> distribution.Coordinates:
        """Return the package that this file belongs to.

        Raises InputError for a path that does not fit this layout, and for a file that the server generates itself.
        """

    def upload(self, sizes: Mapping[str, int]) -> bundle.Upload:
        """Return what an upload of these files would send. `sizes` has the bytes of each path on the platform."""

    def checked_external_id(self, text: str) -> str:
        """Return the platform's id of a deployment, safe to use in a URL. Raises InputError for any other text."""

    def checked_name(self, text: str) -> str:
        """Return a name that may belong to a project (a groupId, a scope). Raises InputError."""

    def owner(self, where: distribution.Coordinates) -> str:
        """Return the name that must belong to a project for this package to be its own: its groupId, its scope."""

    def covers(self, name: str, owner: str) -> bool:
        """Return whether a project with this name has that owner too."""


@dataclasses.dataclass(frozen=True)
class Layouts:
    """The mechanisms of a program, each with its layout. ATR can neither stage nor promote by any other."""

    by_mechanism: Mapping[mechanisms.Mechanism, Layout]

    def mechanism(self, platform: distribution.DistributionPlatform) -> mechanisms.Mechanism | None:
        """Return the first mechanism of a platform that is available; None if ATR does not promote there."""
        here = (one for one in platform.mechanisms if one in self.by_mechanism)
        return next((one for one in here if self.by_mechanism[one].holds(platform)), None)

    @property
    def platforms(self) -> tuple[distribution.DistributionPlatform, ...]:
        """The platforms on which ATR stages and promotes."""
        return tuple(one for one in distribution.DistributionPlatform if self.supports(one))

    def supports(self, platform: distribution.DistributionPlatform) -> bool:
        """Return whether ATR can publish a deployment on the platform with one request. This is the first gate."""
        return self.mechanism(platform) is not None

    def of(self, mechanism: mechanisms.Mechanism) -> Layout:
        """Return the layout of a mechanism. Raises UnsupportedError."""
        if mechanism not in self.by_mechanism:
            raise errors.UnsupportedError(f"Publishing by {mechanism.display_name} is not built here.")
        return self.by_mechanism[mechanism]

    def outside(
        self, packages: Iterable[distribution.Coordinates], names: Sequence[str]
    ) -> tuple[distribution.Coordinates, ...]:
        """Return the packages that none of these names covers."""
        return tuple(
            one for one in packages if not any(self.covers(one.platform, name, self.owner(one)) for name in names)
        )

    def owner(self, where: distribution.Coordinates) -> str:
        """See Layout. Where ATR does not promote, this is the owner of the coordinates."""
        return self.on(where.platform).owner(where) if self.supports(where.platform) else where.owner_namespace

    def covers(self, platform: distribution.DistributionPlatform, name: str, owner: str) -> bool:
        """See Layout. Where ATR does not promote, a name covers only itself."""
        return self.on(platform).covers(name, owner) if self.supports(platform) else (name == owner)

    def on(self, platform: distribution.DistributionPlatform) -> Layout:
        """Return the layout of a platform's first available mechanism. Raises UnsupportedError."""
        mechanism = self.mechanism(platform)
        if mechanism is None:
            raise errors.UnsupportedError(platform.why_not)
        return self.by_mechanism[mechanism]


# The mechanisms that ATR has. platforms/registry.py has the adapter of each.
BUILT: Final = Layouts({mechanisms.Mechanism.CENTRAL_PORTAL: maven.Repository()})
