# SPDX-License-Identifier: Apache-2.0
"""What a page is told about an upload before anybody asks for it. Frozen."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Line:
    """A file: its name on the platform, and where it stands in the revision."""

    name: str
    here: str
    size: int


@dataclasses.dataclass(frozen=True)
class Package:
    """A package: how many files of it go, their bytes, and those of them that this page lists."""

    name: str
    files: int
    size: int
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Upload:
    """All that would be sent, and a page of its files by package, counted from 1."""

    # The files of the revision, and the checksums that are made beside them; `size` has both.
    files: int
    made: int
    size: int
    packages: int
    # What the platform takes in one upload, and whether only packing can tell if this is within it.
    limit: int
    may_be_too_large: bool
    listed: tuple[Package, ...]
    page: int
    pages: int
