# SPDX-License-Identifier: Apache-2.0
"""A release of many small files: packages of eight files each, in the layout of a Maven repository."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Final

import atr.promotion.fileset as fileset
import atr.shared.distribution as distribution
import atr.shared.maven as maven

GROUP: Final = "org.example.many"
VERSION: Final = "1.0.0"
_ENDS: Final = (".pom", ".jar", "-sources.jar", "-javadoc.jar")
_EACH: Final = 2 * len(_ENDS)


@dataclasses.dataclass(frozen=True)
class ManyFiles:
    """The files by path, what they are, and whose."""

    files: Mapping[str, bytes]
    packages: tuple[distribution.Coordinates, ...]

    @property
    def expected(self) -> tuple[fileset.File, ...]:
        """The files as they are hashed."""
        return tuple(
            fileset.File(path, len(content), hashlib.sha256(content).hexdigest())
            for path, content in self.files.items()
        )


def tree(count: int) -> ManyFiles:
    """So many files, the last package cut short; the same ones each time."""
    files: dict[str, bytes] = {}
    packages = []
    for number in range(-(-count // _EACH)):
        where = distribution.coordinates(distribution.DistributionPlatform.MAVEN, GROUP, f"module-{number:05}", VERSION)
        packages.append(where)
        stem = f"{maven.directory(where)}/{where.package}-{VERSION}"
        for end in _ENDS:
            files[f"{stem}{end}"] = f"{where} {end}".encode()
            files[f"{stem}{end}.asc"] = f"{where} {end} signed".encode()
    kept = dict(list(files.items())[:count])
    return ManyFiles(kept, tuple(packages))
