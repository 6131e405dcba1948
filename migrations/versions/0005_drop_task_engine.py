# SPDX-License-Identifier: Apache-2.0
"""The tables of procrastinate, which revision 0002 made on PostgreSQL until it went (docs/adr/0058), are dropped.

Nothing is lost: a job held the number of a task, and the task's row is what workers take. There is no way back by this
migration: a program from before needs procrastinate's own `procrastinate schema --apply` after the downgrade.
"""

from typing import Final

import alembic.op as op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Whatever bears its name.
_DROP: Final = (
    """
DROP TABLE IF EXISTS procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers
CASCADE
""",
    """
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
    WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
  LOOP
    EXECUTE 'DROP FUNCTION ' || one.name || ' CASCADE';
  END LOOP;
END $$
""",
    "DROP TYPE IF EXISTS procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in _DROP:
            op.get_bind().connection.cursor().execute(statement)


def downgrade() -> None:
    """Nothing of the rows changed."""
