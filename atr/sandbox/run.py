# SPDX-License-Identifier: Apache-2.0
"""The sandbox as a separate process."""

import asyncio
import pathlib
import signal
from collections.abc import Iterable

import atr.sandbox.central_portal.portal as portal
import atr.sandbox.server as server
import atr.sandbox.world as worlds


async def until_stopped(
    listener: server.Listener,
    directory: pathlib.Path,
    token_file: pathlib.Path,
    namespaces: Iterable[str],
    bundle_limit: int | None,
) -> None:
    """Serve one account, whose token is in the file as name:password, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    world = worlds.World(directory)
    if bundle_limit is not None:
        world.settings = world.settings.model_copy(update={"bundle_limit": bundle_limit})
    name, _, password = (await asyncio.to_thread(token_file.read_text)).strip().partition(":")
    world.portal.add_account("demo", namespaces, portal.Token(name, password))
    await server.serve(world, listener, stop=stop)
