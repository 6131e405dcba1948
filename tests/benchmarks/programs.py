# SPDX-License-Identifier: Apache-2.0
"""The stand-in and the measured processes, started one by one, on 127.0.0.1 only."""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import httpx

import tests.benchmarks.measured as measured
from tests import ports

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
_PATIENCE: Final = 60.0
# The stand-in adds no waits of its own: what is left is work, and the polling of those who wait for it.
_AT_ONCE: Final = {
    "validate_seconds": 0,
    "publish_seconds": 0,
    "publishing_polls": 0,
    "public_lag_seconds": 0,
}


class Sandbox:
    """A running stand-in, without a limit for bundles and without delays."""

    def __init__(self, url: str, token: pathlib.Path) -> None:
        self.url = url
        self.token = token

    async def counters(self) -> dict[str, Any]:
        """What reached it so far."""
        return await self._get("counters")

    async def arrivals(self, endpoint: str) -> list[float]:
        """When each request of this kind came in, oldest first."""
        log = (await self._get("log?last=2000"))["requests"]
        return [entry["when"] for entry in log if entry["endpoint"] == endpoint]

    async def at_once(self) -> None:
        """Take the delays away."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            (await client.post("/control/settings", json=_AT_ONCE)).raise_for_status()

    async def _get(self, what: str) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            answer: dict[str, Any] = (await client.get(f"/control/{what}")).raise_for_status().json()
            return answer


@contextlib.asynccontextmanager
async def sandbox(directory: pathlib.Path, namespaces: Sequence[str]) -> AsyncIterator[Sandbox]:
    """A fresh stand-in below the directory, as a process of its own."""
    port = ports.free_port()
    token = directory / "token"
    token.write_text("benchmark:a-secret-of-the-benchmark\n")
    arguments = ["--port", str(port), "--directory", str(directory / "sandbox"), "--token-file", str(token)]
    arguments += ["--bundle-limit", "0", *(part for one in namespaces for part in ("--namespace", one))]
    found = Sandbox(f"http://127.0.0.1:{port}", token)
    async with running(directory / "sandbox.log", {}, "atr", "sandbox", *arguments) as process:
        await _until_it_answers(process, found, directory / "sandbox.log")
        yield found


@contextlib.asynccontextmanager
async def worker(
    state_dir: pathlib.Path, stand_in: Sandbox, figures: pathlib.Path, *, faster: int
) -> AsyncIterator[None]:
    """The worker, at work. After it has ended its figures are there."""
    environment = {**_settings(state_dir, stand_in, faster), measured.FIGURES: str(figures)}
    log = figures.with_suffix(".log")
    async with running(log, environment, "tests.benchmarks.measured", "worker") as process:
        ends = time.monotonic() + _PATIENCE
        while "worker started" not in log.read_text():
            _still_there(process, log, ends)
            await asyncio.sleep(0.05)
        yield


async def upload_again(
    state_dir: pathlib.Path, stand_in: Sandbox, task: measured.Task, figures: pathlib.Path, *, faster: int
) -> Mapping[str, Any]:
    """Upload and publish, and check the public files; the figures of the process that did it."""
    written = figures.with_suffix(".task")
    task.write(written)
    environment = {
        **_settings(state_dir, stand_in, faster),
        measured.FIGURES: str(figures),
        measured.TASK: str(written),
    }
    log = figures.with_suffix(".log")
    async with running(log, environment, "tests.benchmarks.measured", "reupload") as process:
        if await process.wait() != 0:
            raise RuntimeError(f"The upload ended badly: {log.read_text()[-1_000:]}")
    return read(figures)


def read(figures: pathlib.Path) -> Mapping[str, Any]:
    """The figures that a measured process wrote at its end."""
    found: Mapping[str, Any] = json.loads(figures.read_text())
    return found


@contextlib.asynccontextmanager
async def running(
    log: pathlib.Path, environment: Mapping[str, str], module: str, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python module as a process; it is asked to end when the body does, and is gone after it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ATR_")}
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=ROOT,
            env={**inherited, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_it_answers(process: asyncio.subprocess.Process, found: Sandbox, log: pathlib.Path) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            await found.at_once()
        except httpx.TransportError:
            _still_there(process, log, ends)
            await asyncio.sleep(0.05)
        else:
            return


def _still_there(process: asyncio.subprocess.Process, log: pathlib.Path, ends: float) -> None:
    if (process.returncode is not None) or (time.monotonic() > ends):
        raise RuntimeError(f"A process did not start: {log.read_text()[-1_000:]}")


def _settings(state_dir: pathlib.Path, stand_in: Sandbox, faster: int) -> dict[str, str]:
    return {
        "ATR_STATE_DIR": str(state_dir),
        "ATR_SANDBOX": "1",
        "ATR_MAVEN_CENTRAL_PORTAL_URL": stand_in.url,
        "ATR_MAVEN_CENTRAL_REPOSITORY_URL": f"{stand_in.url}/maven2",
        "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(stand_in.token),
        "ATR_FASTER": str(faster),
        "ATR_TICK": "0.05",
        # At a real public place we wait a quarter of a second between two reads, on either way.
        "ATR_PACE": "0",
    }
