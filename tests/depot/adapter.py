# SPDX-License-Identifier: Apache-2.0
"""The promoter for the depot: it stands in for NPM_STAGE in registries that tests pass."""

import contextlib
import dataclasses
import datetime
import json
import pathlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import httpx

import atr.errors as errors
import atr.platforms.answers as answers
import atr.platforms.contract as contract
import atr.platforms.http as http
import atr.platforms.wire as wire
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import tests.depot.stand_in as stand_in

_NAME: Final = "The depot"
_SEEN: Final = {"waiting": steps.Seen.STAGED, "public": steps.Seen.PUBLIC}
_LARGEST: Final = 10_000_000


class Depot:
    """The Promoter. Close it with `aclose`."""

    platform: Final = distribution.DistributionPlatform.NPM
    mechanism: Final = mechanisms.Mechanism.NPM_STAGE

    def __init__(self, url: str, seconds: float = 20.0) -> None:
        self._clients = wire.Clients("atr-tests/1", loopback=True, read_seconds=seconds)
        self._place = http.Place(
            _NAME, http.site(url, setting="URL"), self._clients.reading(), seconds, secrets=(stand_in.TOKEN,)
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._place.client.aclose()

    async def lookup(self, where: distribution.Coordinates) -> contract.Published | None:
        """See the contract."""
        if where.platform is not self.platform:
            raise errors.UnsupportedError(f"{where} is nothing of the depot.")
        path = f"public/{where.package}/{where.version}/"
        async with self._looking("HEAD", path, 0) as stream:
            address = self._place.site.address(path)
            return None if stream is None else contract.Published(where, None, address, address)

    async def taken(self, where: distribution.Coordinates) -> bool:
        """See the contract."""
        said = await self._document(f"records/{where.package}/{where.version}", f"{where}")
        if not isinstance(said.get("published"), bool):
            raise errors.MalformedError("The records do not say whether it is published.")
        return bool(said["published"])

    async def find(
        self, name: str, target: contract.Target, *, since: datetime.datetime | None = None
    ) -> tuple[contract.Found, ...]:
        """See the contract."""
        del target, since
        return tuple(one for one in await self._stages() if one.name == name)

    async def holding(self, where: distribution.Coordinates) -> contract.Holding:
        """See the contract."""
        return contract.Holding(tuple(one for one in await self._stages() if where in one.observation.coordinates))

    async def stage(
        self,
        name: str,
        files: Sequence[contract.Upload],
        scratch: pathlib.Path,
        sent: contract.Sent = contract.unheard,
    ) -> contract.Reply:
        """See the contract: each file by its digest, then one request that makes a stage of them."""
        del scratch
        contents = {one.path: b"".join(one.source.pieces()) for one in files}
        total, done, left = sum(len(data) for data in contents.values()), 0, 0
        for one in files:
            pushed = await self._write("PUT", f"blobs/{one.source.sha256}", contents[one.path])
            if pushed.answer is not steps.Answer.TAKEN:
                return dataclasses.replace(pushed, external_id="")
            left, done = left + pushed.bytes_sent, done + len(contents[one.path])
            sent(done, total)
        manifest = {"name": name, "files": {one.path: one.source.sha256 for one in files}}
        reply = await self._write("POST", "stages", json.dumps(manifest).encode(), read_as=_staged)
        return dataclasses.replace(reply, bytes_sent=reply.bytes_sent + left)

    async def staged(self, target: contract.Target) -> tuple[contract.Listed, ...]:
        """See the contract."""
        said = await self._document(f"stages/{target.external_id}/files", f"the files of {target.external_id}")
        try:
            return tuple(contract.Listed(str(one["path"]), int(one["size"])) for one in _list(said, "files"))
        except (KeyError, TypeError, ValueError) as fault:
            raise errors.MalformedError("The list of files is no list of files.") from fault

    @contextlib.asynccontextmanager
    async def staged_bytes(
        self, target: contract.Target, path: str, *, at_most: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """See the contract."""
        address = f"stages/{target.external_id}/files/{stand_in.file_id(path)}"
        async with self._place.opened("GET", address, what=path, at_most=at_most, headers=self._headers) as stream:
            if stream.status != httpx.codes.OK:
                raise answers.refusal(answers.Answered(stream.status, stream.headers), _NAME, path)
            yield _no_longer(stream.chunks, at_most)

    async def prepare(self, target: contract.Target) -> None:
        """See the contract."""

    async def promote(self, target: contract.Target) -> contract.Reply:
        """See the contract."""
        headers = {"X-Code": target.code} if target.code else {}
        return await self._write("POST", f"stages/{target.external_id}/publish", headers=headers, read_as=_told)

    async def drop(self, target: contract.Target) -> contract.Reply:
        """See the contract."""
        return await self._write("DELETE", f"stages/{target.external_id}", read_as=_told)

    async def observe(self, target: contract.Target) -> contract.Observation:
        """See the contract."""
        address, what = f"stages/{target.external_id}", f"stage {target.external_id}"
        answered = await self._place.read("GET", address, what=what, headers=self._headers)
        if answered.status == httpx.codes.NOT_FOUND:
            return contract.Observation(steps.Seen.GONE, detail=answered.sample)
        if answered.status != httpx.codes.OK:
            raise answers.refusal(answered, _NAME, what)
        try:
            return _observed(answers.parsed(answered, what))
        except errors.MalformedError as fault:
            return contract.Observation(steps.Seen.UNKNOWN, detail=str(fault))

    async def probe(self, target: contract.Target, path: str) -> bool:
        """See the contract."""
        del target
        async with self._looking("HEAD", _public(path), 0) as stream:
            return stream is not None

    async def public(
        self, target: contract.Target, files: Sequence[fileset.File | contract.Listed]
    ) -> AsyncIterator[contract.PublicFile]:
        """See the contract."""
        del target
        for file in files:
            async with self._looking("GET", _public(file.path), file.size or _LARGEST) as stream:
                read = None if stream is None else await http.digested(stream.chunks)
            seen = None if read is None else fileset.File(file.path, read.size, read.sha256)
            yield contract.PublicFile(file.path, seen)

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        """See the contract."""
        said = await self._document(f"public/{where.package}/{where.version}/index", f"the index of {where}")
        if said.get("end") is not True:
            raise errors.MalformedError("The index has no end.")
        return frozenset(str(one) for one in _list(said, "paths"))

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {stand_in.TOKEN}"}

    async def _document(self, path: str, what: str) -> Mapping[str, Any]:
        answered = await self._place.read("GET", path, what=what, headers=self._headers)
        if answered.status != httpx.codes.OK:
            raise answers.refusal(answered, _NAME, what)
        return answers.parsed(answered, what)

    async def _stages(self) -> list[contract.Found]:
        found = []
        for one in _list(await self._document("stages", "the stages"), "stages"):
            seen = _observed(one)
            created = datetime.datetime.fromtimestamp(one["created"], datetime.UTC)
            found.append(contract.Found(str(one["id"]), str(one["name"]), seen, created))
        return found

    @contextlib.asynccontextmanager
    async def _looking(self, method: str, path: str, at_most: int) -> AsyncIterator[http.Stream | None]:
        async with self._place.opened(method, path, what=path, at_most=at_most) as stream:
            if stream.status == httpx.codes.NOT_FOUND:
                yield None
            elif stream.status == httpx.codes.OK:
                yield stream
            else:
                raise errors.UnavailableError(
                    f"{path} was not shown ({stream.status}).", retry_after=stream.retry_after, status=stream.status
                )

    async def _write(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        read_as: Any = answers.reply,
    ) -> contract.Reply:
        write = http.Write(
            method,
            self._place.site.address(path),
            headers={**self._headers, "Content-Type": "application/json", **(headers or {})},
            content=_stream(content) if content else None,
            secrets=self._place.secrets,
        )
        return await http.send_once(self._clients.single_use, write, seconds=self._place.seconds, read_as=read_as)


def _told(answered: answers.Answered) -> contract.Reply:
    """A 401 that asks for a code is a challenge; a success in other words than its own says nothing."""
    reply = answers.reply(answered)
    if (answered.status == httpx.codes.UNAUTHORIZED) and (answered.headers.get("www-authenticate") == "OTP"):
        return dataclasses.replace(reply, answer=steps.Answer.CHALLENGED)
    if (reply.answer is steps.Answer.TAKEN) and (answered.status != httpx.codes.NO_CONTENT):
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR)
    return reply


def _staged(answered: answers.Answered) -> contract.Reply:
    reply = answers.reply(answered)
    if reply.answer is not steps.Answer.TAKEN:
        return reply
    try:
        return dataclasses.replace(reply, external_id=str(answers.parsed(answered, "the stage")["id"]))
    except (errors.MalformedError, KeyError):
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR)


def _observed(said: Mapping[str, Any]) -> contract.Observation:
    seen = _SEEN.get(str(said.get("state")))
    if seen is None:
        return contract.Observation(steps.Seen.UNKNOWN, detail="It does not say in which state it is.")
    packages = tuple(
        distribution.coordinates(distribution.DistributionPlatform.NPM, "", package, version)
        for package, version in said.get("packages", ())
    )
    return contract.Observation(seen, word=str(said["state"]), coordinates=packages)


def _list(said: Mapping[str, Any], name: str) -> list[Any]:
    found = said.get(name)
    if not isinstance(found, list):
        raise errors.MalformedError(f"There are no {name} in the answer.")
    return found


def _public(path: str) -> str:
    version, _, _ = path.partition("/")
    return f"public/{version.replace('@', '/')}/{stand_in.file_id(path)}"


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _no_longer(chunks: AsyncIterator[bytes], at_most: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > at_most:
            raise errors.UnavailableError("It is longer than it should be.")
        yield chunk
