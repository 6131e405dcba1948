# SPDX-License-Identifier: Apache-2.0
"""The panel of pre-flight checks, the same in Compose, Vote and Finish. Frozen, as all views."""

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True)
class Line:
    """One sentence of an answer, and who can change what it says; "nobody" where time does, empty where all is well."""

    sentence: str
    who: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """The answer for one platform. `css` is passed, refused, warning or unproved; `word` is Yes, No or Not known."""

    css: str
    word: str
    lines: tuple[Line, ...]
    # When a platform was asked; None where the answer is what our own rows say now.
    at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Check:
    """One row of the panel: a thing that must hold, and its answer for each platform in order."""

    code: str
    title: str
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Usage:
    """What publishing takes of a platform's limits for this month, in sentences; over one of them it is a warning."""

    platform: str
    is_over: bool
    sentences: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Panel:
    """The whole panel. Without platforms nothing of the release is to be promoted from here, and `sentence` says so."""

    project_key: str
    version_key: str
    css: str
    sentence: str
    platforms: tuple[str, ...]
    checks: tuple[Check, ...]
    # When a platform was last asked; None if none ever was.
    asked_at: datetime.datetime | None
    # The worker has been asked and has not answered yet.
    is_asking: bool
    # Why the reader cannot have the platforms asked now; empty if they can.
    ask_why_not: str
    usage: tuple[Usage, ...] = ()
    # One changing string: the page asks for the panel again and shows it when this differs.
    etag: str = ""
