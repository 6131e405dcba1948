# SPDX-License-Identifier: Apache-2.0
"""Rendered pages, a server for them, and a browser to look at them with."""

from collections.abc import Iterator

import jinja2
import pytest
from playwright import sync_api

from tests import chromium
from tests.pages import serving, stand_in


@pytest.fixture(scope="session")
def environment() -> jinja2.Environment:
    return stand_in.environment()


# Per module: while the synchronous API is open, no asynchronous test can run in the same thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    path = chromium.executable()
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(chromium.QUIET))
        yield opened
        opened.close()


@pytest.fixture
def site() -> Iterator[serving.Site]:
    with serving.serve(serving.Site()) as served:
        yield served
