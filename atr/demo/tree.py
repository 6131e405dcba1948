# SPDX-License-Identifier: Apache-2.0
"""Something to release: a small generated Maven repository tree, or one from a directory."""

import dataclasses
import hashlib
import io
import pathlib
import re
import zipfile
from collections.abc import Mapping
from typing import Final

import atr.errors as errors
import atr.shared.distribution as distribution
import atr.shared.maven as maven

_GROUP: Final = "org.example.widgets"
_VERSION: Final = "2.4.0"
# Files that a client's local repository adds, which are never released.
_KEPT: Final = re.compile(
    r"\..*|_remote\.repositories|_maven\.repositories|resolver-status\.properties|.*\.lastUpdated"
)
# The metadata of remote repositories, which it adds too; but a file of an artifact can also have such a name.
_METADATA: Final = re.compile(r"maven-metadata(?:-.*)?\.xml(?:\..*)?")
# The sandbox only checks that a signature exists and has its armour, so the demo needs no key.
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n"
_POM: Final = """<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{group}</groupId>
  <artifactId>{artifact}</artifactId>
  <version>{version}</version>
  <packaging>{packaging}</packaging>
  <name>Example {artifact}</name>
  <description>An example, for trying remote promotion.</description>
  <url>https://example.org/widgets</url>
  <licenses><license><name>Apache-2.0</name><url>https://www.apache.org/licenses/LICENSE-2.0</url></license></licenses>
  <developers><developer><id>example</id><name>Example</name></developer></developers>
  <scm><url>https://example.org/widgets.git</url></scm>
</project>
"""


@dataclasses.dataclass(frozen=True)
class Tree:
    """Files by their paths in a Maven repository, and the packages that they belong to."""

    files: Mapping[str, bytes | pathlib.Path]
    packages: tuple[distribution.Coordinates, ...]

    @property
    def version(self) -> str:
        """Return the version of the release; the first one if there are several."""
        return self.packages[0].version

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the groupIds."""
        return tuple(sorted({package.owner_namespace for package in self.packages}))


def example(size: int = 20_000, version: str = _VERSION) -> Tree:
    """Return a parent POM and a jar with sources and documentation; the jars have about `size` bytes in total."""
    files: dict[str, bytes | pathlib.Path] = {}
    for artifact, packaging in (("widgets-parent", "pom"), ("widgets-core", "jar")):
        where = distribution.coordinates(distribution.DistributionPlatform.MAVEN, _GROUP, artifact, version)
        stem = f"{maven.directory(where)}/{artifact}-{version}"
        pom = _POM.format(group=_GROUP, artifact=artifact, version=version, packaging=packaging)
        mains = {f"{stem}.pom": pom.encode()}
        if packaging == "jar":
            mains |= {f"{stem}{end}.jar": _jar(f"{artifact}{end}", size) for end in ("", "-sources", "-javadoc")}
        for path, data in mains.items():
            files[path] = data
            files[f"{path}.asc"] = _SIGNATURE.format(hashlib.sha256(data).hexdigest()).encode()
    return Tree(files, _packages(files))


def of_directory(root: pathlib.Path) -> Tree:
    """Return the Maven repository tree below a directory. Raises InputError if there is none."""
    if not root.is_dir():
        raise errors.InputError(f"{root} is not a directory. Give one that contains a Maven repository tree.")
    files: dict[str, bytes | pathlib.Path] = {}
    for path in sorted(root.rglob("*")):
        there = path.relative_to(root).as_posix()
        if path.is_file() and not _is_kept(there):
            files[there] = path
    if not files:
        raise errors.InputError(f"{root} contains no files.")
    return Tree(files, _packages(files))


def _packages(files: dict[str, bytes | pathlib.Path]) -> tuple[distribution.Coordinates, ...]:
    return tuple(sorted({maven.parse_path(path).coordinates for path in files}))


def _is_kept(path: str) -> bool:
    name = path.rpartition("/")[2]
    if not _METADATA.fullmatch(name):
        return _KEPT.fullmatch(name) is not None
    try:
        maven.parse_path(path)
    except errors.InputError:
        return True
    return False


def _jar(name: str, size: int) -> bytes:
    """Return a jar that cannot be compressed, with the same bytes in every run."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as jar:
        filler = b"".join(hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(size // 96 + 1))
        for entry, content in (("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"), (f"{name}.bin", filler)):
            jar.writestr(zipfile.ZipInfo(entry, (2026, 1, 1, 0, 0, 0)), content)
    return data.getvalue()
