# SPDX-License-Identifier: Apache-2.0
"""What pages and programs are shown: frozen values, made by storage/readers in one transaction.

Rows never leave storage. Times are aware UTC, sizes are bytes, digests are full lower-case sha256.
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
    """One side of the proof: how many files, how many bytes, their digest, and when we read them."""

    files: int
    size: int
    digest: str
    at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Proof:
    """The proof line: voted, staged, public. A side is None while it has not been read.

    `staged_link` and `public_link` are "equal", "differs" or "pending".
    """

    voted: Side | None = None
    staged: Side | None = None
    public: Side | None = None
    staged_link: str = "pending"
    public_link: str = "pending"


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a row stands: `css` is the class after `is-`, e.g. "ready", "live"; `who` acts next."""

    css: str
    word: str
    sentence: str
    who: str
    since: datetime.datetime


@dataclasses.dataclass(frozen=True)
class TimelineEntry:
    """One event, or `repeats` equal ones in a row, folded. `no_return` draws the line at the mark."""

    at: datetime.datetime
    actor: str
    text: str
    repeats: int = 1
    no_return: bool = False
    # The last entry of a live promotion.
    is_end: bool = False


@dataclasses.dataclass(frozen=True)
class Elapsed:
    """How long it is on its way, in minutes (fractions), against the usual band; `scale` is the width of the bar."""

    minutes: float
    usual_from: float
    usual_to: float
    scale: float


@dataclasses.dataclass(frozen=True)
class FileRow:
    """One file of the evidence table. `result` is equal, differs, missing, extra, renamed or pending.

    A digest is empty where the side has no such file, None where the side has not been read.
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
    """Something the reader can do now, or cannot: then `why_not` says why and who can change it.

    `name` is the value of the form's `act` field or the name of a route; `needs_reason` asks for a sentence.
    """

    name: str
    label: str
    why_not: str = ""
    needs_reason: bool = False
    primary: bool = False
    note: str = ""
    # What it is about beside the row: part of a route's address, or a field of the form.
    target: str = ""


@dataclasses.dataclass(frozen=True)
class Verified:
    """Verify now: who asked and how far it is; at its end what was read, and what that differs by.

    Without a digest at its end the platform could not be read: then `problem` says why. While it runs, `problem` is
    what holds it up.
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
        """Whether it was read whole and is not what it was compared with."""
        return bool(self.digest and self.problem)

    def is_newer_than(self, side: Side | None) -> bool:
        """Whether it was read after this side."""
        return (self.at is not None) and ((side is None) or (side.at is None) or (self.at >= side.at))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentView:
    """One row of the finish page and the whole of the detail page: a deployment with its newest promotion, if any.

    `deployment_id` is our number; for what is only tracked by hand it is None and `promotion_id` names the row.
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
    # "312 of 3,000 files read", or empty; and the same as numbers for a bar.
    progress: str = ""
    done: int = 0
    total: int = 0
    # The sentence of what is next, and a second, softer one.
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
    # What the confirm form must carry back.
    evidence_digest: str = ""
    row_version: int = 0
    # A fragment of the row is asked for again while this is True.
    is_moving: bool
    # One changing string: the page asks for the row again and shows it when this differs.
    etag: str = ""
    check_messages: tuple[tuple[str, str], ...] = ()
    # Why it is not on the ballot, or will not be on the next one; empty if nothing keeps it off.
    off_ballot: str = ""
    drop_reason: str = ""
    # Whether a copy of its files is kept here, or why none is though the project wants one; empty for neither.
    copy_sentence: str = ""
    # The newest Verify now; None if nobody has asked.
    verified: Verified | None = None
    accepted: tuple[beside.Accepted, ...] = ()
    # When a look beside the voted files last counted, and whether the newest one did.
    looked_beside_at: datetime.datetime | None = None
    looked_beside: bool = False

    @property
    def row_key(self) -> str:
        """Its name in addresses and where it stands on its page: "d4", or "p7" for what is only tracked by hand."""
        return f"d{self.deployment_id}" if self.deployment_id is not None else f"p{self.promotion_id}"


@dataclasses.dataclass(frozen=True)
class DeploymentDetail:
    """The detail page: the row, its files and what happened."""

    row: DeploymentView
    files: tuple[FileRow, ...]
    # ("equal", 18), ("differ", 0), ... zeroes stay.
    tally: tuple[tuple[str, int], ...]
    # True when there were more files than the page shows; `files_total` says how many there are.
    files_cut: bool
    files_total: int
    # The staged column is what Verify now read then, and it differs; None where it is what is proved or captured.
    staged_read_at: datetime.datetime | None
    timeline: tuple[TimelineEntry, ...]


@dataclasses.dataclass(frozen=True)
class ReleaseHead:
    """What the top of every page about one release says: whose it is, which version, in which phase."""

    project_key: str
    project_name: str
    committee_name: str
    version_key: str
    release_key: str
    # Compose, Vote, Finish, Announced.
    phase_word: str
    # What is said of its embargo; empty where there is none.
    embargo: str = ""
