# SPDX-License-Identifier: Apache-2.0
"""Scopes that transactions hold (atr/db/guards.py)."""

import alembic.op as op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guard",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_guard")),
    )


def downgrade() -> None:
    op.drop_table("guard")
