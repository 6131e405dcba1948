# SPDX-License-Identifier: Apache-2.0
"""The key that signs sessions: one for all processes, readable by one user, never half written."""

import concurrent.futures
import pathlib
import stat

import pytest

import atr.errors as errors
import atr.server as server


def test_it_is_made_once_and_read_by_this_user_only(tmp_path: pathlib.Path) -> None:
    first = server._secret_key(tmp_path / "state")
    assert len(first) == 64
    assert server._secret_key(tmp_path / "state") == first
    path = tmp_path / "state" / "secret-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret-key"]


def test_processes_that_start_together_have_one(tmp_path: pathlib.Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: server._secret_key(tmp_path), range(64)))
    assert len(set(keys)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["secret-key"]


@pytest.mark.parametrize("text", ["", "\n", "short"])
def test_a_broken_one_is_not_used(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "secret-key").write_text(text)
    with pytest.raises(errors.SettingsError, match="too short"):
        server._secret_key(tmp_path)
