# SPDX-License-Identifier: Apache-2.0
"""ATR's tables that promotion needs, with the columns that it needs of them (migrations, 0001).

Tables, columns, constraints and indexes are named as in ATR, enums are stored by the names of their members, and
columns that may be NULL there may be NULL here (docs/adr/0044). A column that is added to a table of ATR's has a server
default or may be NULL, because there are rows already (migrations, 0002). This module's own tables are in
models/promotion.py. Rows never leave storage and db; values that cross a layer are frozen (pages/views.py).
"""

import datetime
import enum
from typing import Any, Final

import sqlalchemy
import sqlmodel

import atr.models.columns as columns
import atr.shared.distribution as distribution

# A migration can drop constraints on SQLite only by known names.
sqlmodel.SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# The minimum voting period if a policy of ATR's has none.
_HOURS: Final = 72


class ProjectStatus(enum.StrEnum):
    """ATR's project status. Only an active project publishes."""

    ACTIVE = "active"
    DORMANT = "dormant"
    RETIRED = "retired"
    STANDING = "standing"


class ReleasePhase(enum.StrEnum):
    """ATR's phases; the pages call the first three Compose, Vote and Finish."""

    RELEASE_CANDIDATE_DRAFT = "release_candidate_draft"
    RELEASE_CANDIDATE = "release_candidate"
    RELEASE_PREVIEW = "release_preview"
    RELEASE = "release"


class VoteChoice(enum.StrEnum):
    """The choice on a ballot paper."""

    YES = "+1"
    ABSTAIN = "0"
    NO = "-1"


class CheckResultStatus(enum.StrEnum):
    """ATR's results of a check: a blocker stops a release, a concern is a warning, a note is good news."""

    BLOCKER = "blocker"
    CONCERN = "concern"
    EXCEPTION = "exception"
    NOTE = "note"
    SUGGESTION = "suggestion"


def enum_column(
    kind: type[enum.StrEnum],
    *,
    name: str,
    nullable: bool = False,
    check: bool = True,
    server_default: str | None = None,
) -> sqlalchemy.Column[Any]:
    """Return a column for the value of an enum, checked by a constraint, because a native type is hard to alter."""
    return sqlalchemy.Column(
        sqlalchemy.Enum(
            kind,
            native_enum=False,
            length=32,
            create_constraint=check,
            name=name,
            values_callable=lambda members: [member.value for member in members],
            validate_strings=True,
        ),
        nullable=nullable,
        server_default=server_default,
    )


def platform_column() -> sqlalchemy.Column[Any]:
    """Return a column for the member name of a DistributionPlatform. No CHECK: a new platform needs no migration."""
    return sqlalchemy.Column(sqlalchemy.String(32), nullable=False)


def mechanism_column() -> sqlalchemy.Column[Any]:
    """Return a column for the member name of a Mechanism. No CHECK: a new mechanism needs no migration."""
    return sqlalchemy.Column(sqlalchemy.String(32), nullable=False, server_default="")


def json_column(*, server_default: str | None = None, nullable: bool = False) -> sqlalchemy.Column[Any]:
    """Return a JSON column. Assign a new value to change it: a change in place is not detected."""
    return sqlalchemy.Column(sqlalchemy.JSON(none_as_null=nullable), nullable=nullable, server_default=server_default)


def added(value: str | int) -> Any:
    """Return a field that was added to a table with rows, and its value in these rows."""
    return sqlmodel.Field(default=value, sa_column_kwargs={"server_default": str(value)})


def unique_where(name: str, *columns: str, where: str) -> sqlalchemy.Index:
    """Return a unique index over the rows for which this condition is true."""
    is_so = sqlalchemy.text(where)
    return sqlalchemy.Index(name, *columns, unique=True, sqlite_where=is_so, postgresql_where=is_so)


class Committee(sqlmodel.SQLModel, table=True):
    """A committee and its people. Rights are read from here at the moment they are used."""

    key: str = sqlmodel.Field(primary_key=True, unique=True)
    stored_name: str = sqlmodel.Field(default="", sa_column=sqlalchemy.Column("name", columns.TextOrNull()))
    committee_members: list[str] = sqlmodel.Field(default_factory=list, sa_column=json_column())
    committers: list[str] = sqlmodel.Field(default_factory=list, sa_column=json_column())
    release_managers: list[str] = sqlmodel.Field(default_factory=list, sa_column=json_column())

    @property
    def name(self) -> str:
        """Its name for people; the key in title case where ATR has none."""
        return self.stored_name or self.key.title()


class FoundationAdmin(sqlmodel.SQLModel, table=True):
    """A person who may set the namespaces of projects. In ATR this comes from the directory."""

    __tablename__ = "foundation_admin"

    asf_uid: str = sqlmodel.Field(primary_key=True)


class ReleasePolicy(sqlmodel.SQLModel, table=True):
    """A project's policy. `remote_promotion` is off for a platform whose slug is missing."""

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    # NULL in ATR means the default.
    min_hours: int = sqlmodel.Field(default=_HOURS, sa_type=columns.NumberOrNull(_HOURS), nullable=True)
    file_tag_mappings: dict[str, list[str]] = sqlmodel.Field(
        default_factory=dict, sa_column=json_column(server_default="{}")
    )
    # Added by 0002.
    remote_promotion: dict[str, bool] = sqlmodel.Field(default_factory=dict, sa_column=json_column(server_default="{}"))
    # Whether ATR keeps a copy of captured files, which voters can download and which can be staged again.
    keep_copies: bool = sqlmodel.Field(
        default=False, sa_column_kwargs={"server_default": sqlalchemy.sql.expression.false()}
    )


class Project(sqlmodel.SQLModel, table=True):
    """A project of a committee."""

    key: str = sqlmodel.Field(primary_key=True, unique=True)
    stored_name: str = sqlmodel.Field(default="", sa_column=sqlalchemy.Column("name", columns.TextOrNull()))
    status: ProjectStatus = sqlmodel.Field(
        default=ProjectStatus.ACTIVE, sa_column=columns.atr_enum_column(ProjectStatus)
    )
    # NULL in ATR for a project without a committee, on which nobody has rights.
    committee_key: str = sqlmodel.Field(foreign_key="committee.key", sa_type=columns.TextOrNull, nullable=True)
    release_policy_id: int | None = sqlmodel.Field(default=None, foreign_key="releasepolicy.id", ondelete="CASCADE")

    @property
    def name(self) -> str:
        """Its name for people; the key in title case where ATR has none."""
        return self.stored_name or self.key.title()


class Release(sqlmodel.SQLModel, table=True):
    """One version of a project on its way. `key` is "{project_key}-{version}"."""

    __table_args__ = (sqlalchemy.UniqueConstraint("project_key", "version", name="unique_project_version"),)

    key: str = sqlmodel.Field(primary_key=True, unique=True)
    phase: ReleasePhase = sqlmodel.Field(
        default=ReleasePhase.RELEASE_CANDIDATE_DRAFT, sa_column=columns.atr_enum_column(ReleasePhase)
    )
    created: datetime.datetime = sqlmodel.Field(sa_type=columns.Instant)
    released: datetime.datetime | None = sqlmodel.Field(default=None, sa_type=columns.Instant)
    # For a confidential fix: only members of the committee see the release until it is announced.
    expedited: bool = sqlmodel.Field(default=False, sa_column_kwargs={"server_default": sqlalchemy.false()})
    project_key: str = sqlmodel.Field(foreign_key="project.key")
    version: str
    # NULL in ATR before the first vote.
    current_vote_seq: int = sqlmodel.Field(default=0, sa_type=columns.NumberOrNull(0), nullable=True, index=True)
    vote_started: datetime.datetime | None = sqlmodel.Field(default=None, sa_type=columns.Instant)
    # Added by 0002. The period that voters saw when the vote opened; None for a vote that is older than this column.
    vote_hours: int | None = None
    # When the newest vote passed; None while it is open, and if it failed or was cancelled.
    vote_resolved: datetime.datetime | None = sqlmodel.Field(default=None, sa_type=columns.Instant)
    # The revision of the newest vote; None if it failed or was cancelled, and for votes older than this column.
    voted_revision_number: str | None = None

    @property
    def is_embargoed(self) -> bool:
        """Whether it is expedited and not announced, as in ATR. This does not consider an embargo that was lifted."""
        return self.expedited and (self.phase is not ReleasePhase.RELEASE)


class RevisionCounter(sqlmodel.SQLModel, table=True):
    """The last allocated revision number, so that none is ever used twice."""

    release_key: str = sqlmodel.Field(primary_key=True)
    last_allocated_number: int


class Revision(sqlmodel.SQLModel, table=True):
    """One immutable state of a release's files. `key` is "{release_key} {number}", the number has five digits."""

    __table_args__ = (
        sqlalchemy.UniqueConstraint("release_key", "seq", name="uq_revision_release_seq"),
        sqlalchemy.UniqueConstraint("release_key", "number", name="uq_revision_release_number"),
    )

    key: str = sqlmodel.Field(primary_key=True, unique=True)
    release_key: str = sqlmodel.Field(foreign_key="release.key", sa_type=columns.TextOrNull, nullable=True)
    seq: int
    number: str
    asfuid: str
    created: datetime.datetime = sqlmodel.Field(sa_type=columns.Instant)
    phase: ReleasePhase = sqlmodel.Field(sa_column=columns.atr_enum_column(ReleasePhase))
    parent_key: str | None = sqlmodel.Field(default=None, foreign_key="revision.key")
    description: str = sqlmodel.Field(default="", sa_type=columns.TextOrNull, nullable=True)


class BallotPaper(sqlmodel.SQLModel, table=True):
    """One vote cast. A person who votes again adds a paper; the last one counts. In ATR only its own vote adds them."""

    __table_args__ = (sqlalchemy.Index("ix_ballotpaper_release_vote_seq", "release_key", "vote_seq"),)

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(foreign_key="release.key", index=True, ondelete="CASCADE")
    vote_seq: int
    voter_asf_uid: str
    choice: VoteChoice = sqlmodel.Field(sa_column=columns.atr_enum_column(VoteChoice))
    comment: str = added("")
    is_binding_at_cast: bool
    revision_number_at_cast: str
    created: datetime.datetime = sqlmodel.Field(sa_type=columns.Instant)


class CheckResult(sqlmodel.SQLModel, table=True):
    """The result of a check. For the check of staged files, `primary_rel_path` is "deployment:<id>"."""

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    release_key: str = sqlmodel.Field(foreign_key="release.key", index=True, ondelete="CASCADE")
    revision_number: str = sqlmodel.Field(sa_type=columns.TextOrNull, nullable=True, index=True)
    checker: str
    checker_version: str = sqlmodel.Field(sa_type=columns.TextOrNull, nullable=True)
    primary_rel_path: str | None = sqlmodel.Field(default=None, index=True)
    member_rel_path: str | None = sqlmodel.Field(default=None, index=True)
    created: datetime.datetime = sqlmodel.Field(sa_type=columns.Instant)
    status: CheckResultStatus = sqlmodel.Field(sa_column=columns.atr_enum_column(CheckResultStatus))
    message: str
    data: dict[str, Any] = sqlmodel.Field(default_factory=dict, sa_type=columns.ObjectOrNull, nullable=True)
    # Whether ATR took it from an earlier check of the same bytes; always False for this module's checks.
    cached: bool = False


class Distribution(sqlmodel.SQLModel, table=True):
    """A third-party distribution: one package in one version on one platform. The key is ATR's.

    `staging` and `pending` have ATR's meaning: that it is staged, and "claimed, not seen". If both are False, it is
    public. `proof`, which ATR does not have, is whether it is identical to the voted files.
    """

    release_key: str = sqlmodel.Field(primary_key=True, foreign_key="release.key", index=True, ondelete="CASCADE")
    # The member name of a DistributionPlatform.
    platform: str = sqlmodel.Field(sa_column=sqlalchemy.Column(sqlalchemy.String(12), primary_key=True, index=True))
    owner_namespace: str = sqlmodel.Field(primary_key=True, index=True, default="")
    package: str = sqlmodel.Field(primary_key=True, index=True)
    version: str = sqlmodel.Field(primary_key=True, index=True)
    staging: bool
    pending: bool = sqlmodel.Field(sa_column_kwargs={"server_default": sqlalchemy.sql.expression.false()})
    # How often the scan checked for it. A row is never deleted because it takes long.
    retries: int = added(0)
    upload_date: datetime.datetime | None = None
    api_url: str | None = None
    web_url: str | None = None
    created_by: str = sqlmodel.Field(sa_type=columns.TextOrNull, nullable=True)
    # Added by 0002, with all that follows. Only `settle` writes it, from what the worker read.
    proof: distribution.Proof = sqlmodel.Field(
        default=distribution.Proof.UNPROVED,
        sa_column=enum_column(
            distribution.Proof, name="proof", check=False, server_default=distribution.Proof.UNPROVED.value
        ),
    )
    # None for a row that is older than this column.
    created: datetime.datetime | None = None
    last_error: str = added("")
    due_at: datetime.datetime | None = sqlmodel.Field(default=None, index=True)
    lease_owner: str = added("")
    lease_epoch: int = added(0)
    # Indexed, because every claim checks it: one row of each platform is leased at a time.
    lease_until: datetime.datetime | None = sqlmodel.Field(default=None, index=True)

    @property
    def coordinates(self) -> distribution.Coordinates:
        """The coordinates of this row."""
        return distribution.Coordinates(self.platform, self.owner_namespace, self.package, self.version)


class UserSession(sqlmodel.SQLModel, table=True):
    """Somebody who is signed in. Instants are seconds since 1970, as in ATR; the secret is in the browser alone."""

    # The SHA-256 of the secret.
    sid_hash: str = sqlmodel.Field(primary_key=True)
    uid: str = sqlmodel.Field(index=True)
    ip_address: str | None = None
    # When it began, and when it was last used.
    cts: float
    uts: float
    # Added by 0006. When the person proved who they are, as the provider tells it.
    auth_time: float | None = None


def release_key(project_key: str, version: str) -> str:
    """Return ATR's key of a release."""
    return f"{project_key}-{version}"


def revision_key(release: str, number: str) -> str:
    """Return ATR's key of a revision."""
    return f"{release} {number}"


NUMBER_DIGITS: Final = 5
