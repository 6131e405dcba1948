# SPDX-License-Identifier: Apache-2.0
"""Our own tables beside ATR's: deployments, file sets, ballots, promotions, attempts, events.

`version` on a row counts what a person can see change; forms carry it. `lease_epoch` counts who works on a row; every
result is written only by the holder of the newest epoch. `release_key` is no foreign key: what became public is still
known when ATR deletes the release.
"""

import datetime
import enum
from typing import Any

import sqlalchemy
import sqlmodel

import atr.models.sql as sql
import atr.promotion.states as states
import atr.promotion.steps as steps


class BallotKind(enum.StrEnum):
    """What an entry of a ballot stands for."""

    # Every file of the revision.
    REVISION = "revision"
    # The files that the policy maps to a platform, in the platform's layout.
    MAPPED = "mapped"
    # The files of a captured deployment.
    DEPLOYMENT = "deployment"


class AttemptKind(enum.StrEnum):
    """The irreversible requests there are."""

    UPLOAD = "upload"
    PUBLISH = "publish"
    DROP = "drop"


class Side(enum.StrEnum):
    """Where a file was read, and why."""

    CAPTURED = "captured"
    STAGED = "staged"
    PUBLIC = "public"


class FileSetRow(sqlmodel.SQLModel, table=True):
    """A file set, stored once under its digest. Never changed."""

    __tablename__ = "file_set"

    digest: str = sqlmodel.Field(primary_key=True)
    files: int
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    created: datetime.datetime


class FileSetFile(sqlmodel.SQLModel, table=True):
    """One file of a file set. Fetched only to explain a difference or to show a table."""

    __tablename__ = "file_set_file"

    digest: str = sqlmodel.Field(primary_key=True, foreign_key="file_set.digest")
    path: str = sqlmodel.Field(primary_key=True)
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    sha256: str


class RevisionFiles(sqlmodel.SQLModel, table=True):
    """What a revision holds. ATR deletes the revisions of a release that is announced; this stays."""

    __tablename__ = "revision_files"

    release_key: str = sqlmodel.Field(primary_key=True)
    number: str = sqlmodel.Field(primary_key=True)
    file_set_digest: str = sqlmodel.Field(foreign_key="file_set.digest")
    # By path: what is wrong with files that are named like checksums (`fileset.Odd`). None: nobody has looked.
    odd_checksums: dict[str, str] | None = sqlmodel.Field(default=None, sa_column=sql.json_column(nullable=True))
    recorded: datetime.datetime


class PlatformTarget(sqlmodel.SQLModel, table=True):
    """Which names on a platform belong to a project, and how they are published. Only a foundation admin sets it."""

    __tablename__ = "platform_target"
    __table_args__ = (sqlalchemy.UniqueConstraint("project_key", "platform"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    project_key: str = sqlmodel.Field(foreign_key="project.key", ondelete="CASCADE")
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str
    # Where the staged files stand and where they become public, in words; the addresses are the worker's settings.
    source: str = ""
    target: str = ""
    namespaces: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    # What moves at publishing where there is such a thing: a tag, a dist-tag.
    pointer: str = ""
    set_by: str
    set_at: datetime.datetime


class Deployment(sqlmodel.SQLModel, table=True):
    """One staging attempt on a platform, by the mechanism that the project's target named then."""

    __table_args__ = (
        # A deployment belongs to one release, whoever records it.
        sql.unique_where("ix_deployment_external", "platform", "external_id", where="external_id IS NOT NULL"),
    )

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str = sqlmodel.Field(sa_column=sql.mechanism_column())
    # The platform's id; None until an upload was answered. And the name we gave it; empty if it was staged elsewhere.
    external_id: str | None = None
    name: str = ""
    state: states.DeploymentState = sqlmodel.Field(sa_column=sql.enum_column(states.DeploymentState, name="state"))
    entered_at: datetime.datetime
    version: int = 1
    # From which revision ATR uploaded; None if staged elsewhere. Shown, never compared.
    revision_number: str | None = None
    created_by: str
    created: datetime.datetime
    # In which generation of the database we made it on the platform; 0 for what was staged elsewhere. And in which one
    # a person last asked for its upload or its drop.
    made_in: int = sql.added(0)
    asked_in: int = sql.added(0)
    # Upload, and ask for the promotion by the same gates once it is staged.
    then_promote: bool = False
    # Why the vote was opened without it; empty if it was not taken off.
    off_ballot: str = ""
    # What ATR uploads when that is not what the policy maps of the revision: a file set of which a copy is kept.
    stage_digest: str | None = None
    # How far the upload is, in bytes; both 0 before it starts.
    sent_bytes: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"})
    send_total: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"})
    file_set_digest: str | None = sqlmodel.Field(default=None, foreign_key="file_set.digest")
    captured_at: datetime.datetime | None = None
    # All that the platform listed then, checksums too: what it counts towards its limits. 0 for an older capture.
    listed_files: int = sql.added(0)
    listed_bytes: int = sqlmodel.Field(
        default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"}
    )
    # Checksums that are not those of the bytes they name, found at the capture; and what is only worth a look.
    side_problems: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    remarks: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column(server_default="[]"))
    read_done: int = 0
    read_total: int = 0
    # Why no copy of the captured bytes is kept though the project wants one; empty if nothing is wrong.
    copy_problem: str = sql.added("")
    # Verify now: who asked and when, and what was read then. It changes nothing else.
    verify_asked_by: str = sql.added("")
    verify_asked_at: datetime.datetime | None = None
    verified_at: datetime.datetime | None = None
    verified_digest: str | None = None
    verify_problem: str = sql.added("")
    drop_reason: str = ""
    drop_by: str = ""
    platform_word: str = ""
    # What is wrong, for people; empty if nothing is.
    problem: str = ""
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # Since when the platform has been publishing it; None if it is not.
    publishing_since: datetime.datetime | None = None
    # Since when its packages are known to be public by another one, with nothing voted on to compare them with.
    found_at: datetime.datetime | None = None
    last_look: datetime.datetime | None = None
    due_at: datetime.datetime | None = sqlmodel.Field(default=None, index=True)
    lease_owner: str = ""
    lease_epoch: int = 0
    lease_until: datetime.datetime | None = None

    @property
    def is_verifying(self) -> bool:
        """Whether somebody asked for Verify now, and there is no answer yet."""
        return (self.verify_asked_at is not None) and (self.verified_at is None)

    @property
    def subject(self) -> str:
        """What events call it."""
        return f"deployment:{self.id}"


class DeploymentPackage(sqlmodel.SQLModel, table=True):
    """One package of a deployment; its columns are the key of its Distribution row, with the deployment's release."""

    __tablename__ = "deployment_package"

    deployment_id: int = sqlmodel.Field(primary_key=True, foreign_key="deployment.id")
    owner_namespace: str = sqlmodel.Field(primary_key=True)
    package: str = sqlmodel.Field(primary_key=True)
    version: str = sqlmodel.Field(primary_key=True)


class BallotEntry(sqlmodel.SQLModel, table=True):
    """One file set that a vote is about, frozen when it opens. Cannot be updated or deleted."""

    __tablename__ = "ballot_entry"

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    vote_seq: int
    kind: BallotKind = sqlmodel.Field(sa_column=sql.enum_column(BallotKind, name="kind"))
    # The member name of the platform; empty for the revision.
    platform: str = ""
    deployment_id: int | None = sqlmodel.Field(default=None, foreign_key="deployment.id")
    file_set_digest: str = sqlmodel.Field(foreign_key="file_set.digest")
    opened: datetime.datetime


class Promotion(sqlmodel.SQLModel, table=True):
    """One deployment's way from staged to public. Its state is drawn only by storage/writers, along the table."""

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str = sqlmodel.Field(sa_column=sql.mechanism_column())
    # None for what was published by hand and is only tracked.
    deployment_id: int | None = sqlmodel.Field(default=None, foreign_key="deployment.id", index=True)
    state: states.State = sqlmodel.Field(sa_column=sql.enum_column(states.State, name="state"))
    entered_at: datetime.datetime
    version: int = 1
    requested_by: str
    requested_at: datetime.datetime
    # In which generation of the database a person last asked for a call.
    asked_in: int = sql.added(0)
    by_hand: bool = False
    # Published outside ATR, before any call of ours.
    out_of_band: bool = False
    evidence_digest: str
    voted_digest: str = sqlmodel.Field(foreign_key="file_set.digest")
    # What we read of the staged files before the call, and of the public files after it.
    verified_digest: str | None = None
    verified_at: datetime.datetime | None = None
    public_digest: str | None = None
    public_at: datetime.datetime | None = None
    # Why it stands where it stands, for people.
    reason: str = ""
    # A failed look or a refused call that holds it up now; empty if nothing does.
    blocker: str = ""
    # It waits for a click after a refused call; the code typed for the next one; a click to send again, from IN_DOUBT.
    held: bool = False
    one_time_code: str = sqlmodel.Field(default="", repr=False, sa_column_kwargs={"server_default": ""})
    resend: bool = False
    # Promote all: the promotion that must be live before this one is sent, and whether its trouble stops this one.
    after_id: int | None = None
    stop_at_trouble: bool = sqlmodel.Field(
        default=True, sa_column_kwargs={"server_default": sqlalchemy.sql.expression.true()}
    )
    deadline: datetime.datetime | None = None
    # Since when it is known to be public after it had ended, with nothing voted on to compare it with.
    found_at: datetime.datetime | None = None
    # Since when every look said that it is not public.
    absent_since: datetime.datetime | None = None
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    platform_word: str = ""
    # One reading of all files has one round number; a second look that must agree has the next.
    read_round: int = 1
    read_done: int = 0
    read_total: int = 0
    # What the last complete reading differed by; a difference counts when the next complete reading differs too.
    difference: str = ""
    # What stands beside the voted files in public that nobody voted on or accepted, as the last look found it (path,
    # size, sha256), and what a committee member accepted (the same, with reason, by and at).
    extra_files: list[dict[str, Any]] = sqlmodel.Field(
        default_factory=list, sa_column=sql.json_column(server_default="[]")
    )
    accepted_files: list[dict[str, Any]] = sqlmodel.Field(
        default_factory=list, sa_column=sql.json_column(server_default="[]")
    )
    # When a look beside them last counted; when an index was last asked for, and why that did not count.
    beside_at: datetime.datetime | None = None
    beside_asked_at: datetime.datetime | None = None
    beside_problem: str = sql.added("")
    last_look: datetime.datetime | None = None
    due_at: datetime.datetime | None = sqlmodel.Field(default=None, index=True)
    lease_owner: str = ""
    lease_epoch: int = 0
    lease_until: datetime.datetime | None = None

    @property
    def subject(self) -> str:
        """What events call it."""
        return f"promotion:{self.id}"


class PromotionTarget(sqlmodel.SQLModel, table=True):
    """A package that a promotion holds. At most one promotion holds a package at a time: the index decides."""

    __tablename__ = "promotion_target"
    __table_args__ = (sql.unique_where("ix_promotion_target_one_open", "purl", where="holding"),)

    promotion_id: int = sqlmodel.Field(primary_key=True, foreign_key="promotion.id")
    purl: str = sqlmodel.Field(primary_key=True)
    owner_namespace: str = ""
    package: str
    version: str
    holding: bool = True


class Attempt(sqlmodel.SQLModel, table=True):
    """One irreversible request, on disk before its first byte leaves: the mark."""

    __table_args__ = (sqlalchemy.UniqueConstraint("deployment_id", "kind", "number"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    promotion_id: int | None = sqlmodel.Field(default=None, foreign_key="promotion.id", index=True)
    deployment_id: int = sqlmodel.Field(foreign_key="deployment.id", index=True)
    kind: AttemptKind = sqlmodel.Field(sa_column=sql.enum_column(AttemptKind, name="kind"))
    number: int
    lease_epoch: int
    marked_at: datetime.datetime
    marked_for: str
    answered_at: datetime.datetime | None = None
    answer: steps.Answer = sqlmodel.Field(
        default=steps.Answer.NONE, sa_column=sql.enum_column(steps.Answer, name="answer")
    )
    status: int | None = None
    # Of a 429: for how many seconds the platform asked us to wait; None if it did not say.
    retry_after: float | None = None
    sample: str = ""
    bytes_sent: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger)


class DeploymentSearch(sqlmodel.SQLModel, table=True):
    """Somebody looks for what they staged by its coordinates. The worker asks the platform and answers here."""

    __tablename__ = "deployment_search"

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    owner_namespace: str = ""
    package: str
    version: str
    asked_by: str
    asked_at: datetime.datetime
    # None while the worker has not answered.
    answered_at: datetime.datetime | None = None
    # Each: external_id, name, the platform's word, the packages as purls.
    found: list[dict[str, Any]] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    problem: str = ""

    @property
    def subject(self) -> str:
        """What events call it."""
        return f"search:{self.id}"


class KeptCopy(sqlmodel.SQLModel, table=True):
    """A project's own copy of a file set: the row is written when every byte of it is on our disk."""

    __tablename__ = "kept_copy"

    project_key: str = sqlmodel.Field(primary_key=True, foreign_key="project.key", ondelete="CASCADE")
    file_set_digest: str = sqlmodel.Field(primary_key=True, foreign_key="file_set.digest")
    kept_at: datetime.datetime


class FileRead(sqlmodel.SQLModel, table=True):
    """One file read and hashed, kept so that a broken reading goes on where it stopped."""

    __tablename__ = "file_read"
    __table_args__ = (sqlalchemy.UniqueConstraint("owner", "side", "round", "path"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    # "deployment:4" for a capture, "promotion:7" for the readings before and after the call.
    owner: str
    side: Side = sqlmodel.Field(sa_column=sql.enum_column(Side, name="side"))
    round: int
    path: str
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    sha256: str
    # A checksum that is not that of these bytes, as a sentence; empty if all are.
    problem: str = ""
    # The text of a checksum; empty for a member of the file set.
    text: str = sql.added("")
    read_at: datetime.datetime


class Event(sqlmodel.SQLModel, table=True):
    """What happened, append-only: triggers refuse UPDATE and DELETE. Each release has its own chain of hashes."""

    __table_args__ = (sqlalchemy.UniqueConstraint("chain", "number"),)

    seq: int | None = sqlmodel.Field(default=None, primary_key=True)
    # The release's key, or "site".
    chain: str
    number: int
    at: datetime.datetime
    actor: str
    # "release", "deployment:4", "promotion:7", "distribution:<purl>".
    subject: str = sqlmodel.Field(index=True)
    what: str
    data: dict[str, Any] = sqlmodel.Field(default_factory=dict, sa_column=sql.json_column())
    previous: str
    hash: str
