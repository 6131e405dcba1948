# SPDX-License-Identifier: Apache-2.0
"""The server of the sandbox: one process and one port, on 127.0.0.1 only."""

import asyncio
import contextlib
import logging
import socket
import weakref
from collections.abc import Callable
from typing import Final, cast

import hypercorn.asyncio
import hypercorn.config
import hypercorn.typing
import quart

import atr.errors as errors
import atr.sandbox.artifact_hub as artifact_hub
import atr.sandbox.central_portal.api as api
import atr.sandbox.central_portal.pages as pages
import atr.sandbox.central_portal.repository as repository
import atr.sandbox.control as control
import atr.sandbox.current as current
import atr.sandbox.docker_hub as docker_hub
import atr.sandbox.gate as gate
import atr.sandbox.npm as npm
import atr.sandbox.pypi as pypi
import atr.sandbox.registries as registries
import atr.sandbox.world as worlds

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 128
_HOST_NAMES: Final = frozenset({HOST, "localhost"})
_BLUEPRINTS: Final = (
    api.BLUEPRINT,
    api.ELSEWHERE,
    repository.BLUEPRINT,
    pages.BLUEPRINT,
    registries.BLUEPRINT,
    artifact_hub.BLUEPRINT,
    docker_hub.BLUEPRINT,
    npm.BLUEPRINT,
    pypi.BLUEPRINT,
    control.BLUEPRINT,
)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Application(quart.Quart):
    """The application, with its gate."""

    gate: gate.Gate


class Listener(socket.socket):
    """A listening socket that remembers its open connections, so that one can be cut below HTTP.

    An exception in a handler makes the server answer 500, and ASGI has no other way to end a connection: only the
    socket itself can end it without a status line.
    """

    def __init__(self, port: int = 0, fileno: int | None = None) -> None:
        """Listen on a port of 127.0.0.1, or take over a socket that does.

        Raises SettingsError for a port that is taken, and for a descriptor of any other socket, because the sandbox
        obeys everyone who can reach it.
        """
        # asyncio only disables Nagle's algorithm if the protocol is named. Otherwise every second small response on a
        # persistent connection waits 40 ms for the client's delayed acknowledgement.
        where = f"{HOST}:{port}" if fileno is None else f"Descriptor {fileno}"
        try:
            super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno)
            self._take(port, fileno)
        except OSError as error:
            raise errors.SettingsError(f"{where} cannot be listened on: {error.strerror}.") from error
        self._open: weakref.WeakValueDictionary[tuple[str, int], socket.socket] = weakref.WeakValueDictionary()

    def _take(self, port: int, fileno: int | None) -> None:
        try:
            if fileno is None:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.bind((HOST, port))
            elif self.getsockname()[0] != HOST:
                raise errors.SettingsError(f"The sandbox listens on {HOST} only, and descriptor {fileno} does not.")
            # From here on connections queue, even before the server runs.
            self.listen(_BACKLOG)
        except (OSError, errors.SettingsError):
            self.close()
            raise
        self.settimeout(0)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.getsockname()[1]}"

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().accept()
        self._open[address] = connection
        return connection, address

    def cut(self, client: tuple[str, int]) -> None:
        """End this client's connection without sending anything more."""
        connection = self._open.get(client)
        if connection is not None:
            # The client may have disconnected already.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Config(hypercorn.config.Config):
    """The server's settings, with a socket that is already open."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self.include_server_header = False
        self.graceful_timeout = 1.0
        self.shutdown_timeout = 5.0
        self.errorlog = logging.getLogger("atr.sandbox")

    def create_sockets(self) -> hypercorn.config.Sockets:
        return hypercorn.config.Sockets(secure_sockets=[], insecure_sockets=[self._listener], quic_sockets=[])


def create_app(world: worlds.World, cut: gate.Cut | None = None) -> Application:
    """Return the sandbox as an application. `cut` cuts a client's connection; without it such a fault is an error."""
    app = Application(__name__, static_folder=None)
    # A bundle of a gigabyte may take long; its size is limited by the world's settings.
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)
    app.extensions[current.WORLD] = world
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.before_request(_refuse_strangers)
    app.after_request(_harden)
    app.before_serving(_resume)
    app.gate = gate.Gate(cast("hypercorn.typing.ASGIFramework", app.asgi_app), world, cut or _cannot_cut)
    app.asgi_app = app.gate  # type: ignore[method-assign]
    return app


async def serve(
    world: worlds.World,
    listener: Listener | None = None,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
    make: Callable[[worlds.World, gate.Cut | None], Application] = create_app,
) -> None:
    """Run until `stop` is set, on any port if there is no listener. `ready` gets the address once it is listening."""
    with listener or Listener() as listening:
        app = make(world, listening.cut)
        if ready is not None:
            ready(listening.url)
        try:
            await hypercorn.asyncio.serve(
                cast("hypercorn.typing.Framework", app),
                _Config(listening),
                shutdown_trigger=(stop or asyncio.Event()).wait,
            )
        finally:
            await app.gate.close()
            world.save()


async def _refuse_strangers() -> tuple[str, int] | None:
    """Refuse requests of other sites that are open in the same browser, so that they read and change nothing here."""
    if quart.request.host.partition(":")[0] not in _HOST_NAMES:
        return "This is a sandbox for this machine only.\n", 421
    if quart.request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"} and (
        quart.request.method != "GET"
    ):
        return "Not from another site.\n", 403
    return None


async def _harden(response: quart.Response) -> quart.Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _resume() -> None:
    """Examine the bundles that an earlier process received and did not finish."""
    portal = current.world().portal
    for deployment in portal.unexamined():
        quart.current_app.add_background_task(portal.examine, deployment)


def _cannot_cut(client: tuple[str, int]) -> None:
    raise RuntimeError(f"cannot cut the connection of {client}: no server of this module is running")
