# SPDX-License-Identifier: Apache-2.0
"""${message[:1].upper()}${message[1:]}.

Before you commit: name the file NNNN_verb_noun.py; write the CHECK of a changed enum by hand (autogenerate does not see
it); protect a table of atr/db/append_only.py again if it is made anew; give the revision rows in
tests/migrations/history.py.
"""

import alembic.op as op
import sqlalchemy as sa
import sqlmodel
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
