# SPDX-License-Identifier: Apache-2.0
"""`atr run` as a newcomer uses it: an address, Ctrl-C, and again later."""

import asyncio
import base64
import contextlib
import os
import pathlib
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest

import atr.demo.journey as journey
import atr.demo.people as people
import atr.demo.processes as processes
from tests import ports
from tests.demo import starting

pytestmark = pytest.mark.slow

OPEN: Final = re.compile(r"Open +(http://127\.0\.0\.1:(\d+)/finish/\S+)")
_EVERY: Final = 0.05


class Running:
    """An `atr run` that has printed its address, in a session of its own, as in a terminal."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    @property
    def address(self) -> str:
        """Where it says to go."""
        return self._found().group(1)

    @property
    def port(self) -> int:
        """The port of that address."""
        return int(self._found().group(2))

    async def welcome(self) -> None:
        """Read on until it has said everything."""
        assert self.process.stdout is not None
        async with asyncio.timeout(starting.PATIENCE):
            while "Ctrl-C" not in self.said:
                line = await self.process.stdout.readline()
                assert line, f"it ended: {self.said} {await self._complaint()}"
                self.said += line.decode()

    async def ended(self) -> tuple[int, str]:
        """Its exit code and what it complained of, once it has ended."""
        async with asyncio.timeout(starting.PATIENCE):
            complaint = await self._complaint()
            return await self.process.wait(), complaint

    def _found(self) -> re.Match[str]:
        found = OPEN.search(self.said)
        assert found, self.said
        return found

    async def _complaint(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


@contextlib.asynccontextmanager
async def start(state_dir: pathlib.Path, *arguments: str, python: tuple[str, ...] = ()) -> AsyncIterator[Running]:
    """Start it, with these options of the interpreter; whatever is left of it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *python,
        "-m",
        "atr",
        "run",
        *arguments,
        env=starting.limited(state_dir) | {"PYTHONUNBUFFERED": "1"},
        cwd=state_dir.parent,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        # Whoever started the tests in the background has Ctrl-C ignored, and that is handed down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield Running(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def of_session(leader: int) -> set[int]:
    """The processes of a session: all that `atr run` started, however deep."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # After the command's name, which may hold anything: state, parent, group, session.
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if (int(session) == leader) and (state != "Z"):
                found.add(int(entry.name))
    return found


def command_of(pid: int) -> list[str]:
    """How a process was started."""
    return pathlib.Path(f"/proc/{pid}/cmdline").read_text().removesuffix("\0").split("\0")


async def assert_nobody_left(leader: int) -> None:
    """Every process of the session has gone."""
    ends = time.monotonic() + starting.PATIENCE
    # Nothing announces the end of a process that is not our child.
    while of_session(leader) and time.monotonic() < ends:  # noqa: ASYNC110
        await asyncio.sleep(_EVERY)
    assert of_session(leader) == set()


@pytest.fixture
def state_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "state"


async def test_it_answers_stops_on_ctrl_c_and_goes_on_later(state_dir: pathlib.Path) -> None:
    port = ports.free_port()
    async with start(state_dir, "--port", str(port)) as first:
        await first.welcome()
        assert first.port == port
        assert "as alice" in first.said
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(first.address)
        assert page.status_code == 200
        assert "Example Widgets 2.4.0" in page.text
        # The web, the worker and the stand-in beside itself.
        assert len(of_session(first.process.pid)) == 4
        # As a terminal does: to the whole process group.
        os.killpg(first.process.pid, signal.SIGINT)
        assert await first.ended() == (0, "")
        await assert_nobody_left(first.process.pid)

    async with start(state_dir, "--port", str(port)) as second:
        await second.welcome()
        assert "Continuing with the state in" in second.said
        async with httpx.AsyncClient(trust_env=False) as client:
            again = await client.get(second.address)
        assert again.status_code == 200
        assert 'data-state="Ready"' in again.text
        # One sent to it alone is enough, too.
        second.process.send_signal(signal.SIGINT)
        assert await second.ended() == (0, "")
        await assert_nobody_left(second.process.pid)


async def test_it_goes_on_with_whatever_somebody_did_meanwhile(state_dir: pathlib.Path) -> None:
    """A candidate that was abandoned is no start that was cut off."""
    async with start(state_dir, "--port", str(ports.free_port())) as first:
        await first.welcome()
        first.process.send_signal(signal.SIGINT)
        assert await first.ended() == (0, "")
    store = journey.storage_in(state_dir)
    async with store.write_as_project_release_manager(people.PROJECT, people.COMMITTER) as manager:
        await manager.vote_resolution.abandon(f"{people.PROJECT}-2.4.0", "voted on by mistake")
    await store.database.close()
    async with start(state_dir, "--port", str(ports.free_port())) as second:
        await second.welcome()
        assert "Continuing with the state in" in second.said
        second.process.send_signal(signal.SIGINT)
        assert await second.ended() == (0, "")


async def test_two_at_once_never_meet(tmp_path: pathlib.Path) -> None:
    """Each has a stand-in of its own, which takes no other's token, though both want the same ports."""
    wanted = processes.Ports(ports.free_port(), ports.free_port())
    async with contextlib.AsyncExitStack() as running, httpx.AsyncClient(trust_env=False) as client:
        stacks = [processes.Stack(tmp_path / name, wanted, ("org.example",)) for name in ("one", "two")]
        await asyncio.gather(*(running.enter_async_context(stack) for stack in stacks))
        assert len({address for stack in stacks for address in (stack.web_url, stack.sandbox_url)}) == 4
        for stack in stacks:
            token = (stack.state_dir / "sandbox-token").read_bytes().strip()
            bearer = {"Authorization": f"Bearer {base64.b64encode(token).decode()}"}
            for place in stacks:
                address = f"{place.sandbox_url}/api/v1/publisher/published?namespace=org.example&name=x&version=1"
                answer = await client.get(address, headers=bearer)
                assert answer.status_code == (200 if place is stack else 401)


async def test_a_port_in_use_is_worked_around(state_dir: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with start(state_dir, "--port", str(port)) as run:
            await run.welcome()
            assert run.port != port
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(run.address)).status_code == 200
            run.process.send_signal(signal.SIGTERM)
            assert await run.ended() == (0, "")


# Modules in the order in which a start imports them: the first before the command line runs at all.
@pytest.mark.parametrize("module", ["click.core", "sqlalchemy.sql.elements", "sqlmodel.main", "atr.demo.journey"])
async def test_ctrl_c_while_it_imports_stops_it_quietly(state_dir: pathlib.Path, module: str) -> None:
    async with start(state_dir, "--port", str(ports.free_port()), python=("-X", "importtime")) as run:
        assert run.process.stderr is not None
        async with asyncio.timeout(starting.PATIENCE):
            while line := (await run.process.stderr.readline()).decode():
                if line.rpartition("|")[2].strip() == module:
                    break
        os.killpg(run.process.pid, signal.SIGINT)
        code, complaint = await run.ended()
        assert code in {0, 130}
        assert [line for line in complaint.splitlines() if not line.startswith("import time:")] == []
        await assert_nobody_left(run.process.pid)


@pytest.mark.parametrize("part", ["sandbox", "serve", "worker"])
async def test_ctrl_c_while_its_parts_start_stops_everything_quietly(state_dir: pathlib.Path, part: str) -> None:
    async with start(state_dir, "--port", str(ports.free_port())) as run:
        async with asyncio.timeout(starting.PATIENCE):
            # Nothing announces that a part was started, but its log.
            while not (state_dir / f"{part}.log").exists():  # noqa: ASYNC110
                await asyncio.sleep(_EVERY)
        os.killpg(run.process.pid, signal.SIGINT)
        assert await run.ended() == (0, "")
        await assert_nobody_left(run.process.pid)


async def test_a_part_that_ends_by_itself_ends_the_rest_and_is_named(state_dir: pathlib.Path) -> None:
    async with start(state_dir, "--port", str(ports.free_port())) as run:
        await run.welcome()
        (worker,) = [pid for pid in of_session(run.process.pid) if command_of(pid)[-1] == "worker"]
        os.kill(worker, signal.SIGKILL)
        code, complaint = await run.ended()
        assert code == 2
        assert complaint.startswith("atr: The worker process ended.")
        await assert_nobody_left(run.process.pid)


async def test_its_parts_end_with_it_when_it_is_killed(state_dir: pathlib.Path) -> None:
    """As when a terminal is closed, or the machine is short of memory: nobody is left to stop them."""
    async with start(state_dir, "--port", str(ports.free_port())) as run:
        await run.welcome()
        run.process.kill()
        await assert_nobody_left(run.process.pid)
