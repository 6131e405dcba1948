# SPDX-License-Identifier: Apache-2.0
"""The generation of the database, which grows with each restore, and in which one something was asked for.

By addition only. In what there is already everything was asked for in generation 0.
"""

from typing import Final

import alembic.op as op
import sqlalchemy as sa

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ADDED: Final = (("deployment", "made_in"), ("deployment", "asked_in"), ("promotion", "asked_in"))


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("backup_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heads_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    for table, column in _ADDED:
        op.add_column(table, sa.Column(column, sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    for table, column in reversed(_ADDED):
        op.drop_column(table, column)
    op.drop_table("site")
