# SPDX-License-Identifier: Apache-2.0
"""Adapters that lack one rule each, around the one that a worker was handed."""

import dataclasses
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import atr.disk as disk
import atr.errors as errors
import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
import atr.shared.distribution as distribution


class Adapter:
    """An adapter but for what a subclass does otherwise."""

    def __init__(self, inner: contract.Promoter) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class BelievesNotFound(Adapter):
    """404 is taken for the platform's final word."""

    async def observe(self, target: contract.Target) -> contract.Observation:
        seen = await self.inner.observe(target)
        return dataclasses.replace(seen, seen=steps.Seen.FAILED) if seen.seen is steps.Seen.GONE else seen


class TrustsTheReply(Adapter):
    """Without a good reply it was not published: nobody asks."""

    failed = False

    async def promote(self, target: contract.Target) -> contract.Reply:
        reply = await self.inner.promote(target)
        self.failed = reply.answer is not steps.Answer.TAKEN
        return reply

    async def observe(self, target: contract.Target) -> contract.Observation:
        return contract.Observation(steps.Seen.FAILED) if self.failed else await self.inner.observe(target)


class DoesNotLook(Adapter):
    """Published is what the platform says: the public bytes are taken to be those voted on."""

    async def public(
        self, target: contract.Target, files: Sequence[fileset.File]
    ) -> AsyncIterator[contract.PublicFile]:
        for file in files:
            yield contract.PublicFile(file.path, file)


class CallsFirst(Adapter):
    """The call is made before its mark; where the worker would make it, it was made already."""

    reply: contract.Reply | None = None

    async def prepare(self, target: contract.Target) -> None:
        self.reply = await self.inner.promote(target)

    async def promote(self, target: contract.Target) -> contract.Reply:
        assert self.reply is not None, target
        return self.reply


class PassesOver(Adapter):
    """What is named like a server's metadata is taken for a server's, wherever it stands (C1)."""

    async def staged(self, target: contract.Target) -> tuple[contract.Listed, ...]:
        listed = await self.inner.staged(target)
        return tuple(one for one in listed if not one.path.rpartition("/")[2].startswith("maven-metadata.xml"))


class LooksNotBeside(Adapter):
    """Of what the public place names, only what somebody uploads every day is seen (H1)."""

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        named = await self.inner.beside(where)
        return frozenset(path for path in named if not path.endswith((".module", ".module.asc")))


class BelievesPublishing(Adapter):
    """On its way is taken for public (H7)."""

    async def observe(self, target: contract.Target) -> contract.Observation:
        seen = await self.inner.observe(target)
        return dataclasses.replace(seen, seen=steps.Seen.PUBLIC) if seen.seen is steps.Seen.WORKING else seen


class CapsTheWait(Adapter):
    """Whatever a platform asks for, an hour is enough (F1)."""

    async def promote(self, target: contract.Target) -> contract.Reply:
        reply = await self.inner.promote(target)
        return dataclasses.replace(reply, retry_after=min(reply.retry_after or 0.0, 3_600.0))


class _WhatLies(disk.Recorded):
    """What lies at a path, wherever that leads, is taken for what was recorded (H4)."""

    def pieces(self) -> Iterator[bytes]:
        yield (self.root / self.path).read_bytes()


class _ThroughLinks(disk.Recorded):
    """The recorded bytes, wherever the path leads (H4)."""

    def opened(self) -> io.FileIO:
        return io.FileIO(self.root / self.path)


class BundlesWhatLies(Adapter):
    """Nothing is held against the record before it leaves (H4)."""

    kind: type[disk.Recorded] = _WhatLies

    async def stage(self, name: str, files: Sequence[contract.Upload], *rest: Any) -> contract.Reply:
        found = [dataclasses.replace(one, source=self.kind(**vars(one.source))) for one in files]
        return await self.inner.stage(name, found, *rest)


class BundlesThroughLinks(BundlesWhatLies):
    """Links in a revision are followed (H4)."""

    kind = _ThroughLinks


class HearsNoNames(Adapter):
    """What packages the platform names is nobody's business (C1)."""

    async def observe(self, target: contract.Target) -> contract.Observation:
        return dataclasses.replace(await self.inner.observe(target), coordinates=())


class TakesAnyIndex(Adapter):
    """Whatever an index looks like, it is taken for one that is whole and names every voted file (H1)."""

    def __init__(self, inner: contract.Promoter) -> None:
        super().__init__(inner)
        self._asked: set[str] = set()

    async def public(
        self, target: contract.Target, files: Sequence[fileset.File]
    ) -> AsyncIterator[contract.PublicFile]:
        self._asked |= {file.path for file in files}
        async for one in self.inner.public(target, files):
            yield one

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        try:
            named = await self.inner.beside(where)
        except errors.MalformedError:
            named = frozenset()
        return named | self._asked


class FindsEveryParent(Adapter):
    """Whatever is asked for is taken to be public (N1)."""

    async def probe(self, _target: contract.Target, _path: str) -> bool:
        return True


class NamesOne(Adapter):
    """Of the packages that the platform names, only the first is heard (M3)."""

    async def observe(self, target: contract.Target) -> contract.Observation:
        seen = await self.inner.observe(target)
        return dataclasses.replace(seen, coordinates=seen.coordinates[:1])


class KnowsThreeRefusals(Adapter):
    """An upload that is answered otherwise than 400, 401 or 403 may have arrived (F5)."""

    async def stage(self, *what: Any) -> contract.Reply:
        reply = await self.inner.stage(*what)
        final = (reply.answer is steps.Answer.REFUSED) and (reply.status in {404, 413, 415, 422})
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR) if final else reply


class ReadsTheWholeList(Adapter):
    """An upload is looked for among all that the account ever staged (F6)."""

    async def find(self, name: str, target: contract.Target, **_how: Any) -> tuple[contract.Found, ...]:
        return await self.inner.find(name, target)
