# SPDX-License-Identifier: Apache-2.0
"""This module's own tables, in addition to ATR's: deployments, file sets, ballots, promotions, attempts, events.

`version` of a row counts the changes that a person can see; forms carry it. `lease_epoch` counts the leases of a row;
a result is written only with the newest epoch. `release_key` is not a foreign key: what became public remains known
when ATR deletes the release.
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
    """What an entry of a ballot contains."""

    # Every file of the revision.
    REVISION = "revision"
    # The files that the policy maps to a platform, in the platform's layout.
    MAPPED = "mapped"
    # The files of a captured deployment.
    DEPLOYMENT = "deployment"


class AttemptKind(enum.StrEnum):
    """The kinds of irreversible requests."""

    UPLOAD = "upload"
    PUBLISH = "publish"
    DROP = "drop"


class Side(enum.StrEnum):
    """Where and why a file was read."""

    CAPTURED = "captured"
    STAGED = "staged"
    PUBLIC = "public"


class FileSetRow(sqlmodel.SQLModel, table=True):
    """A file set, stored once under its digest, and never changed."""

    __tablename__ = "file_set"

    digest: str = sqlmodel.Field(primary_key=True)
    files: int
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    created: datetime.datetime


class FileSetFile(sqlmodel.SQLModel, table=True):
    """One file of a file set. It is read only to explain a difference or to show a table."""

    __tablename__ = "file_set_file"

    digest: str = sqlmodel.Field(primary_key=True, foreign_key="file_set.digest")
    path: str = sqlmodel.Field(primary_key=True)
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    sha256: str


class RevisionFiles(sqlmodel.SQLModel, table=True):
    """The files of a revision. They remain when ATR deletes the revisions of an announced release."""

    __tablename__ = "revision_files"

    release_key: str = sqlmodel.Field(primary_key=True)
    number: str = sqlmodel.Field(primary_key=True)
    file_set_digest: str = sqlmodel.Field(foreign_key="file_set.digest")
    # By path: the problems of files that are named like checksums (`fileset.Odd`). None: not checked.
    odd_checksums: dict[str, str] | None = sqlmodel.Field(default=None, sa_column=sql.json_column(nullable=True))
    recorded: datetime.datetime


class PlatformTarget(sqlmodel.SQLModel, table=True):
    """A project's namespaces on a platform, and how it publishes there. Only a foundation admin sets it."""

    __tablename__ = "platform_target"
    __table_args__ = (sqlalchemy.UniqueConstraint("project_key", "platform"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    project_key: str = sqlmodel.Field(foreign_key="project.key", ondelete="CASCADE")
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str
    # Where the files are staged and where they become public, in words; the addresses are the worker's settings.
    source: str = ""
    target: str = ""
    namespaces: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    # The pointer that publishing moves, if the platform has one: a tag, a dist-tag.
    pointer: str = ""
    set_by: str
    set_at: datetime.datetime


class Deployment(sqlmodel.SQLModel, table=True):
    """One staging attempt on a platform, by the mechanism that the project's target had at that time."""

    __table_args__ = (
        # A deployment belongs to one release, no matter who records it.
        sql.unique_where("ix_deployment_external", "platform", "external_id", where="external_id IS NOT NULL"),
    )

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str = sqlmodel.Field(sa_column=sql.mechanism_column())
    # The platform's id; None until an upload is answered. And the name that ATR gave it; empty if staged elsewhere.
    external_id: str | None = None
    name: str = ""
    state: states.DeploymentState = sqlmodel.Field(sa_column=sql.enum_column(states.DeploymentState, name="state"))
    entered_at: datetime.datetime
    version: int = 1
    # The revision that ATR uploaded; None if staged elsewhere. It is shown, never compared.
    revision_number: str | None = None
    created_by: str
    created: datetime.datetime
    # The generation of the database in which ATR uploaded it; 0 if staged elsewhere. And the one in which a person last
    # requested its upload or its drop.
    made_in: int = sql.added(0)
    asked_in: int = sql.added(0)
    # Whether to request the promotion, with the same gates, once the upload is staged.
    then_promote: bool = False
    # Why the vote was opened without it; empty if it was not taken off.
    off_ballot: str = ""
    # The file set to upload, of which a copy is kept; None to upload what the policy maps of the revision.
    stage_digest: str | None = None
    # The progress of the upload, in bytes; both 0 before it starts.
    sent_bytes: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"})
    send_total: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"})
    file_set_digest: str | None = sqlmodel.Field(default=None, foreign_key="file_set.digest")
    captured_at: datetime.datetime | None = None
    # All files that the platform listed at the capture, checksums included, for its limits. 0 for an older capture.
    listed_files: int = sql.added(0)
    listed_bytes: int = sqlmodel.Field(
        default=0, sa_type=sqlalchemy.BigInteger, sa_column_kwargs={"server_default": "0"}
    )
    # Checksums that do not match the bytes of their file, found at the capture; and warnings.
    side_problems: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    remarks: list[str] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column(server_default="[]"))
    read_done: int = 0
    read_total: int = 0
    # Why no copy of the captured bytes is kept although the project wants one; empty if there is no problem.
    copy_problem: str = sql.added("")
    # "Verify now": who requested it and when, and the result. It changes nothing else.
    verify_asked_by: str = sql.added("")
    verify_asked_at: datetime.datetime | None = None
    verified_at: datetime.datetime | None = None
    verified_digest: str | None = None
    verify_problem: str = sql.added("")
    drop_reason: str = ""
    drop_by: str = ""
    platform_word: str = ""
    # The problem, for people; empty if there is none.
    problem: str = ""
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    # Since when the platform has been publishing it; None if it is not.
    publishing_since: datetime.datetime | None = None
    # Since when its packages are known to be public from elsewhere, without voted files to compare them with.
    found_at: datetime.datetime | None = None
    last_look: datetime.datetime | None = None
    due_at: datetime.datetime | None = sqlmodel.Field(default=None, index=True)
    lease_owner: str = ""
    lease_epoch: int = 0
    lease_until: datetime.datetime | None = None

    @property
    def is_verifying(self) -> bool:
        """Whether "Verify now" was requested, and there is no result yet."""
        return (self.verify_asked_at is not None) and (self.verified_at is None)

    @property
    def subject(self) -> str:
        """Its name in events."""
        return f"deployment:{self.id}"


class DeploymentPackage(sqlmodel.SQLModel, table=True):
    """One package of a deployment. With the deployment's release, its columns are the key of its Distribution row."""

    __tablename__ = "deployment_package"

    deployment_id: int = sqlmodel.Field(primary_key=True, foreign_key="deployment.id")
    owner_namespace: str = sqlmodel.Field(primary_key=True)
    package: str = sqlmodel.Field(primary_key=True)
    version: str = sqlmodel.Field(primary_key=True)


class BallotEntry(sqlmodel.SQLModel, table=True):
    """One file set that a vote is about, fixed when the vote opens. It cannot be updated or deleted."""

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
    """The promotion of one deployment. Only storage/transitions.py changes its state, by the table of transitions."""

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    mechanism: str = sqlmodel.Field(sa_column=sql.mechanism_column())
    # None for a version that was published by hand and is only tracked.
    deployment_id: int | None = sqlmodel.Field(default=None, foreign_key="deployment.id", index=True)
    state: states.State = sqlmodel.Field(sa_column=sql.enum_column(states.State, name="state"))
    entered_at: datetime.datetime
    version: int = 1
    requested_by: str
    requested_at: datetime.datetime
    # The generation of the database in which a person last requested a publish request.
    asked_in: int = sql.added(0)
    by_hand: bool = False
    # Published outside ATR, before any publish request of ATR was accepted.
    out_of_band: bool = False
    evidence_digest: str
    voted_digest: str = sqlmodel.Field(foreign_key="file_set.digest")
    # The digests of the staged files, read before the publish request, and of the public files, read after it.
    verified_digest: str | None = None
    verified_at: datetime.datetime | None = None
    public_digest: str | None = None
    public_at: datetime.datetime | None = None
    # Why it is in its state, for people.
    reason: str = ""
    # The failed check or refused request that blocks it now; empty if none does.
    blocker: str = ""
    # It waits for a click after a refusal; the code typed for the next request; a click to send again, from IN_DOUBT.
    held: bool = False
    one_time_code: str = sqlmodel.Field(default="", repr=False, sa_column_kwargs={"server_default": ""})
    resend: bool = False
    # Promote all: the promotion that must be live before this one is sent, and whether its failure stops this one.
    after_id: int | None = None
    stop_at_trouble: bool = sqlmodel.Field(
        default=True, sa_column_kwargs={"server_default": sqlalchemy.sql.expression.true()}
    )
    deadline: datetime.datetime | None = None
    # Since when it is known to be public although it has ended, without voted files to compare it with.
    found_at: datetime.datetime | None = None
    # Since when every check found that it is not public.
    absent_since: datetime.datetime | None = None
    gone_looks: int = 0
    gone_since: datetime.datetime | None = None
    platform_word: str = ""
    # One read of all files has one round number; a second read, which must agree, has the next one.
    read_round: int = 1
    read_done: int = 0
    read_total: int = 0
    # The difference in the last complete read; it counts if the next complete read differs too.
    difference: str = ""
    # The extra files that the last check found and that nobody has accepted (path, size, sha256), and those that a
    # committee member accepted (the same, with reason, by and at).
    extra_files: list[dict[str, Any]] = sqlmodel.Field(
        default_factory=list, sa_column=sql.json_column(server_default="[]")
    )
    accepted_files: list[dict[str, Any]] = sqlmodel.Field(
        default_factory=list, sa_column=sql.json_column(server_default="[]")
    )
    # When a check for extra files last counted; when an index was last requested, and why that did not count.
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
        """Its name in events."""
        return f"promotion:{self.id}"


class PromotionTarget(sqlmodel.SQLModel, table=True):
    """A package of a promotion. While `holding`, it is reserved: the index allows one such row per package."""

    __tablename__ = "promotion_target"
    __table_args__ = (sql.unique_where("ix_promotion_target_one_open", "purl", where="holding"),)

    promotion_id: int = sqlmodel.Field(primary_key=True, foreign_key="promotion.id")
    purl: str = sqlmodel.Field(primary_key=True)
    owner_namespace: str = ""
    package: str
    version: str
    holding: bool = True


class Attempt(sqlmodel.SQLModel, table=True):
    """One irreversible request. This row is its mark, on disk before the first byte is sent."""

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
    # For a 429, the wait that the platform asked for, in seconds; None if it gave none.
    retry_after: float | None = None
    sample: str = ""
    bytes_sent: int = sqlmodel.Field(default=0, sa_type=sqlalchemy.BigInteger)


class DeploymentSearch(sqlmodel.SQLModel, table=True):
    """A person's search, by coordinates, for what they staged. The worker asks the platform and answers here."""

    __tablename__ = "deployment_search"

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(index=True)
    platform: str = sqlmodel.Field(sa_column=sql.platform_column())
    owner_namespace: str = ""
    package: str
    version: str
    asked_by: str
    asked_at: datetime.datetime
    # None until the worker has answered.
    answered_at: datetime.datetime | None = None
    # Each has: external_id, name, the platform's word, the packages as purls.
    found: list[dict[str, Any]] = sqlmodel.Field(default_factory=list, sa_column=sql.json_column())
    problem: str = ""

    @property
    def subject(self) -> str:
        """Its name in events."""
        return f"search:{self.id}"


class KeptCopy(sqlmodel.SQLModel, table=True):
    """A project's copy of a file set. The row is written when all of its bytes are on ATR's disk."""

    __tablename__ = "kept_copy"

    project_key: str = sqlmodel.Field(primary_key=True, foreign_key="project.key", ondelete="CASCADE")
    file_set_digest: str = sqlmodel.Field(primary_key=True, foreign_key="file_set.digest")
    kept_at: datetime.datetime


class FileRead(sqlmodel.SQLModel, table=True):
    """One file that was read and hashed, stored so that an interrupted read continues where it stopped."""

    __tablename__ = "file_read"
    __table_args__ = (sqlalchemy.UniqueConstraint("owner", "side", "round", "path"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    # "deployment:4" for a capture, "promotion:7" for the reads before and after the publish request.
    owner: str
    side: Side = sqlmodel.Field(sa_column=sql.enum_column(Side, name="side"))
    round: int
    path: str
    size: int = sqlmodel.Field(sa_type=sqlalchemy.BigInteger)
    sha256: str
    # A sentence on checksums that do not match these bytes; empty if all match.
    problem: str = ""
    # The text of a checksum; empty for a member of the file set.
    text: str = sql.added("")
    read_at: datetime.datetime


class Event(sqlmodel.SQLModel, table=True):
    """One event of the append-only log: triggers refuse UPDATE and DELETE. Each release has its own chain of hashes."""

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
