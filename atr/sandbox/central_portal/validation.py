# SPDX-License-Identifier: Apache-2.0
"""The platform's rules for an upload, with the platform's messages.

Numbered as they are applied: 1 the archive can be read and its paths are safe; 2 every file is in Maven's layout next
to a POM; 3 the POM can be read, matches its path and has the required elements; 4 a jar with classes has sources and
javadoc; 5 each file has a signature (only its armour is checked, with no key), md5 and sha1, except Sigstore bundles,
which need none; 6 what the bundle alone does not show: the namespace is the account's, the version is not public, no
other deployment has it.

https://central.sonatype.org/publish/requirements/ ; the messages are quoted from public issues and client tests.
Issues report that these are accepted too: a jar without classes alone (jreleaser/jreleaser#1751), a relocated POM
without a jar (jreleaser/jreleaser discussion 1655), unsigned Sigstore bundles (sigstore/sigstore-java#775).
"""

import collections
import dataclasses
import hashlib
import pathlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Final

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundle
import atr.sandbox.central_portal.pom as pom

CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")
REQUIRED_CHECKSUMS: Final = ("md5", "sha1")
SIDE_SUFFIXES: Final = tuple(f".{name}" for name in CHECKSUMS)
SIGNATURE_SUFFIX: Final = ".asc"
# The second one is older. https://docs.sigstore.dev/about/bundle/
SIGSTORE_SUFFIXES: Final = (".sigstore.json", ".sigstore")
ARMOUR: Final = b"-----BEGIN PGP SIGNATURE-----"
# The key of errors that belong to no component.
COMMON: Final = "common"

_MAX_SIDE_BYTES: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
# One or more folders for the group, then artifact and version.
_MIN_FOLDERS: Final = 3
# An .aar needs neither sources nor javadoc, as builds that publish both kinds report.
_WITHOUT_SOURCES: Final = ("pom", "aar")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")


@dataclasses.dataclass(frozen=True, order=True)
class Component:
    """One artifact of a deployment, by its coordinates."""

    group: str
    artifact: str
    version: str
    packaging: str = "jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def purl(self) -> str:
        kind = "" if self.packaging == "jar" else f"?type={self.packaging}"
        return f"pkg:maven/{self.group}/{self.artifact}@{self.version}{kind}"

    @property
    def directory(self) -> str:
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}"

    @property
    def stem(self) -> str:
        return f"{self.artifact}-{self.version}"


@dataclasses.dataclass(frozen=True)
class Findings:
    """The findings about a bundle. Without errors it is valid, as far as the bundle alone shows."""

    files: Mapping[str, bundle.StagedFile]
    components: tuple[Component, ...]
    errors: Mapping[str, tuple[str, ...]]


def is_side_file(path: str) -> bool:
    """Return whether the path is named like a checksum of another file."""
    return path.endswith(SIDE_SUFFIXES)


def examine(archive: pathlib.Path, root: pathlib.Path) -> Findings:
    """Unpack the archive under `root` and apply rules 1 to 5. Blocking: call it in a thread. Raises nothing."""
    try:
        files = bundle.unpack(archive, root)
    except errors.InputError as error:
        return Findings({}, (), {COMMON: (str(error),)})
    found: collections.defaultdict[str, list[str]] = collections.defaultdict(list)
    components = []
    for directory, paths in sorted(_by_directory(files).items()):
        read = _component(root, directory, paths, found)
        if read is not None:
            component, relocated = read
            components.append(component)
            found[component.purl] += _component_errors(root, component, paths)
            if not (relocated and (f"{directory}/{component.stem}.jar" not in paths)):
                found[component.purl] += _sources_errors(root, component, paths)
    kept = {key: tuple(sorted(set(sentences))) for key, sentences in found.items() if sentences}
    return Findings(files, tuple(components), kept)


def place_errors(
    component: Component, *, namespaces: Iterable[str], published: bool, holder: str | None
) -> tuple[str, ...]:
    """Rule 6. `holder` is the id of another deployment that has the coordinates."""
    found = []
    if not owns(namespaces, component.group):
        found.append(f"Namespace '{component.group}' is not allowed")
    if published:
        found.append(f"Component with package url: '{component.purl}' already exists")
    if holder is not None:
        found.append(
            f"Component with coordinate '{component.coordinate}' is currently being published in another deployment "
            f"({holder})"
        )
    return tuple(found)


def component_at(path: str) -> Component | None:
    """Return the component that a path belongs to by its folders; None if it has too few."""
    segments = path.split("/")[:-1]
    if len(segments) < _MIN_FOLDERS:
        return None
    *group, artifact, version = segments
    return Component(".".join(group), artifact, version)


def owns(namespaces: Iterable[str], group: str) -> bool:
    """Return whether a group is one of the namespaces or below one. Old groups have no dot."""
    return any(group == namespace or group.startswith(f"{namespace}.") for namespace in namespaces)


def _by_directory(files: Iterable[str]) -> dict[str, list[str]]:
    directories: dict[str, list[str]] = {}
    for path in files:
        directories.setdefault(path.rpartition("/")[0], []).append(path)
    return directories


def _component(
    root: pathlib.Path, directory: str, paths: list[str], found: dict[str, list[str]]
) -> tuple[Component, bool] | None:
    """Rules 2 and 3: return the component of this directory, and whether its POM is a relocation.

    Returns None if there is none, with the reason under `common`.
    """
    component = component_at(f"{directory}/")
    if component is None:
        found[COMMON] += [
            f"File path '{directory}' is not valid for file '{path.rpartition('/')[2]}'" for path in sorted(paths)
        ]
        return None
    path = f"{directory}/{component.stem}.pom"
    if path not in paths:
        found[COMMON].append(f"Bundle has content that does NOT have a .pom file: {directory}")
        return None
    try:
        described = pom.read((root / path).read_bytes()[: pom.MAX_POM_BYTES + 1])
    except errors.InputError as error:
        found[component.purl].append(f"Invalid POM: {error}")
        return component, False
    component = dataclasses.replace(component, packaging=described.packaging)
    stated = Component(described.group, described.artifact, described.version, described.packaging)
    if stated != component:
        found[component.purl].append(f"Component '{stated.coordinate}' in the POM does not match path '{directory}'")
    found[component.purl] += described.missing
    return component, described.relocated


def _component_errors(root: pathlib.Path, component: Component, paths: list[str]) -> list[str]:
    """Rule 5, and that each file is named after its component."""
    names = _names(paths)
    found = [
        f"File name '{name}' is not valid"
        for name in names
        if not name.startswith((f"{component.stem}.", f"{component.stem}-"))
    ]
    if component.version.upper().endswith("-SNAPSHOT"):
        found.append("SNAPSHOT versions are not supported")
    for name in names:
        if not is_side_file(name):
            found += _file_errors(root / component.directory, name, names)
    return found


def _sources_errors(root: pathlib.Path, component: Component, paths: list[str]) -> list[str]:
    """Rule 4."""
    if component.packaging in _WITHOUT_SOURCES:
        return []
    entries = _entries(root / component.directory / f"{component.stem}.jar")
    # A file that cannot be read as a jar counts as one with classes.
    classes = (entries is None) or any(name.endswith(".class") for name in entries)
    names = _names(paths)
    return [
        f"{what} must be provided but not found in entries"
        for classifier, what in (("sources", "Sources"), ("javadoc", "Javadocs"))
        if classes and (f"{component.stem}-{classifier}.jar" not in names)
    ]


def _entries(jar: pathlib.Path) -> list[str] | None:
    """Return the names in a jar; None if there is no readable jar."""
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        return None


def _names(paths: Iterable[str]) -> set[str]:
    return {path.rpartition("/")[2] for path in paths}


def _file_errors(directory: pathlib.Path, name: str, names: set[str]) -> list[str]:
    """Rule 5 for one file. A checksum that is not required must be correct if it exists."""
    signature = name.endswith(SIGNATURE_SUFFIX)
    sigstore = name.endswith(SIGSTORE_SUFFIXES)
    given = [kind for kind in CHECKSUMS if f"{name}.{kind}" in names]
    found = []
    if not (signature or sigstore):
        found += _signature_errors(directory, name, names)
    if not (signature or sigstore):
        found += [f"Missing {kind} checksum for file: {name}" for kind in REQUIRED_CHECKSUMS if kind not in given]
    actual = _digests(directory / name, given)
    for kind in given:
        stated = _stated(directory / f"{name}.{kind}")
        passes = (not stated) and (kind not in REQUIRED_CHECKSUMS)
        if (stated != actual[kind]) and not passes:
            found.append(f"Invalid '{kind}' checksum for file: {name}")
    return found


def _signature_errors(directory: pathlib.Path, name: str, names: set[str]) -> list[str]:
    signature = f"{name}{SIGNATURE_SUFFIX}"
    if signature not in names:
        return [f"Missing signature for file: {name}"]
    if not _head(directory / signature).lstrip().startswith(ARMOUR):
        return [f"Invalid signature for file: {name}"]
    return []


def _digests(path: pathlib.Path, kinds: list[str]) -> dict[str, str]:
    digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with path.open("rb") as file:
        while digests and (chunk := file.read(_CHUNK)):
            for digest in digests.values():
                digest.update(chunk)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def _stated(path: pathlib.Path) -> str:
    # Hex alone, or hex and a file name as md5sum writes it; elastic/elasticsearch#52413 shows both.
    words = _head(path).decode("ascii", "replace").split()
    return words[0].lower() if words and _HEX.fullmatch(words[0]) else ""


def _head(path: pathlib.Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_SIDE_BYTES)
