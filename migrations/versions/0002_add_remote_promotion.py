# SPDX-License-Identifier: Apache-2.0
"""Remote promotion beside ATR's tables, by addition only: new tables, and columns with a default or NULL.

Nothing of ATR's is made anew, not even on SQLite, so it runs on a full database, with foreign keys on or off. Taking
it down deletes the event log and the ballots with the rest of it.
"""

import datetime

import alembic.op as op
import sqlalchemy as sa

import atr.db.append_only as append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("event", "ballot_entry", "file_set", "file_set_file")


def upgrade() -> None:
    _add_tables()
    _add_columns()
    _look_again()
    for table in _APPEND_ONLY:
        append_only.protect(op.get_context(), table)


def _add_tables() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
        sa.UniqueConstraint("chain", "number", name=op.f("uq_event_chain_number")),
    )
    op.create_index(op.f("ix_event_subject"), "event", ["subject"])
    op.create_table(
        "file_read",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("side", sa.String(32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_read")),
        sa.UniqueConstraint("owner", "side", "round", "path", name=op.f("uq_file_read_owner_side_round_path")),
        sa.CheckConstraint("side IN ('captured', 'staged', 'public')", name=op.f("ck_file_read_side")),
    )
    op.create_table(
        "file_set",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_file_set")),
    )
    op.create_table(
        "foundation_admin",
        sa.Column("asf_uid", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("asf_uid", name=op.f("pk_foundation_admin")),
    )
    op.create_table(
        "file_set_file",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "path", name=op.f("pk_file_set_file")),
        sa.ForeignKeyConstraint(["digest"], ["file_set.digest"], name=op.f("fk_file_set_file_digest_file_set")),
    )
    op.create_table(
        "platform_target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("mechanism", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("namespaces", sa.JSON(), nullable=False),
        sa.Column("pointer", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_target")),
        sa.UniqueConstraint("project_key", "platform", name=op.f("uq_platform_target_project_key_platform")),
        sa.ForeignKeyConstraint(["project_key"], ["project.key"], name=op.f("fk_platform_target_project_key_project")),
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision_number", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("then_promote", sa.Boolean(), nullable=False),
        sa.Column("off_ballot", sa.String(), nullable=False),
        sa.Column("file_set_digest", sa.String(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("side_problems", sa.JSON(), nullable=False),
        sa.Column("read_done", sa.Integer(), nullable=False),
        sa.Column("read_total", sa.Integer(), nullable=False),
        sa.Column("drop_reason", sa.String(), nullable=False),
        sa.Column("drop_by", sa.String(), nullable=False),
        sa.Column("platform_word", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("gone_looks", sa.Integer(), nullable=False),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_look", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
        sa.CheckConstraint(
            "state IN ('uploading', 'validating', 'staged', 'failed', 'lost', 'gone', 'dropping', 'dropped',"
            " 'published')",
            name=op.f("ck_deployment_state"),
        ),
        sa.ForeignKeyConstraint(
            ["file_set_digest"], ["file_set.digest"], name=op.f("fk_deployment_file_set_digest_file_set")
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_deployment_release_key_release")),
    )
    op.create_index(op.f("ix_deployment_due_at"), "deployment", ["due_at"])
    op.create_index(
        "ix_deployment_external",
        "deployment",
        ["platform", "external_id"],
        unique=True,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_deployment_release_key"), "deployment", ["release_key"])
    op.create_table(
        "ballot_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("vote_seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=True),
        sa.Column("file_set_digest", sa.String(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballot_entry")),
        sa.CheckConstraint("kind IN ('revision', 'mapped', 'deployment')", name=op.f("ck_ballot_entry_kind")),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name=op.f("fk_ballot_entry_deployment_id_deployment")
        ),
        sa.ForeignKeyConstraint(
            ["file_set_digest"], ["file_set.digest"], name=op.f("fk_ballot_entry_file_set_digest_file_set")
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_ballot_entry_release_key_release")),
    )
    op.create_index(op.f("ix_ballot_entry_release_key"), "ballot_entry", ["release_key"])
    op.create_table(
        "deployment_package",
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("owner_namespace", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "deployment_id", "owner_namespace", "package", "version", name=op.f("pk_deployment_package")
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name=op.f("fk_deployment_package_deployment_id_deployment")
        ),
    )
    op.create_table(
        "promotion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("out_of_band", sa.Boolean(), nullable=False),
        sa.Column("evidence_digest", sa.String(), nullable=False),
        sa.Column("voted_digest", sa.String(), nullable=False),
        sa.Column("verified_digest", sa.String(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_digest", sa.String(), nullable=True),
        sa.Column("public_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("blocker", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("resend", sa.Boolean(), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("absent_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_looks", sa.Integer(), nullable=False),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("platform_word", sa.String(), nullable=False),
        sa.Column("read_round", sa.Integer(), nullable=False),
        sa.Column("read_done", sa.Integer(), nullable=False),
        sa.Column("read_total", sa.Integer(), nullable=False),
        sa.Column("difference", sa.String(), nullable=False),
        sa.Column("last_look", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion")),
        sa.CheckConstraint(
            "state IN ('requested', 'sending', 'publishing', 'checking', 'live', 'aborting', 'aborted', 'refused',"
            " 'in-doubt', 'diverged')",
            name=op.f("ck_promotion_state"),
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployment.id"], name=op.f("fk_promotion_deployment_id_deployment")
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_promotion_release_key_release")),
        sa.ForeignKeyConstraint(["voted_digest"], ["file_set.digest"], name=op.f("fk_promotion_voted_digest_file_set")),
    )
    op.create_index(op.f("ix_promotion_deployment_id"), "promotion", ["deployment_id"])
    op.create_index(op.f("ix_promotion_due_at"), "promotion", ["due_at"])
    op.create_index(op.f("ix_promotion_release_key"), "promotion", ["release_key"])
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("promotion_id", sa.Integer(), nullable=True),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_for", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sample", sa.String(), nullable=False),
        sa.Column("bytes_sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("deployment_id", "kind", "number", name=op.f("uq_attempt_deployment_id_kind_number")),
        sa.CheckConstraint("kind IN ('upload', 'publish', 'drop')", name=op.f("ck_attempt_kind")),
        sa.CheckConstraint(
            "answer IN ('none', 'refused', 'limited', 'taken', 'unclear')", name=op.f("ck_attempt_answer")
        ),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"], name=op.f("fk_attempt_deployment_id_deployment")),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotion.id"], name=op.f("fk_attempt_promotion_id_promotion")),
    )
    op.create_index(op.f("ix_attempt_deployment_id"), "attempt", ["deployment_id"])
    op.create_index(op.f("ix_attempt_promotion_id"), "attempt", ["promotion_id"])
    op.create_table(
        "promotion_target",
        sa.Column("promotion_id", sa.Integer(), nullable=False),
        sa.Column("purl", sa.String(), nullable=False),
        sa.Column("owner_namespace", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("holding", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("promotion_id", "purl", name=op.f("pk_promotion_target")),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotion.id"], name=op.f("fk_promotion_target_promotion_id_promotion")
        ),
    )
    op.create_index(
        "ix_promotion_target_one_open",
        "promotion_target",
        ["purl"],
        unique=True,
        sqlite_where=sa.text("holding"),
        postgresql_where=sa.text("holding"),
    )


def _add_columns() -> None:
    op.add_column("release_policy", sa.Column("remote_promotion", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("task", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("lease_owner", sa.String(), server_default="", nullable=False))
    op.add_column("task", sa.Column("lease_epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("distribution", sa.Column("created", sa.DateTime(timezone=True), nullable=True))
    op.add_column("distribution", sa.Column("last_error", sa.String(), server_default="", nullable=False))
    op.add_column("distribution", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("distribution", sa.Column("lease_owner", sa.String(), server_default="", nullable=False))
    op.add_column("distribution", sa.Column("lease_epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("distribution", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("revision", sa.Column("file_set_digest", sa.String(), server_default="not-recorded", nullable=False))
    op.add_column("revision", sa.Column("drift", sa.JSON(), server_default="{}", nullable=False))
    op.create_index(
        "ix_task_one_live",
        "task",
        ["task_type", "inputs_hash"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'active')"),
        postgresql_where=sa.text("status IN ('queued', 'active')"),
    )
    op.create_index("ix_task_status_scheduled", "task", ["status", "scheduled"])
    op.create_index(op.f("ix_distribution_due_at"), "distribution", ["due_at"])


def _look_again() -> None:
    """Make what already waits to be seen due now. Of the platforms there are, the scan can look at Maven Central."""
    distribution = sa.table(
        "distribution",
        sa.column("platform", sa.String),
        sa.column("staging", sa.Boolean),
        sa.column("pending", sa.Boolean),
        sa.column("due_at", sa.DateTime(timezone=True)),
    )
    waits = (distribution.c.platform == "MAVEN") & distribution.c.pending & ~distribution.c.staging
    op.execute(distribution.update().where(waits).values(due_at=datetime.datetime.now(datetime.UTC)))


def downgrade() -> None:
    op.drop_index(op.f("ix_distribution_due_at"), table_name="distribution")
    op.drop_index("ix_task_status_scheduled", table_name="task")
    op.drop_index("ix_task_one_live", table_name="task")
    op.drop_column("release_policy", "remote_promotion")
    op.drop_column("task", "tries")
    op.drop_column("task", "lease_owner")
    op.drop_column("task", "lease_epoch")
    op.drop_column("task", "lease_until")
    op.drop_column("distribution", "created")
    op.drop_column("distribution", "last_error")
    op.drop_column("distribution", "due_at")
    op.drop_column("distribution", "lease_owner")
    op.drop_column("distribution", "lease_epoch")
    op.drop_column("distribution", "lease_until")
    op.drop_column("revision", "file_set_digest")
    op.drop_column("revision", "drift")
    op.drop_table("promotion_target")
    op.drop_table("attempt")
    op.drop_table("promotion")
    op.drop_table("deployment_package")
    op.drop_table("ballot_entry")
    op.drop_table("deployment")
    op.drop_table("platform_target")
    op.drop_table("file_set_file")
    op.drop_table("foundation_admin")
    op.drop_table("file_set")
    op.drop_table("file_read")
    op.drop_table("event")
    append_only.forget(op.get_context())
