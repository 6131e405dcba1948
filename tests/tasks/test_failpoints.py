# SPDX-License-Identifier: Apache-2.0
"""The places where a trial may have the worker die: each is there once, and is what the settings know."""

import pathlib
import re
import signal
import subprocess
import sys

import pytest

import atr.config as config
import atr.tasks.context as contexts

_ATR = pathlib.Path(config.__file__).parent
_CALL = re.compile(r"""(?:failpoint\(|failpoint, |_trace\()"(\w+)"\)""")


def test_every_failpoint_is_one_line_of_the_application_and_every_such_line_is_known() -> None:
    placed = [name for file in sorted(_ATR.rglob("*.py")) for name in _CALL.findall(file.read_text())]
    assert sorted(placed) == sorted(config.FAILPOINTS)


@pytest.mark.parametrize("blow", ["kill", "term"])
def test_the_blow_falls_at_its_place_once(blow: str, tmp_path: pathlib.Path) -> None:
    """In a process of its own: elsewhere nothing happens, there it ends before its next line, and only once."""
    code = (
        "import pathlib, sys, atr.config as c, atr.tasks.context as t\n"
        "point = t.Failpoint('after_mark', pathlib.Path(sys.argv[1]), c.BLOWS[sys.argv[2]])\n"
        "point('after_reply'); print('before', flush=True); point('after_mark'); print('after')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "done"), blow]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (first.returncode, first.stdout) == (-config.BLOWS[blow], "before\n")
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (second.returncode, second.stdout) == (0, "before\nafter\n")


def test_no_name_is_no_place(tmp_path: pathlib.Path) -> None:
    contexts.Failpoint("", tmp_path / "done", signal.SIGKILL)("after_mark")
    assert not (tmp_path / "done").exists()
