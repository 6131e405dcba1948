# SPDX-License-Identifier: Apache-2.0
"""Programs that lack one rule each, as hands that a worker might be handed: campaigns must tell them from ours."""

import contextlib
import dataclasses
import io
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import atr.disk as disk
import atr.models.promotion as tables
import atr.models.work as work
import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.tasks.context as contexts
import tests.chaos.conformance as conformance
import tests.chaos.theatre as theatre
from tests import world as worlds


class _Adapter:
    """An adapter but for what a subclass does otherwise."""

    def __init__(self, inner: contract.Promoter) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _BelievesNotFound(_Adapter):
    """404 is taken for the platform's final word."""

    async def observe(self, external_id: str) -> contract.Observation:
        seen = await self.inner.observe(external_id)
        return dataclasses.replace(seen, seen=steps.Seen.FAILED) if seen.seen is steps.Seen.GONE else seen


class _TrustsTheReply(_Adapter):
    """Without a good reply it was not published: nobody asks."""

    failed = False

    async def promote(self, external_id: str) -> contract.Reply:
        reply = await self.inner.promote(external_id)
        self.failed = reply.answer is not steps.Answer.TAKEN
        return reply

    async def observe(self, external_id: str) -> contract.Observation:
        return contract.Observation(steps.Seen.FAILED) if self.failed else await self.inner.observe(external_id)


class _DoesNotLook(_Adapter):
    """Published is what the platform says: the public bytes are taken to be those voted on."""

    async def public(self, files: Sequence[fileset.File]) -> AsyncIterator[contract.PublicFile]:
        for file in files:
            yield contract.PublicFile(file.path, file)


class _CallsFirst(_Adapter):
    """The call is made before its mark; where the worker would make it, it was made already."""

    reply: contract.Reply | None = None

    async def prepare(self, external_id: str) -> None:
        self.reply = await self.inner.promote(external_id)

    async def promote(self, external_id: str) -> contract.Reply:
        assert self.reply is not None, external_id
        return self.reply


class _PassesOver(_Adapter):
    """What is named like a server's metadata is taken for a server's, wherever it stands (C1)."""

    async def staged(self, external_id: str) -> tuple[contract.Listed, ...]:
        listed = await self.inner.staged(external_id)
        return tuple(one for one in listed if not one.path.rpartition("/")[2].startswith("maven-metadata.xml"))


class _LooksNotBeside(_Adapter):
    """Of what the public place names, only what somebody uploads every day is seen (H1)."""

    async def beside(self, where: distribution.Coordinates) -> frozenset[str]:
        named = await self.inner.beside(where)
        return frozenset(path for path in named if not path.endswith((".module", ".module.asc")))


class _BelievesPublishing(_Adapter):
    """On its way is taken for public (H7)."""

    async def observe(self, external_id: str) -> contract.Observation:
        seen = await self.inner.observe(external_id)
        return dataclasses.replace(seen, seen=steps.Seen.PUBLIC) if seen.seen is steps.Seen.WORKING else seen


class _CapsTheWait(_Adapter):
    """Whatever a platform asks for, an hour is enough (F1)."""

    async def promote(self, external_id: str) -> contract.Reply:
        reply = await self.inner.promote(external_id)
        return dataclasses.replace(reply, retry_after=min(reply.retry_after or 0.0, 3_600.0))


class _WhatLies(disk.Recorded):
    """What lies at a path, wherever that leads, is taken for what was recorded (H4)."""

    def pieces(self) -> Iterator[bytes]:
        yield (self.root / self.path).read_bytes()


class _ThroughLinks(disk.Recorded):
    """The recorded bytes, wherever the path leads (H4)."""

    def opened(self) -> io.FileIO:
        return io.FileIO(self.root / self.path)


class _BundlesWhatLies(_Adapter):
    """Nothing is held against the record before it leaves (H4)."""

    kind: type[disk.Recorded] = _WhatLies

    async def stage(self, name: str, files: Sequence[contract.Upload], *rest: Any) -> contract.Reply:
        found = [dataclasses.replace(one, source=self.kind(**vars(one.source))) for one in files]
        return await self.inner.stage(name, found, *rest)


class _BundlesThroughLinks(_BundlesWhatLies):
    """Links in a revision are followed (H4)."""

    kind = _ThroughLinks


class _NamesOne(_Adapter):
    """Of the packages that the platform names, only the first is heard (M3)."""

    async def observe(self, external_id: str) -> contract.Observation:
        seen = await self.inner.observe(external_id)
        return dataclasses.replace(seen, coordinates=seen.coordinates[:1])


class _KnowsThreeRefusals(_Adapter):
    """An upload that is answered otherwise than 400, 401 or 403 may have arrived (F5)."""

    async def stage(self, *what: Any) -> contract.Reply:
        reply = await self.inner.stage(*what)
        final = (reply.answer is steps.Answer.REFUSED) and (reply.status in {404, 413, 415, 422})
        return dataclasses.replace(reply, answer=steps.Answer.UNCLEAR) if final else reply


class _ReadsTheWholeList(_Adapter):
    """An upload is looked for among all that the account ever staged (F6)."""

    async def find(self, name: str, **_how: Any) -> tuple[contract.Found, ...]:
        return await self.inner.find(name)


class _But:
    """Something, but for one of its attributes."""

    def __init__(self, inner: Any, name: str, instead: Callable[[Any], Any]) -> None:
        self._inner = inner
        self._name = name
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._instead(found) if name == self._name else found


class _Otherwise:
    """A storage in which a worker's writer does one thing otherwise."""

    def __init__(self, inner: Any, writer: str, method: str, instead: Callable[[Any], Callable[[Any], Any]]) -> None:
        self._inner = inner
        self._writer = writer
        self._method = method
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextlib.asynccontextmanager
    async def write_as_system(self, kind: type[storage.WriteAsSystemService]) -> AsyncIterator[Any]:
        async with self._inner.write_as_system(kind) as service:
            yield _But(service, self._writer, lambda writer: _But(writer, self._method, self._instead(writer)))


class _Forgetting:
    """A storage in which rows in these states are looked at no more, once they are claimed (H2, H3)."""

    def __init__(self, inner: Any, ends: Collection[str]) -> None:
        self._inner = inner
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextlib.asynccontextmanager
    async def write_as_system(self, kind: type[storage.WriteAsSystemService]) -> AsyncIterator[Any]:
        async with self._inner.write_as_system(kind) as service:
            yield _ForgettingService(service, self._ends)


class _ForgettingService:
    def __init__(self, inner: Any, ends: Collection[str]) -> None:
        self._inner = inner
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return _ForgettingClaims(found, self._inner, _TABLES[name], self._ends) if name in _TABLES else found


class _ForgettingClaims:
    def __init__(self, inner: Any, service: Any, table: Any, ends: Collection[str]) -> None:
        self._inner = inner
        self._service = service
        self._table = table
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def claim(self, **how: Any) -> list[Any]:
        kept = []
        for one in await self._inner.claim(**how):
            row = await self._service.write.data.get(self._table, one.id)
            if row.state in self._ends:
                row.due_at = row.lease_until = None
            else:
                kept.append(one)
        return kept


def _forgets(*ends: str) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        return dataclasses.replace(ours, storage=cast("storage.Storage", _Forgetting(ours.storage, ends)))

    return hands


def _waits_for_nothing(writer: Any) -> Callable[[Any], Any]:
    """What has no id goes on being dropped (F2)."""
    return lambda _method: writer.wait


def _keeps_no_checksums(_writer: Any) -> Callable[[Any], Any]:
    """Checksums are read anew after each fault (F4)."""

    def keep(method: Any) -> Any:
        async def progress(claimed: Any, side: Any, done: Sequence[work.Read], *counts: int) -> None:
            await method(claimed, side, [read for read in done if not read.text], *counts)

        return progress

    return keep


def _notes_no_incident(writer: Any) -> Callable[[Any], Any]:
    """That a promotion which has ended found something public is kept nowhere."""

    def look(method: Any) -> Any:
        async def looked_again(claimed: Any, looked: Any) -> None:
            await method(claimed, looked)
            (await writer._write.data.get(tables.Promotion, claimed.id)).found_at = None

        return looked_again

    return look


def _takes_all_for_outages(_writer: Any) -> Callable[[Any], Any]:
    """A list that cannot be used is waited for like a platform that is down (F6)."""

    def outage(method: Any) -> Any:
        async def failed_look(claimed: Any, problem: str, retry_after: float | None, **_how: Any) -> None:
            await method(claimed, problem, retry_after)

        return failed_look

    return outage


def _otherwise(
    writer: str, method: str, instead: Callable[[Any], Callable[[Any], Any]]
) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        made = _Otherwise(ours.storage, writer, method, instead)
        return dataclasses.replace(ours, storage=cast("storage.Storage", made))

    return hands


def _timed(name: str, **rules: Any) -> theatre.Build:
    """A build with other rules of time."""
    return theatre.Build(name, timing=dataclasses.replace(theatre.TIMING, **rules))


def _with(adapter: type[_Adapter]) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        promoters: Mapping[Any, Any] = {worlds.MAVEN: adapter(ours.promoters[worlds.MAVEN])}
        return dataclasses.replace(ours, promoters=promoters)

    return hands


State = states.State
_DState: Final = states.DeploymentState
_TABLES: Final = {"promotions": tables.Promotion, "deployments": tables.Deployment}
# Programs that lack one mend of issue 10, and the attack that succeeds against each again.
ATTACKED: Final[Mapping[str, theatre.Build]] = {
    "a foreign artifact that is named like a server's metadata": theatre.Build("C1", _with(_PassesOver)),
    "a file beside the version, published by hand": theatre.Build("H1", _with(_LooksNotBeside)),
    "published by hand after a stop": theatre.Build("H2", _forgets(State.ABORTED, State.REFUSED, _DState.STAGED)),
    "stopped, and another deployment of it is published by hand": _timed("H2, the later look", again=()),
    "a drop that did nothing, and an outage after it": _timed("H3, patience", vanishing=0),
    "published by hand after it seemed to be gone": _timed("H3, the later look", again=()),
    "a file of the revision becomes a link to a secret": theatre.Build("H4", _with(_BundlesWhatLies)),
    "a file of the revision becomes a link to the same bytes": theatre.Build("H4, links", _with(_BundlesThroughLinks)),
    "a file of the revision has other bytes": theatre.Build("H4", _with(_BundlesWhatLies)),
    "the names move, and then it is published by hand": theatre.Build(
        "incidents", _otherwise("findings", "looked_again", _notes_no_incident)
    ),
    "published by hand, and then it failed": theatre.Build("H7", _with(_BelievesPublishing)),
    "published by hand, and then recorded by its id": theatre.Build("M3", _with(_NamesOne)),
    "429 without a word": _timed("F1, an end", limited_in_all=30 * 86_400),
    "429 without a word to an upload": _timed("F1, an end", limited_in_all=30 * 86_400),
    "429, and come back in twenty days": theatre.Build("F1, what was told", _with(_CapsTheWait)),
    "an upload that was refused is dropped": theatre.Build(
        "F2", _otherwise("deployments", "nothing_to_drop", _waits_for_nothing)
    ),
    "every few downloads fail": theatre.Build("F4", _otherwise("captures", "progress", _keeps_no_checksums)),
    "a final answer to an upload": theatre.Build("F5", _with(_KnowsThreeRefusals)),
    "a lost upload in an account of thousands": theatre.Build("F6, newest first", _with(_ReadsTheWholeList)),
    "a lost upload, and a list that says nothing": theatre.Build(
        "F6, an end", _otherwise("deployments", "failed_look", _takes_all_for_outages)
    ),
}


class Case(NamedTuple):
    """A broken build, the story that shows what it lacks, and the invariant that says so."""

    build: theatre.Build
    steps: Sequence[conformance.Step]
    code: str


_LOST_REPLY: Final = conformance.Fault("publish", {"effect": True, "cut": True})
_HOUR: Final = 3_600.0
CASES: Final = (
    Case(theatre.Build("call-then-commit", _with(_CallsFirst)), ("promote", _HOUR), "S3"),
    Case(
        theatre.Build("404-believed", _with(_BelievesNotFound)),
        (_LOST_REPLY, conformance.Fault("status", {"status": 404, "skip": 1, "times": 3}), "promote", _HOUR),
        "S4",
    ),
    Case(
        theatre.Build("reply-trusted", _with(_TrustsTheReply)),
        (conformance.Settings({"public_lag_seconds": 3_000}), _LOST_REPLY, "promote", _HOUR),
        "S4",
    ),
    Case(theatre.Build("no-public-look", _with(_DoesNotLook)), ("public altered", "promote", _HOUR), "S5"),
    Case(
        theatre.Build("no-fencing", fenced=False),
        (
            conformance.Fault("publish", {"effect": True, "delay": 15}),
            "promote",
            12.0,
            "clock an hour on",
            _HOUR,
        ),
        "S10",
    ),
)
