# SPDX-License-Identifier: Apache-2.0
"""The command line: what goes wrong is one sentence and exit code 2, and no traceback.

A process of Python takes more than a second to start here. So `run` calls the command line's own `main` in this one,
with an environment of its own; what is about the start itself is started.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final
from unittest import mock

import pytest

import atr.cli as cli
import atr.db.migrate as migrate
import atr.demo.faults as faults
import atr.demo.processes as processes
from tests import ports

CANARY: Final = "canary-3f9d7a565b0833f6"
INHERITED: Final = {name: os.environ[name] for name in processes._INHERITED if name in os.environ}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command here, with what it inherits and what is named, and nothing else."""

    def one(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        code: int | str | None = 0
        with (
            mock.patch.dict(os.environ, {**INHERITED, **environ}, clear=True),
            mock.patch.object(sys, "argv", ["atr", *arguments]),
        ):
            try:
                cli.main()
            except SystemExit as end:
                code = end.code
        assert code is None or isinstance(code, int)
        told = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code or 0, told.out, told.err)

    return one


def _start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "atr", *arguments],
        capture_output=True,
        text=True,
        env={**INHERITED, **environ},
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stderr + done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("atr: ")
    assert line.endswith(".")
    return line


@pytest.mark.parametrize("name", ["ATR_MAVEN_CENTRAL_TOKEN", "ATR_MAVEN_CENTRAL_TOKEN_FILE"])
def test_serve_with_a_credential_does_not_start(run: Run, tmp_path: pathlib.Path, name: str) -> None:
    said = _refused(run("serve", ATR_STATE_DIR=str(tmp_path / "state"), **{name: CANARY}))
    assert name in said
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("command", "environ"),
    [
        ("serve", {"ATR_NONSENSE": CANARY}),
        ("worker", {"ATR_LEASE": "1"}),
        (
            "worker",
            {
                "ATR_SANDBOX": "1",
                "ATR_MAVEN_CENTRAL_PORTAL_URL": "http://127.0.0.1:1",
                "ATR_MAVEN_CENTRAL_REPOSITORY_URL": "http://127.0.0.1:1",
                "ATR_MAVEN_CENTRAL_TOKEN": CANARY,
            },
        ),
    ],
)
def test_a_setting_that_cannot_be_used(run: Run, tmp_path: pathlib.Path, command: str, environ: dict[str, str]) -> None:
    _refused(run(command, ATR_STATE_DIR=str(tmp_path), **environ))


def test_a_broken_secret_key_does_not_sign_sessions(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret-key").touch()
    said = _refused(_start("serve", ATR_STATE_DIR=str(tmp_path), ATR_SANDBOX="1", ATR_PORT="0"))
    assert "secret-key is too short for a key" in said


def test_migrate_goes_up_and_down(run: Run, tmp_path: pathlib.Path) -> None:
    """It needs no other setting, and minds none."""
    state = {"ATR_STATE_DIR": str(tmp_path / "state"), "ATR_NONSENSE": "1", "ATR_MAVEN_CENTRAL_TOKEN": CANARY}
    for how, arguments, at in (
        (_start, (), migrate.head()),
        (run, ("--down-to", "0001"), "0001"),
        (run, (), migrate.head()),
    ):
        done = how("migrate", *arguments, **state)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"The database is at {at}" in done.stdout


def test_migrate_of_an_unknown_revision(run: Run, tmp_path: pathlib.Path) -> None:
    done = run("migrate", "--down-to", "9999", ATR_STATE_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr[-600:]


@pytest.mark.parametrize("arguments", [(), ("--web",)])
def test_the_doctor_says_what_it_found_and_exits_with_it(
    run: Run, tmp_path: pathlib.Path, arguments: tuple[str, ...]
) -> None:
    well = run("doctor", *arguments, ATR_STATE_DIR=str(tmp_path))
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout.startswith("ok    settings: All settings are valid.\n")
    (tmp_path / "atr.db").write_bytes(b"this is no database " * 100)
    ill = run("doctor", *arguments, "--json", ATR_STATE_DIR=str(tmp_path))
    assert (ill.returncode, ill.stderr) == (1, "")
    found = {one["what"]: one["grade"] for one in map(json.loads, ill.stdout.splitlines())}
    assert found["database"] == "FAIL"
    assert found["settings"] == "ok"


def test_a_database_that_is_away_is_a_sentence_that_tells_no_address(run: Run, tmp_path: pathlib.Path) -> None:
    for command in ("verify-chain", "declare-restored", "migrate"):
        said = _refused(run(command, ATR_DATABASE_URL="postgresql://atr:s3cret@127.0.0.1:1/atr"))
        assert "The database cannot be used: OperationalError." in said
        assert "s3cret" not in said


def test_the_doctor_tells_of_wrong_settings_without_their_values(run: Run, tmp_path: pathlib.Path) -> None:
    done = run("doctor", "--web", ATR_STATE_DIR=str(tmp_path), ATR_MAVEN_CENTRAL_TOKEN=CANARY)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAIL  settings: ATR_MAVEN_CENTRAL_TOKEN: ")
    assert CANARY not in done.stdout


def test_a_fault_that_nobody_knows(run: Run) -> None:
    done = run("demo", "--fault", "nonsense")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for name in faults.FAULTS:
        assert name in done.stderr


def test_a_bundle_that_is_not_there(run: Run, tmp_path: pathlib.Path) -> None:
    assert "is not a directory" in _refused(run("demo", "--bundle", str(tmp_path / "nothing")))


@pytest.mark.parametrize("arguments", [("nonsense",), ("sandbox",)])
def test_a_command_that_is_not_there(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_help_and_version_need_nothing() -> None:
    assert "promotion" in _start("--help", ATR_NONSENSE="1").stdout
    assert _start("--version").returncode == 0


def test_the_sandbox_listens_on_this_machine_only(tmp_path: pathlib.Path) -> None:
    """No option makes it another; the kernel says where it listens."""
    token = tmp_path / "token"
    token.write_text("name:word")
    port = ports.free_port()
    arguments = ("--port", str(port), "--directory", str(tmp_path), "--token-file", str(token), "--namespace", "org.x")
    process = subprocess.Popen(
        [sys.executable, "-m", "atr", "sandbox", *arguments],
        env=INHERITED,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        listening = [
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in pathlib.Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        ]
        assert listening == [f"0100007F:{port:04X}"]
    finally:
        process.terminate()
        assert process.wait(20) in {0, -15}
