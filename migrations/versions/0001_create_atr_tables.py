# SPDX-License-Identifier: Apache-2.0
"""ATR's tables, with the columns that promotion needs of them, as ATR's migration 0134 of October 2026 leaves them.

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
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("committee_members", sa.JSON(), nullable=False),
        sa.Column("committers", sa.JSON(), nullable=False),
        sa.Column("release_managers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_committee")),
        sa.UniqueConstraint("key", name=op.f("uq_committee_key")),
    )
    op.create_table(
        "releasepolicy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("min_hours", sa.Integer(), nullable=True),
        sa.Column("file_tag_mappings", sa.JSON(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releasepolicy")),
    )
    op.create_table(
        "revisioncounter",
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("last_allocated_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("release_key", name=op.f("pk_revisioncounter")),
    )
    op.create_table(
        "project",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("committee_key", sa.String(), nullable=True),
        sa.Column("release_policy_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_project")),
        sa.UniqueConstraint("key", name=op.f("uq_project_key")),
        sa.ForeignKeyConstraint(["committee_key"], ["committee.key"], name=op.f("fk_project_committee_key_committee")),
        sa.ForeignKeyConstraint(
            ["release_policy_id"],
            ["releasepolicy.id"],
            name=op.f("fk_project_release_policy_id_releasepolicy"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "release",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("phase", sa.String(23), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("released", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("expedited", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("project_key", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("current_vote_seq", sa.Integer(), nullable=True),
        sa.Column("vote_started", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("vote_resolved", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("voted_revision_number", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_release")),
        sa.UniqueConstraint("project_key", "version", name=op.f("unique_project_version")),
        sa.UniqueConstraint("key", name=op.f("uq_release_key")),
        sa.ForeignKeyConstraint(["project_key"], ["project.key"], name=op.f("fk_release_project_key_project")),
    )
    op.create_index(op.f("ix_release_current_vote_seq"), "release", ["current_vote_seq"])
    op.create_table(
        "ballotpaper",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("vote_seq", sa.Integer(), nullable=False),
        sa.Column("voter_asf_uid", sa.String(), nullable=False),
        sa.Column("choice", sa.String(7), nullable=False),
        sa.Column("comment", sa.String(), server_default="", nullable=False),
        sa.Column("is_binding_at_cast", sa.Boolean(), nullable=False),
        sa.Column("revision_number_at_cast", sa.String(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballotpaper")),
        sa.ForeignKeyConstraint(
            ["release_key"], ["release.key"], name=op.f("fk_ballotpaper_release_key_release"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_ballotpaper_release_key"), "ballotpaper", ["release_key"])
    op.create_index(op.f("ix_ballotpaper_release_vote_seq"), "ballotpaper", ["release_key", "vote_seq"])
    op.create_table(
        "checkresult",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("revision_number", sa.String(), nullable=True),
        sa.Column("checker", sa.String(), nullable=False),
        sa.Column("checker_version", sa.String(), nullable=True),
        sa.Column("primary_rel_path", sa.String(), nullable=True),
        sa.Column("member_rel_path", sa.String(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkresult")),
        sa.ForeignKeyConstraint(
            ["release_key"], ["release.key"], name=op.f("fk_checkresult_release_key_release"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_checkresult_member_rel_path"), "checkresult", ["member_rel_path"])
    op.create_index(op.f("ix_checkresult_primary_rel_path"), "checkresult", ["primary_rel_path"])
    op.create_index(op.f("ix_checkresult_release_key"), "checkresult", ["release_key"])
    op.create_index(op.f("ix_checkresult_revision_number"), "checkresult", ["revision_number"])
    op.create_table(
        "distribution",
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(12), nullable=False),
        sa.Column("owner_namespace", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("staging", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("upload_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("api_url", sa.String(), nullable=True),
        sa.Column("web_url", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "release_key", "platform", "owner_namespace", "package", "version", name=op.f("pk_distribution")
        ),
        sa.ForeignKeyConstraint(
            ["release_key"], ["release.key"], name=op.f("fk_distribution_release_key_release"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_distribution_owner_namespace"), "distribution", ["owner_namespace"])
    op.create_index(op.f("ix_distribution_package"), "distribution", ["package"])
    op.create_index(op.f("ix_distribution_platform"), "distribution", ["platform"])
    op.create_index(op.f("ix_distribution_release_key"), "distribution", ["release_key"])
    op.create_index(op.f("ix_distribution_version"), "distribution", ["version"])
    op.create_table(
        "revision",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("asfuid", sa.String(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("phase", sa.String(23), nullable=False),
        sa.Column("parent_key", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_revision")),
        sa.UniqueConstraint("key", name=op.f("uq_revision_key")),
        sa.UniqueConstraint("release_key", "number", name=op.f("uq_revision_release_number")),
        sa.UniqueConstraint("release_key", "seq", name=op.f("uq_revision_release_seq")),
        sa.ForeignKeyConstraint(["parent_key"], ["revision.key"], name=op.f("fk_revision_parent_key_revision")),
        sa.ForeignKeyConstraint(["release_key"], ["release.key"], name=op.f("fk_revision_release_key_release")),
    )


def downgrade() -> None:
    op.drop_table("revision")
    op.drop_table("distribution")
    op.drop_table("checkresult")
    op.drop_table("ballotpaper")
    op.drop_table("release")
    op.drop_table("project")
    op.drop_table("revisioncounter")
    op.drop_table("releasepolicy")
    op.drop_table("committee")
