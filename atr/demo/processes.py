# SPDX-License-Identifier: Apache-2.0
"""The sandbox, the web process and the worker as three processes, each with its own environment."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import httpx

import atr.errors as errors

_HOST: Final = "127.0.0.1"
# Inherited, so that a process finds its home directory and so that tests measure its coverage.
_INHERITED: Final = ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "PYTHONPATH")
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
# Fast, and still safe: a lease is at least twice the longest request.
SPEED: Final = 200
CALL_SECONDS: Final = 1.0
LEASE_SECONDS: Final = 3.0
TICK_SECONDS: Final = 0.05
# The settings with the addresses of the sandbox's registries.
_REGISTRIES: Final = {
    "ATR_ARTIFACT_HUB_URL": "artifact-hub",
    "ATR_DOCKER_HUB_URL": "docker-hub",
    "ATR_NPM_URL": "npm",
    "ATR_NPM_PAGES_URL": "npm-pages",
    "ATR_PYPI_URL": "pypi",
}


@dataclasses.dataclass(frozen=True)
class Ports:
    """The ports on which the parts listen if they are free; 0 is any port."""

    web: int = 0
    sandbox: int = 0


class Stack:
    """The three processes over one state directory. Leaving the `async with` stops them all.

    The sockets are opened here and inherited, so that no other program can take a port between its selection and the
    start of a part: the other parts would then use that program.
    """

    def __init__(self, state_dir: pathlib.Path, ports: Ports, namespaces: tuple[str, ...], failpoint: str = "") -> None:
        self.state_dir = state_dir
        # Known once it runs.
        self.web_url = self.sandbox_url = ""
        self._ports = ports
        self._namespaces = namespaces
        self._failpoint = failpoint
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._token = state_dir / "sandbox-token"

    async def __aenter__(self) -> Self:
        """Start all three. The sandbox and the web process have answered a request when this returns."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if not self._token.exists():
            self._token.touch(0o600)
            self._token.write_text(f"demo:{secrets.token_hex(16)}\n")
        try:
            with _listen(self._ports.sandbox) as sandbox, _listen(self._ports.web) as web:
                self.sandbox_url, self.web_url = _address(sandbox), _address(web)
                await self._start("sandbox", {}, *self._sandbox_arguments(sandbox), hand_down=sandbox)
                await self._start("serve", self._web_environment(web), hand_down=web)
            await self.start_worker()
            await self._answers(f"{self.sandbox_url}/control/counters", "sandbox")
            await self._answers(f"{self.web_url}/sign-in", "serve")
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all three."""
        await self.stop()

    async def start_worker(self) -> None:
        """Start the worker, or another one after it was killed."""
        await self._start("worker", self._worker_environment())

    async def worker_died(self) -> None:
        """Wait until the worker has ended."""
        await self._processes["worker"].wait()

    async def watch(self) -> None:
        """Wait until a part ends on its own, which none should. Raises SettingsError with its name."""
        waiting = {asyncio.create_task(process.wait(), name=name) for name, process in self._processes.items()}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        name = done.pop().get_name()
        raise errors.SettingsError(f"The {name} process ended. See its log, {self._log(name)}.")

    async def stop(self) -> None:
        """Send SIGTERM to each process, and SIGKILL after a while."""
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _start(
        self, part: str, environment: Mapping[str, str], *arguments: str, hand_down: socket.socket | None = None
    ) -> None:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with self._log(part).open("ab") as log:
            self._processes[part] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "atr.demo.part",
                part,
                *arguments,
                env={**inherited, **environment},
                # Closed when this process ends for any reason; nothing is written to it.
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=() if hand_down is None else (hand_down.fileno(),),
                # A terminal sends Ctrl-C to a whole process group: only this process gets it and stops the parts.
                process_group=0,
            )

    async def _answers(self, url: str, part: str) -> None:
        """Wait until the address answers, with any status."""
        ends = time.monotonic() + _START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < ends:
                if self._processes[part].returncode is not None:
                    break
                try:
                    await client.get(url)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return
        said = self._log(part).read_text()[-1_000:]
        raise errors.SettingsError(f"The {part} process did not start: {said}")

    def _log(self, part: str) -> pathlib.Path:
        return self.state_dir / f"{part}.log"

    def _sandbox_arguments(self, listener: socket.socket) -> tuple[str, ...]:
        return (
            "--listen-fd",
            str(listener.fileno()),
            "--directory",
            str(self.state_dir / "sandbox"),
            "--token-file",
            str(self._token),
            *(argument for namespace in self._namespaces for argument in ("--namespace", namespace)),
        )

    def _web_environment(self, listener: socket.socket) -> dict[str, str]:
        return {
            "ATR_STATE_DIR": str(self.state_dir),
            "ATR_SANDBOX": "1",
            "ATR_LISTEN_FD": str(listener.fileno()),
            "ATR_SANDBOX_URL": self.sandbox_url,
        }

    def _worker_environment(self) -> dict[str, str]:
        return {
            "ATR_STATE_DIR": str(self.state_dir),
            "ATR_SANDBOX": "1",
            "ATR_MAVEN_CENTRAL_PORTAL_URL": self.sandbox_url,
            "ATR_MAVEN_CENTRAL_REPOSITORY_URL": f"{self.sandbox_url}/maven2",
            "ATR_MAVEN_CENTRAL_TOKEN_FILE": str(self._token),
            **{setting: f"{self.sandbox_url}/registries/{name}" for setting, name in _REGISTRIES.items()},
            "ATR_FASTER": str(SPEED),
            "ATR_CALL_TIMEOUT": str(CALL_SECONDS),
            "ATR_LEASE": str(LEASE_SECONDS),
            "ATR_TICK": str(TICK_SECONDS),
            "ATR_PACE": "0",
            **({"ATR_FAILPOINT": self._failpoint} if self._failpoint else {}),
        }


def _listen(wanted: int) -> socket.socket:
    """Return a socket that listens on the wanted port, or on any if that is taken. Connections queue from now on."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError):
            return socket.create_server((_HOST, port))
    raise errors.SettingsError("There is no free port on this machine.")


def _address(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"
