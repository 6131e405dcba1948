# SPDX-License-Identifier: Apache-2.0
"""How a browser is started for a test: the one that is installed, silent about everything but our pages."""

import shutil
from typing import Final

import pytest

# Nothing that a browser does by itself may reach the network.
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def executable() -> str:
    """The path of the browser, best without a window: half the work a page. Skips the test where there is none."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    return found
