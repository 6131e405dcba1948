# SPDX-License-Identifier: Apache-2.0
"""Programs that lack one rule each, as hands that a worker might be handed: T5 must tell them from ours."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import atr.platforms.contract as contract
import atr.promotion.fileset as fileset
import atr.promotion.steps as steps
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


def _with(adapter: type[_Adapter]) -> Callable[[contexts.Context], contexts.Context]:
    def hands(ours: contexts.Context) -> contexts.Context:
        promoters: Mapping[Any, Any] = {worlds.MAVEN: adapter(ours.promoters[worlds.MAVEN])}
        return dataclasses.replace(ours, promoters=promoters)

    return hands


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
