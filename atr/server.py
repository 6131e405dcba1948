# SPDX-License-Identifier: Apache-2.0
"""The web process: builds the application and serves it. It has no platform credential."""

import asyncio
import contextlib
import datetime
import importlib
import os
import pathlib
import pkgutil
import secrets
import signal
import socket
import tempfile
from typing import Final

import hypercorn.config
import quart
import werkzeug.datastructures

import atr.config as config
import atr.db.file_system as file_system
import atr.db.migrate as migrate
import atr.db.session as session
import atr.disk as disk
import atr.doors as doors
import atr.errors as errors
import atr.get as get
import atr.identity.contract as identity
import atr.identity.local as local
import atr.listening as listening
import atr.metrics as metrics
import atr.models.sessions as signed_in
import atr.post as post
import atr.promotion.usage as usage
import atr.sessions as sessions
import atr.storage as storage
import atr.storage.changes as changes
import atr.storage.transaction as transaction
import atr.template as template
import atr.web as web

# The hooks of this server; a host application has its own.
HOOKS: Final = web.Hooks(
    sessions.asf_uid, sessions.csrf_token, sessions.check_csrf, web.error_page, is_fresh=sessions.is_fresh
)
# One blueprint for each module of handlers. A host application registers those that it wants, after `web.install`.
BLUEPRINTS: Final = tuple(
    importlib.import_module(f"{package.__name__}.{module.name}").BLUEPRINT
    for package in (get, post)
    for module in pkgutil.iter_modules(package.__path__)
)
_SECRET_BYTES: Final = 32
# Longer than our clients keep an idle connection, and than a proxy should: a server that closes first may close while a
# form is on its way, which then gets no answer. Not much longer, since the head of a request must also arrive within
# this time (atr/connection.py).
_IDLE_SECONDS: Final = 20


class _App(quart.Quart):
    """Answers 405 to every method without a handler, including OPTIONS."""

    default_config = werkzeug.datastructures.ImmutableDict(
        {**quart.Quart.default_config, "PROVIDE_AUTOMATIC_OPTIONS": False}
    )


def create_app(settings: config.WebSettings, store: storage.Storage) -> quart.Quart:
    """Return the application, which uses this storage."""
    secure = not settings.sandbox
    app = _App(
        "atr",
        root_path=str(template.STATIC.parent),
        static_folder=str(template.STATIC),
    )
    app.secret_key = _secret_key(settings.state_dir)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        # For the form token before sign-in and for messages; the session has another cookie (atr/sessions.py).
        SESSION_COOKIE_NAME="__Host-notes" if secure else "notes",
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
    )
    sessions.install(app, sessions.Rules(_limits(settings), secure))
    who: identity.Identity = local.LocalAccounts() if settings.sandbox else identity.NobodySignsIn()
    site = web.Site(
        store,
        who,
        _provider(settings, store.database.here),
        sandbox=settings.sandbox,
        sandbox_url=settings.sandbox_url,
        public_url=settings.public_url,
        max_upload=settings.max_upload,
    )
    web.install(app, site, HOOKS)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.asgi_app = doors.Doors(  # type: ignore[method-assign]
        app.asgi_app,
        public_url=settings.public_url,
        trusted=settings.proxies,
        per_peer=settings.max_connections_per_peer,
    )
    return app


class _Config(hypercorn.config.Config):
    """Hypercorn's settings, with sockets on which small answers leave at once.

    Hypercorn opens its sockets without naming a protocol; asyncio then leaves Nagle's algorithm on, and on a kept-alive
    connection a form's answer waits about 40 ms for the browser's acknowledgement.
    """

    # True in sandbox mode, where anyone who can connect can sign in as anybody.
    loopback_only = False

    def create_sockets(self) -> hypercorn.config.Sockets:
        """Return the sockets, without the delay. Raises SettingsError for one that `loopback_only` does not allow."""
        try:
            sockets = super().create_sockets()
        except hypercorn.config.SocketTypeError as error:
            raise errors.SettingsError(f"{self.bind[0]} is not a listening socket.") from error
        for one in sockets.insecure_sockets:
            # Every connection inherits this option. It fails for a socket that is not TCP.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host = str(one.getsockname()[0])
            if self.loopback_only and not config.is_loopback_host(host):
                raise errors.SettingsError(f"{host} is not a loopback address, which sandbox mode requires.")
        return sockets


async def serve(settings: config.WebSettings, mounts: pathlib.Path = file_system.MOUNTS) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError if it cannot listen, or if the database would not be safe."""
    file_system.demand_local(settings.database, mounts)
    file_system.make_private(settings.state_dir, settings.database)
    await asyncio.to_thread(migrate.upgrade, settings.database)
    await asyncio.to_thread(changes.sweep, settings.state_dir)
    database = session.Database(settings.database)
    # The web process contacts no platform, so the default timings serve only for display.
    monthly = usage.Usage(*settings.maven_central_monthly)
    place = transaction.Place(settings.state_dir, copies_quota=settings.copies_quota, monthly=monthly)
    store = storage.Storage(database, place)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = _Config()
    server.bind = [f"{settings.host}:{settings.port}" if settings.listen_fd is None else f"fd://{settings.listen_fd}"]
    server.loopback_only = settings.sandbox
    server.include_server_header = False
    server.graceful_timeout = server.shutdown_timeout = 5
    server.keep_alive_timeout = _IDLE_SECONDS
    server.accesslog = None
    server.errorlog = None
    # The number of pieces of a body, of 64 KiB each, that wait for the application.
    server.max_app_queue_size = 2
    limits = listening.Limits(
        settings.max_connections, settings.max_connections_per_peer, settings.proxies, settings.upload_seconds
    )
    try:
        if not settings.sandbox:
            await database.ensure_durable()
        async with metrics.served(store, metrics.Meters(), host=settings.metrics_host, port=settings.metrics_port):
            await listening.serve(create_app(settings, store), server, limits, stop)
    except OSError as error:
        raise errors.SettingsError(f"{server.bind[0]} cannot be listened on: {error.strerror}.") from error
    finally:
        await database.close()


def _provider(settings: config.WebSettings, clock: session.Clock) -> identity.Provider | None:
    """Return the sign-in provider, if one is configured. Only then are the modules imported that use HTTP."""
    if settings.oidc_issuer:
        import atr.identity.oidc as oidc  # noqa: PLC0415

        client = oidc.Client(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret,
            settings.oidc_scopes,
            settings.oidc_claim,
            max_age=datetime.timedelta(hours=settings.session_hours),
            fresh=datetime.timedelta(minutes=settings.fresh_minutes),
        )
        return oidc.OpenIDProvider(client, clock)
    if settings.asf_oauth_url:
        import atr.identity.gateway as gateway  # noqa: PLC0415

        return gateway.Gateway(settings.asf_oauth_url, clock)
    return None


def _limits(settings: config.WebSettings) -> signed_in.Limits:
    """Return the limits of a session. In sandbox mode a sign-in proves nothing, so it is never too old."""
    return signed_in.Limits(
        idle=datetime.timedelta(minutes=settings.session_idle_minutes),
        absolute=datetime.timedelta(hours=settings.session_hours),
        fresh=None if settings.sandbox else datetime.timedelta(minutes=settings.fresh_minutes),
    )


def _secret_key(state_dir: pathlib.Path) -> str:
    """Return the key that signs cookies: created once, readable by this user only. Raises SettingsError if short."""
    path = state_dir / "secret-key"
    disk.make_directory(state_dir)
    if not path.exists():
        _make_secret_key(path)
    key = path.read_text().strip()
    if len(key) < _SECRET_BYTES:
        raise errors.SettingsError(
            f"{path} is too short for a key. Delete it: a new one is created, and everyone has to sign in again."
        )
    return key


def _make_secret_key(path: pathlib.Path) -> None:
    """Create the key's file, complete from its first instant. If two processes do so at once, the first one counts."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="secret-key-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_SECRET_BYTES))
        disk.sync(pathlib.Path(name))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
        disk.sync(path.parent)
    finally:
        pathlib.Path(name).unlink()
