# SPDX-License-Identifier: Apache-2.0
"""Starting our own program as anybody would: its own process, and next to nothing in its environment."""

import os
import pathlib
import subprocess
import sys
from typing import Final

# However busy the machine is.
PATIENCE: Final = 110.0
_PASSED_ON: Final = ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG")


def limited(state_dir: pathlib.Path) -> dict[str, str]:
    """All that the program is promised to need, and what measures it in a run with coverage."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"ATR_STATE_DIR": str(state_dir)}


def atr(
    state_dir: pathlib.Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m atr` with these arguments, to its end, away from the source tree."""
    return subprocess.run(
        [sys.executable, "-m", "atr", *arguments],
        env=limited(state_dir) if environment is None else environment,
        cwd=state_dir.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
