# SPDX-License-Identifier: Apache-2.0
"""How a browser is started for a test: the one that is installed, silent about everything but our pages."""

from typing import Final

import pytest

from tests import installed

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
    """The path of the browser. Skips the test where there is none."""
    found = installed.browser()
    if found is None:
        pytest.skip(installed.CHROMIUM.advice)
    return found
