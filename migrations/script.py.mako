# SPDX-License-Identifier: Apache-2.0
"""${message}

Rename the file to NNNN_verb_noun.py. Autogenerate does not see a new member of an enum: write its CHECK by hand. If a
table of atr/db/append_only.py is made anew, protect it again.
"""
<%text>
from collections.abc import Sequence
</%text>
import alembic.op as op
import sqlalchemy as sa
import sqlmodel
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
