# SPDX-License-Identifier: Apache-2.0
"""Programs that lack one rule each, as hands that a worker might be handed: campaigns must tell them from ours."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import atr.models.promotion as tables
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


class _Forgetting:
    """A storage in which rows in these states are looked at no more, once they are claimed (H2, H3)."""

    def __init__(self, inner: Any, ends: Collection[str]) -> None:
        self._inner = inner
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextlib.asynccontextmanager
    async def write_as_user_service(self) -> AsyncIterator[Any]:
        async with self._inner.write_as_user_service() as service:
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
    "published by hand after it seemed to be gone": theatre.Build("H3", _forgets(_DState.DROPPED, _DState.GONE)),
    "published by hand, and then it failed": theatre.Build("H7", _with(_BelievesPublishing)),
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
