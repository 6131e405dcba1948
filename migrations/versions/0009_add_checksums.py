# SPDX-License-Identifier: Apache-2.0
"""What is known of files that are named like checksums: their texts while they are read, and what is wrong with them.

By addition only. Of a revision from before nobody has looked at them (NULL); then the list of its files alone decides
which of them are checksums.
"""

import alembic.op as op
import sqlalchemy as sa

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file_read", sa.Column("text", sa.String(), server_default="", nullable=False))
    op.add_column("deployment", sa.Column("remarks", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("revision", sa.Column("odd_checksums", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("revision", "odd_checksums")
    op.drop_column("deployment", "remarks")
    op.drop_column("file_read", "text")
