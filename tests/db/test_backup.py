# SPDX-License-Identifier: Apache-2.0
"""A backup is whole or not there, and a restore puts it in place or changes nothing."""

import asyncio
import contextlib
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

import atr.backup as backup
import atr.db.session as session
import atr.demo.processes as processes
import atr.disk as disk
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.changes as changes
from tests import databases as provided
from tests import world as worlds

_HEAD: Final = "0" * 64


async def _taken(world: worlds.World, directory: pathlib.Path) -> pathlib.Path:
    return (await backup.take(world.settings.database, directory, world.clock))[0]


def _left(directory: pathlib.Path, pattern: str = "*restoring*") -> list[pathlib.Path]:
    return list(directory.glob(pattern))


def _restore_and_kill(file: pathlib.Path, state_dir: pathlib.Path, shared: pathlib.Path) -> None:
    """Restore in a process of its own, which dies when it has unpacked the backup."""
    environment = {name: os.environ[name] for name in processes._INHERITED if name in os.environ}
    restore = subprocess.Popen(
        [sys.executable, "-m", "atr", "restore", str(file)],
        env={**environment, "ATR_STATE_DIR": str(state_dir), "TMPDIR": str(shared)},
    )
    ends = time.monotonic() + 60
    while not (_left(state_dir, "**/*restore-*/database") or _left(shared, "**/database")):
        assert restore.poll() is None
        assert time.monotonic() < ends
    restore.kill()
    restore.wait()


def _content(name: str) -> bytes:
    return pathlib.Path(name).read_bytes()


def _rewritten(file: pathlib.Path, change: Callable[[dict[str, Any]], None], dump: bytes | None = None) -> pathlib.Path:
    """The same backup with another manifest, or another dump."""
    with tarfile.open(file) as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    other = file.with_name("other")
    with tarfile.open(other, "w") as archive:
        for name, content in (
            ("manifest.json", json.dumps(manifest).encode()),
            ("database", dump or members["database"]),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return other


@pytest.mark.slow
async def test_what_was_there_comes_back_in_a_new_generation(voted: worlds.World, tmp_path: pathlib.Path) -> None:
    """Taken while the worker's connections are open; the old database is kept aside; the chains are whole."""
    file = await _taken(voted, tmp_path)
    assert file.name == f"atr-{voted.clock():%Y%m%dT%H%M%SZ}.atrbackup"
    assert file.stat().st_mode & 0o077 == 0
    await voted.promote(1)
    events = len(await voted.rows(tables.Event))
    url = provided.as_role(voted.settings.database, provided.OWNER)
    await voted.leave()
    voted.clock.turn(hours=1)
    with pytest.raises(errors.ConflictError, match="--replace"):
        await backup.restore(url, file, replace=False, clock=voted.clock)
    manifest, generation, kept = await backup.restore(url, file, replace=True, clock=voted.clock)
    assert (generation, bool(kept)) == (1, True)
    assert await voted.rows(tables.Promotion) == []
    assert len(await voted.rows(tables.Event)) == events
    found = await backup.verify(url, backup.told([], [file]))
    assert [one for one in found if one.wrong] == []
    assert manifest.heads.keys() == {one.chain for one in found}
    await voted.leave()
    voted.clock.turn(hours=1)
    # Once more: never to a generation that was there.
    assert (await backup.restore(url, file, replace=True, clock=voted.clock))[1] == 2


async def test_a_database_in_use_is_not_touched(voted: worlds.World, tmp_path: pathlib.Path) -> None:
    """A connection that only idles, or a lease that has not run out."""
    file = await _taken(voted, tmp_path)
    url = provided.as_role(voted.settings.database, provided.OWNER)
    await voted.promote(1)
    with pytest.raises(errors.ConflictError, match=r"open"):
        await backup.restore(url, file, replace=True, clock=voted.clock)
    async with voted.service() as service:
        assert await service.promotions.claim(owner="w", seconds=60, limit=1)
    await voted.leave()
    with pytest.raises(errors.ConflictError, match="A worker has a lease until"):
        await backup.restore(url, file, replace=True, clock=voted.clock)
    (promotion,) = await voted.rows(tables.Promotion)
    assert promotion.state is states.State.REQUESTED


async def test_a_backup_that_is_not_whole_is_refused(voted: worlds.World, tmp_path: pathlib.Path) -> None:
    """By its hash, its form, its revision, its engine and its chains; and the database stays as it was."""
    file = await _taken(voted, tmp_path)
    url = provided.as_role(voted.settings.database, provided.OWNER)
    await voted.leave()
    wrong: list[tuple[Callable[[dict[str, Any]], None], bytes | None, str]] = [
        (lambda _: None, b"something else", "is damaged"),
        (lambda told: told.update(format="atr-backup/9"), None, "unknown format"),
        (lambda told: told.update(revision="9999"), None, "it was taken by a newer one"),
        (lambda told: told.update(engine="another"), None, "another kind"),
        (lambda told: told["heads"].update(site=[1, _HEAD]), None, "event log in the backup is damaged"),
        (lambda told: told.pop("sha256"), None, "manifest cannot be read"),
    ]
    for change, dump, sentence in wrong:
        with pytest.raises(errors.ConflictError, match=sentence):
            await backup.restore(url, _rewritten(file, change, dump), replace=True, clock=voted.clock)
    (tmp_path / "text").write_text("not a backup")
    with pytest.raises(errors.ConflictError, match="is damaged or not a backup"):
        await backup.restore(url, tmp_path / "text", replace=True, clock=voted.clock)
    with pytest.raises(errors.NotFoundError):
        await backup.restore(url, tmp_path / "nowhere", replace=True, clock=voted.clock)
    with pytest.raises(errors.ConflictError, match="exists already"):
        await backup.take(url, file, voted.clock)
    assert not _left(tmp_path)
    assert (await voted.rows(operating.Site)) == []


@pytest.mark.sqlite
async def test_where_there_is_no_database_or_a_broken_one(
    voted: worlds.World, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is put where nothing is; what is no database any more is kept beside it, as it was."""
    file = await _taken(voted, tmp_path)
    await voted.leave()
    fresh = tmp_path_factory.mktemp("fresh") / "atr.db"
    assert (await backup.restore(provided.sqlite_url(fresh), file, replace=False, clock=voted.clock))[1:] == (1, "")
    fresh.write_bytes(b"no database" * 1_000)
    kept = (await backup.restore(provided.sqlite_url(fresh), file, replace=True, clock=voted.clock))[2]
    assert _content(kept).startswith(b"no database")
    database = session.Database(provided.sqlite_url(fresh))
    try:
        async with database.read() as data:
            site = await data.get(operating.Site, 1)
    finally:
        await database.close()
    assert site is not None
    assert site.backup_at == voted.clock()


@pytest.mark.sqlite
async def test_a_log_whose_database_is_gone_is_not_read_into_the_restored_one(
    voted: worlds.World, tmp_path: pathlib.Path
) -> None:
    """SQLite takes any log beside a file for that file's own."""
    file = await _taken(voted, tmp_path)
    await voted.leave()
    database = tmp_path / "atr.db"
    log = tmp_path / "atr.db-wal"
    with contextlib.closing(sqlite3.connect(database)) as data:
        data.execute("PRAGMA journal_mode=WAL")
        data.execute("CREATE TABLE lost (event)")
        data.commit()
        left = log.read_bytes()
    database.unlink()
    log.write_bytes(left)
    await backup.restore(voted.settings.database, file, replace=False, clock=voted.clock)
    with contextlib.closing(sqlite3.connect(database)) as data:
        assert data.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert data.execute("SELECT count(*) FROM sqlite_master WHERE name = 'lost'").fetchone() == (0,)
    assert _content(f"{database}.replaced-{voted.clock():%Y%m%dT%H%M%S}-wal") == left


async def test_a_restore_that_was_killed_leaves_no_copy_for_long(
    voted: worlds.World, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its copy is in the state directory, which is closed to others, and the next start of a web process removes it."""
    file = await _taken(voted, tmp_path)
    await voted.leave()
    state_dir, shared = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("shared")
    await asyncio.to_thread(_restore_and_kill, file, state_dir, shared)
    assert (len(_left(state_dir, "**/*restore-*/database")), _left(shared, "*")) == (1, [])
    changes.sweep(state_dir)
    assert _left(state_dir, "**/*restore-*") == []


@pytest.mark.sqlite
async def test_a_backup_that_was_killed_is_cleared_by_the_next_one(voted: worlds.World, tmp_path: pathlib.Path) -> None:
    with pytest.raises(worlds.Died), disk.workspace(tmp_path, ".atr-backup-") as directory:  # noqa: PT012
        (directory / "database").write_text("half of it")
        dead = shutil.copytree(directory, tmp_path / ".atr-backup-dead")
        raise worlds.Died
    assert _left(tmp_path, ".atr-backup-*") == [dead]
    await _taken(voted, tmp_path)
    assert _left(tmp_path, ".atr-backup-*") == []
