# SPDX-License-Identifier: Apache-2.0
"""A provider written by others, and a real browser: the npm package oidc-provider, outside sandbox mode.

A browser takes a cookie for https from this machine over http too, so no proxy stands before our process here.
"""

import asyncio
import contextlib
import pathlib
import re
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import pytest
from playwright import async_api

from tests import chromium, installed, ports, serving
from tests.identity import ground as grounds
from tests.identity import provider as providers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PACKAGE: Final = "oidc-provider@9.13.3"
SCRIPT: Final = pathlib.Path(__file__).with_name("oidc_provider.mjs")


@contextlib.asynccontextmanager
async def running(folder: pathlib.Path, back: str) -> AsyncIterator[str]:
    """Its issuer, while it runs."""
    if not installed.NODE.find():
        pytest.skip(installed.NODE.advice)
    installing = await asyncio.create_subprocess_exec(
        "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE
    )
    if await installing.wait() != 0:
        pytest.skip(f"{PACKAGE} cannot be installed here")
    port = ports.free_port()
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), str(folder), str(port), providers.SECRET, back), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while b"listening" not in (line := await process.stdout.readline()):
                assert line, "It has ended."
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def window() -> AsyncIterator[async_api.Page]:
    """A browser with one window."""
    path = chromium.executable()
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(chromium.QUIET))
        yield await browser.new_page()
        await browser.close()


async def sign_in_there(page: async_api.Page, name: str) -> None:
    """What its own pages ask for, until it leads back."""
    await page.get_by_placeholder("Enter any login").fill(name)
    await page.get_by_placeholder("and password").fill("anything")
    await page.get_by_role("button", name="Sign-in").click()
    if "/interaction/" in page.url:
        await page.get_by_role("button", name="Continue").click()


async def test_somebody_signs_in_twice_and_out(tmp_path: pathlib.Path, migrated: pathlib.Path) -> None:
    """By a link, at its own pages, and back; again before what cannot be undone, and then no more."""
    # Its address must be known before it is served: the port is held until then.
    held = socket.create_server(("127.0.0.1", 0))
    ours = f"http://127.0.0.1:{held.getsockname()[1]}"
    async with running(tmp_path / "node", f"{ours}/sign-in/return") as issuer, window() as page:
        provider = providers.Provider(0)
        provider.issuer = issuer
        async with (
            grounds.opened(
                tmp_path,
                migrated,
                provider,
                stands=False,
                public_url=ours,
                oidc_issuer=issuer,
                oidc_client_id=providers.CLIENT,
                oidc_client_secret_file=tmp_path / "client-secret",
                oidc_scopes="openid profile",
                oidc_claim="preferred_username",
            ) as ground,
            serving.serving(ground.app, held),
        ):
            await page.goto(f"{ours}/start")
            await page.get_by_role("link", name=re.compile("^Sign in at")).click()
            await sign_in_there(page, "alice")
            await page.wait_for_url(f"{ours}/start")
            assert await page.locator(".who b").inner_text() == "alice"
            names = {cookie["name"]: cookie for cookie in await page.context.cookies()}
            session = names["__Host-session"]
            assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")
            assert "__Host-sign-in" not in names
            # Once more, though there is a session at the provider.
            await page.goto(f"{ours}/sign-in?again=yes&return_to=/releases")
            await page.get_by_role("link", name=re.compile("^Sign in at")).click()
            await sign_in_there(page, "alice")
            await page.wait_for_url(f"{ours}/releases")
            await page.get_by_role("button", name="Sign out").click()
            assert await page.get_by_text("You are signed out.").is_visible()
            # What a browser tells of a cookie is what it takes of one, though their types differ.
            await page.context.add_cookies([cast("Any", session)])
            await page.goto(f"{ours}/releases")
            assert await page.get_by_text("Signed in as").count() == 0
