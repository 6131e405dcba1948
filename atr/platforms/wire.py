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

# A name may stand for several addresses. So many are tried before we give up.
# httpcore asks for 64 KiB at a time; every chunk costs 0.2 ms on its way through, so larger ones halve the work of
# reading a gigabyte. tests/benchmarks.
_READ_BYTES: Final = 256 * 1024
_MAX_ADDRESSES: Final = 4
CONNECT_SECONDS: Final = 5.0
# How many at once is for ATR_SLOTS to say: who waits for a connection of ours would blame the platform. httpcore keeps
# none alive while more are open than may be kept.
_LIMITS: Final = httpx.Limits(keepalive_expiry=30.0)
_NO_KEEPALIVE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=0)
# By these a machine without IPv4 reaches the world's: such an address is as global as the one in its last 32 bits.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# What Python calls global, in some version, though it may lead to a private network: a NAT64 of one's own, 6to4 and
# Teredo (obsolete, and with an IPv4 address in them), the obsolete site-local and IPv4-compatible addresses.
# https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_GLOBAL: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "::/96"))
)


# Told how far an irreversible request is: "after_connect", then "after_first_byte". Its caller waits meanwhile.
Trace = Callable[[str], None]


def untraced(_event: str) -> None:
    """For who does not follow requests."""


@dataclasses.dataclass
class Meter:
    """How many bytes were handed to a connection, heads included. 0 means that certainly nothing left."""

    # Over every connection of this process, for those who measure.
    everything: ClassVar[int] = 0

    sent: int = 0
    # Told the new count with each write.
    told: Callable[[int], None] | None = None
    # By the event loop's clock: from then on no byte may leave.
    until: float | None = None

    def count(self, written: int) -> None:
        """So many bytes more. Raises httpcore's WriteTimeout when they would leave too late.

        A machine that stood still wakes up in the middle of a request, before any timer of its own has run.
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
    """Whose certificates we believe. Reading them takes 40 ms, so all platforms share what was read."""
    return httpx.create_ssl_context(trust_env=False)


@dataclasses.dataclass(frozen=True)
class Clients:
    """Builds the clients for one platform. None of them follows redirects, repeats, keeps cookies or reads proxies.

    With `loopback` they reach loopback addresses only, without it only global ones: what stands for a sandbox cannot
    reach the world, and what stands for the world cannot be led inside.
    """

    user_agent: str
    loopback: bool
    # How long a server may be silent in the middle of an answer.
    read_seconds: float
    # Follows the irreversible requests.
    trace: Trace = untraced
    context: ssl.SSLContext = dataclasses.field(default_factory=_trusted, repr=False)

    def reading(self) -> httpx.AsyncClient:
        """A client for reads, with connections kept alive. The caller closes it."""
        return self._client(_LIMITS, {}, Meter(), untraced)

    def single_use(self, meter: Meter) -> httpx.AsyncClient:
        """A client for one irreversible request, on a connection that nothing used before or will use again."""
        return self._client(_NO_KEEPALIVE, {"Connection": "close"}, meter, self.trace)

    def _client(self, limits: httpx.Limits, headers: dict[str, str], meter: Meter, trace: Trace) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            verify=self.context, trust_env=False, http1=True, http2=False, limits=limits, retries=0
        )
        # The one place where httpx lets no backend in. pyproject.toml pins httpx; tests/platforms/test_wire.py guards.
        backend = GuardedBackend(loopback=self.loopback, meter=meter, trace=trace)
        transport._pool._network_backend = backend  # noqa: SLF001
        return httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            # No decoder ever runs on what a stranger sent: a megabyte of gzip unpacks to a gigabyte.
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "identity", **headers},
            timeout=httpx.Timeout(self.read_seconds, connect=CONNECT_SECONDS),
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        )


class GuardedBackend(httpcore.AnyIOBackend):
    """Looks a name up once, refuses addresses on the wrong side, and connects to the very address it looked at."""

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
        """A connection to the host, or httpcore's ConnectError or ConnectTimeout."""
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
    """Counts what is written. Counted before it leaves, so that a broken write is never told as nothing."""

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
    """Whether a client of this side may connect to this numeric address."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.ipv4_mapped is not None):
        parsed = parsed.ipv4_mapped
    if loopback:
        return parsed.is_loopback
    if parsed in _NAT64:
        parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not (parsed.is_multicast or any(parsed in network for network in _NOT_GLOBAL))
