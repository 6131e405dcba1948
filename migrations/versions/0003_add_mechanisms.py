# SPDX-License-Identifier: Apache-2.0
"""What was known by its platform is known by its mechanism: deployments, promotions, accounts and switches.

Until now there was one mechanism, Central's Portal, so every row of Maven's becomes one of that.
"""

import alembic.op as op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROWS = ("deployment", "promotion")


def upgrade() -> None:
    for table in _ROWS:
        op.add_column(table, sa.Column("mechanism", sa.String(32), server_default="", nullable=False))
        op.execute(f"UPDATE {table} SET mechanism = 'CENTRAL_PORTAL' WHERE platform = 'MAVEN'")  # noqa: S608  (a name of ours)
    op.execute("UPDATE platform_target SET mechanism = 'CENTRAL_PORTAL' WHERE mechanism = 'central-portal'")
    op.execute("ALTER TABLE platform_account RENAME COLUMN platform TO name")
    op.execute("UPDATE platform_account SET name = 'CENTRAL_PORTAL' WHERE name = 'MAVEN'")
    op.execute("UPDATE switch SET scope = 'mechanism:CENTRAL_PORTAL' WHERE scope = 'platform:MAVEN'")
    # They are there to be locked and say nothing; what is locked next is made anew.
    op.execute("DELETE FROM guard WHERE scope LIKE 'platform:%'")


def downgrade() -> None:
    op.execute("DELETE FROM guard WHERE scope LIKE 'mechanism:%'")
    op.execute("UPDATE switch SET scope = 'platform:MAVEN' WHERE scope = 'mechanism:CENTRAL_PORTAL'")
    op.execute("UPDATE platform_account SET name = 'MAVEN' WHERE name = 'CENTRAL_PORTAL'")
    op.execute("ALTER TABLE platform_account RENAME COLUMN name TO platform")
    op.execute("UPDATE platform_target SET mechanism = 'central-portal' WHERE mechanism = 'CENTRAL_PORTAL'")
    for table in _ROWS:
        op.drop_column(table, "mechanism")
