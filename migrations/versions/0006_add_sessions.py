# SPDX-License-Identifier: Apache-2.0
"""Sessions are rows (docs/adr/0065): ATR's table, created if it is missing, and one additional column.

A database of ATR's has the table already. This module signs nobody in there, so the column stays NULL.
"""

import alembic.op as op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("usersession"):
        op.create_table(
            "usersession",
            sa.Column("sid_hash", sa.String(), nullable=False),
            sa.Column("uid", sa.String(), nullable=False),
            sa.Column("ip_address", sa.String(), nullable=True),
            sa.Column("cts", sa.Float(), nullable=False),
            sa.Column("uts", sa.Float(), nullable=False),
            sa.PrimaryKeyConstraint("sid_hash", name=op.f("pk_usersession")),
        )
        op.create_index(op.f("ix_usersession_uid"), "usersession", ["uid"])
    op.add_column("usersession", sa.Column("auth_time", sa.Float(), nullable=True))


def downgrade() -> None:
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("usersession")}
    if "is_root" in columns:
        # The table is ATR's own, so only the added column goes.
        op.drop_column("usersession", "auth_time")
    else:
        op.drop_index(op.f("ix_usersession_uid"), table_name="usersession")
        op.drop_table("usersession")
