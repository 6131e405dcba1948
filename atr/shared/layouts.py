# SPDX-License-Identifier: Apache-2.0
"""How files lie on a platform, one layout for each mechanism. Pure: paths and names in, answers out.

Whatever asks which package a path belongs to asks the layout; nothing else knows what a path of a platform looks like.
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
    """What a mechanism's paths, ids and names mean."""

    @property
    def has_checksums(self) -> bool:
        """Whether `p.sha1` beside `p` is a checksum of it (promotion/checksums.py) and no file of its own."""

    @property
    def is_maven_repository(self) -> bool:
        """Whether Maven's own client reads it, so that POMs name their parents there."""

    def holds(self, platform: distribution.DistributionPlatform) -> bool:
        """Whether packages of this platform lie so; npm's two members share their mechanisms."""

    def package(self, path: str) -> distribution.Coordinates:
        """Whose file this is.

        Raises InputError for a path that is not of this layout, and for a file that the server makes by itself.
        """

    def upload(self, sizes: Mapping[str, int]) -> bundle.Upload:
        """What an upload of these files would send: each path of the platform with its bytes."""

    def checked_external_id(self, text: str) -> str:
        """The platform's id of a deployment, safe to use in an address. Raises InputError for what it never gives."""

    def checked_name(self, text: str) -> str:
        """A name that may belong to a project (a groupId, a scope). Raises InputError."""

    def owner(self, where: distribution.Coordinates) -> str:
        """The name that must belong to a project for this package to be its own: its groupId, its scope."""

    def covers(self, name: str, owner: str) -> bool:
        """Whether who has this name has that owner too."""


@dataclasses.dataclass(frozen=True)
class Layouts:
    """The mechanisms that a program has, each with its layout; what is not here cannot be staged or promoted."""

    by_mechanism: Mapping[mechanisms.Mechanism, Layout]

    def mechanism(self, platform: distribution.DistributionPlatform) -> mechanisms.Mechanism | None:
        """The first mechanism of a platform that is here; None where nothing is promoted from here."""
        here = (one for one in platform.mechanisms if one in self.by_mechanism)
        return next((one for one in here if self.by_mechanism[one].holds(platform)), None)

    @property
    def platforms(self) -> tuple[distribution.DistributionPlatform, ...]:
        """The platforms on which something is staged and promoted from here."""
        return tuple(one for one in distribution.DistributionPlatform if self.supports(one))

    def supports(self, platform: distribution.DistributionPlatform) -> bool:
        """Whether what is staged on the platform can be made public by one call of ours. The first gate."""
        return self.mechanism(platform) is not None

    def of(self, mechanism: mechanisms.Mechanism) -> Layout:
        """The layout of a mechanism. Raises UnsupportedError."""
        if mechanism not in self.by_mechanism:
            raise errors.UnsupportedError(f"Publishing by {mechanism.display_name} is not built here.")
        return self.by_mechanism[mechanism]

    def outside(
        self, packages: Iterable[distribution.Coordinates], names: Sequence[str]
    ) -> tuple[distribution.Coordinates, ...]:
        """Those of these packages of one platform that fall inside none of these names."""
        return tuple(
            one for one in packages if not any(self.covers(one.platform, name, self.owner(one)) for name in names)
        )

    def owner(self, where: distribution.Coordinates) -> str:
        """See Layout; the owner as it is where nothing is promoted from here."""
        return self.on(where.platform).owner(where) if self.supports(where.platform) else where.owner_namespace

    def covers(self, platform: distribution.DistributionPlatform, name: str, owner: str) -> bool:
        """See Layout; only itself where nothing is promoted from here."""
        return self.on(platform).covers(name, owner) if self.supports(platform) else (name == owner)

    def on(self, platform: distribution.DistributionPlatform) -> Layout:
        """The layout of a platform, whichever mechanism publishes there. Raises UnsupportedError."""
        mechanism = self.mechanism(platform)
        if mechanism is None:
            raise errors.UnsupportedError(platform.why_not)
        return self.by_mechanism[mechanism]


# What is built. platforms/registry.py has the adapter of each.
BUILT: Final = Layouts({mechanisms.Mechanism.CENTRAL_PORTAL: maven.Repository()})
