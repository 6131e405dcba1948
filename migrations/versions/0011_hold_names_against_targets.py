# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL: a package is held only under its own name, and only inside the names of the promotion's project.

On SQLite nothing changes. What is held without right when this comes is freed by the worker within a minute.
"""

import alembic.op as op

import atr.db.roles as roles

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in roles.renewed("promotion_target"):
        # As it stands: neither % nor : means anything in it.
        op.get_bind().connection.cursor().execute(statement)


def downgrade() -> None:
    """The rules stay: no older program needs to hold another project's package."""
