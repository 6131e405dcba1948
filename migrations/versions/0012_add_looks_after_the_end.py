# SPDX-License-Identifier: Apache-2.0
"""What has ended is looked at again: what was found then, and since when a platform publishes what nobody here sent."""

import alembic.op as op
import sqlalchemy as sa

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promotion", sa.Column("found_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deployment", sa.Column("found_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deployment", sa.Column("publishing_since", sa.DateTime(timezone=True), nullable=True))
    # What ended before this program is looked at once, and then by its age.
    op.execute("UPDATE promotion SET due_at = entered_at WHERE state IN ('aborted', 'refused') AND due_at IS NULL")
    op.execute(
        "UPDATE deployment SET due_at = entered_at WHERE due_at IS NULL AND"
        " (state = 'published' OR (state IN ('failed', 'gone', 'dropped') AND external_id IS NOT NULL)"
        " OR state = 'lost')"
    )


def downgrade() -> None:
    op.execute("UPDATE promotion SET due_at = NULL WHERE state IN ('aborted', 'refused')")
    op.execute("UPDATE deployment SET due_at = NULL WHERE state IN ('failed', 'gone', 'dropped', 'lost', 'published')")
    op.drop_column("deployment", "publishing_since")
    op.drop_column("deployment", "found_at")
    op.drop_column("promotion", "found_at")
