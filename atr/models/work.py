# SPDX-License-Identifier: Apache-2.0
"""What the worker is handed when it claims a row, and what it hands back: frozen values, no rows."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import atr.models.operating as operating
import atr.promotion.beside as beside
import atr.promotion.deployments as deployments
import atr.promotion.fileset as fileset
import atr.promotion.heard as heard
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms

# What is stored beside a mark, of a deployment that was looked at or found, and of a package that became public.
Found = heard.Found
Observation = heard.Observation
Outcome = heard.Reply
PublicAddress = heard.Published


@dataclasses.dataclass(frozen=True)
class Promotion:
    """A promotion that this worker holds under `epoch`."""

    id: int
    epoch: int
    release_key: str
    platform: distribution.DistributionPlatform
    # None for what is only tracked by hand.
    deployment_id: int | None
    external_id: str
    packages: tuple[distribution.Coordinates, ...]
    view: steps.View
    voted_digest: str
    round: int
    # Whether an earlier, broken reading of this round may have left something.
    kept: bool
    # What the last complete reading in this state differed by; empty if it did not.
    difference: str
    # What is known of the files beside the voted ones.
    memory: beside.Memory = dataclasses.field(default_factory=beside.Memory)
    # The platform did not answer for a while: this look finds out whether it does, and only reads.
    probe: bool = False

    @property
    def mechanism(self) -> mechanisms.Mechanism:
        """How it becomes public."""
        return self.view.mechanism

    @property
    def subject(self) -> str:
        """How events and log lines name it."""
        return f"promotion:{self.id}"


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployment that this worker holds under `epoch`."""

    id: int
    epoch: int
    release_key: str
    platform: distribution.DistributionPlatform
    mechanism: mechanisms.Mechanism
    external_id: str
    # The name we gave it; empty if it was staged elsewhere.
    name: str
    state: states.DeploymentState
    view: deployments.View
    captured: bool
    # Somebody asked for Verify now, and there is no answer yet.
    verifying: bool
    # The packages it is known to hold; empty before the platform said so.
    packages: tuple[distribution.Coordinates, ...]
    # The answers to its upload and its drop; NONE for marked and not answered, None for not marked.
    upload_answer: steps.Answer | None
    drop_answer: steps.Answer | None
    # The database was restored since a person asked for the upload or the drop: it may have been sent already.
    asked_before: bool = False
    # As for a promotion.
    probe: bool = False

    @property
    def may_upload(self) -> bool:
        """Whether no upload was sent that may have arrived. After a restore nobody knows: then one counts as sent."""
        return (not self.asked_before) and (self.upload_answer in {None, steps.Answer.LIMITED})

    @property
    def may_drop(self) -> bool:
        """The same for a drop, which is not tried for ever either."""
        unsent = self.drop_answer in {None, steps.Answer.LIMITED}
        return unsent and not (self.asked_before or self.view.limit or self.view.given_up)

    @property
    def is_searched(self) -> bool:
        """Whether an upload is looked for by its name, since it may have arrived."""
        return (self.state is states.DeploymentState.UPLOADING) and not self.may_upload

    @property
    def is_on_its_way(self) -> bool:
        """Whether an upload may have arrived that was not found yet, or a drop was asked for."""
        return self.is_searched or (self.state is states.DeploymentState.DROPPING)

    @property
    def subject(self) -> str:
        """How events and log lines name it."""
        return f"deployment:{self.id}"


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A pending third-party distribution that this worker holds under `epoch`."""

    epoch: int
    release_key: str
    coordinates: distribution.Coordinates
    staging: bool
    retries: int
    # As for a promotion.
    probe: bool = False

    @property
    def subject(self) -> str:
        """How events and log lines name it."""
        return f"distribution:{self.coordinates.purl}"


@dataclasses.dataclass(frozen=True)
class CopyPlan:
    """What a reading may put into the store: so many new bytes, since the project's blobs are `paid` for already."""

    room: int
    quota: int
    paid: frozenset[str]
    # When it was put there, by the clock of the rows.
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Read:
    """One file that was read: what it is, and which checksums beside it are wrong, as a sentence.

    `text` is that of a checksum, so that it can be compared with its file later; empty for a member.
    """

    file: fileset.File
    problem: str = ""
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Permit:
    """The mark is on disk: one request may leave, soon. Handed only to the process that saw the commit."""

    attempt_id: int
    number: int
    # For a publish: what moves with it, a tag, and the code that a person typed.
    pointer: str = ""
    code: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class Learnt:
    """What a look at the platform or at the public files told about a promotion."""

    decision: steps.Decision
    seen: steps.Seen | None = None
    # What the public place showed at the same time.
    look: steps.Look = steps.Look.NOT_LOOKED
    word: str = ""
    # A failed look, as a sentence; empty clears the last one.
    blocker: str = ""
    retry_after: float | None = None
    # What was read of a side, whole, whether it is equal or not.
    staged: fileset.FileSet | None = None
    public: fileset.FileSet | None = None
    difference: str = ""
    # The reading was complete: the next one is a new round.
    complete: bool = False
    # What stands beside the voted files; None if nobody looked.
    looked_beside: beside.Looked | None = None
    urls: tuple[PublicAddress, ...] = ()


@dataclasses.dataclass(frozen=True)
class Search:
    """Somebody looks for a deployment by its coordinates."""

    id: int
    coordinates: distribution.Coordinates
    mechanism: mechanisms.Mechanism


@dataclasses.dataclass(frozen=True)
class Task:
    """A task that this worker holds under `epoch`."""

    id: int
    epoch: int
    task_type: operating.TaskType
    args: Mapping[str, Any]
    tries: int
    # Whether it is given up if it fails once more.
    is_last_try: bool

    @property
    def subject(self) -> str:
        """How log lines name it."""
        return f"task:{self.id}"
