# SPDX-License-Identifier: Apache-2.0
"""Rendered pages, a server for them, and a browser to look at them with."""

import shutil
from collections.abc import Iterator
from typing import Final

import jinja2
import pytest
from playwright import sync_api

from tests.pages import serving, stand_in

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


@pytest.fixture(scope="session")
def environment() -> jinja2.Environment:
    return stand_in.environment()


# Per module: while the synchronous API is open, no asynchronous test can run in the same thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def site() -> Iterator[serving.Site]:
    with serving.serve(serving.Site()) as served:
        yield served
