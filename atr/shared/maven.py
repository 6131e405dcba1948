# SPDX-License-Identifier: Apache-2.0
"""The layout of a Maven repository: which path belongs to which package. Pure.

https://maven.apache.org/repository/layout.html
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Final

import atr.errors as errors
import atr.shared.bundle as bundle
import atr.shared.distribution as distribution
import atr.shared.grammar as grammar

# The metadata that a repository server generates, with its signatures and checksums. A deployment of Central's Portal
# has none: it contains only uploaded files. A mechanism whose server adds files to a staged deployment must name them
# and their paths here.
_METADATA: Final = re.compile(r"maven-metadata\.xml(?:\.(?:asc|md5|sha1|sha256|sha512))*")
# The shortest path is group/artifact/version/file: old groupIds have no dot.
_MIN_SEGMENTS: Final = 4
_MAX_PATH: Final = 1000
# https://central.sonatype.org/publish/publish-portal-api/
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_+~][A-Za-z0-9._+~-]*")


@dataclasses.dataclass(frozen=True)
class MavenPath:
    """A parsed path: the coordinates of its package, and its file name."""

    coordinates: distribution.Coordinates
    file_name: str


def checked_path(path: str) -> str:
    """Return the path itself if it is safe to use in a URL and on a disk. Raises InputError otherwise.

    It refuses absolute paths, `.` and `..`, backslashes, control characters, empty segments and dotfiles.
    """
    if (not path) or (len(path) > _MAX_PATH) or not all(_SEGMENT.fullmatch(s) for s in path.split("/")):
        shown = path[:120].encode("ascii", "backslashreplace").decode()
        raise errors.InputError(f"“{shown}” is not a path of a Maven repository.")
    return path


def is_metadata(path: str) -> bool:
    """Return whether the file has the name of a repository's metadata, or of its signature or checksum."""
    return _METADATA.fullmatch(path.rpartition("/")[2]) is not None


def parse_path(path: str) -> MavenPath:
    """Return the package and name of a file. The path is `group/as/path/artifact/version/artifact-version...`.

    Raises InputError for a path that is not of that form, and for repository metadata.
    """
    segments = checked_path(path).split("/")
    if is_metadata(path):
        raise errors.InputError(
            f"“{path[:120]}” is repository metadata, which Maven Central generates itself and does not accept. "
            "Remove it; if it is already staged, restage without it."
        )
    if len(segments) >= _MIN_SEGMENTS:
        *group, artifact, version, name = segments
        # A dot in a directory of the group would give two paths the same coordinates.
        plain = not any("." in segment for segment in group)
        if plain and name.startswith((f"{artifact}-{version}.", f"{artifact}-{version}-")):
            return MavenPath(_coordinates(".".join(group), artifact, version), name)
    raise errors.InputError(
        f"“{path[:120]}” is not of the form group/artifact/version/artifact-version.extension, so its package is "
        "unknown."
    )


@functools.lru_cache(maxsize=4_096)
def _coordinates(owner: str, artifact: str, version: str) -> distribution.Coordinates:
    """Return the coordinates, cached: the files of a package are in sequence, and pages read 10,000 of them."""
    return distribution.coordinates(distribution.DistributionPlatform.MAVEN, owner, artifact, version)


def directory(where: distribution.Coordinates) -> str:
    """Return the directory of one version, without slashes at its ends."""
    return f"{where.owner_namespace.replace('.', '/')}/{where.package}/{where.version}"


def pom_path(where: distribution.Coordinates) -> str:
    """Return the path of the POM, the one file that every version has."""
    return f"{directory(where)}/{where.package}-{where.version}.pom"


class Repository:
    """The layout of Central's Portal: a tree of groups, artifacts and versions."""

    has_checksums: Final = True
    is_maven_repository: Final = True

    def holds(self, platform: distribution.DistributionPlatform) -> bool:
        """Return True for Maven Central only."""
        return platform is distribution.DistributionPlatform.MAVEN

    def package(self, path: str) -> distribution.Coordinates:
        """Return the package of a file. Raises InputError."""
        return parse_path(path).coordinates

    def upload(self, sizes: Mapping[str, int]) -> bundle.Upload:
        """Return the plan of one zip of the files and the checksums that are generated for it."""
        return bundle.planned(sizes)

    def checked_external_id(self, text: str) -> str:
        """Return a deployment's id, which is a UUID. Raises InputError."""
        if not _UUID.fullmatch(text):
            raise errors.InputError(
                "Enter the platform's deployment id, for example 6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa.",
                field="deployment_id",
            )
        return text

    def checked_name(self, text: str) -> str:
        """Return a groupId. Raises InputError."""
        if not text:
            raise errors.InputError("Enter one or more groupIds, for example org.apache.commons.", field="namespaces")
        return grammar.GROUP_ID.checked(text, "namespaces")

    def owner(self, where: distribution.Coordinates) -> str:
        """Return the groupId."""
        return where.owner_namespace

    def covers(self, name: str, owner: str) -> bool:
        """Return whether the groupId is this one or below it: `org.x` covers `org.x.y`."""
        return (owner == name) or owner.startswith(f"{name}.")
