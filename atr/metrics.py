# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus, on their own port: the state of rows is read for each request, events are counted.

Nothing is global: each process creates its own `Meters` and passes them on, so two of them can share one interpreter.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import hypercorn.asyncio
import hypercorn.config
import prometheus_client
import prometheus_client.core as core
import prometheus_client.registry as registries
import quart
import sqlalchemy

import atr.errors as errors
import atr.models.figures as figures
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.shared.layouts as layouts
import atr.storage as storage
import atr.storage.readers.usage as usage

_LOG = logging.getLogger(__name__)
# In seconds; Prometheus aborts a scrape after ten by default.
_PATIENCE: Final = 5.0
_SCAN_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_STOP_SECONDS: Final = 1.0


class Meters:
    """The counters of this process."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self.lease_losses = prometheus_client.Counter(
            "atr_lease_losses",
            "Rows that another worker took over while this one had the lease.",
            registry=self.registry,
        )
        self.scan_errors = prometheus_client.Counter(
            "atr_scan_errors", "Scans for due rows that failed.", registry=self.registry
        )
        self.heads = prometheus_client.Info(
            "atr_chain_heads",
            "The heads of all event chains as last reported by this process: their number, and a hash over them.",
            registry=self.registry,
        )
        self.scan_seconds = prometheus_client.Histogram(
            "atr_scan_seconds",
            "How long a scan for due rows took.",
            buckets=_SCAN_BUCKETS,
            registry=self.registry,
        )


class _Rows(registries.Collector):
    """The figures as Prometheus metrics. A state without rows is reported as 0, so that an alert can use it."""

    def __init__(self, read: figures.Figures | None) -> None:
        self._read = read

    def collect(self) -> Iterable[core.Metric]:
        """Yield all figures; only `atr_rows_read` if none could be read."""
        up = core.GaugeMetricFamily("atr_rows_read", "Whether the metrics from the database could be read.")
        up.add_metric([], 0 if self._read is None else 1)
        yield up
        if self._read is None:
            return
        promoting = [one.name for one in layouts.BUILT.platforms]
        yield _gauge(
            "atr_oldest_pending_seconds",
            "Seconds since the oldest unfinished promotion was requested.",
            ("platform",),
            {(name,): 0.0 for name in promoting} | {(name,): age for name, age in self._read.oldest_pending.items()},
        )
        yield _gauge(
            "atr_promotions",
            "Promotions by state.",
            ("platform", "state"),
            {(name, str(state)): 0 for name in promoting for state in states.State} | dict(self._read.promotions),
        )
        yield _gauge(
            "atr_deployments",
            "Deployments by state.",
            ("platform", "state"),
            {(name, str(state)): 0 for name in promoting for state in states.DeploymentState}
            | dict(self._read.deployments),
        )
        yield _gauge("atr_attempts", "Marked attempts by reply.", ("kind", "answer"), self._read.attempts)
        breakers: dict[tuple[str, str], budget.Breaker] = {
            (one.name, reach): budget.Breaker.CLOSED for one in layouts.BUILT.by_mechanism for reach in budget.Reach
        }
        breakers.update(self._read.breakers)
        yield _gauge(
            "atr_breaker",
            "State of a platform's circuit breaker: 1 for the current state.",
            ("account", "reach", "state"),
            {
                (name, str(reach), str(state)): float(state is now)
                for (name, reach), now in breakers.items()
                for state in budget.Breaker
            },
        )
        due = {(kind,): one for kind, one in self._read.waiting.items()}
        yield _gauge(
            "atr_due_rows",
            "Rows that are due and not leased.",
            ("kind",),
            {kind: one.rows for kind, one in due.items()},
        )
        yield _gauge(
            "atr_due_oldest_seconds",
            "How long the oldest of them has been due.",
            ("kind",),
            {kind: one.oldest for kind, one in due.items()},
        )


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> core.GaugeMetricFamily:
    family = core.GaugeMetricFamily(name, told, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def exposition(meters: Meters, read: figures.Figures | None) -> bytes:
    """Return all metrics in Prometheus' text format, without those of rows if they could not be read."""
    rows = prometheus_client.CollectorRegistry()
    rows.register(_Rows(read))
    return prometheus_client.generate_latest(meters.registry) + prometheus_client.generate_latest(rows)


def create_app(store: storage.Storage, meters: Meters, *, patience: float = _PATIENCE) -> quart.Quart:
    """Return an application with one page, `/metrics`."""
    app = quart.Quart(__name__, static_folder=None)
    app.add_url_rule("/metrics", view_func=_Page(store, meters, patience).answer, methods=["GET"])
    return app


class _Page:
    def __init__(self, store: storage.Storage, meters: Meters, patience: float) -> None:
        self._store = store
        self._meters = meters
        self._patience = patience
        # The database is read for one request at a time, no matter how many there are.
        self._turn = asyncio.Lock()

    async def answer(self) -> quart.Response:
        """Answer a scrape. It never fails: the counters can be reported without the database."""
        body = exposition(self._meters, await self._figures())
        return quart.Response(body, content_type=prometheus_client.CONTENT_TYPE_LATEST)

    async def _figures(self) -> figures.Figures | None:
        try:
            async with asyncio.timeout(self._patience), self._turn, self._store.read() as read:
                return await usage.of(read)
        except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
            # TimeoutError is an OSError. The text of the error is not logged: it may have the address of the database.
            _LOG.warning("no figures could be read: %s", type(error).__name__, extra={"action": "no_figures"})
            return None


@contextlib.asynccontextmanager
async def served(store: storage.Storage, meters: Meters, *, host: str, port: int | None) -> AsyncIterator[int]:
    """Serve the metrics while the body runs, and yield the port; serve nothing if it is None. Raises SettingsError."""
    if port is None:
        yield 0
        return
    listening = _listening(host, port)
    number = int(listening.getsockname()[1])
    server = hypercorn.config.Config()
    # Hypercorn takes the socket over and closes it.
    server.bind = [f"fd://{listening.detach()}"]
    server.include_server_header = False
    server.graceful_timeout = server.shutdown_timeout = _STOP_SECONDS
    server.accesslog = None
    server.errorlog = None
    stop = asyncio.Event()
    # In this event loop: another thread could not use the storage, whose connections belong to this loop.
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(create_app(store, meters), server, shutdown_trigger=stop.wait)
    )
    try:
        yield number
    finally:
        stop.set()
        await serving


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise errors.SettingsError(
            f"{host}:{port} (ATR_METRICS_HOST, ATR_METRICS_PORT) cannot be listened on: {error.strerror}."
        ) from error
