# SPDX-License-Identifier: Apache-2.0
"""What the bundle of an upload to Maven Central will be, told before it is written: its checksums, its size. Pure.

https://central.sonatype.org/publish/publish-portal-upload/
"""

import dataclasses
from collections.abc import Mapping
from typing import Final

# https://central.sonatype.org/publish/requirements/#provide-files-checksums; with how long each is as text.
REQUIRED_SIDE_FILES: Final[Mapping[str, int]] = {"md5": 32, "sha1": 40}
# Central asks for none beside these, by their names, whatever they hold.
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
# What a zip notes of each entry, its path aside: once before the bytes and once in the directory at the end.
_NOTED: Final = 30 + 46


@dataclasses.dataclass(frozen=True)
class Upload:
    """An upload: how many files, the `made` checksums among them, and all their bytes.

    `certain` is what the zip cannot be smaller than: how far the rest lets itself be compressed shows when it is made.
    """

    files: int
    made: int
    size: int
    certain: int


def planned(sizes: Mapping[str, int]) -> Upload:
    """The bundle of these files, each path of the platform with its bytes, and of the checksums that are made."""
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
    """Whether the platform wants checksums beside this file: beside all but checksums and signatures."""
    return not path.endswith(_WITHOUT)


def stays_as_it_is(path: str) -> bool:
    """Whether the file goes into the bundle without being compressed once more."""
    return path.rpartition(".")[2].lower() in _COMPRESSED
