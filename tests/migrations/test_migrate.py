# SPDX-License-Identifier: Apache-2.0
"""Running the migrations: several at once, one that fails, a database that a newer program made, logging."""

import logging
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

import pytest

import atr.backup as backup
import atr.db.migrate as migrate
import atr.errors as errors
import tests.migrations.history as history

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
_PROCESS: Final = """
import sys
import atr.db.migrate as migrate
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(sys.argv[1])
"""


@pytest.mark.parametrize("start", [None, "0001"])
@pytest.mark.slow
def test_four_processes_may_start_at_once(path: pathlib.Path, start: str | None) -> None:
    if start is not None:
        history.at(path, start)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _PROCESS, history.url(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [(process.communicate()[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 4
    assert migrate.current(history.url(path)) == history.HEAD
    if start is not None:
        assert history.lost(path, start) == []


@pytest.mark.parametrize("start", [*history.REVISIONS, None])
def test_a_migration_that_fails_leaves_the_database_as_it_was(
    path: pathlib.Path, add_revision: Callable[[str], None], start: str | None
) -> None:
    """Whole: what the good revisions before it did in the same run is gone too, and the next run starts afresh."""
    if start is not None:
        history.at(path, start)
    before = history.schema(path)
    add_revision(
        'op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))\n'
        "op.execute(\"UPDATE release SET phase = 'RELEASE'\")\n"
        'with op.batch_alter_table("release", recreate="always") as batch:\n'
        '    batch.add_column(sa.Column("note", sa.String(), server_default="", nullable=False))\n'
        'op.execute("INSERT INTO no_such_table VALUES (1)")'
    )
    for _ in range(2):
        with pytest.raises(Exception, match="no_such_table"):
            migrate.upgrade(history.url(path))
        assert history.schema(path) == before
        assert migrate.current(history.url(path)) == start
    if start is not None:
        assert history.lost(path, start) == []


def test_a_parent_made_anew_keeps_its_children(path: pathlib.Path, add_revision: Callable[[str], None]) -> None:
    """With foreign keys on, dropping the old table would empty those that refer to it, or fail."""
    history.at(path, history.HEAD)
    add_revision(
        'for table in ("release", "deployment", "committee"):\n'
        '    with op.batch_alter_table(table, recreate="always") as batch:\n'
        '        batch.add_column(sa.Column("note", sa.String(), server_default="", nullable=False))'
    )
    migrate.upgrade(history.url(path))
    assert [history.lost(path, each) for each in history.REVISIONS] == [[] for _ in history.REVISIONS]


def test_a_migration_that_leaves_orphans_is_undone(path: pathlib.Path, add_revision: Callable[[str], None]) -> None:
    history.at(path, history.HEAD)
    add_revision('op.execute("DELETE FROM release")')
    with pytest.raises(RuntimeError, match=r"rows refer to nothing: .*wants a row of release.*Nothing was changed"):
        migrate.upgrade(history.url(path))
    assert migrate.current(history.url(path)) == history.HEAD
    assert history.lost(path, "0001") == []


async def test_an_older_backup_is_migrated_up(path: pathlib.Path, add_revision: Callable[[str], None]) -> None:
    """What an older program took is what this one needs afterwards."""
    migrate.upgrade(history.url(path))
    file, manifest = await backup.take(history.url(path), path.parent / "b")
    assert manifest.revision == history.HEAD
    shutil.move(path, path.with_name("away.db"))
    add_revision('op.add_column("site", sa.Column("note", sa.String(), server_default="", nullable=False))')
    assert (await backup.restore(history.url(path), file, replace=False))[1] == 1
    assert migrate.current(history.url(path)) == "next"


def test_nothing_to_do_waits_for_nobody(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path))
    with history.raw(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        migrate.upgrade(history.url(path))
        # The writer would be waited for 30 s.
        assert time.monotonic() - started < 5


def test_a_database_of_a_newer_program_is_left_alone(path: pathlib.Path) -> None:
    migrate.upgrade(history.url(path))
    with history.raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for run in (migrate.upgrade, migrate.downgrade):
        with pytest.raises(errors.SettingsError, match="revision 9999, which this version does not know"):
            run(history.url(path), "0001")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite+aiosqlite://", "in-memory"),
        ("sqlite+aiosqlite:///:memory:", "in-memory"),
        ("mysql+aiomysql://host/atr", "must be SQLite or PostgreSQL, not mysql"),
    ],
)
def test_what_cannot_be_migrated_is_said(url: str, message: str) -> None:
    with pytest.raises(errors.SettingsError, match=message):
        migrate.upgrade(url)


def test_a_path_may_hold_odd_characters(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "50% off [x]"
    folder.mkdir()
    migrate.upgrade(history.url(folder / "a b.db"))
    assert (folder / "a b.db").is_file()


def test_logging_stays_as_the_program_set_it_up(path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    handlers, level = list(logging.root.handlers), logging.root.level
    logger = logging.getLogger("tests.migrations.before")
    migrate.upgrade(history.url(path))
    migrate.downgrade(history.url(path), "base")
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
    # Alembic's fileConfig would have switched it off.
    assert not logger.disabled
    assert capfd.readouterr() == ("", "")


def test_the_migrations_are_found_beside_the_package_and_inside_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate.directory() == ROOT / "migrations"
    installed = tmp_path / "site-packages" / "atr"
    (installed / "migrations").mkdir(parents=True)
    monkeypatch.setattr(migrate, "__file__", str(installed / "db" / "migrate.py"))
    assert migrate.directory() == installed / "migrations"
