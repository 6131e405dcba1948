# SPDX-License-Identifier: Apache-2.0
"""What stands beside the voted files in public: what was found, what a person accepted, and when somebody looked.

By addition only. Of what is live already nobody has looked.
"""

import alembic.op as op
import sqlalchemy as sa

import atr.db.roles as roles

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promotion", sa.Column("extra_files", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("promotion", sa.Column("accepted_files", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("promotion", sa.Column("beside_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("promotion", sa.Column("beside_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("promotion", sa.Column("beside_problem", sa.String(), server_default="", nullable=False))
    # The rules of the web's role know the new columns; where a column is not there, its rules hold for nothing.
    if op.get_bind().dialect.name == "postgresql":
        for statement in roles.renewed("promotion"):
            op.get_bind().connection.cursor().execute(statement)


def downgrade() -> None:
    for column in ("beside_problem", "beside_asked_at", "beside_at", "accepted_files", "extra_files"):
        op.drop_column("promotion", column)
