# SPDX-License-Identifier: Apache-2.0
"""What was known by its platform is known by its mechanism: deployments, promotions, accounts and switches.

Until now there was one mechanism, Central's Portal, so every row of Maven's becomes one of that. A platform may answer
that it wants a one-time code, and a person may type one.
"""

import alembic.op as op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROWS = ("deployment", "promotion")
_BEFORE = "'none', 'refused', 'limited', 'taken', 'unclear'"
_AFTER = "'none', 'refused', 'limited', 'challenged', 'taken', 'unclear'"


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
    op.add_column("promotion", sa.Column("one_time_code", sa.String(), server_default="", nullable=False))
    _answers(_BEFORE, _AFTER)


def downgrade() -> None:
    op.execute("UPDATE attempt SET answer = 'refused' WHERE answer = 'challenged'")
    _answers(_AFTER, _BEFORE)
    op.drop_column("promotion", "one_time_code")
    op.execute("DELETE FROM guard WHERE scope LIKE 'mechanism:%'")
    op.execute("UPDATE switch SET scope = 'platform:MAVEN' WHERE scope = 'mechanism:CENTRAL_PORTAL'")
    op.execute("UPDATE platform_account SET name = 'MAVEN' WHERE name = 'CENTRAL_PORTAL'")
    op.execute("ALTER TABLE platform_account RENAME COLUMN name TO platform")
    op.execute("UPDATE platform_target SET mechanism = 'central-portal' WHERE mechanism = 'CENTRAL_PORTAL'")
    for table in _ROWS:
        op.drop_column(table, "mechanism")


def _answers(before: str, after: str) -> None:
    """Change the words that the answer to an attempt may be. On SQLite the table is made anew, from its own text."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE attempt DROP CONSTRAINT ck_attempt_answer")
        op.execute(f"ALTER TABLE attempt ADD CONSTRAINT ck_attempt_answer CHECK (answer IN ({after}))")
        return
    found = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = 'attempt' AND sql IS NOT NULL ORDER BY type DESC")
    table, *indexes = op.get_bind().execute(found).scalars().all()
    op.execute("ALTER TABLE attempt RENAME TO attempt_before")
    op.execute(table.replace(before, after))
    op.execute("INSERT INTO attempt SELECT * FROM attempt_before")
    op.execute("DROP TABLE attempt_before")
    for index in indexes:
        op.execute(index)
