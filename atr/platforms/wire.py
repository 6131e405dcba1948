# SPDX-License-Identifier: Apache-2.0
"""Connections to platforms: where they may lead, how many bytes they carried, and the clients built on them."""

import asyncio
import collections
import dataclasses
import functools
import http.cookiejar
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import httpcore
import httpx

# httpcore reads 64 KiB at a time; each chunk costs 0.2 ms of processing, so larger ones halve the work of reading a
# gigabyte. tests/benchmarks.
_READ_BYTES: Final = 256 * 1024
# How many addresses of a host name are tried.
_MAX_ADDRESSES: Final = 4
CONNECT_SECONDS: Final = 5.0
# ATR_SLOTS limits how many are open at once: waiting for a connection of the pool would look like a slow platform.
# httpcore keeps none alive while more are open than may be kept.
_LIMITS: Final = httpx.Limits(keepalive_expiry=30.0)
_NO_KEEPALIVE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=0)
# A machine without IPv4 reaches IPv4 hosts by these: such an address is as global as the one in its last 32 bits.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Addresses that some version of Python calls global, though they may lead to a private network: a local NAT64, 6to4
# and Teredo (obsolete, and with an IPv4 address in them), the obsolete site-local and IPv4-compatible addresses.
# https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_GLOBAL: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "::/96"))
)


# Called with the progress of an irreversible request: "after_connect", then "after_first_byte". The request waits.
Trace = Callable[[str], None]


def untraced(_event: str) -> None:
    """Ignore the progress of a request."""


@dataclasses.dataclass
class Meter:
    """How many bytes were written to a connection, including heads. 0 means that certainly nothing was sent."""

    # Of all connections of this process, for benchmarks.
    everything: ClassVar[int] = 0

    sent: int = 0
    # Called with the new count before each write.
    told: Callable[[int], None] | None = None
    # The time, by the event loop's clock, after which no byte may be sent.
    until: float | None = None

    def count(self, written: int) -> None:
        """Count bytes that are about to be sent. Raises httpcore's WriteTimeout if it is too late to send them.

        A suspended machine resumes in the middle of a request, before any of its timers has run.
        """
        if (self.until is not None) and (asyncio.get_running_loop().time() > self.until):
            raise httpcore.WriteTimeout("its time was over before it left")
        self.sent += written
        Meter.everything += written
        if self.told is not None:
            self.told(self.sent)


SingleUse = Callable[[Meter], httpx.AsyncClient]


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the trusted certificates. Reading them takes 40 ms, so all platforms share them."""
    return httpx.create_ssl_context(trust_env=False)


@dataclasses.dataclass(frozen=True)
class Clients:
    """Builds the clients for one platform. They follow no redirects, do not retry, keep no cookies and use no proxies.

    With `loopback` they reach loopback addresses only, without it global ones only: a client for the sandbox cannot
    reach a real platform, and a client for a real platform cannot be led to an internal address.
    """

    user_agent: str
    loopback: bool
    # How long a server may be silent in the middle of an answer.
    read_seconds: float
    # Called with the progress of the irreversible requests.
    trace: Trace = untraced
    context: ssl.SSLContext = dataclasses.field(default_factory=_trusted, repr=False)

    def reading(self) -> httpx.AsyncClient:
        """Return a client for reads, with connections kept alive. The caller closes it."""
        return self._client(_LIMITS, {}, Meter(), untraced)

    def single_use(self, meter: Meter) -> httpx.AsyncClient:
        """Return a client for one irreversible request, on a connection that no other request uses."""
        return self._client(_NO_KEEPALIVE, {"Connection": "close"}, meter, self.trace)

    def _client(self, limits: httpx.Limits, headers: dict[str, str], meter: Meter, trace: Trace) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            verify=self.context, trust_env=False, http1=True, http2=False, limits=limits, retries=0
        )
        # httpx has no public way to set a backend. pyproject.toml pins httpx; tests/platforms/test_wire.py checks this.
        backend = GuardedBackend(loopback=self.loopback, meter=meter, trace=trace)
        transport._pool._network_backend = backend  # noqa: SLF001
        return httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            # Untrusted data is never decompressed: a megabyte of gzip can unpack to a gigabyte.
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "identity", **headers},
            timeout=httpx.Timeout(self.read_seconds, connect=CONNECT_SECONDS),
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        )


class GuardedBackend(httpcore.AnyIOBackend):
    """Resolves a name once, refuses addresses on the wrong side, and connects to the very address that it checked."""

    def __init__(self, *, loopback: bool, meter: Meter, trace: Trace = untraced) -> None:
        self._loopback = loopback
        self._meter = meter
        self._trace = trace

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's own signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the host. Raises httpcore's ConnectError or ConnectTimeout."""
        fault: httpcore.TimeoutException | httpcore.NetworkError = httpcore.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port, timeout):
            try:
                stream = await super().connect_tcp(address, port, timeout, local_address, socket_options)
                self._trace("after_connect")
                return _MeteredStream(stream, self._meter, self._trace)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault

    async def _addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not found in time") from error
        # A name that cannot be encoded for the resolver raises UnicodeError.
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} was not found") from error
        addresses = list(collections.OrderedDict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        allowed = [address for address in addresses if reachable(address, loopback=self._loopback)]
        if not allowed:
            side = "this machine" if self._loopback else "the public internet"
            raise httpcore.ConnectError(f"{host} does not lead to {side}, so it is not asked")
        return allowed[:_MAX_ADDRESSES]


class _MeteredStream(httpcore.AsyncNetworkStream):
    """Counts the bytes that are written, before they leave, so that a broken write is never reported as 0 bytes."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, meter: Meter, trace: Trace = untraced) -> None:
        self._inner = inner
        self._meter = meter
        self._trace = trace

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max(max_bytes, _READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        is_first = self._meter.sent == 0
        self._meter.count(len(buffer))
        await self._inner.write(buffer, timeout)
        if is_first:
            self._trace("after_first_byte")

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _MeteredStream(
            await self._inner.start_tls(ssl_context, server_hostname, timeout), self._meter, self._trace
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def reachable(address: str, *, loopback: bool) -> bool:
    """Return whether a client for loopback, or one for global addresses, may connect to this numeric address."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.ipv4_mapped is not None):
        parsed = parsed.ipv4_mapped
    if loopback:
        return parsed.is_loopback
    if parsed in _NAT64:
        parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not (parsed.is_multicast or any(parsed in network for network in _NOT_GLOBAL))
