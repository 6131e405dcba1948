# SPDX-License-Identifier: Apache-2.0
"""ATR's tables, with the columns that promotion needs of them.

A database of ATR's has them already (and more): there this one is never run, only the next.
"""

import alembic.op as op
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "committee",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("committee_members", sa.JSON(), nullable=False),
        sa.Column("committers", sa.JSON(), nullable=False),
        sa.Column("release_managers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_committee")),
    )
    op.create_table(
        "release_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("min_hours", sa.Integer(), nullable=False),
        sa.Column("file_tag_mappings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_policy")),
    )
    op.create_table(
        "revision_counter",
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("last_allocated_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("release_key", name=op.f("pk_revision_counter")),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("task_type", sa.String(32), nullable=False),
        sa.Column("task_args", sa.JSON(), nullable=False),
        sa.Column("inputs_hash", sa.String(), nullable=True),
        sa.Column("asf_uid", sa.String(), nullable=False),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scheduled", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("project_key", sa.String(), nullable=True),
        sa.Column("version_key", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.CheckConstraint("status IN ('queued', 'active', 'completed', 'failed')", name=op.f("ck_task_status")),
    )
    op.create_table(
        "project",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("committee_key", sa.String(), nullable=False),
        sa.Column("release_policy_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_project")),
        sa.CheckConstraint("status IN ('active', 'dormant', 'retired', 'standing')", name=op.f("ck_project_status")),
        sa.ForeignKeyConstraint(["committee_key"], ["committee.key"], name=op.f("fk_project_committee_key_committee")),
        sa.ForeignKeyConstraint(
            ["release_policy_id"], ["release_policy.id"], name=op.f("fk_project_release_policy_id_release_policy")
        ),
    )
    op.create_index(op.f("ix_project_committee_key"), "project", ["committee_key"])
    op.create_table(
        "release",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released", sa.DateTime(timezone=True), nullable=True),
        sa.Column("project_key", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("current_vote_seq", sa.Integer(), nullable=False),
        sa.Column("vote_started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("vote_resolved", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_release")),
        sa.UniqueConstraint("project_key", "version", name=op.f("uq_release_project_key_version")),
        sa.CheckConstraint(
            "phase IN ('release_candidate_draft', 'release_candidate', 'release_preview', 'release')",
            name=op.f("ck_release_phase"),
        ),
        sa.ForeignKeyConstraint(["project_key"], ["project.key"], name=op.f("fk_release_project_key_project")),
    )
    op.create_index(op.f("ix_release_project_key"), "release", ["project_key"])
    op.create_table(
        "ballot_paper",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("vote_seq", sa.Integer(), nullable=False),
        sa.Column("voter_asf_uid", sa.String(), nullable=False),
        sa.Column("choice", sa.String(32), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("is_binding_at_cast", sa.Boolean(), nullable=False),
        sa.Column("revision_number_at_cast", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballot_paper")),
        sa.CheckConstraint("choice IN ('+1', '0', '-1')", name=op.f("ck_ballot_paper_choice")),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_ballot_paper_release_key_release")),
    )
    op.create_index(op.f("ix_ballot_paper_release_key"), "ballot_paper", ["release_key"])
    op.create_table(
        "check_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("revision_number", sa.String(), nullable=False),
        sa.Column("checker", sa.String(), nullable=False),
        sa.Column("checker_version", sa.String(), nullable=False),
        sa.Column("primary_rel_path", sa.String(), nullable=True),
        sa.Column("member_rel_path", sa.String(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_result")),
        sa.CheckConstraint(
            "status IN ('blocker', 'concern', 'exception', 'note', 'suggestion')", name=op.f("ck_check_result_status")
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_check_result_release_key_release")),
    )
    op.create_index(op.f("ix_check_result_primary_rel_path"), "check_result", ["primary_rel_path"])
    op.create_index(op.f("ix_check_result_release_key"), "check_result", ["release_key"])
    op.create_table(
        "distribution",
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("owner_namespace", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("staging", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("upload_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("api_url", sa.String(), nullable=True),
        sa.Column("web_url", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "release_key", "platform", "owner_namespace", "package", "version", name=op.f("pk_distribution")
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_distribution_release_key_release")),
    )
    op.create_table(
        "revision",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("asfuid", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("parent_key", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_revision")),
        sa.UniqueConstraint("release_key", "seq", name=op.f("uq_revision_release_key_seq")),
        sa.CheckConstraint(
            "phase IN ('release_candidate_draft', 'release_candidate', 'release_preview', 'release')",
            name=op.f("ck_revision_phase"),
        ),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_revision_release_key_release")),
    )
    op.create_index(op.f("ix_revision_release_key"), "revision", ["release_key"])


def downgrade() -> None:
    op.drop_table("revision")
    op.drop_table("distribution")
    op.drop_table("check_result")
    op.drop_table("ballot_paper")
    op.drop_table("release")
    op.drop_table("project")
    op.drop_table("task")
    op.drop_table("revision_counter")
    op.drop_table("release_policy")
    op.drop_table("committee")
