# SPDX-License-Identifier: Apache-2.0
"""The campaign: every case is played to a real adapter over real HTTP, many at once, and every rule is asked."""

import asyncio
import base64
import contextlib
import itertools
import pathlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final

import hypothesis
import hypothesis.strategies as st

import atr.platforms.central_portal.adapter as central_portal
import atr.platforms.registry as registry
import tests.chaos.outcome as outcome
import tests.hostile.cases as cases
import tests.hostile.endpoints as endpoints
import tests.hostile.rules as rules
import tests.hostile.server as server
import tests.platforms.conftest as conftest
import tests.platforms.samples as samples

Size = outcome.Size

# How many cases run at once.
SLOTS: Final = 16
# How many processes share the campaign.
SHARES: Final = 2
# What a caller waits for an answer that comes at once, and for one that does not.
PATIENT, IMPATIENT = 20.0, 0.4
GENERATED: Final = {Size.SMALL: 100, Size.CI: 1_000, Size.RELEASE: 200_000}
# Of the matrix, each so-manyth case.
_STRIDE: Final = {Size.SMALL: 25, Size.CI: 1, Size.RELEASE: 1}
_BATCH: Final = 50
# Each timing that makes a caller wait, with these.
_SLOW_STATUSES: Final = (200, 201, 204, 307, 400, 404)
_SLOW_BODIES: Final = ("empty", "valid", "html")

_TOKEN: Final = conftest.TOKEN
_BEARER: Final = base64.b64encode(f"{_TOKEN.name}:{_TOKEN.password}".encode()).decode()


def matrix() -> Iterator[cases.Case]:
    """Every status with every body, at once, for every endpoint; then every slow timing with some of them."""
    for endpoint, status, body in itertools.product(endpoints.ENDPOINTS, cases.STATUSES, cases.BODIES):
        yield cases.Case(endpoint, status, body)
    for endpoint, status, body, timing in itertools.product(
        endpoints.ENDPOINTS, _SLOW_STATUSES, _SLOW_BODIES, cases.TIMINGS[1:]
    ):
        yield cases.Case(endpoint, status, body, timing)


_CASES: Final = st.builds(
    cases.Case,
    endpoint=st.sampled_from(tuple(endpoints.ENDPOINTS)),
    status=st.sampled_from(cases.STATUSES) | st.sampled_from((200, 201, 204, 400, 404)) | st.integers(200, 599),
    body=st.just("mutated") | st.sampled_from(cases.BODIES),
    # Most at once: what is slow costs its time and tells little more.
    timing=st.just("at-once") | st.just("at-once") | st.sampled_from(cases.TIMINGS),
    location=st.sampled_from(cases.LOCATIONS),
    seed=st.integers(1, 2**31),
)


class Campaign:
    """Plays cases, and keeps count of them and of what they broke."""

    def __init__(self, hostile: server.Hostile, scratch: pathlib.Path) -> None:
        self._hostile = hostile
        self._scratch = scratch
        self._free = list(hostile.slots.values())
        self._adapters: dict[tuple[str, str, float], Any] = {}
        self.rounds = 0
        self.violations: list[str] = []

    async def play(self, played: Iterable[cases.Case]) -> None:
        """All of them, as many at once as there are slots."""
        waiting = iter(played)
        async with asyncio.TaskGroup() as group:
            for _ in range(len(self._free)):
                group.create_task(self._some(waiting))

    async def aclose(self) -> None:
        """Close the adapters."""
        for adapter in self._adapters.values():
            await adapter.aclose()

    async def _some(self, waiting: Iterator[cases.Case]) -> None:
        slot = self._free.pop()
        for case in waiting:
            ran = await self._run(case, slot)
            self.rounds += 1
            self.violations += [f"{case.line}: {broken}" for broken in rules.violations(case, ran)]
        self._free.append(slot)

    async def _run(self, case: cases.Case, slot: server.Slot) -> rules.Ran:
        endpoint = endpoints.ENDPOINTS[case.endpoint]
        patience = PATIENT if case.timing == "at-once" else IMPATIENT
        adapter = self._adapter(endpoint, slot, patience)
        secrets = (_BEARER, _TOKEN.password)
        # Nobody can show what they were not sent.
        echo = "" if endpoint.platform in registry.CATALOGUES else _BEARER
        location = self._hostile.location(slot, case.location)
        hostile = cases.answer(case, endpoint.valid, endpoint.other, location, echo)
        before = cases.answer(cases.Case(case.endpoint, 200, "valid"), endpoint.before, b"", "", "")
        slot.play((before, hostile) if endpoint.before else (hostile,), case.timing, endpoint.deadline(patience))
        came: endpoints.Outcome | None = None
        error: BaseException | None = None
        started = time.monotonic()
        try:
            came = await endpoint.call(adapter, self._scratch)
        except Exception as fault:  # noqa: BLE001  (which may come is one of the rules)
            error = fault
        seconds = time.monotonic() - started
        return rules.Ran(came, error, seconds, patience, slot, hostile, secrets)

    def _adapter(self, endpoint: endpoints.Endpoint, slot: server.Slot, patience: float) -> Any:
        key = (slot.name, endpoint.platform.name, patience)
        if key not in self._adapters:
            self._adapters[key] = self._built(endpoint, self._hostile.url(slot), patience)
        return self._adapters[key]

    def _built(self, endpoint: endpoints.Endpoint, url: str, patience: float) -> Any:
        listed = f"127.0.0.1:{self._hostile.listed_port}"
        worker = conftest.central_settings(
            url,
            maven_central_redirect_hosts=listed,
            lookup_redirect_hosts=listed,
            call_timeout=patience,
            **{f"{one}_url": url for one in ("artifact_hub", "docker_hub", "npm", "pypi")},
        )
        opener = registry.CATALOGUES.get(endpoint.platform, central_portal.opened)
        return opener(worker)


@contextlib.asynccontextmanager
async def opened(slots: int = SLOTS) -> AsyncIterator[Campaign]:
    """A campaign with its hostile platform."""
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        for path, content in endpoints.UPLOADED.items():
            samples.written(scratch, path, content)
        async with server.Hostile(slots) as hostile:
            campaign = Campaign(hostile, scratch)
            async with contextlib.aclosing(campaign):
                yield campaign


def share(number: int, size: Size, seed: int) -> tuple[int, list[str]]:
    """One of the `SHARES` of the campaign, its part of the matrix and of the generated cases: rounds and violations."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        context = opened()
        campaign = runner.run(context.__aenter__())
        stack.callback(lambda: runner.run(context.__aexit__(None, None, None)))
        runner.run(campaign.play(itertools.islice(matrix(), number, None, SHARES * _STRIDE[size])))

        def play(batch: list[cases.Case]) -> None:
            runner.run(campaign.play(batch))

        generated = hypothesis.given(st.lists(_CASES, min_size=_BATCH, max_size=_BATCH))(play)
        # Each share has its own: what is generated depends on the seed alone.
        hypothesis.seed(seed + number)(
            hypothesis.settings(
                max_examples=GENERATED[size] // (_BATCH * SHARES),
                database=None,
                deadline=None,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )(generated)
        )()
        return campaign.rounds, campaign.violations
