# SPDX-License-Identifier: Apache-2.0
"""A file for a database, and a history that a test may lengthen."""

import pathlib
import shutil
from collections.abc import Callable

import pytest

import atr.db.migrate as migrate
import tests.migrations.history as history

_SCRIPT = """# SPDX-License-Identifier: Apache-2.0
import alembic.op as op
import sqlalchemy as sa

import atr.db.append_only as append_only

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
{body}


def downgrade() -> None:
    pass
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "atr.db"


@pytest.fixture
def add_revision(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Add a revision "next" after the last one, with this body."""

    def add(body: str) -> None:
        copy = tmp_path / "migrations"
        shutil.copytree(migrate.directory(), copy, ignore=shutil.ignore_patterns("__pycache__"))
        indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
        (copy / "versions" / "next.py").write_text(_SCRIPT.format(head=history.HEAD, body=indented))
        monkeypatch.setattr(migrate, "directory", lambda: copy)

    return add
