# SPDX-License-Identifier: Apache-2.0
"""The values that several pages show: frozen, and made by the other modules of atr/pages.

Times are timezone-aware UTC, sizes are bytes, digests are complete lower-case SHA-256 digests.
"""

import dataclasses
import datetime

import atr.promotion.beside as beside
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of the evidence: the number of files, their bytes and digest, and when they were read."""

    files: int
    size: int
    digest: str
    at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Proof:
    """The evidence in one line: voted, staged, public. A side is None until it was read.

    `staged_link` and `public_link` are "equal", "differs" or "pending".
    """

    voted: Side | None = None
    staged: Side | None = None
    public: Side | None = None
    staged_link: str = "pending"
    public_link: str = "pending"


@dataclasses.dataclass(frozen=True)
class Standing:
    """The state of a row: `css` is the class after `is-`, e.g. "ready", "live"; `who` acts next."""

    css: str
    word: str
    sentence: str
    who: str
    since: datetime.datetime


@dataclasses.dataclass(frozen=True)
class TimelineEntry:
    """One event, or `repeats` consecutive equal ones. `no_return` draws a line after the mark of a publish request."""

    at: datetime.datetime
    actor: str
    text: str
    repeats: int = 1
    no_return: bool = False
    # The last entry of a live promotion.
    is_end: bool = False


@dataclasses.dataclass(frozen=True)
class Elapsed:
    """The elapsed time in (fractional) minutes, and the usual range; `scale` is the width of the bar."""

    minutes: float
    usual_from: float
    usual_to: float
    scale: float


@dataclasses.dataclass(frozen=True)
class FileRow:
    """One file of the evidence table. `result` is equal, differs, missing, extra, renamed or pending.

    A digest is empty if the side has no such file, None if the side has not been read.
    """

    path: str
    directory: str
    name: str
    size: int
    result: str
    voted: str | None
    staged: str | None
    public: str | None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Act:
    """An action of the reader. If it is not available now, `why_not` says why and who can change that.

    `name` is the value of the form's `act` field or the name of a route; with `needs_reason` the form has a reason.
    """

    name: str
    label: str
    why_not: str = ""
    needs_reason: bool = False
    primary: bool = False
    note: str = ""
    # Its subject in addition to the row: part of a route's address, or a field of the form.
    target: str = ""


@dataclasses.dataclass(frozen=True)
class Verified:
    """A run of "Verify now": who requested it, its progress, and at its end the digest and the difference.

    If there is no digest at its end, the platform could not be read and `problem` says why. While it runs, `problem`
    says what delays it.
    """

    asked_by: str
    asked_at: datetime.datetime
    # None while it runs.
    at: datetime.datetime | None
    done: int
    total: int
    digest: str
    problem: str

    @property
    def differs(self) -> bool:
        """Return whether the files were read completely and differ."""
        return bool(self.digest and self.problem)

    def is_newer_than(self, side: Side | None) -> bool:
        """Return whether the files were read after this side."""
        return (self.at is not None) and ((side is None) or (side.at is None) or (self.at >= side.at))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentView:
    """One row of the finish page, also shown on the detail page: a deployment with its newest promotion, if any.

    `deployment_id` is ATR's number; for a promotion that is tracked by hand it is None, and `promotion_id` is the key.
    """

    deployment_id: int | None = None
    promotion_id: int | None
    release_key: str
    project_key: str
    project_name: str
    version_key: str
    platform: distribution.DistributionPlatform
    mechanism: mechanisms.Mechanism
    external_id: str = ""
    packages: tuple[distribution.Coordinates, ...]
    # "org.apache.example:widgets-*:2.4.0": the packages in one line.
    packages_line: str
    standing: Standing
    deployment_state: states.DeploymentState | None = None
    state: states.State | None
    proof: Proof = Proof()
    # "312 of 3,000 files read", or empty; and the same as numbers for a progress bar.
    progress: str = ""
    done: int = 0
    total: int = 0
    # The next step as a sentence, and a less prominent note.
    next_sentence: str = ""
    next_note: str
    needs_you: bool = False
    needs_person: str = ""
    elapsed: Elapsed | None
    next_look: datetime.datetime | None
    last_look: datetime.datetime | None
    reason: str
    problem: str = ""
    blockers: tuple[reasons.Reason, ...] = ()
    acts: tuple[Act, ...] = ()
    by_hand: bool
    out_of_band: bool
    staged_by: str = ""
    staged_at: datetime.datetime
    revision_number: str = ""
    requested_by: str
    requested_at: datetime.datetime | None
    publish_calls: int
    bytes_sent: int
    platform_word: str
    public_urls: tuple[tuple[str, str], ...]
    # The values that the confirm form must send back.
    evidence_digest: str = ""
    row_version: int = 0
    # The page requests the row's fragment again while this is True.
    is_moving: bool
    # Changes when the row does: the page requests the row again and shows it if this differs.
    etag: str = ""
    check_messages: tuple[tuple[str, str], ...] = ()
    # Why it is excluded from the ballot, or from the next one; empty if it is not.
    off_ballot: str = ""
    drop_reason: str = ""
    # That a copy of its files is kept, or why none is although the project wants one; else empty.
    copy_sentence: str = ""
    # The newest "Verify now"; None if it was never requested.
    verified: Verified | None = None
    accepted: tuple[beside.Accepted, ...] = ()
    # When a search for extra files last counted, and whether the newest one did.
    looked_beside_at: datetime.datetime | None = None
    looked_beside: bool = False

    @property
    def row_key(self) -> str:
        """Return its key in addresses and its anchor: "d4", or "p7" for a promotion that is tracked by hand."""
        return f"d{self.deployment_id}" if self.deployment_id is not None else f"p{self.promotion_id}"


@dataclasses.dataclass(frozen=True)
class DeploymentDetail:
    """The detail page: the row, its files and its timeline."""

    row: DeploymentView
    files: tuple[FileRow, ...]
    # ("equal", 18), ("differ", 0), ... including zeroes.
    tally: tuple[tuple[str, int], ...]
    # Whether there are more files than the page shows; `files_total` is the number of all.
    files_cut: bool
    files_total: int
    # When "Verify now" read the staged column, if that differs; None if the column is what was verified or captured.
    staged_read_at: datetime.datetime | None
    timeline: tuple[TimelineEntry, ...]


@dataclasses.dataclass(frozen=True)
class ReleaseHead:
    """The top of every page about one release: project, committee, version and phase."""

    project_key: str
    project_name: str
    committee_name: str
    version_key: str
    release_key: str
    # Compose, Vote, Finish, Announced.
    phase_word: str
    # A sentence about its embargo; empty if there is none.
    embargo: str = ""
