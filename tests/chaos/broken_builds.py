# SPDX-License-Identifier: Apache-2.0
"""Programs that lack one rule each, as hands that a worker might be handed: campaigns must tell them from ours."""

import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.states as states
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.tasks.context as contexts
import tests.chaos.broken_adapters as adapters
import tests.chaos.conformance as conformance
import tests.chaos.theatre as theatre


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
        async def looked_again(claimed: Any, *looked: Any) -> None:
            await method(claimed, *looked)
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


def _only_counts(_writer: Any) -> Callable[[Any], Any]:
    """How many files are not public yet is said, and not which (N2)."""

    def count(method: Any) -> Any:
        async def looked(looks: Sequence[tuple[Any, work.Learnt]]) -> Any:
            return await method(
                [
                    (claimed, dataclasses.replace(learnt, blocker=re.sub(r" \([^)]*\)", "", learnt.blocker)))
                    for claimed, learnt in looks
                ]
            )

        return looked

    return count


def _forgets_what_it_asked(_writer: Any) -> Callable[[Any], Any]:
    """An answer is stored without the packages that it is about, so it is asked for at every step (N4)."""

    def forget(method: Any) -> Any:
        async def record(*where: Any) -> None:
            *about, results = where
            kept = []
            for one in results:
                data = {name: value for name, value in one.data.items() if name != "about"}
                kept.append(dataclasses.replace(one, data=data))
            await method(*about, kept)

        return record

    return forget


def _otherwise(
    writer: str, method: str, instead: Callable[[Any], Callable[[Any], Any]]
) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        made = _Otherwise(ours.storage, writer, method, instead)
        return dataclasses.replace(ours, storage=cast("storage.Storage", made))

    return hands


_PORTAL = mechanisms.Mechanism.CENTRAL_PORTAL


def _timed(name: str, **rules: Any) -> theatre.Build:
    """A build with other rules of time."""
    return theatre.Build(name, timing=dataclasses.replace(theatre.TIMING, **rules))


def _with(adapter: type[adapters.Adapter]) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        promoters: Mapping[Any, Any] = {_PORTAL: adapter(ours.promoters[_PORTAL])}
        return dataclasses.replace(ours, promoters=promoters)

    return hands


State = states.State
_DState: Final = states.DeploymentState
_TABLES: Final = {"promotions": tables.Promotion, "deployments": tables.Deployment}
# Programs that lack one mend of issue 10, and the attack that succeeds against each again.
ATTACKED: Final[Mapping[str, theatre.Build]] = {
    "a foreign artifact that is named like a server's metadata": theatre.Build("C1", _with(adapters.PassesOver)),
    "a file beside the version, published by hand": theatre.Build("H1", _with(adapters.LooksNotBeside)),
    "published by hand after a stop": theatre.Build("H2", _forgets(State.ABORTED, State.REFUSED, _DState.STAGED)),
    "stopped, and another deployment of it is published by hand": _timed("H2, the later look", again=()),
    "a drop that did nothing, and an outage after it": _timed("H3, patience", vanishing=0),
    "published by hand after it seemed to be gone": _timed("H3, the later look", again=()),
    "a file of the revision becomes a link to a secret": theatre.Build("H4", _with(adapters.BundlesWhatLies)),
    "a file of the revision becomes a link to the same bytes": theatre.Build(
        "H4, links", _with(adapters.BundlesThroughLinks)
    ),
    "a file of the revision has other bytes": theatre.Build("H4", _with(adapters.BundlesWhatLies)),
    "the names move, and then it is published by hand": theatre.Build(
        "incidents", _otherwise("findings", "looked_again", _notes_no_incident)
    ),
    "published by hand, and then it failed": theatre.Build("H7", _with(adapters.BelievesPublishing)),
    "published by hand, and then recorded by its id": theatre.Build("M3", _with(adapters.NamesOne)),
    "429 without a word": _timed("F1, an end", limited_in_all=30 * 86_400),
    "429 without a word to an upload": _timed("F1, an end", limited_in_all=30 * 86_400),
    "429, and come back in twenty days": theatre.Build("F1, what was told", _with(adapters.CapsTheWait)),
    "an upload that was refused is dropped": theatre.Build(
        "F2", _otherwise("deployments", "nothing_to_drop", _waits_for_nothing)
    ),
    "every few downloads fail": theatre.Build("F4", _otherwise("captures", "progress", _keeps_no_checksums)),
    "a final answer to an upload": theatre.Build("F5", _with(adapters.KnowsThreeRefusals)),
    "a lost upload in an account of thousands": theatre.Build("F6, newest first", _with(adapters.ReadsTheWholeList)),
    "a lost upload, and a list that says nothing": theatre.Build(
        "F6, an end", _otherwise("deployments", "failed_look", _takes_all_for_outages)
    ),
    "a package that the platform names and does not list": theatre.Build("C1, names", _with(adapters.HearsNoNames)),
    "a package that the platform names and does not list any more": theatre.Build("C1", _with(adapters.HearsNoNames)),
    "a package that the platform lists and does not name": theatre.Build("C1, names", _with(adapters.HearsNoNames)),
    "an index that leaves voted files out": theatre.Build("H1, stale", _with(adapters.TakesAnyIndex)),
    "an index that ends behind the last voted file": theatre.Build("H1, cut", _with(adapters.TakesAnyIndex)),
    "a module whose parent is nowhere": theatre.Build("N1", _with(adapters.FindsEveryParent)),
    "a voted file that does not become public": theatre.Build("N2", _otherwise("promotions", "looked", _only_counts)),
    "questions about many packages": theatre.Build(
        "N4, once", _otherwise("checks", "record_readiness", _forgets_what_it_asked)
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
    Case(theatre.Build("call-then-commit", _with(adapters.CallsFirst)), ("promote", _HOUR), "S3"),
    Case(
        theatre.Build("404-believed", _with(adapters.BelievesNotFound)),
        (_LOST_REPLY, conformance.Fault("status", {"status": 404, "skip": 1, "times": 3}), "promote", _HOUR),
        "S4",
    ),
    Case(
        theatre.Build("reply-trusted", _with(adapters.TrustsTheReply)),
        (conformance.Settings({"public_lag_seconds": 3_000}), _LOST_REPLY, "promote", _HOUR),
        "S4",
    ),
    Case(theatre.Build("no-public-look", _with(adapters.DoesNotLook)), ("public altered", "promote", _HOUR), "S5"),
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
