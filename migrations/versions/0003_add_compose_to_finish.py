# SPDX-License-Identifier: Apache-2.0
"""What the pages from Compose to Finish need: kept copies, searches, progress, Verify now, Promote all.

By addition only, like 0002. What is added to a table has no foreign key: SQLite could not drop such a column again.
"""

import datetime

import alembic.op as op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("release_policy", sa.Column("keep_copies", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("release", sa.Column("vote_hours", sa.Integer(), nullable=True))
    op.add_column("deployment", sa.Column("stage_digest", sa.String(), nullable=True))
    op.add_column("deployment", sa.Column("sent_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("deployment", sa.Column("send_total", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("deployment", sa.Column("copy_problem", sa.String(), server_default="", nullable=False))
    op.add_column("deployment", sa.Column("verify_asked_by", sa.String(), server_default="", nullable=False))
    op.add_column("deployment", sa.Column("verify_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deployment", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deployment", sa.Column("verified_digest", sa.String(), nullable=True))
    op.add_column("deployment", sa.Column("verify_problem", sa.String(), server_default="", nullable=False))
    op.add_column("promotion", sa.Column("after_id", sa.Integer(), nullable=True))
    op.add_column("promotion", sa.Column("stop_at_trouble", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        "kept_copy",
        sa.Column("project_key", sa.String(), nullable=False),
        sa.Column("file_set_digest", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_key", "file_set_digest", name=op.f("pk_kept_copy")),
        sa.ForeignKeyConstraint(
            ["file_set_digest"], ["file_set.digest"], name=op.f("fk_kept_copy_file_set_digest_file_set")
        ),
        sa.ForeignKeyConstraint(["project_key"], ["project.key"], name=op.f("fk_kept_copy_project_key_project")),
    )
    op.create_table(
        "deployment_search",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_key", sa.String(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("owner_namespace", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_search")),
        sa.ForeignKeyConstraint(
            ["release_key"], ["release.key"], name=op.f("fk_deployment_search_release_key_release")
        ),
    )
    op.create_index(op.f("ix_deployment_search_release_key"), "deployment_search", ["release_key"])

    _look_again()


def _look_again() -> None:
    """Make what waits to be seen on the other platforms due now: until here the scan looked on Maven Central only."""
    distribution = sa.table(
        "distribution",
        sa.column("platform", sa.String),
        sa.column("staging", sa.Boolean),
        sa.column("pending", sa.Boolean),
        sa.column("due_at", sa.DateTime(timezone=True)),
    )
    waits = (distribution.c.platform != "MAVEN") & distribution.c.pending & ~distribution.c.staging
    op.execute(distribution.update().where(waits).values(due_at=datetime.datetime.now(datetime.UTC)))


def downgrade() -> None:
    op.drop_table("deployment_search")
    op.drop_table("kept_copy")
    op.drop_column("promotion", "stop_at_trouble")
    op.drop_column("promotion", "after_id")
    op.drop_column("deployment", "verify_problem")
    op.drop_column("deployment", "verified_digest")
    op.drop_column("deployment", "verified_at")
    op.drop_column("deployment", "verify_asked_at")
    op.drop_column("deployment", "verify_asked_by")
    op.drop_column("deployment", "copy_problem")
    op.drop_column("deployment", "send_total")
    op.drop_column("deployment", "sent_bytes")
    op.drop_column("deployment", "stage_digest")
    op.drop_column("release", "vote_hours")
    op.drop_column("release_policy", "keep_copies")
