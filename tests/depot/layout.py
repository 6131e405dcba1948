# SPDX-License-Identifier: Apache-2.0
"""The layout of the depot: `package@version/file`, without an owner, and no file is a checksum of another."""

import re
from collections.abc import Mapping
from typing import Final

import atr.errors as errors
import atr.shared.bundle as bundle
import atr.shared.distribution as distribution

_PATH: Final = re.compile(r"([a-z][a-z0-9-]*)@([0-9][0-9a-z.-]*)/([A-Za-z0-9][A-Za-z0-9._-]*)")
_ID: Final = re.compile(r"stage-[0-9a-f]{16}")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
# The server writes it when a version becomes public, and takes it from nobody.
SERVER_MADE: Final = "provenance.json"


class Flat:
    """The Layout."""

    has_checksums: Final = False
    is_maven_repository: Final = False

    def holds(self, platform: distribution.DistributionPlatform) -> bool:
        """Those without a scope."""
        return platform is distribution.DistributionPlatform.NPM

    def package(self, path: str) -> distribution.Coordinates:
        """The package and version before the slash."""
        match = _PATH.fullmatch(path)
        if (match is None) or (match[3] == SERVER_MADE):
            raise errors.InputError(f"“{path[:120]}” is no path of the depot.")
        return distribution.coordinates(distribution.DistributionPlatform.NPM, "", match[1], match[2])

    def upload(self, sizes: Mapping[str, int]) -> bundle.Upload:
        """The files as they are: nothing is made."""
        return bundle.Upload(len(sizes), 0, sum(sizes.values()), sum(sizes.values()))

    def checked_external_id(self, text: str) -> str:
        """An id of a stage."""
        if not _ID.fullmatch(text):
            raise errors.InputError("Enter the depot's id of the deployment.", field="deployment_id")
        return text

    def checked_name(self, text: str) -> str:
        """A package's own name: there are no owners."""
        if not _NAME.fullmatch(text):
            raise errors.InputError("Name a package.", field="namespaces")
        return text

    def owner(self, where: distribution.Coordinates) -> str:
        """The package itself."""
        return where.package

    def covers(self, name: str, owner: str) -> bool:
        """Nothing but itself."""
        return name == owner
