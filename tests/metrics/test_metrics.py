# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told: the rows as they are, what happened, and never a fault."""

import asyncio
import os
import pathlib
import re
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final

import prometheus_client.parser as parser
import pytest

import atr.config as config
import atr.db.session as session
import atr.demo.processes as processes
import atr.errors as errors
import atr.metrics as metrics
import atr.platforms.registry as registry
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.storage as storage
import atr.storage.lanes as lanes
import atr.storage.readers.usage as usage
import atr.storage.transaction as transaction
import atr.tasks.distribution as scan
import atr.worker as worker
from tests import ports
from tests import world as worlds

CANARY: Final = "canary-of-the-metrics"
_OPERATORS: Final = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators.md"
Told = dict[tuple[str, ...], float]


def _parsed(text: str) -> Told:
    """Each sample by its name and the values of its labels, as Prometheus would read them."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _told(store: storage.Storage, meters: metrics.Meters | None = None, **more: float) -> Told:
    client = metrics.create_app(store, meters or metrics.Meters(), **more).test_client()
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return _parsed(await answer.get_data(as_text=True))


async def test_the_rows_of_a_promotion_on_its_way(voted: worlds.World) -> None:
    await voted.promote(1)
    voted.clock.turn(seconds=90)
    told = await _told(voted.store)
    assert told["atr_rows_read",] == 1
    assert told["atr_promotions", "MAVEN", "requested"] == 1
    assert told["atr_oldest_pending_seconds", "MAVEN"] == 90
    assert told["atr_deployments", "MAVEN", "staged"] == 1
    assert told["atr_attempts", "taken", "upload"] == 1
    assert told["atr_due_rows", "promotion"] == 1
    assert told["atr_due_oldest_seconds", "promotion"] == 90
    await voted.live(1)
    told = await _told(voted.store)
    assert told["atr_promotions", "MAVEN", "live"] == 1
    assert told["atr_oldest_pending_seconds", "MAVEN"] == 0
    assert told["atr_attempts", "taken", "publish"] == 1


async def test_a_state_that_nothing_is_in_is_told_as_nothing(world: worlds.World) -> None:
    """So that an alarm can be made of it before it happens for the first time."""
    told = await _told(world.store)
    assert {key[2] for key in told if key[0] == "atr_promotions"} == {str(state) for state in states.State}
    assert {key[2] for key in told if key[0] == "atr_deployments"} == {str(state) for state in states.DeploymentState}
    assert all(value == 0 for key, value in told.items() if key[0].startswith(("atr_promotions", "atr_due")))


async def test_a_task_that_waits(staged: worlds.World) -> None:
    async with staged.manager() as manager:
        await manager.readiness.check_now((await staged.row(1)).release_key)
    staged.clock.turn(seconds=5)
    told = await _told(staged.store)
    assert (told["atr_due_rows", "task"], told["atr_due_oldest_seconds", "task"]) == (1, 5)


async def test_as_many_statements_however_many_rows(voted: worlds.World) -> None:
    counts = []
    for _ in range(2):
        async with voted.store.read() as read:
            connection = await (await read.data.connection()).get_raw_connection()
            statements: list[str] = []
            await connection.driver_connection.set_trace_callback(statements.append)  # type: ignore[union-attr]
            await usage.of(read)
            await connection.driver_connection.set_trace_callback(None)  # type: ignore[union-attr]
            counts.append(len(statements))
        if len(counts) == 1:
            await voted.promote(1)
            await voted.live(1)
    assert counts[0] == counts[1] > 0


async def test_a_database_that_is_away_is_told_and_is_no_fault(
    tmp_path: pathlib.Path, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    database = session.Database(f"sqlite+aiosqlite:////nonexistent/{CANARY}/atr.db")
    meters = metrics.Meters()
    meters.scan_errors.inc()
    told = await _told(storage.Storage(database, transaction.Place(tmp_path)), meters)
    assert told["atr_rows_read",] == 0
    assert told["atr_scan_errors_total",] == 1
    assert not any(key[0] == "atr_promotions" for key in told)
    assert [line["action"] for line in logged() if line["logger"] == "atr.metrics"] == ["no_figures"]
    assert CANARY not in str(logged())


async def test_the_breaker_of_a_platform_is_told_by_what_is_reached(voted: worlds.World) -> None:
    """Closed as long as nothing is known of it, then as its account stands."""
    assert (await _told(voted.store))["atr_breaker", "CENTRAL_PORTAL", "account", "closed"] == 1
    for _ in range(5):
        async with voted.service() as service:
            await service.rate_limits.heard(lanes.Lane("CENTRAL_PORTAL"), fault=True)
    told = await _told(voted.store)
    states_now = {
        state: told["atr_breaker", "CENTRAL_PORTAL", "account", state] for state in ("closed", "open", "half-open")
    }
    assert states_now == {"closed": 0, "open": 1, "half-open": 0}
    assert told["atr_breaker", "CENTRAL_PORTAL", "public", "closed"] == 1
    voted.clock.turn(seconds=61)
    assert (await _told(voted.store))["atr_breaker", "CENTRAL_PORTAL", "account", "half-open"] == 1


async def test_a_database_that_does_not_answer_is_not_waited_for(world: worlds.World) -> None:
    assert (await _told(world.store, patience=0))["atr_rows_read",] == 0


async def test_a_lease_that_another_worker_took_is_counted(voted: worlds.World) -> None:
    """By the one who lost it, on its own meters."""
    await voted.promote(1)
    steps = await scan.status_check(voted.hands, limit=1)
    voted.clock.turn(seconds=voted.hands.lease + 1)
    with voted.other_hands(meters=metrics.Meters()) as other:
        taken = await scan.status_check(other, limit=1)
    assert len(taken) == 1
    await asyncio.gather(*steps)
    assert (await _told(voted.store, voted.hands.meters))["atr_lease_losses_total",] == 1
    assert (await _told(voted.store, other.meters))["atr_lease_losses_total",] == 0
    await asyncio.gather(*taken)


async def test_scans_are_timed_and_those_that_fail_are_counted(staged: worlds.World) -> None:
    stop = asyncio.Event()
    async with staged.by_hand() as data:
        await (await data.connection()).exec_driver_sql("ALTER TABLE promotion_task RENAME TO elsewhere")
    working = asyncio.create_task(worker.work_until(staged.hands, stop, tick=0.01, slots=1))
    await asyncio.sleep(1)
    stop.set()
    await working
    told = await _told(staged.store, staged.hands.meters)
    assert told["atr_scan_seconds_count",] == told["atr_scan_errors_total",] >= 2
    assert told["atr_scan_seconds_sum",] > 0


async def test_what_the_operators_are_told_of_exists(world: worlds.World) -> None:
    """docs/operators.md has each metric, and names no metric and no state that does not exist."""
    page = _OPERATORS.read_text("utf-8")
    told = {re.sub("_(total|bucket|count|sum|created)$", "", key[0]) for key in await _told(world.store)}
    # Without a call there is no attempt to be told of.
    ours = {name for name in told if name.startswith("atr_")} | {"atr_attempts"}
    watched = page.partition("## Health checks and metrics")[2]
    assert {name.removesuffix("_total") for name in re.findall("atr_[a-z_]+", watched)} == ours
    known = {str(state) for state in (*states.State, *states.DeploymentState, *budget.Breaker)}
    assert set(re.findall(r'state="([^"]+)"', page)) <= known


class TestServed:
    async def test_it_is_off_without_a_port(self, world: worlds.World) -> None:
        async with metrics.served(world.store, metrics.Meters(), host="127.0.0.1", port=None) as port:
            assert port == 0
        assert registry.WorkerSettings().metrics_port is None
        assert config.WebSettings().metrics_host == "127.0.0.1"

    async def test_it_answers_while_the_body_runs_and_not_after(self, world: worlds.World) -> None:
        async with metrics.served(world.store, world.hands.meters, host="127.0.0.1", port=0) as port:
            url = f"http://127.0.0.1:{port}"
            told = _parsed(await asyncio.to_thread(_get, f"{url}/metrics"))
            assert told["atr_rows_read",] == 1
            assert told["process_open_fds",] > 0
            for path in ("/", "/healthz", "/metrics/more"):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    await asyncio.to_thread(_get, f"{url}{path}")
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(_get, f"{url}/metrics")

    async def test_a_port_that_is_taken_is_said_in_a_sentence(self, world: worlds.World) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(errors.SettingsError, match=rf"127\.0\.0\.1:{port} .*cannot be listened on"):
                async with metrics.served(world.store, metrics.Meters(), host="127.0.0.1", port=port):
                    pass

    @pytest.mark.parametrize("kind", [config.WebSettings, registry.WorkerSettings])
    def test_in_sandbox_mode_nobody_else_is_told(
        self, kind: type[config.WebSettings] | type[registry.WorkerSettings]
    ) -> None:
        environ = {"ATR_SANDBOX": "1", "ATR_METRICS_HOST": "0.0.0.0", "ATR_METRICS_PORT": "9000"}
        with pytest.raises(errors.SettingsError, match="not a loopback address"):
            kind.from_environ(environ)
        assert kind.from_environ({**environ, "ATR_METRICS_HOST": "::1"})

    async def test_the_worker_tells_of_itself(self, migrated: pathlib.Path, tmp_path: pathlib.Path) -> None:
        """With its own settings; it stops when it is told to, and the port is free again."""
        shutil.copy(migrated, tmp_path / "atr.db")
        port = ports.free_port()
        settings = registry.WorkerSettings.from_environ({"ATR_STATE_DIR": str(tmp_path), "ATR_METRICS_PORT": str(port)})
        running = asyncio.create_task(worker.run(settings))
        told = _parsed(await _patiently(f"http://127.0.0.1:{port}/metrics"))
        assert told["atr_scan_errors_total",] == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        with socket.create_server(("127.0.0.1", port)):
            pass

    async def test_the_web_tells_of_itself(self, tmp_path: pathlib.Path) -> None:
        """On the other port alone, until it is stopped."""
        port, pages = ports.free_port(), ports.free_port()
        environ = {"ATR_STATE_DIR": str(tmp_path), "ATR_PORT": str(pages), "ATR_METRICS_PORT": str(port)}
        inherited = {name: os.environ[name] for name in processes._INHERITED if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "atr", "serve", env={**inherited, **environ}, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            told = _parsed(await _patiently(f"http://127.0.0.1:{port}/metrics"))
            assert told["atr_rows_read",] == 1
            assert await _patiently(f"http://127.0.0.1:{pages}/healthz") == '{"alive": true}'
            with pytest.raises(urllib.error.HTTPError, match="404"):
                await asyncio.to_thread(_get, f"http://127.0.0.1:{pages}/metrics")
        finally:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 20) == 0


async def _patiently(url: str) -> str:
    """What is answered there, as soon as somebody answers."""
    for _ in range(300):
        try:
            return await asyncio.to_thread(_get, url)
        except OSError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"Nobody answers at {url}.")


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())
