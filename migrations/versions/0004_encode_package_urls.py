# SPDX-License-Identifier: Apache-2.0
"""A plus sign in a package URL is `%2B`: what a promotion holds is held under the URL that is asked for now.

The web's role is told the same (atr/db/roles.py).
"""

import alembic.op as op
import sqlalchemy as sa

import atr.db.roles as roles

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TARGET = sa.table("promotion_target", sa.column("purl", sa.String()))


def upgrade() -> None:
    _respell("+", "%2B")
    if op.get_bind().dialect.name == "postgresql":
        for script in roles.written_anew("promotion_target"):
            op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    _respell("%2B", "+")


def _respell(old: str, new: str) -> None:
    purl = _TARGET.c.purl
    op.execute(_TARGET.update().where(purl.contains(old, autoescape=True)).values(purl=sa.func.replace(purl, old, new)))
