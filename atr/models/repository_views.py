# SPDX-License-Identifier: Apache-2.0
"""What a voter can get of a ballot, and what is served of it: frozen values, made by storage/readers/repository.py."""

import dataclasses
import datetime

import atr.disk as disk


@dataclasses.dataclass(frozen=True)
class VoterEntry:
    """One entry of the ballot: an address of ours (`digest` names it), or the sentence why there is none."""

    # "revision", "mapped" or "deployment".
    kind: str
    title: str
    project_key: str
    version_key: str
    digest: str
    files: int
    size: int
    # Empty where it is served.
    why_not: str
    # For Maven alone: the id of the repository, and an artifact to try, like "g:a:1.0" or "g:a:1.0:pom".
    repository_id: str = ""
    example: str = ""


@dataclasses.dataclass(frozen=True)
class ServedFile:
    """A file that is served, or one of its checksums (`algorithm`)."""

    file: disk.Recorded
    at: datetime.datetime
    algorithm: str = ""


@dataclasses.dataclass(frozen=True)
class FolderLine:
    """A line of a folder. A folder's path ends in a slash and has neither size nor digest."""

    name: str
    path: str
    size: int | None = None
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class ServedFolder:
    """A folder that is shown to people."""

    project_key: str
    project_name: str
    version_key: str
    digest: str
    # From the root, each ending in a slash; empty for the root.
    path: str
    lines: tuple[FolderLine, ...]
    # How many lines there are; the page shows the first of them.
    total: int
    opened: datetime.datetime


@dataclasses.dataclass(frozen=True)
class AgainView:
    """What would be staged once more, and from where; or why it cannot be."""

    project_key: str
    project_name: str
    version_key: str
    # Compose, Vote, Finish, Announced.
    phase_word: str
    platform_name: str
    digest: str
    # "the kept copy" or "revision 00002"; empty where nothing of ours has the bytes.
    source: str
    # The first of them.
    lines: tuple[FolderLine, ...]
    files: int
    size: int
    why_not: str
