# SPDX-License-Identifier: Apache-2.0
"""An application served for real, by the server that operators run, on a free port of this machine."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import hypercorn.config
import quart

import atr.listening as server


@contextlib.asynccontextmanager
async def serving(app: quart.Quart, listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Its address, for the length of the block. A socket whose address others know already is handed in."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = hypercorn.config.Config()
    # Handed over: the server closes it.
    settings.bind = [f"fd://{listener.detach()}"]
    settings.accesslog = settings.errorlog = None
    settings.graceful_timeout = settings.shutdown_timeout = 1
    stop = asyncio.Event()
    task = asyncio.create_task(server.serve(app, settings, server.Limits(), stop))
    try:
        yield address
    finally:
        stop.set()
        await task
