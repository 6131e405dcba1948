# SPDX-License-Identifier: Apache-2.0
"""What the pages for starting, composing and comparing are shown: frozen values, made by storage/readers."""

import dataclasses
import datetime

import atr.models.paging as paging
import atr.models.readiness_views as readiness_views
import atr.models.views as views


@dataclasses.dataclass(frozen=True)
class StartView:
    """The page for starting a release of one project. `why_not` is empty if the reader may."""

    project_key: str
    project_name: str
    committee_name: str
    why_not: str
    # The newest versions that were started, with the word of their phase.
    versions: tuple[tuple[str, str], ...]
    # Whether the reader may start an expedited one.
    may_expedite: bool = False


@dataclasses.dataclass(frozen=True)
class StartList:
    """The projects of which the reader may start a release: key, name, committee."""

    projects: tuple[tuple[str, str, str], ...]


@dataclasses.dataclass(frozen=True)
class RevisionLine:
    """One revision: who made it, when and why, and what it holds."""

    number: str
    who: str
    at: datetime.datetime
    why: str
    phase_word: str
    files: int
    size: int
    # Empty for a revision from before our record of files.
    digest: str


@dataclasses.dataclass(frozen=True)
class FileLine:
    """One file of a revision: where the policy maps it, (platform, path there), and what is wrong with that."""

    path: str
    name: str
    size: int
    sha256: str
    places: tuple[tuple[str, str], ...]
    problem: str


@dataclasses.dataclass(frozen=True)
class Folder:
    """One folder of the listing. `lines` are its files; empty where it is only named, to be opened on its own."""

    path: str
    files: int
    size: int
    problems: int
    lines: tuple[FileLine, ...]


@dataclasses.dataclass(frozen=True)
class Tree:
    """The files below one folder that fit a filter, as many as a page holds."""

    folder: str
    # (name, path) of the folders above, the outermost first; the last one is `folder` itself.
    above: tuple[tuple[str, str], ...]
    query: str
    # The first of them, and how many there are.
    folders: tuple[Folder, ...]
    folders_total: int
    # How many files fit, and how many of them have a line.
    found: int
    shown: int


@dataclasses.dataclass(frozen=True)
class Mapping:
    """What the policy maps of the revision to one platform."""

    platform_name: str
    patterns: tuple[str, ...]
    files: int
    # The first few, and how many there are.
    problems: tuple[str, ...]
    problems_total: int


@dataclasses.dataclass(frozen=True)
class Check:
    """One finding: its class and word, what it is about, and the sentence."""

    css: str
    word: str
    about: str
    sentence: str


@dataclasses.dataclass(frozen=True)
class ComposeView:
    """The compose page of a release, in whatever phase it is."""

    project_key: str
    project_name: str
    committee_name: str
    version_key: str
    release_key: str
    phase_word: str
    sentence: str
    css: str
    revision: RevisionLine | None
    tree: Tree
    mappings: tuple[Mapping, ...]
    checks: tuple[Check, ...]
    rows: tuple[views.DeploymentView, ...]
    may_change: bool
    may_change_why_not: str
    may_record: bool
    may_record_why_not: str
    may_vote: bool
    may_vote_why_not: str
    readiness: readiness_views.Panel
    # What is said of its embargo; empty where there is none.
    embargo: str = ""
    part: paging.Part = paging.WHOLE


@dataclasses.dataclass(frozen=True)
class Changed:
    """One line of a comparison. `result` is differs, moved, added or removed; a digest is empty where it is not."""

    result: str
    path: str
    before: str
    after: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two revisions, and the first of the files by which they differ."""

    earlier: RevisionLine
    later: RevisionLine
    # ("added", 2), ("removed", 0), ... zeroes stay.
    tally: tuple[tuple[str, int], ...]
    lines: tuple[Changed, ...]
    differing: int


@dataclasses.dataclass(frozen=True)
class RevisionsView:
    """The revisions of a release, the newest first, and two of them compared."""

    project_key: str
    project_name: str
    version_key: str
    phase_word: str
    sentence: str
    lines: tuple[RevisionLine, ...]
    total: int
    comparison: Comparison | None


@dataclasses.dataclass(frozen=True)
class ChangeView:
    """The page on which a file or a folder is removed or renamed. `why_not` is empty if the reader may."""

    project_key: str
    project_name: str
    version_key: str
    phase_word: str
    path: str
    is_folder: bool
    files: int
    size: int
    revision_number: str
    why_not: str
