# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to a platform: reads of limited size, streams of bytes, and irreversible writes that are sent once.

No error of httpx leaves this module. For connections and clients, see atr.platforms.wire; for what an answer means and
what may be shown of it, atr.platforms.answers.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Final, NoReturn

import httpx

import atr.config as config
import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.wire as wire
import atr.promotion.steps as steps

# The largest answer that is not a file.
METADATA_LIMIT: Final = 1024**2
_MAX_REDIRECTS: Final = 3
# A request for a file may take longer than others: the time that its bytes need at this many bytes a second is added.
SLOWEST: Final = 256 * 1024

_MAX_PORT: Final = 65_535
# The characters that a configured address must not contain, and the form of a host: a name or a numeric address.
_NOT_PLAIN: Final = re.compile(r"[^\x21-\x7e]|[\\?#@]")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# The algorithms of checksums, by their suffix. https://central.sonatype.org/publish/requirements/
# They are compared with checksums that others wrote; ATR itself does not rely on the weak ones.
_ALGORITHMS: Final = frozenset({"md5", "sha1", "sha256", "sha512"})


@dataclasses.dataclass(frozen=True)
class Site:
    """A checked base address, without a slash at its end."""

    url: str
    host: str
    loopback: bool

    def address(self, path: str | Sequence[str]) -> str:
        """Return the address of a path below it, given as segments if one of them contains a slash.

        Each segment is percent-encoded, so that it stays one segment; an at sign is safe as it is.
        """
        segments = path.split("/") if isinstance(path, str) else path
        return f"{self.url}/{'/'.join(urllib.parse.quote(segment, safe='@') for segment in segments)}"


@dataclasses.dataclass(frozen=True)
class Stream:
    """An answer whose body is not read yet: at most one byte more than was requested."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    @property
    def retry_after(self) -> float | None:
        """The seconds that the platform asked ATR to wait; None if it did not."""
        return answers.Answered(self.status, self.headers).retry_after


@dataclasses.dataclass(frozen=True)
class Digests:
    """The size of a file, its SHA-256, and its digests by the other algorithms that were requested."""

    size: int
    sha256: str
    side: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Place:
    """One address that is read from."""

    # The name in messages, like "Central's portal".
    name: str
    site: Site
    client: httpx.AsyncClient
    # The time of a whole request, from connecting to the last byte; files get more, by their size.
    seconds: float
    # The hosts to which a redirect may lead, each `host` or `host:port`.
    hosts: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    async def read(
        self,
        method: str,
        path: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        document: object = None,
        at_most: int = METADATA_LIMIT,
    ) -> answers.Answered:
        """Return the complete answer, of any status. `what` names the requested data in messages.

        Raises UnavailableError for a transport fault, MalformedError for a body that is too long or encoded.
        """
        request = self.client.build_request(
            method, self.site.address(path), params=query, headers=headers, json=document
        )
        try:
            async with asyncio.timeout(self.seconds):
                response = await self.client.send(request, stream=True)
                try:
                    self._refuse_encoding(response, what)
                    body = await self._whole(response, at_most, what)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as fault:
            self._unavailable(what, fault)
        return answers.Answered(response.status_code, lowered(response), body, self.secrets)

    async def document(
        self, path: Sequence[str], *, what: str, at_most: int = METADATA_LIMIT, headers: Mapping[str, str] | None = None
    ) -> answers.Answered:
        """Return the complete answer to one public look-up, after at most three redirects, which do not get `headers`.

        `seconds` is the limit for all of it. Raises UnavailableError for a transport fault, MalformedError for a body
        that is too long or encoded and for a redirect that may not be followed.
        """
        until = asyncio.get_running_loop().time() + self.seconds
        response = await self._followed("GET", path, what, headers, until)
        try:
            self._refuse_encoding(response, what)
            async with asyncio.timeout_at(until):
                body = await self._whole(response, at_most, what)
        except (httpx.HTTPError, TimeoutError) as fault:
            self._unavailable(what, fault)
        finally:
            await response.aclose()
        return answers.Answered(response.status_code, lowered(response), body, self.secrets)

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, what: str, at_most: int, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Stream]:
        """Yield the answer to a read of bytes, after at most three redirects, which do not get `headers`.

        `chunks` ends after at most one byte more than `at_most`. Opening and reading raise UnavailableError for a
        transport fault and MalformedError for an encoded body or a redirect that may not be followed.
        """
        until = asyncio.get_running_loop().time() + self.seconds + at_most / SLOWEST
        response = await self._followed(method, path, what, headers, until)
        try:
            self._refuse_encoding(response, what)
            framed = ("content-length" in response.headers) or ("transfer-encoding" in response.headers)
            if (response.status_code == httpx.codes.OK) and (method == "GET") and not framed:
                raise errors.UnavailableError(
                    f"{self.name} did not say where {what} ends, so a broken end would not show."
                )
            async with contextlib.aclosing(self._chunks(response, at_most, until, what)) as chunks:
                yield Stream(response.status_code, lowered(response), chunks)
        finally:
            await response.aclose()

    async def _followed(
        self, method: str, path: str | Sequence[str], what: str, headers: Mapping[str, str] | None, until: float
    ) -> httpx.Response:
        request = self.client.build_request(method, self.site.address(path), headers=headers)
        for hops_left in range(_MAX_REDIRECTS, -1, -1):
            try:
                async with asyncio.timeout_at(until):
                    response = await self.client.send(request, stream=True)
            except (httpx.HTTPError, TimeoutError) as fault:
                self._unavailable(what, fault)
            if response.status_code not in _REDIRECTS:
                return response
            await response.aclose()
            if hops_left:
                # httpx has already refused a Location that is not an address.
                location = response.headers.get("location", "")
                target = redirect_target(request.url, location, self.site, self.hosts)
                if target is None:
                    host = answers.shown(request.url.join(location).host, self.secrets, limit=100)
                    raise errors.MalformedError(
                        f"{self.name} sends us to “{host}” for {what}, and that host is not on the list of this "
                        "platform's redirect hosts. An operator who trusts it adds it to the list."
                    )
                # A new request, so that Authorization and other headers for the first host are not sent.
                request = self.client.build_request(method, target)
        raise errors.MalformedError(f"{self.name} sends us from host to host for {what}. Ask an operator to check it.")

    async def _chunks(
        self, response: httpx.Response, at_most: int, until: float, what: str
    ) -> AsyncGenerator[bytes, None]:
        left = at_most + 1
        received = response.aiter_raw()
        while left > 0:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await anext(received, None)
            except (httpx.HTTPError, TimeoutError) as fault:
                self._unavailable(what, fault)
            if chunk is None:
                return
            yield chunk[:left]
            left -= len(chunk)

    async def _whole(self, response: httpx.Response, at_most: int, what: str) -> bytes:
        body = await _bounded(response, at_most)
        if body is None:
            raise errors.TooLongError(f"{self.name} answered with more than {at_most:,} bytes for {what}; not read on.")
        return body

    def _refuse_encoding(self, response: httpx.Response, what: str) -> None:
        if _is_encoded(response):
            raise errors.MalformedError(
                f"{self.name} sent {what} encoded, though we asked for plain bytes. Something in between may do that."
            )

    def _unavailable(self, what: str, fault: Exception) -> NoReturn:
        raise errors.UnavailableError(
            f"{self.name} ({self.site.host}) gave no complete answer for {what}: {_kind(fault)}.{errors.ASKED_AGAIN}"
        ) from fault


def looked_at(worker: config.WorkerSettings, url: str, name: str) -> Place | None:
    """Return a place that is read without a credential; None if the operator has configured no address for it.

    The caller closes its client. Redirects within its own host are allowed. Raises SettingsError.
    """
    if not url:
        return None
    home = site(url, setting=f"The address of {name}")
    there = httpx.URL(home.url)
    own = f"{there.host}:{there.port or (80 if there.scheme == 'http' else 443)}"
    clients = wire.Clients(worker.user_agent, loopback=home.loopback, read_seconds=worker.call_timeout)
    hosts = frozenset({own, *worker.lookup_redirect_hosts.split()})
    return Place(name, home, clients.reading(), worker.call_timeout, hosts)


@dataclasses.dataclass(frozen=True)
class Write:
    """An irreversible request."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    content: AsyncIterable[bytes] | None = None
    # Texts that must not be shown when the answer is.
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    # Called with the number of bytes that were written to the connection, including the head.
    told: Callable[[int], None] | None = None


async def send_once(
    single_use: wire.SingleUse,
    write: Write,
    *,
    seconds: float,
    read_as: Callable[[answers.Answered], contract.Reply] = answers.reply,
) -> contract.Reply:
    """Send a write once, on a connection of its own, and return the reply. Transport faults are not raised.

    Without a complete answer, `sample` describes what happened, instead of a body.
    """
    meter = wire.Meter(told=write.told, until=asyncio.get_running_loop().time() + seconds)
    try:
        async with asyncio.timeout(seconds), single_use(meter) as client:
            request = client.build_request(
                write.method,
                write.url,
                params=write.query or None,
                headers=write.headers,
                content=write.content,
                # The server may be silent for the whole time of the request while it processes what it received.
                timeout=httpx.Timeout(seconds, connect=wire.CONNECT_SECONDS),
            )
            response = await client.send(request, stream=True)
            body = await _bounded(response, METADATA_LIMIT)
    # OSError: the file that is being sent could not be read to its end. TimeoutError is an OSError too.
    except (httpx.HTTPError, OSError) as fault:
        sample = f"No complete answer: {_kind(fault)}."
        return contract.Reply(steps.Answer.UNCLEAR, None, sample, bytes_sent=meter.sent)
    if body is None:
        return contract.Reply(steps.Answer.UNCLEAR, None, "No complete answer: endless.", bytes_sent=meter.sent)
    readable = b"" if _is_encoded(response) else body
    answered = answers.Answered(response.status_code, lowered(response), readable, write.secrets)
    return dataclasses.replace(read_as(answered), bytes_sent=meter.sent)


def site(text: str, *, setting: str) -> Site:
    """Return the checked base address. SettingsError names the setting, not its value, which may contain a password."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as fault:
        raise errors.SettingsError(f"{setting} is not an address.") from fault
    if _NOT_PLAIN.search(text) or (not _HOST.fullmatch(url.host)) or url.userinfo or not _is_port(url.port):
        raise errors.SettingsError(
            f"{setting} must be a plain address: no user, query, fragment, backslash or space in it."
        )
    loopback = config.is_loopback_host(url.host)
    if (url.scheme != "https") and not (loopback and url.scheme == "http"):
        raise errors.SettingsError(f"{setting} must begin with https:// (http:// is for loopback hosts only).")
    return Site(str(url).rstrip("/"), url.host, loopback)


def redirect_target(asked: httpx.URL, location: str, home: Site, hosts: Collection[str]) -> httpx.URL | None:
    """Return the target of a redirect if it may be followed: https, or loopback http if `home` is loopback http.

    A listed `host` means its https port; on loopback, any port.
    """
    try:
        target = asked.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    if (not location) or target.userinfo or (not target.host) or not _is_port(target.port):
        return None
    plain = (target.scheme == "http") and home.url.startswith("http:") and config.is_loopback_host(target.host)
    if (target.scheme != "https") and not plain:
        return None
    names = {f"{target.host}:{target.port or (80 if plain else 443)}"}
    if plain or (target.port in {None, 443}):
        names.add(target.host)
    return target if names & set(hosts) else None


async def digested(chunks: AsyncIterable[bytes], algorithms: Collection[str] = ()) -> Digests:
    """Return size and digests of a body, read once in constant memory. Raises InputError for an unknown algorithm."""
    unknown = set(algorithms) - _ALGORITHMS
    if unknown:
        raise errors.InputError(f"{', '.join(sorted(unknown))} is no digest that we make.")
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", *algorithms}}
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        for running in hashes.values():
            running.update(chunk)
    side = {name: hashes[name].hexdigest() for name in algorithms}
    return Digests(size, hashes["sha256"].hexdigest(), side)


def lowered(response: httpx.Response) -> dict[str, str]:
    """Return the headers with lower-case names."""
    return {name.lower(): value for name, value in response.headers.items()}


async def _bounded(response: httpx.Response, at_most: int) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > at_most:
            return None
    return bytes(body)


def _is_port(port: int | None) -> bool:
    return (port is None) or (0 < port <= _MAX_PORT)


def _is_encoded(response: httpx.Response) -> bool:
    return response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}


def _kind(fault: Exception) -> str:
    # Not the fault's own text, which may contain an address with a signature in it.
    return "it took too long" if isinstance(fault, TimeoutError) else type(fault).__name__
