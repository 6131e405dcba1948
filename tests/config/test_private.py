# SPDX-License-Identifier: Apache-2.0
"""What is stored is read by the user of web and worker only, whatever their umask is and whoever made it."""

import asyncio
import os
import pathlib
import shutil
import signal
import stat
import sys
from typing import Final

import pytest

import atr.demo.processes as processes
from tests import ports

INHERITED: Final = {name: os.environ[name] for name in processes._INHERITED if name in os.environ}
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def _reachable(root: pathlib.Path) -> list[str]:
    """What another user can open from here, by its path, with its mode."""
    try:
        mode = root.stat().st_mode
    except FileNotFoundError:
        return []
    if not mode & _OTHERS:
        return []
    below = [name for path in root.iterdir() for name in _reachable(path)] if root.is_dir() else []
    return [f"{root} {stat.filemode(mode)}", *below]


def _open_to_all(root: pathlib.Path) -> list[str]:
    """The same without the protection by the directories above."""
    return [f"{path} {stat.filemode(path.stat().st_mode)}" for path in root.rglob("*") if path.stat().st_mode & _OTHERS]


def _settings(command: str) -> dict[str, str]:
    return {"ATR_PORT": str(ports.free_port())} if command == "serve" else {}


async def _run(state_dir: pathlib.Path, *command: str, **settings: str) -> None:
    """Start a part with the most generous umask, let it run until it serves, and stop it."""
    environment = {**INHERITED, "ATR_STATE_DIR": str(state_dir), "ATR_SANDBOX": "1", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "atr", *command, env=environment, umask=0, stderr=asyncio.subprocess.DEVNULL
    )
    if command == ("migrate",):
        assert await asyncio.wait_for(process.wait(), 60) == 0
        return
    for _ in range(600):
        assert process.returncode is None
        if (state_dir / "atr.db-wal").exists():
            break
        await asyncio.sleep(0.1)
    assert not _reachable(state_dir / "atr.db-wal")
    assert not _reachable(state_dir / "atr.db-shm")
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.wait(), 30)


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_what_is_made_is_for_this_user_only(command: str, tmp_path: pathlib.Path) -> None:
    state_dir = tmp_path / "state"
    await _run(state_dir, command, **_settings(command))
    assert _reachable(state_dir) == []
    assert _open_to_all(state_dir) == []


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_what_an_older_version_made_is_closed(
    command: str, migrated: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    state_dir = tmp_path / "state"
    (state_dir / "unfinished" / "a" / "1" / "00001").mkdir(parents=True)
    (state_dir / "temporary").mkdir()
    shutil.copy(migrated, state_dir / "atr.db")
    (state_dir / "serve.log").write_text("a line\n")
    for path in (state_dir, *state_dir.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    await _run(state_dir, command, **_settings(command))
    assert _reachable(state_dir) == []
    assert [name for path in state_dir.iterdir() for name in _reachable(path)] == []


async def test_a_database_elsewhere_is_closed_too(migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    database = tmp_path / "elsewhere" / "other.db"
    database.parent.mkdir()
    shutil.copy(migrated, database)
    database.chmod(0o644)
    await _run(tmp_path / "state", "migrate", ATR_DATABASE_URL=f"sqlite:///{database}")
    assert _reachable(database) == []
