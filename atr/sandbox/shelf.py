# SPDX-License-Identifier: Apache-2.0
"""The versions in the registries of the sandbox, each public from its own time on."""

import dataclasses
import enum
import re
from collections.abc import Iterable
from typing import Final

import packaging.utils

import atr.errors as errors

_NAME: Final = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@._+!~/-]{0,254}")


class Registry(enum.StrEnum):
    """The platforms on which a version can only be looked up."""

    ARTIFACT_HUB = "artifact-hub"
    DOCKER_HUB = "docker-hub"
    NPM = "npm"
    PYPI = "pypi"

    @property
    def label(self) -> str:
        """Return its name for people."""
        return _LABELS[self]

    @property
    def has_owners(self) -> bool:
        """Return whether a package has an owner in addition to its name; npm's scopes are part of the name."""
        return self in {"artifact-hub", "docker-hub"}


_LABELS: Final = {
    "artifact-hub": "Artifact Hub",
    "docker-hub": "Docker Hub",
    "npm": "npm",
    "pypi": "PyPI",
}


@dataclasses.dataclass(frozen=True)
class Version:
    """One version, public from `since` on, in epoch seconds. An npm scope is part of the package: "@scope/name"."""

    registry: Registry
    owner: str
    package: str
    version: str
    since: float

    @property
    def key(self) -> tuple[str, str, str, str]:
        package, version = self.package, self.version
        if self.registry is Registry.PYPI:
            # PyPI treats some spellings as equal.
            package = packaging.utils.canonicalize_name(package)
            version = packaging.utils.canonicalize_version(version)
        return self.registry, self.owner, package, version


class Shelf:
    """The versions of all registries."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str, str, str], Version] = {}

    def restore(self, versions: Iterable[Version]) -> None:
        """Add the versions of an earlier shelf."""
        self._versions.update({one.key: one for one in versions})

    def put(self, version: Version) -> None:
        """Make a version public. Raises InputError for an invalid name, ConflictError if it is already public."""
        names = [version.package, version.version, *([version.owner] if version.registry.has_owners else [])]
        if not all(_NAME.fullmatch(name) for name in names):
            raise errors.InputError("Give a name and a version of letters, digits, dots and hyphens.")
        if version.owner and not version.registry.has_owners:
            raise errors.InputError(f"A package of {version.registry.label} has no owner beside its name.")
        if version.key in self._versions:
            raise errors.ConflictError(f"{version.package} {version.version} is there already.")
        self._versions[version.key] = version

    def find(self, registry: Registry, owner: str, package: str, version: str, now: float) -> Version | None:
        """Return the version, if it is public at this time."""
        found = self._versions.get(Version(registry, owner, package, version, 0).key)
        return found if (found is not None) and (found.since <= now) else None

    def of_package(self, registry: Registry, owner: str, package: str, now: float) -> list[Version]:
        """Return the public versions of one package, the oldest first."""
        wanted = Version(registry, owner, package, "", 0).key[:3]
        return sorted((one for one in self.public(now) if one.key[:3] == wanted), key=_since)

    def public(self, now: float) -> list[Version]:
        """Return all public versions, the newest first."""
        return sorted((one for one in self._versions.values() if one.since <= now), key=_since, reverse=True)

    def all(self) -> list[Version]:
        """Return all versions, for a snapshot."""
        return list(self._versions.values())


def _since(version: Version) -> float:
    return version.since
