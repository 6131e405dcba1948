# SPDX-License-Identifier: Apache-2.0
"""Remote promotion beside ATR's tables, by addition only: new tables, and columns with a default or NULL.

Nothing of ATR's is made anew, not even on SQLite, so it runs on a full database, with foreign keys on or off. No table
of ours refers to `release`, so a release can be deleted as before; what belongs to a project goes with it. On
PostgreSQL what keeps the web's role to its own comes with it (atr/db/roles.py). Taking it down deletes the event log
and the ballots with the rest of it.
"""

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import alembic.op as op
import sqlalchemy as sa

import atr.db.append_only as append_only
import atr.db.roles as roles

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT: Final = sa.String()
_WORD: Final = sa.String(32)
_NUMBER: Final = sa.Integer()
_BYTES: Final = sa.BigInteger()
_FLAG: Final = sa.Boolean()
_INSTANT: Final = sa.DateTime(timezone=True)
_JSON: Final = sa.JSON()
# Columns of ours on `distribution` by which its rows are found.
_INDEXED: Final = ("due_at", "lease_until")
_APPEND_ONLY: Final = ("event", "ballot_entry", "file_set", "file_set_file")


def upgrade() -> None:
    _add_tables()
    for table, column in _added():
        op.add_column(table, column)
    for name in _INDEXED:
        op.create_index(op.f(f"ix_distribution_{name}"), "distribution", [name])
    _look_again()
    for table in _APPEND_ONLY:
        append_only.protect(op.get_context(), table)
    if op.get_bind().dialect.name == "postgresql":
        for script in roles.upright():
            _run(script)


def _added() -> list[tuple[str, sa.Column[Any]]]:
    """What ATR's tables have besides."""
    columns = {
        "releasepolicy": [
            *_columns(_JSON, "remote_promotion", default="{}"),
            *_columns(_FLAG, "keep_copies", default=sa.false()),
        ],
        "release": _columns(_NUMBER, "vote_hours", null=True),
        "distribution": [
            *_columns(_INSTANT, "created due_at lease_until", null=True),
            *_columns(_TEXT, "last_error lease_owner", default=""),
            *_columns(_NUMBER, "lease_epoch", default="0"),
            # What ATR calls final nobody has compared with what was voted on.
            *_columns(_WORD, "proof", default="unproved"),
        ],
    }
    return [(table, column) for table, several in columns.items() for column in several]


def _columns(kind: Any, names: str, *, null: bool = False, default: Any = None) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, server_default=default, nullable=null) for name in names.split()]


def _table(
    name: str,
    *columns: sa.Column[Any],
    key: str = "id",
    unique: str = "",
    among: Mapping[str, str] = MappingProxyType({}),
    refers: Mapping[str, str] = MappingProxyType({}),
    indexed: str = "",
) -> None:
    """A table. `among`: the words a column may hold. `refers`: foreign keys; what belongs to a project goes with it."""
    constraints: list[sa.Constraint] = [sa.PrimaryKeyConstraint(*key.split(), name=op.f(f"pk_{name}"))]
    if unique:
        constraints.append(sa.UniqueConstraint(*unique.split(), name=op.f(f"uq_{name}_{'_'.join(unique.split())}")))
    for column, words in among.items():
        values = ", ".join(f"'{word}'" for word in words.split())
        constraints.append(sa.CheckConstraint(f"{column} IN ({values})", name=op.f(f"ck_{name}_{column}")))
    for column, target in refers.items():
        parent = target.partition(".")[0]
        constraint_name, rule = op.f(f"fk_{name}_{column}_{parent}"), "CASCADE" if (parent == "project") else None
        constraints.append(sa.ForeignKeyConstraint([column], [target], name=constraint_name, ondelete=rule))
    op.create_table(name, *columns, *constraints)
    for column in indexed.split():
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])


def _unique_where(name: str, table: str, columns: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns.split(), unique=True, sqlite_where=condition, postgresql_where=condition)


def _add_tables() -> None:
    _table(
        "deployment_search",
        *_columns(_NUMBER, "id"),
        *_columns(_TEXT, "release_key owner_namespace package version asked_by problem"),
        *_columns(_WORD, "platform"),
        *_columns(_INSTANT, "asked_at"),
        *_columns(_INSTANT, "answered_at", null=True),
        *_columns(_JSON, "found"),
        indexed="release_key",
    )
    _table(
        "embargo_lift",
        *_columns(_TEXT, "release_key"),
        *_columns(_INSTANT, "release_created lifted_at"),
        *_columns(_TEXT, "lifted_by reason"),
        key="release_key",
    )
    _table(
        "event",
        *_columns(_NUMBER, "seq number"),
        *_columns(_TEXT, "chain actor subject what previous hash"),
        *_columns(_INSTANT, "at"),
        *_columns(_JSON, "data"),
        key="seq",
        unique="chain number",
        indexed="subject",
    )
    _table(
        "file_read",
        *_columns(_NUMBER, "id round"),
        *_columns(_TEXT, "owner path sha256 problem"),
        *_columns(_WORD, "side"),
        *_columns(_BYTES, "size"),
        *_columns(_TEXT, "text", default=""),
        *_columns(_INSTANT, "read_at"),
        unique="owner side round path",
        among={"side": "captured staged public"},
    )
    _table(
        "file_set",
        *_columns(_TEXT, "digest"),
        *_columns(_NUMBER, "files"),
        *_columns(_BYTES, "size"),
        *_columns(_INSTANT, "created"),
        key="digest",
    )
    _table(
        "foundation_admin",
        *_columns(_TEXT, "asf_uid"),
        key="asf_uid",
    )
    _table(
        "guard",
        *_columns(_TEXT, "scope"),
        *_columns(_NUMBER, "rank"),
        key="scope",
    )
    _table(
        "platform_account",
        *_columns(_TEXT, "platform reach"),
        *_columns(sa.Float(), "tokens", null=True),
        *_columns(_INSTANT, "filled_at opened_at probing_until paused_until", null=True),
        *_columns(_JSON, "faults"),
        key="platform reach",
    )
    _table(
        "promotion_task",
        *_columns(_NUMBER, "id"),
        *_columns(_WORD, "status task_type"),
        *_columns(_JSON, "task_args"),
        *_columns(_TEXT, "inputs_hash asf_uid"),
        *_columns(_INSTANT, "added scheduled"),
        *_columns(_INSTANT, "started completed lease_until", null=True),
        *_columns(_NUMBER, "tries lease_epoch", default="0"),
        *_columns(_TEXT, "lease_owner", default=""),
        *_columns(_TEXT, "error project_key version_key", null=True),
        among={"status": "queued active completed failed"},
    )
    _unique_where(
        "ix_promotion_task_one_live", "promotion_task", "task_type inputs_hash", "status IN ('queued', 'active')"
    )
    op.create_index(op.f("ix_promotion_task_status_scheduled"), "promotion_task", ["status", "scheduled"])
    _table(
        "site",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(_NUMBER, "generation"),
        *_columns(_INSTANT, "restored_at backup_at heads_at", null=True),
    )
    _table(
        "switch",
        *_columns(_TEXT, "scope reason set_by"),
        *_columns(_FLAG, "off"),
        *_columns(_INSTANT, "set_at"),
        key="scope",
    )
    _table(
        "deployment",
        *_columns(_NUMBER, "id version read_done read_total gone_looks lease_epoch"),
        *_columns(
            _TEXT, "release_key name created_by off_ballot drop_reason drop_by platform_word problem lease_owner"
        ),
        *_columns(_WORD, "platform state"),
        *_columns(_TEXT, "external_id revision_number stage_digest file_set_digest verified_digest", null=True),
        *_columns(_INSTANT, "entered_at created"),
        *_columns(_NUMBER, "made_in asked_in listed_files", default="0"),
        *_columns(_FLAG, "then_promote"),
        *_columns(_BYTES, "sent_bytes send_total listed_bytes", default="0"),
        *_columns(
            _INSTANT,
            "captured_at verify_asked_at verified_at gone_since publishing_since found_at last_look due_at lease_until",
            null=True,
        ),
        *_columns(_JSON, "side_problems"),
        *_columns(_JSON, "remarks", default="[]"),
        *_columns(_TEXT, "copy_problem verify_asked_by verify_problem", default=""),
        among={"state": "uploading validating staged failed lost gone dropping dropped published"},
        refers={"file_set_digest": "file_set.digest"},
        indexed="due_at release_key",
    )
    _unique_where("ix_deployment_external", "deployment", "platform external_id", "external_id IS NOT NULL")
    _table(
        "file_set_file",
        *_columns(_TEXT, "digest path sha256"),
        *_columns(_BYTES, "size"),
        key="digest path",
        refers={"digest": "file_set.digest"},
    )
    _table(
        "ballot_entry",
        *_columns(_NUMBER, "id vote_seq"),
        *_columns(_TEXT, "release_key platform file_set_digest"),
        *_columns(_WORD, "kind"),
        *_columns(_NUMBER, "deployment_id", null=True),
        *_columns(_INSTANT, "opened"),
        among={"kind": "revision mapped deployment"},
        refers={"deployment_id": "deployment.id", "file_set_digest": "file_set.digest"},
        indexed="release_key",
    )
    _table(
        "deployment_package",
        *_columns(_NUMBER, "deployment_id"),
        *_columns(_TEXT, "owner_namespace package version"),
        key="deployment_id owner_namespace package version",
        refers={"deployment_id": "deployment.id"},
    )
    _table(
        "kept_copy",
        *_columns(_TEXT, "project_key file_set_digest"),
        *_columns(_INSTANT, "kept_at"),
        key="project_key file_set_digest",
        refers={"file_set_digest": "file_set.digest", "project_key": "project.key"},
    )
    _table(
        "revision_files",
        *_columns(_TEXT, "release_key number file_set_digest"),
        *_columns(_JSON, "odd_checksums", null=True),
        *_columns(_INSTANT, "recorded"),
        key="release_key number",
        refers={"file_set_digest": "file_set.digest"},
    )
    _table(
        "platform_target",
        *_columns(_NUMBER, "id"),
        *_columns(_TEXT, "project_key mechanism source target pointer set_by"),
        *_columns(_WORD, "platform"),
        *_columns(_JSON, "namespaces"),
        *_columns(_INSTANT, "set_at"),
        unique="project_key platform",
        refers={"project_key": "project.key"},
    )
    _table(
        "promotion",
        *_columns(_NUMBER, "id version gone_looks read_round read_done read_total lease_epoch"),
        *_columns(
            _TEXT,
            "release_key requested_by evidence_digest voted_digest reason blocker platform_word difference lease_owner",
        ),
        *_columns(_WORD, "platform state"),
        *_columns(_NUMBER, "deployment_id after_id", null=True),
        *_columns(_INSTANT, "entered_at requested_at"),
        *_columns(_NUMBER, "asked_in", default="0"),
        *_columns(_FLAG, "by_hand out_of_band held resend"),
        *_columns(_TEXT, "verified_digest public_digest", null=True),
        *_columns(
            _INSTANT,
            "verified_at public_at deadline found_at absent_since gone_since beside_at "
            "beside_asked_at last_look due_at lease_until",
            null=True,
        ),
        *_columns(_FLAG, "stop_at_trouble", default=sa.true()),
        *_columns(_JSON, "extra_files accepted_files", default="[]"),
        *_columns(_TEXT, "beside_problem", default=""),
        among={"state": "requested sending publishing checking live aborting aborted refused in-doubt diverged"},
        refers={"deployment_id": "deployment.id", "voted_digest": "file_set.digest"},
        indexed="deployment_id due_at release_key",
    )
    _table(
        "attempt",
        *_columns(_NUMBER, "id deployment_id number lease_epoch"),
        *_columns(_NUMBER, "promotion_id status", null=True),
        *_columns(_WORD, "kind answer"),
        *_columns(_INSTANT, "marked_at"),
        *_columns(_TEXT, "marked_for sample"),
        *_columns(_INSTANT, "answered_at", null=True),
        *_columns(sa.Float(), "retry_after", null=True),
        *_columns(_BYTES, "bytes_sent"),
        unique="deployment_id kind number",
        among={"answer": "none refused limited taken unclear", "kind": "upload publish drop"},
        refers={"deployment_id": "deployment.id", "promotion_id": "promotion.id"},
        indexed="deployment_id promotion_id",
    )
    _table(
        "promotion_target",
        *_columns(_NUMBER, "promotion_id"),
        *_columns(_TEXT, "purl owner_namespace package version"),
        *_columns(_FLAG, "holding"),
        key="promotion_id purl",
        refers={"promotion_id": "promotion.id"},
    )
    _unique_where("ix_promotion_target_one_open", "promotion_target", "purl", "holding")


def _look_again() -> None:
    """Make what already waits to be seen in public due now."""
    distribution = sa.table(
        "distribution",
        sa.column("staging", sa.Boolean),
        sa.column("pending", sa.Boolean),
        sa.column("due_at", sa.DateTime(timezone=True)),
    )
    waits = distribution.c.pending & ~distribution.c.staging
    op.execute(distribution.update().where(waits).values(due_at=datetime.datetime.now(datetime.UTC)))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for script in roles.taken_down():
            _run(script)
    for name in reversed(_INDEXED):
        op.drop_index(op.f(f"ix_distribution_{name}"), table_name="distribution")
    for table, added in reversed(_added()):
        op.drop_column(table, added.name)
    op.drop_table("promotion_target")
    op.drop_table("attempt")
    op.drop_table("promotion")
    op.drop_table("platform_target")
    op.drop_table("revision_files")
    op.drop_table("kept_copy")
    op.drop_table("deployment_package")
    op.drop_table("ballot_entry")
    op.drop_table("file_set_file")
    op.drop_table("deployment")
    op.drop_table("switch")
    op.drop_table("site")
    op.drop_table("promotion_task")
    op.drop_table("platform_account")
    op.drop_table("guard")
    op.drop_table("foundation_admin")
    op.drop_table("file_set")
    op.drop_table("file_read")
    op.drop_table("event")
    op.drop_table("embargo_lift")
    op.drop_table("deployment_search")
    append_only.forget(op.get_context())


def _run(script: str) -> None:
    """Several statements as they stand: neither % nor : means anything in them."""
    op.get_bind().connection.cursor().execute(script)
