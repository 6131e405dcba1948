# SPDX-License-Identifier: Apache-2.0
"""Accounts of platforms: how often each was asked, and whether it answers (atr/promotion/budget.py)."""

import alembic.op as op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "platform_account",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("reach", sa.String(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=True),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("platform", "reach", name=op.f("pk_platform_account")),
    )
    # The scan asks which platforms have a row in hand: without this it read every row for each that it took.
    op.create_index(op.f("ix_distribution_lease_until"), "distribution", ["lease_until"])


def downgrade() -> None:
    op.drop_index(op.f("ix_distribution_lease_until"), table_name="distribution")
    op.drop_table("platform_account")
