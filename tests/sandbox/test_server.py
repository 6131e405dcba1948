# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, going on, and large files."""

import asyncio
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

import atr.errors as errors
import tests.sandbox.bundles as bundles
from atr.sandbox.central_portal.portal import Account
from atr.sandbox.server import HOST, Listener, create_app
from atr.sandbox.settings import Settings
from atr.sandbox.world import World
from tests.sandbox.clients import API, OWN, STEM, Clock, Portal, authorization
from tests.sandboxes import EXAMPLE_TOKEN, RunningSandbox

MEBIBYTE = 1024 * 1024
CHILD = """
import asyncio, pathlib, sys
from atr.sandbox.server import serve
from tests.sandboxes import EXAMPLE_NAMESPACES, EXAMPLE_TOKEN
from atr.sandbox.world import World
world = World(pathlib.Path(sys.argv[1]))
world.portal.add_account("example", EXAMPLE_NAMESPACES, EXAMPLE_TOKEN)
asyncio.run(serve(world, ready=lambda url: print(url, flush=True)))
"""


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[Portal]:
    async with (
        RunningSandbox(world) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, headers=authorization(), trust_env=False) as client,
    ):
        yield Portal(sandbox, client)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.2"])
def test_it_takes_over_no_socket_that_others_reach(host: str) -> None:
    with (
        socket.create_server((host, 0)) as inherited,
        pytest.raises(errors.SettingsError, match="only, and descriptor"),
    ):
        Listener(fileno=os.dup(inherited.fileno()))


def test_a_socket_that_takes_no_connections_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inherited:
        inherited.bind((HOST, 0))
        with pytest.raises(errors.SettingsError, match="cannot be listened on"):
            Listener(fileno=os.dup(inherited.fileno()))


def test_it_takes_over_a_socket_and_nothing_else(tmp_path: pathlib.Path) -> None:
    with socket.create_server((HOST, 0)) as inherited, Listener(fileno=os.dup(inherited.fileno())) as listener:
        assert listener.url == f"http://{HOST}:{inherited.getsockname()[1]}"
    with (tmp_path / "file").open("w") as file, pytest.raises(errors.SettingsError, match="cannot be listened on"):
        Listener(fileno=file.fileno())


async def test_a_taken_port_is_an_error(world: World) -> None:
    async with RunningSandbox(world) as sandbox:
        with pytest.raises(errors.SettingsError, match="cannot be listened on: Address already in use"):
            Listener(httpx.URL(sandbox.url).port or 0)


async def test_the_helper_makes_its_own_world() -> None:
    async with RunningSandbox() as sandbox, httpx.AsyncClient(trust_env=False) as client:
        assert sandbox.portal_url == sandbox.url
        assert sandbox.repository_url == f"{sandbox.url}/maven2"
        answer = await client.post(
            f"{sandbox.portal_url}{API}/upload",
            files={"bundle": ("thing.zip", bundles.bundle())},
            headers=authorization(EXAMPLE_TOKEN),
        )
        assert answer.status_code == 201
        assert (await client.get(f"{sandbox.repository_url}/")).status_code == 200


async def test_a_stopped_world_goes_on(world: World, tmp_path: pathlib.Path, clock: Clock) -> None:
    async with running(world) as portal:
        published = await portal.live(bundles.bundle())
        waiting = await portal.stage(bundles.zipped(bundles.component(version="1.1")))
        await portal.knob(waiting, "add-file", path="org/example/thing/1.1/extra.txt")
    second = World(tmp_path / "world", settings=world.settings, clock=clock)
    second.portal.add_account("own", ["org.example"], OWN)
    assert second.portal.deployments == world.portal.deployments
    assert second.portal.public.components == world.portal.public.components
    async with running(second) as portal:
        assert (await portal.status(published))["deploymentState"] == "PUBLISHED"
        assert (await portal.http.get(f"/maven2/{STEM}.jar")).content == b"class"
        assert (await portal.files(deploymentIds=[waiting]))["deployments"][0]["deploymentFiles"][0]["fileSize"] == 13
        assert (await portal.publish(waiting)).status_code == 204


def test_a_folder_of_something_else_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "world.json").write_text('{"deployments": "none"}', "utf-8")
    with pytest.raises(errors.SettingsError, match="not the state of a sandbox"):
        World(tmp_path)


async def test_a_bundle_that_was_not_looked_at_yet_is_looked_at_later(tmp_path: pathlib.Path) -> None:
    killed = World(tmp_path)
    account = killed.portal.add_account("own", ["org.example"], OWN)
    archive = killed.portal.incoming_path()
    archive.write_bytes(bundles.bundle())
    deployment_id = killed.portal.upload(account, "thing", automatic=False, archive=archive).deployment_id
    killed.save()
    world = World(tmp_path, settings=Settings(validate_seconds=0))
    world.portal.add_account("own", ["org.example"], OWN)
    async with running(world) as portal:
        assert (await portal.settled(deployment_id))["deploymentState"] == "VALIDATED"


async def test_a_deployment_may_vanish_while_it_is_looked_at(portal: Portal) -> None:
    world = portal.world
    archive = world.portal.incoming_path()
    archive.write_bytes(bundles.bundle())
    deployment = world.portal.upload(Account("own", ("org.example",)), "thing", automatic=False, archive=archive)
    looking = asyncio.create_task(world.portal.examine(deployment))
    await asyncio.sleep(0)
    world.portal.forget(deployment)
    await looking
    assert world.portal.deployments == {}
    assert not world.portal.folder(deployment).exists()


async def test_without_its_server_it_cannot_cut(world: World) -> None:
    app = create_app(world)
    answer = await app.test_client().get("/control/counters")
    assert answer.status_code == 200
    with pytest.raises(RuntimeError, match="cannot cut"):
        app.gate._cut(("127.0.0.1", 1))


def test_cutting_who_has_left_is_nothing() -> None:
    with Listener(0) as listener:
        assert listener.url.startswith("http://127.0.0.1:")
        listener.cut(("127.0.0.1", 1))


@pytest.fixture
def child(tmp_path: pathlib.Path) -> Iterator[tuple[str, int]]:
    """A sandbox in a process of its own: its address and process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "world")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip(), process.pid
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
async def test_memory_does_not_grow_with_a_bundle(child: tuple[str, int], tmp_path: pathlib.Path) -> None:
    url, pid = child
    size = 300 * MEBIBYTE
    block = os.urandom(MEBIBYTE)
    head = b'--b\r\nContent-Disposition: form-data; name="bundle"; filename="big.zip"\r\n\r\n'
    tail = b"\r\n--b--\r\n"

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(size // len(block)):
            yield block
        yield tail

    def resident() -> int:
        status = pathlib.Path(f"/proc/{pid}/status").read_text("utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    headers = authorization(EXAMPLE_TOKEN) | {"Content-Type": "multipart/form-data; boundary=b"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        await client.get("/")
        before = resident()
        answer = await client.post(f"{API}/upload", content=body())
        assert answer.status_code == 201
        counters = (await client.get("/control/counters")).json()
        assert counters["bytes_received"]["upload"] == len(head) + size + len(tail)
        assert resident() - before < 50 * MEBIBYTE
