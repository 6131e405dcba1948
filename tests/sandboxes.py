# SPDX-License-Identifier: Apache-2.0
"""A sandbox in the event loop of a test."""

import asyncio
import pathlib
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, cast

import atr.sandbox.central_portal.portal as portal
import atr.sandbox.endpoints as endpoints
import atr.sandbox.gate as gate
import atr.sandbox.server as server
import atr.sandbox.world as worlds

EXAMPLE_TOKEN: Final = portal.Token("token-name", "token-password")
EXAMPLE_NAMESPACES: Final = ("org.example", "commons-cli")


class RunningSandbox:
    """A stand-in that runs in this event loop, on a free port, for the length of an `async with`.

    Without a world it makes one in a temporary directory, with one account: `EXAMPLE_TOKEN` opens it, and
    `EXAMPLE_NAMESPACES` are its own.
    """

    def __init__(
        self,
        world: worlds.World | None = None,
        make: Callable[[worlds.World, gate.Cut | None], server.Application] = server.create_app,
    ) -> None:
        self._make = make
        self._temporary = tempfile.TemporaryDirectory() if world is None else None
        if self._temporary is not None:
            world = worlds.World(pathlib.Path(self._temporary.name))
            world.portal.add_account("example", EXAMPLE_NAMESPACES, EXAMPLE_TOKEN)
        self.world = cast("worlds.World", world)
        self.url = ""

    @property
    def portal_url(self) -> str:
        """The root that clients of the Central Portal are given."""
        return self.url

    @property
    def repository_url(self) -> str:
        """The root of the public Maven repository."""
        return f"{self.url}/maven2"

    def registry_url(self, name: str) -> str:
        """The root of a registry by its name in `shelf.Registry`; "npm-pages" for npm's pages for people."""
        return f"{self.url}{endpoints.REGISTRIES}/{name}"

    async def __aenter__(self) -> Self:
        self._stop = asyncio.Event()
        started = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(
            server.serve(self.world, ready=started.set_result, stop=self._stop, make=self._make)
        )
        await asyncio.wait([started, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        self.url = started.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._task
        if self._temporary is not None:
            self._temporary.cleanup()
