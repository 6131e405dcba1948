# SPDX-License-Identifier: Apache-2.0
"""The values that the worker gets when it claims a row, and those that it returns: frozen, no rows."""

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

# What is stored after an attempt, a search or a check of a deployment, and of a package that became public.
Found = heard.Found
Observation = heard.Observation
Outcome = heard.Reply
PublicAddress = heard.Published


@dataclasses.dataclass(frozen=True)
class Promotion:
    """A promotion that this worker has leased with `epoch`."""

    id: int
    epoch: int
    release_key: str
    platform: distribution.DistributionPlatform
    # None for a promotion that is only tracked, by hand.
    deployment_id: int | None
    external_id: str
    packages: tuple[distribution.Coordinates, ...]
    view: steps.View
    voted_digest: str
    round: int
    # Whether an earlier, interrupted read of this round may have stored some files.
    kept: bool
    # The difference in the last complete read in this state; empty if there was none.
    difference: str
    # The known extra files.
    memory: beside.Memory = dataclasses.field(default_factory=beside.Memory)
    # The platform has stopped answering: this check finds out whether it answers again, and only reads.
    probe: bool = False

    @property
    def mechanism(self) -> mechanisms.Mechanism:
        """The mechanism by which it is promoted."""
        return self.view.mechanism

    @property
    def subject(self) -> str:
        """Its name in events and log lines."""
        return f"promotion:{self.id}"


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployment that this worker has leased with `epoch`."""

    id: int
    epoch: int
    release_key: str
    platform: distribution.DistributionPlatform
    mechanism: mechanisms.Mechanism
    external_id: str
    # The name that ATR gave it; empty if it was staged elsewhere.
    name: str
    state: states.DeploymentState
    view: deployments.View
    captured: bool
    # "Verify now" was requested, and there is no result yet.
    verifying: bool
    # The packages that it is known to contain; empty until the platform has reported them.
    packages: tuple[distribution.Coordinates, ...]
    # The answers to its upload and its drop: NONE if marked and not answered, None if not marked.
    upload_answer: steps.Answer | None
    drop_answer: steps.Answer | None
    # The database was restored after a person requested the upload or the drop: it may have been sent already.
    asked_before: bool = False
    # As for a promotion.
    probe: bool = False

    @property
    def may_upload(self) -> bool:
        """Whether no upload can have arrived. After a restore this is not known, so one counts as sent."""
        return (not self.asked_before) and (self.upload_answer in {None, steps.Answer.LIMITED})

    @property
    def may_drop(self) -> bool:
        """The same for a drop, and whether ATR still retries it."""
        unsent = self.drop_answer in {None, steps.Answer.LIMITED}
        return unsent and not (self.asked_before or self.view.limit or self.view.given_up)

    @property
    def is_searched(self) -> bool:
        """Whether an upload is searched for by its name, since it may have arrived."""
        return (self.state is states.DeploymentState.UPLOADING) and not self.may_upload

    @property
    def is_on_its_way(self) -> bool:
        """Whether an upload may have arrived that was not found yet, or a drop was requested."""
        return self.is_searched or (self.state is states.DeploymentState.DROPPING)

    @property
    def subject(self) -> str:
        """Its name in events and log lines."""
        return f"deployment:{self.id}"


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A pending third-party distribution that this worker has leased with `epoch`."""

    epoch: int
    release_key: str
    coordinates: distribution.Coordinates
    staging: bool
    retries: int
    # As for a promotion.
    probe: bool = False

    @property
    def subject(self) -> str:
        """Its name in events and log lines."""
        return f"distribution:{self.coordinates.purl}"


@dataclasses.dataclass(frozen=True)
class CopyPlan:
    """The limit for a read that keeps a copy: `room` new bytes, not counting the project's blobs in `paid`."""

    room: int
    quota: int
    paid: frozenset[str]
    # The time of the copy, by the clock of the rows.
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Read:
    """One file that was read, with a sentence on its wrong checksums.

    `text` is the text of a checksum, so that it can be compared with its file later; empty for a member.
    """

    file: fileset.File
    problem: str = ""
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Permit:
    """The mark is on disk, so one request may be sent, soon. Only the process that made the commit gets it."""

    attempt_id: int
    number: int
    # For a publish request: the pointer that it moves (a tag), and the code that a person typed.
    pointer: str = ""
    code: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class Learnt:
    """The result of one check of a promotion, on the platform or in public."""

    decision: steps.Decision
    seen: steps.Seen | None = None
    # The state of the public repository at the same time.
    look: steps.Look = steps.Look.NOT_LOOKED
    word: str = ""
    # A sentence on a failed check; empty clears the last one.
    blocker: str = ""
    retry_after: float | None = None
    # The complete staged or public files that were read, whether identical or not.
    staged: fileset.FileSet | None = None
    public: fileset.FileSet | None = None
    difference: str = ""
    # The read was complete, so the next one is a new round.
    complete: bool = False
    # The result of a check for extra files; None if there was none.
    looked_beside: beside.Looked | None = None
    urls: tuple[PublicAddress, ...] = ()


@dataclasses.dataclass(frozen=True)
class Search:
    """A person's search for a deployment by its coordinates."""

    id: int
    coordinates: distribution.Coordinates
    mechanism: mechanisms.Mechanism


@dataclasses.dataclass(frozen=True)
class Task:
    """A task that this worker has leased with `epoch`."""

    id: int
    epoch: int
    task_type: operating.TaskType
    args: Mapping[str, Any]
    tries: int
    # Whether it is abandoned if it fails once more.
    is_last_try: bool

    @property
    def subject(self) -> str:
        """Its name in log lines."""
        return f"task:{self.id}"
