# SPDX-License-Identifier: Apache-2.0
"""What a 429 asked us to wait, beside the attempt; all that a platform listed of a deployment, beside its capture."""

import alembic.op as op
import sqlalchemy as sa

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("retry_after", sa.Float(), nullable=True))
    op.add_column("deployment", sa.Column("listed_files", sa.Integer(), server_default="0", nullable=False))
    op.add_column("deployment", sa.Column("listed_bytes", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("deployment", "listed_bytes")
    op.drop_column("deployment", "listed_files")
    op.drop_column("attempt", "retry_after")
