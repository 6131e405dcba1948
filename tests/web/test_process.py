# SPDX-License-Identifier: Apache-2.0
"""The web as a process of its own: what it has loaded, and raw requests that no client library would send."""

import asyncio
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

import atr.demo.processes as processes
from tests import ports

pytestmark = pytest.mark.asyncio(loop_scope="module")

INHERITED: Final = {name: os.environ[name] for name in processes._INHERITED if name in os.environ}


async def test_the_web_has_no_platform_loaded() -> None:
    """What is not loaded cannot publish. `identity` may ask httpx in when a sign-in by OpenID Connect comes."""
    source = "import json, sys, atr.server; print(json.dumps(sorted(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", source, env=INHERITED, stdout=subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    modules = json.loads(said)
    assert "atr.server" in modules
    banned = ("atr.platforms", "atr.worker", "atr.tasks", "atr.sandbox", "atr.demo", "httpx", "httpcore")
    assert [name for name in modules if name.startswith(banned)] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """A running web process with an empty database."""
    state_dir = tmp_path_factory.mktemp("web")
    number = ports.free_port()
    environment = {"ATR_STATE_DIR": str(state_dir), "ATR_SANDBOX": "1", "ATR_PORT": str(number)}
    with (state_dir / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "atr", "serve", env={**INHERITED, **environment}, stdout=log, stderr=log
        )
    for _ in range(300):
        assert process.returncode is None, (state_dir / "log").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", number)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            break
    yield number
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert "Traceback" not in (state_dir / "log").read_text()


async def _say(port: int, request: bytes, *, end: bool = False) -> bytes:
    """What a server answers to these very bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    if end:
        # Whoever is still waited for says no more.
        writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_head_has_no_body(port: int) -> None:
    answer = await _say(port, b"HEAD /releases HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length" in head.lower()
    assert body == b""


@pytest.mark.parametrize(
    "body",
    [
        # too long, in pieces, without a length
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n") * 2 + b"0\r\n\r\n",
        # too long, and said so
        b"Content-Length: 99999999\r\n\r\nx",
    ],
)
async def test_a_body_that_is_too_long(port: int, body: bytes) -> None:
    head = (
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
    )
    answer = await _say(port, head + body)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /releases HTTP/1.1\r\nHost: \x00\r\nConnection: close\r\n\r\n",
        b"GET /releases HTTP/1.1\r\nHost: [::1]\r\nCookie: \xfe=\xff; session=\xff\r\nConnection: close\r\n\r\n",
        b"GET /releases HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\nConnection: close\r\n\r\nshort",
        b"GET /releases?" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_raw_nonsense_is_never_a_fault(port: int, request_: bytes) -> None:
    answer = await _say(port, request_, end=request_.endswith((b"short", b"zz\r\n")))
    assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), answer[:200]
    assert b"Traceback" not in answer
    # It is still there.
    assert (await _say(port, b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).startswith(
        b"HTTP/1.1 200"
    )


async def test_a_kept_connection_is_not_closed_before_its_client_closes_it(port: int) -> None:
    """Ours keeps one for five seconds: a form that is sent at that moment must be answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = b"HEAD /releases HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(asked)
    first = await reader.readuntil(b"\r\n\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 6)
    writer.write(asked)
    second = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    await writer.wait_closed()
    assert first.split(b"\r\n")[0] == second.split(b"\r\n")[0]


async def test_a_port_that_is_taken_is_said_in_a_sentence(port: int, tmp_path: pathlib.Path) -> None:
    said = await _refused(tmp_path, {"ATR_PORT": str(port)})
    assert said.startswith(f"atr: 127.0.0.1:{port} cannot be listened on")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_in_sandbox_mode_no_socket_is_taken_over_that_others_reach(host: str, tmp_path: pathlib.Path) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as inherited:
        descriptor = inherited.fileno()
        said = await _refused(tmp_path, {"ATR_LISTEN_FD": str(descriptor)}, descriptor)
    assert said == f"atr: {host} is not a loopback address, which sandbox mode requires."


async def test_a_descriptor_that_is_no_socket_is_said_in_a_sentence(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "file").open("w") as file:
        said = await _refused(tmp_path, {"ATR_LISTEN_FD": str(file.fileno())}, file.fileno())
    assert re.match(r"atr: fd://\d+ cannot be listened on", said)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ((socket.AF_INET, socket.SOCK_DGRAM), "is not a listening socket."),
        ((socket.AF_UNIX, socket.SOCK_STREAM), "cannot be listened on: "),
    ],
)
async def test_a_socket_of_another_kind_is_said_in_a_sentence(
    kind: tuple[socket.AddressFamily, socket.SocketKind], why: str, tmp_path: pathlib.Path
) -> None:
    with socket.socket(*kind) as inherited:
        descriptor = inherited.fileno()
        said = await _refused(tmp_path, {"ATR_LISTEN_FD": str(descriptor)}, descriptor)
    assert said.startswith(f"atr: fd://{descriptor} {why}")


async def _refused(state_dir: pathlib.Path, settings: dict[str, str], *descriptors: int) -> str:
    """What a web process says, last, that does not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "atr",
        "serve",
        env={**INHERITED, "ATR_STATE_DIR": str(state_dir), "ATR_SANDBOX": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"Traceback" not in said
    return said.decode().splitlines()[-1]
