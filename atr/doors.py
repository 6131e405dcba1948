# SPDX-License-Identifier: Apache-2.0
"""Checks the host and the peer before the application: a request refused here reaches no handler and no session."""

import collections
import urllib.parse
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final

import atr.config as config
import atr.peers as peers

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]
_App = Callable[[Any, _Receive, _Send], Awaitable[None]]
# Load balancers request these under any address that they know; the responses contain nothing secret.
_HEALTH: Final = frozenset({"/healthz", "/readyz"})
_MISDIRECTED: Final = (
    "This server does not serve that host. If it should, the operator sets ATR_PUBLIC_URL to its public address.\n"
)
_TOO_MANY: Final = "Too many requests of yours are being answered. Try again in a few seconds.\n"
_FORWARDED: Final = b"x-forwarded-for"


class Doors:
    """Wraps an ASGI application: only known hosts are served, with a limit of concurrent requests behind a proxy.

    `per_peer` is that limit, for each peer. The host of `public_url` and this machine's own names are served.
    """

    def __init__(self, app: _App, *, public_url: str, trusted: Collection[peers.Network], per_peer: int) -> None:
        self._app = app
        self._host = urllib.parse.urlsplit(public_url).hostname
        self._trusted = trusted
        self._per_peer = per_peer
        self._answering: collections.Counter[str] = collections.Counter()

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Pass a request on to the application, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not (scope["path"] in _HEALTH or self._is_ours(_values(scope["headers"], b"host"))):
            await _refuse(send, 421, _MISDIRECTED)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Any, receive: _Receive, send: _Send) -> None:
        address, port = scope.get("client") or ("", 0)
        peer = peers.peer_of(address, _values(scope["headers"], _FORWARDED), self._trusted)
        if peer == address:
            # No proxy named another peer, so the listener's limits apply.
            await self._app(scope, receive, send)
            return
        who = peers.group_of(peer)
        if self._answering[who] >= self._per_peer:
            await _refuse(send, 429, _TOO_MANY)
            return
        self._answering[who] += 1
        try:
            await self._app({**scope, "client": (peer, port)}, receive, send)
        finally:
            self._answering[who] -= 1
            if not self._answering[who]:
                del self._answering[who]

    def _is_ours(self, hosts: Sequence[str]) -> bool:
        try:
            host = urllib.parse.urlsplit(f"//{','.join(hosts)}").hostname or ""
        except ValueError:
            return False
        return (host == self._host) or host.endswith(".localhost") or config.is_loopback_host(host)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


async def _refuse(send: _Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
