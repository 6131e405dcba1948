# SPDX-License-Identifier: Apache-2.0
"""What the pages around Finish are shown beside its rows: promoting all, and looking for a deployment."""

import dataclasses
import datetime

import atr.models.views as views
import atr.shared.distribution as distribution


@dataclasses.dataclass(frozen=True)
class PromoteAllView:
    """What would be promoted, in order, and what is left out."""

    head: views.ReleaseHead
    # In the order that we propose: least undo last.
    rows: tuple[views.DeploymentView, ...]
    # What it is, where its page is ("d4"), and why it is left out.
    left_out: tuple[tuple[str, str, str], ...]
    # Why the reader cannot do it; empty if they can.
    why_not: str
    # What can be undone afterwards, each sentence once.
    undo: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CandidateView:
    """A deployment that holds what is looked for. Without packages it holds others' too, so only its id is told."""

    external_id: str
    name: str
    # The platform's own word for its state.
    word: str
    packages: tuple[distribution.Coordinates, ...]
    packages_line: str
    created: datetime.datetime | None
    # Where it is recorded: "d4" for one of this release; else empty.
    row_key: str
    # Why it cannot be recorded from here; empty if it can.
    why_not: str


@dataclasses.dataclass(frozen=True)
class SearchView:
    """A search for a deployment by its coordinates, and its answer."""

    head: views.ReleaseHead
    number: int
    coordinates: distribution.Coordinates
    asked_by: str
    asked_at: datetime.datetime
    # None while the platform has not been asked.
    answered_at: datetime.datetime | None
    # Why there is no answer, as a sentence.
    problem: str
    candidates: tuple[CandidateView, ...]
    # Changes when the page does.
    etag: str


@dataclasses.dataclass(frozen=True)
class EmbargoView:
    """The embargo of a release, as the members of its committee see it."""

    head: views.ReleaseHead
    # Whether it holds: then it can be lifted.
    holds: bool
