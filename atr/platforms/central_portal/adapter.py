# SPDX-License-Identifier: Apache-2.0
"""Maven Central: stages and publishes through the Central Portal, and reads the public repository.

The pure parts are `protocol`, `bundle` and `index`. Of the two servers that it contacts, only the portal ever gets the
token.
"""

import asyncio
import contextlib
import datetime
import pathlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final

import httpx

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.central_portal.bundle as bundle
import atr.platforms.central_portal.index as index
import atr.platforms.central_portal.protocol as protocol
import atr.platforms.central_portal.settings as settings
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.wire as wire
import atr.promotion.fileset as fileset
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.shared.mechanisms as mechanisms

_OK: Final = httpx.codes.OK
_ABSENT: Final = frozenset({httpx.codes.NOT_FOUND, httpx.codes.GONE})
# The number of bytes to read of a public file of unknown size: the portal accepts no bundle with a larger file.
_LARGEST: Final = 1024**3


class MavenCentral:
    """The Promoter for Maven Central, one for each credential. Close it with `aclose`."""

    platform: Final = distribution.DistributionPlatform.MAVEN
    mechanism: Final = mechanisms.Mechanism.CENTRAL_PORTAL

    def __init__(
        self,
        *,
        portal: http.Place,
        repository: http.Place,
        single_use: wire.SingleUse,
        credential: settings.Credential,
        pace: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        bundle_limit: int | None = bundle.LIMIT,
    ) -> None:
        self._portal = portal
        self._repository = repository
        self._single_use = single_use
        self._credential = credential
        self._bundle_limit = bundle_limit
        self._public_turn = _Turn(pace, sleep)
        self._records_turn = _Turn(pace, sleep)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._portal.client.aclose()
        await self._repository.client.aclose()

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract. A version is public if the public repository has its POM, which every version has.

        maven-metadata.xml is not used: Central rewrites it after the files, and caches keep an old one, so its
        absence proves nothing. Nor are the portal's own records, which are ahead of the files.
        """
        if where.platform is not self.platform:
            raise errors.UnsupportedError(f"{where} is no package of Maven Central.")
        path = maven.pom_path(where)
        async with self._looking("HEAD", path, 0) as stream:
            if stream is None:
                return None
            date = answers.moment(stream.headers.get("last-modified", ""))
        site = self._repository.site
        return contract.Published(where, date, site.address(path), f"{site.address(maven.directory(where))}/")

    async def taken(self, where: distribution.Coordinates) -> bool:
        """See the contract. Central's own records are ahead of the files."""
        # https://central.sonatype.org/publish/publish-portal-api/
        query = {"namespace": where.owner_namespace, "name": where.package, "version": where.version}
        what = f"whether {where} is published"
        # A release may have hundreds of packages, and the portal rate-limits clients.
        async with self._records_turn.taken():
            answered = await self._portal.read(
                "GET", f"{protocol.API}/published", what=what, headers=self._headers(), query=query
            )
        return protocol.published(answered, where)

    async def find(
        self, name: str, target: contract.Target, *, since: datetime.datetime | None = None
    ) -> tuple[contract.Found, ...]:
        """See the contract. The portal keeps the name that ATR gave, so the target is not needed."""
        del target
        found: dict[str, contract.Found] = {}
        newest = protocol.Newest(since)
        async for page in self._newest(f"deployments named {name}"):
            # If the list shifted between two pages, a deployment is listed twice.
            found.update({one.external_id: one for one in protocol.found(name, page)})
            if newest.has_passed(page):
                break
        return tuple(found.values())

    async def holding(self, where: distribution.Coordinates) -> contract.Holding:
        """See the contract."""
        held: dict[str, contract.Found] = {}
        seen, cut = set[object](), ""
        try:
            async for page in self._newest(f"deployments that hold {where}"):
                held.update({one.external_id: one for one in protocol.holding(where, page)})
                seen.update(entry.get("deploymentId") for entry in page.deployments)
        except errors.TooLongError as fault:
            if not seen:
                # No deployment was read, so there is no answer.
                raise
            cut = f"Only the newest {len(seen):,} deployments of this account were checked. {fault}"
        return contract.Holding(tuple(held.values()), cut)

    async def stage(
        self,
        name: str,
        files: Sequence[contract.Upload],
        scratch: pathlib.Path,
        sent: contract.Sent = contract.unheard,
    ) -> contract.Reply:
        """See the contract. Raises InputError, with nothing sent, for files that cannot be uploaded."""
        bundle.chosen(files)
        try:
            # The file has no name on the disk, so nothing remains however this process ends.
            archive = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        except OSError as fault:
            raise errors.UnavailableError(
                f"The bundle could not be written: {fault.strerror}. Nothing was sent. Ask an operator.",
                faultless=True,
            ) from fault
        with archive:
            size = await asyncio.to_thread(bundle.write, files, archive, limit=self._bundle_limit)
            body = bundle.Body(archive, name=name, size=size)
            write = http.Write(
                "POST",
                self._portal.site.address(f"{protocol.API}/upload"),
                headers={**self._headers("text/plain, application/json"), **body.headers},
                query=protocol.upload_query(name),
                content=body,
                secrets=self._credential.secrets,
                # The head of the request adds a few hundred bytes, which do not count.
                told=lambda written: sent(min(written, body.size), body.size),
            )
            seconds = self._portal.seconds + size / http.SLOWEST
            return await http.send_once(self._single_use, write, seconds=seconds, read_as=protocol.upload_reply)

    async def staged(self, target: contract.Target) -> tuple[contract.Listed, ...]:
        """See the contract. Raises MalformedError if anything in the list is unclear."""
        external_id = target.external_id
        listed: dict[str, contract.Listed] = {}
        async for page in self._pages(external_id, f"the files of deployment {external_id}"):
            protocol.collect(external_id, page, listed)
        if not listed:
            # This has been seen for a while after an upload. Nothing to compare is never a success.
            raise errors.UnavailableError(
                f"Central's portal lists no files of deployment {external_id} yet.", faultless=True
            )
        return tuple(listed.values())

    @contextlib.asynccontextmanager
    async def staged_bytes(
        self, target: contract.Target, path: str, *, at_most: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """See the contract."""
        address = protocol.download_path(target.external_id, path)
        what = f"{path} of deployment {target.external_id}"
        opened = self._portal.opened("GET", address, what=what, at_most=at_most, headers=self._headers("*/*"))
        async with opened as stream:
            if stream.status != _OK:
                raise answers.refusal(answers.Answered(stream.status, stream.headers), self._portal.name, what)
            yield _no_longer(stream.chunks, at_most, what)

    async def prepare(self, target: contract.Target) -> None:
        """See the contract. A VALIDATED deployment needs no preparation."""
        protocol.deployment_id(target.external_id)

    async def promote(self, target: contract.Target) -> contract.Reply:
        """See the contract. https://central.sonatype.org/publish/publish-portal-api/#publish-the-deployment."""
        return await self._write("POST", target.external_id)

    async def drop(self, target: contract.Target) -> contract.Reply:
        """See the contract. Possible from VALIDATED and FAILED; nothing stops a deployment that is PUBLISHING."""
        return await self._write("DELETE", target.external_id)

    async def observe(self, target: contract.Target) -> contract.Observation:
        """See the contract."""
        external_id = target.external_id
        try:
            # A POST, although it only reads: https://central.sonatype.org/publish/publish-portal-api/
            answered = await self._portal.read(
                "POST",
                f"{protocol.API}/status",
                what=f"the state of deployment {external_id}",
                headers=self._headers(),
                query={"id": protocol.deployment_id(external_id)},
            )
        except errors.MalformedError as fault:
            return protocol.unknown(str(fault))
        return protocol.observation(external_id, answered)

    async def probe(self, target: contract.Target, path: str) -> bool:
        """See the contract. The path is that of the repository."""
        del target
        async with self._looking("HEAD", maven.checked_path(path), 0) as stream:
            return stream is not None

    async def public(
        self, target: contract.Target, files: Sequence[fileset.File | contract.Listed]
    ) -> AsyncIterator[contract.PublicFile]:
        """See the contract. A file that is too long is read up to one byte more than expected, so it always differs."""
        del target
        for file in files:
            at_most = _LARGEST if file.size is None else file.size
            async with self._looking("GET", index.checked_path(file.path), at_most) as stream:
                read = None if stream is None else await http.digested(stream.chunks)
            seen = None if read is None else fileset.File(file.path, read.size, read.sha256)
            yield contract.PublicFile(file.path, seen)

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        """See the contract. It reads the index pages of Apache, nginx and Nexus."""
        directory = maven.directory(where)
        body = bytearray()
        async with self._looking("GET", f"{directory}/", index.INDEX_LIMIT) as stream:
            if stream is None:
                raise errors.UnavailableError(f"{self._repository.name} has no index of {directory}/.", faultless=True)
            async for chunk in stream.chunks:
                body += chunk
        if len(body) > index.INDEX_LIMIT:
            raise errors.MalformedError(
                f"{self._repository.name}'s index of {directory}/ has more than {index.INDEX_LIMIT:,} bytes; not "
                "read on."
            )
        names = index.files(bytes(body), self._repository.site.address(directory))
        return frozenset(f"{directory}/{name}" for name in names)

    @contextlib.asynccontextmanager
    async def _looking(self, method: str, path: str, at_most: int) -> AsyncIterator[http.Stream | None]:
        # The public repository bans whole IP addresses for half an hour, so all reads are made one by one, at the
        # operator's pace: https://central.sonatype.org/faq/429-error/. No headers: it must not get the token.
        opened = self._repository.opened(method, path, what=path, at_most=at_most)
        async with self._public_turn.taken(), opened as stream:
            if stream.status in _ABSENT:
                yield None
            elif stream.status == _OK:
                yield stream
            else:
                raise errors.UnavailableError(
                    f"{self._repository.name} did not show {path} ({stream.status}).{errors.ASKED_AGAIN}",
                    retry_after=stream.retry_after,
                    status=stream.status,
                )

    async def _newest(self, what: str) -> AsyncIterator[protocol.Page]:
        """Yield the newest first, and the deployments of a page that is too long one by one. Raises TooLongError."""
        before: protocol.Page | None = None
        turn = protocol.Turn()
        for _ in range(protocol.MAX_PAGES):
            try:
                before = await self._page(turn.document, turn.number, what, before)
            except errors.TooLongError:
                if turn.size == 1:
                    raise
                turn = turn.alone
                continue
            yield before
            if protocol.is_last(before, of_one=False):
                return
            turn = turn.next
        raise errors.TooLongError(f"Central's list for {what} has more than {protocol.MAX_PAGES} pages.")

    async def _pages(self, external_id: str, what: str) -> AsyncIterator[protocol.Page]:
        before: protocol.Page | None = None
        for number in range(protocol.MAX_PAGES):
            before = await self._page(protocol.files_document(number, external_id), number, what, before)
            yield before
            if protocol.is_last(before, of_one=True):
                return
        raise errors.MalformedError(f"Central's list for {what} has more than {protocol.MAX_PAGES} pages.")

    async def _page(
        self, document: Mapping[str, object], number: int, what: str, before: protocol.Page | None
    ) -> protocol.Page:
        answered = await self._portal.read(
            "POST",
            f"{protocol.API}/deployments/files",
            what=what,
            headers=self._headers(),
            document=document,
            at_most=protocol.LISTING_LIMIT,
        )
        return protocol.page(answered, number, what, before)

    async def _write(self, method: str, external_id: str) -> contract.Reply:
        address = self._portal.site.address(protocol.deployment_path(external_id))
        write = http.Write(method, address, self._headers(), secrets=self._credential.secrets)
        seconds = self._portal.seconds
        return await http.send_once(self._single_use, write, seconds=seconds, read_as=protocol.call_reply)

    def _headers(self, accept: str = "application/json") -> Mapping[str, str]:
        # https://central.sonatype.org/publish/publish-portal-api/#authentication-authorization
        return {"Authorization": f"Bearer {self._credential.encoded}", "Accept": accept}


def opened(worker: settings.Settings, trace: wire.Trace = wire.untraced) -> MavenCentral | None:
    """Return the adapter for the worker's settings; None if no address is set. Raises SettingsError.

    `trace` gets the progress of irreversible requests.
    """
    if not worker.maven_central_portal_url:
        return None
    credential = worker.maven_central_credential
    agent, seconds = worker.user_agent, worker.call_timeout
    hosts = frozenset(worker.maven_central_redirect_hosts.split())
    portal = http.site(worker.maven_central_portal_url, setting="The address of Central's portal")
    repository = http.site(worker.maven_central_repository_url, setting="The address of the public repository")
    clients = wire.Clients(agent, loopback=portal.loopback, read_seconds=seconds, trace=trace)
    reading = wire.Clients(agent, loopback=repository.loopback, read_seconds=seconds).reading()
    return MavenCentral(
        portal=http.Place("Central's portal", portal, clients.reading(), seconds, hosts, credential.secrets),
        repository=http.Place("The public repository", repository, reading, seconds, hosts),
        single_use=clients.single_use,
        credential=credential,
        pace=worker.pace,
    )


class _Turn:
    """Serialises the requests to one server, at the operator's pace."""

    def __init__(self, pace: float, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._pace = pace
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._was_asked = False

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Let no other request be made while the body runs."""
        async with self._lock:
            if self._was_asked:
                await self._sleep(self._pace)
            self._was_asked = True
            yield


async def _no_longer(chunks: AsyncIterator[bytes], at_most: int, what: str) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > at_most:
            raise errors.UnavailableError(
                f"Central's portal sends more than {at_most:,} bytes for {what}; not read on."
            )
        yield chunk
