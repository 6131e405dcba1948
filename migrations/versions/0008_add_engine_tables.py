# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL: the tables of procrastinate, which carries tasks there, and what keeps the web's role to its own.

On SQLite nothing changes: tasks are taken from their table, and there are no roles.
"""

import alembic.op as op

import atr.db.roles as roles

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Whatever bears its name; it has no way down of its own.
_FORGET = """
DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers CASCADE;
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
    WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
  LOOP
    EXECUTE 'DROP FUNCTION ' || one.name || ' CASCADE';
  END LOOP;
END $$;
DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # It takes a second to import, and SQLite needs none of it.
    import procrastinate.schema  # noqa: PLC0415

    # Pinned in pyproject.toml: another line of it brings migrations of its own, which then follow here.
    _run(procrastinate.schema.SchemaManager.get_schema())
    for statement in roles.upright():
        _run(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in roles.taken_down():
        _run(statement)
    _run(_FORGET)


def _run(script: str) -> None:
    """Several statements as they stand: neither % nor : means anything in them."""
    op.get_bind().connection.cursor().execute(script)
