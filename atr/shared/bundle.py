# SPDX-License-Identifier: Apache-2.0
"""The plan of an upload bundle for Maven Central, before it is written: its checksums and its size. Pure.

https://central.sonatype.org/publish/publish-portal-upload/
"""

import dataclasses
from collections.abc import Mapping
from typing import Final

# https://central.sonatype.org/publish/requirements/#provide-files-checksums; with the length of each as text.
REQUIRED_SIDE_FILES: Final[Mapping[str, int]] = {"md5": 32, "sha1": 40}
# Central requires no checksums for files with these extensions, whatever their content.
_WITHOUT: Final = (".asc", ".md5", ".sha1", ".sha256", ".sha512")
# Compressing these again costs time and saves nothing.
_COMPRESSED: Final = frozenset(
    {
        "7z",
        "aar",
        "apk",
        "bz2",
        "ear",
        "gz",
        "jar",
        "klib",
        "kar",
        "nar",
        "rar",
        "tbz",
        "tgz",
        "txz",
        "war",
        "xz",
        "zip",
        "zst",
    }
)
# The size of a zip entry's two headers without the path: before the bytes, and in the directory at the end.
_NOTED: Final = 30 + 46


@dataclasses.dataclass(frozen=True)
class Upload:
    """An upload: the number of files, of generated checksums (`made`) among them, and of bytes.

    `certain` is the smallest possible size of the zip: how well the other files compress is known when it is written.
    """

    files: int
    made: int
    size: int
    certain: int


def planned(sizes: Mapping[str, int]) -> Upload:
    """Return the bundle of these files and their generated checksums. `sizes` has the bytes of each path."""
    made = {
        f"{path}.{name}": length
        for path in sizes
        if has_side_files(path)
        for name, length in REQUIRED_SIDE_FILES.items()
        if f"{path}.{name}" not in sizes
    }
    entries = {**sizes, **made}
    packed = sum(size for path, size in entries.items() if stays_as_it_is(path))
    noted = sum(_NOTED + 2 * len(path) for path in entries)
    return Upload(len(entries), len(made), sum(entries.values()), packed + noted)


def has_side_files(path: str) -> bool:
    """Return whether the platform requires checksums for this file: for all but checksums and signatures."""
    return not path.endswith(_WITHOUT)


def stays_as_it_is(path: str) -> bool:
    """Return whether the file is stored in the bundle without further compression."""
    return path.rpartition(".")[2].lower() in _COMPRESSED
