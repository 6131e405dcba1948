# SPDX-License-Identifier: Apache-2.0
"""The files of the public Maven repository, each public from its own time on."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping

import atr.errors as errors
import atr.sandbox.central_portal.bundle as bundle
import atr.sandbox.central_portal.validation as validation


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """A file of the public repository. Before `since`, in epoch seconds, it answers 404."""

    disk: pathlib.Path
    size: int
    since: float


@dataclasses.dataclass(frozen=True)
class Listing:
    """The listing of one folder of the repository."""

    folders: tuple[str, ...]
    files: tuple[tuple[str, int], ...]


class PublicTree:
    """Files and components by path. Only `alter` and `withdraw`, for tests, change public files."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self.files: dict[str, PublicFile] = {}
        self.components: dict[validation.Component, float] = {}

    def restore(self, files: Mapping[str, float], components: Iterable[tuple[validation.Component, float]]) -> None:
        """Add the files and components of an earlier tree under the same root."""
        for path, since in files.items():
            disk = self._root / path
            self.files[path] = PublicFile(disk, disk.stat().st_size, since)
        self.components.update(components)

    def publish(self, path: str, source: pathlib.Path, since: float) -> None:
        """Publish a copy of the source under this path, from `since` on."""
        target = self._root / bundle.check_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # A link needs no space. It is safe, because every change, here and in a deployment, writes a new file.
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        self.files[path] = PublicFile(target, target.stat().st_size, since)

    def announce(self, components: Iterable[validation.Component], since: float) -> None:
        """Record that these versions exist, for `/published` and for validation."""
        for component in components:
            self.components.setdefault(component, since)

    def put(self, path: str, data: bytes, since: float) -> None:
        """Publish a file of no deployment, as if somebody had published it elsewhere."""
        component = validation.component_at(path)
        if component is not None:
            self.announce([component], since)
        target = self._root / bundle.check_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(target, data)
        self.files[path] = PublicFile(target, len(data), since)

    def alter(self, path: str) -> None:
        """Change one byte of a public file. Raises NotFoundError."""
        file = self._file(path)
        replace_bytes(file.disk, one_byte_off(file.disk.read_bytes()))

    def withdraw(self, path: str) -> None:
        """Remove a file. Raises NotFoundError."""
        self._file(path).disk.unlink()
        del self.files[path]

    def find(self, path: str, now: float) -> PublicFile | None:
        file = self.files.get(path)
        return file if file is not None and file.since <= now else None

    def has(self, component: validation.Component) -> bool:
        """Return whether this version is public, with any packaging."""
        return any(known.coordinate == component.coordinate for known in self.components)

    def listing(self, folder: str, now: float) -> Listing:
        """Return the content of a folder at this time; the root is the empty string."""
        prefix = f"{folder}/" if folder else ""
        folders, files = set(), []
        for path, file in self.files.items():
            if not path.startswith(prefix) or file.since > now:
                continue
            name, slash, _ = path.removeprefix(prefix).partition("/")
            if slash:
                folders.add(name)
            else:
                files.append((name, file.size))
        return Listing(tuple(sorted(folders)), tuple(sorted(files)))

    def _file(self, path: str) -> PublicFile:
        if path not in self.files:
            raise errors.NotFoundError(f"No public file {path!r}")
        return self.files[path]


def one_byte_off(data: bytes) -> bytes:
    """Return the same bytes except for one in the middle. An empty file gets one byte."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"\0"


def replace_bytes(path: pathlib.Path, data: bytes) -> None:
    """Replace a file by a new one, so that links to the old one keep its bytes."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
