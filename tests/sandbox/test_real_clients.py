# SPDX-License-Identifier: Apache-2.0
"""The order and the oddities of calls that real clients make.

The Maven plugin's are those recorded in the team's shared/contracts/maven-plugin-transcript.jsonl (its own requests,
replayed byte by byte as far as they matter); JReleaser's are known from runs of it.
"""

import asyncio
import json
import pathlib
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

import tests.sandbox.bundles as bundles
from tests.sandbox.clients import API, OWN, Portal, authorization

TRANSCRIPT: Final = (
    pathlib.Path(__file__).resolve().parents[3] / "shared" / "contracts" / "maven-plugin-transcript.jsonl"
)
BOUNDARY: Final = "cX6hxhuD05oE1tdcBDFfHkBNC8gaKEDBHdG2Dl"
UPLOAD: Final = f"{API}/upload?name=Deployment&publishingType=USER_MANAGED&userId=token-name&orgId=org"
STATUS: Final = f"{API}/status?name=Deployment&publishingType=USER_MANAGED&id={{}}&userId=token-name&orgId=org"
AGENT: Final = "Apache-HttpClient/5.3.1 (Java/17.0.15)"


async def raw(portal: Portal, head: str, body: bytes = b"") -> httpx.Response:
    """One request exactly as written, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(portal.sandbox.url).port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    lines, _, content = answer.partition(b"\r\n\r\n")
    status, *headers = lines.decode().split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in headers)]
    return httpx.Response(int(status.split()[1]), headers=pairs, content=content)


def plugin_headers() -> str:
    token = authorization(OWN, "UserToken")["Authorization"]
    return f"Authorization: {token}\nHost: 127.0.0.1\nConnection: close\nUser-Agent: {AGENT}"


async def test_the_maven_plugin_stages(portal: Portal) -> None:
    body = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="bundle"; filename="central-bundle.zip"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += bundles.bundle() + f"\r\n--{BOUNDARY}--\r\n".encode()
    uploaded = await raw(
        portal,
        f"POST {UPLOAD} HTTP/1.1\n{plugin_headers()}\nContent-Length: {len(body)}\n"
        f"Content-Type: multipart/form-data; charset=ISO-8859-1; boundary={BOUNDARY}",
        body,
    )
    assert (uploaded.status_code, len(uploaded.text)) == (201, 36)
    await portal.settled(uploaded.text)
    # Neither a body nor a Content-Length, and the parameters of the upload ride along.
    status = await raw(portal, f"POST {STATUS.format(uploaded.text)} HTTP/1.1\n{plugin_headers()}")
    assert status.headers["content-type"] == "application/json"
    assert status.json()["deploymentState"] == "VALIDATED"
    assert status.json()["deploymentName"] == "Deployment"


@pytest.mark.shared
@pytest.mark.skipif(not TRANSCRIPT.is_file(), reason="the team's folder shared/ is not here")
def test_the_requests_above_are_those_that_were_recorded() -> None:
    recorded: list[dict[str, Any]] = [json.loads(line) for line in TRANSCRIPT.read_text("utf-8").splitlines()]
    upload, *statuses = recorded
    deployment_id = upload["answer"]["body"]
    assert (upload["method"], upload["path"]) == ("POST", UPLOAD)
    assert upload["headers"]["Content-Type"] == f"multipart/form-data; charset=ISO-8859-1; boundary={BOUNDARY}"
    assert upload["headers"]["User-Agent"] == AGENT
    assert statuses
    for status in statuses:
        assert (status["method"], status["path"]) == ("POST", STATUS.format(deployment_id))
        assert not {"Content-Length", "Content-Type"} & set(status["headers"])


async def test_jreleaser_stages_and_publishes(portal: Portal) -> None:
    assert (await portal.http.head("/maven2/org/example/thing/1.0/thing-1.0.jar")).status_code == 404
    # No query at all, and the part's type is guessed.
    uploaded = await portal.http.post(
        f"{API}/upload", files={"bundle": ("thing-bundle.zip", bundles.bundle(), "application/zip")}
    )
    assert urlsplit(str(uploaded.url)).path.endswith("/upload")
    deployment_id = uploaded.text
    await portal.settled(deployment_id)
    json_type = {"Content-Type": "application/json"}
    status = await portal.http.post(f"{API}/status", params={"id": deployment_id}, headers=json_type)
    assert status.json()["deploymentState"] == "VALIDATED"
    published = await portal.http.post(f"{API}/deployment/{deployment_id}", headers=json_type)
    assert published.status_code == 204
    states: list[str] = []
    while states[-1:] != ["PUBLISHED"]:
        status = await portal.http.post(f"{API}/status", params={"id": deployment_id}, headers=json_type)
        states.append(status.json()["deploymentState"])
    assert states == ["PUBLISHING", "PUBLISHED"]


async def test_a_bundle_may_come_in_chunks_after_a_hundred_continue(portal: Portal) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="bundle"; filename="x.zip"\r\n\r\n' + bundles.bundle()
    body = part + b"\r\n--b--\r\n"
    chunks = b"".join(
        f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        for piece in (body[start : start + 1000] for start in range(0, len(body), 1000))
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(portal.sandbox.url).port)
    head = f"POST {API}/upload HTTP/1.1\n{plugin_headers()}\nContent-Type: multipart/form-data; boundary=b\n"
    head += "Transfer-Encoding: chunked\nExpect: 100-continue"
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 100")
    writer.write(chunks + b"0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    assert b"HTTP/1.1 201" in answer
    (deployment_id,) = portal.world.portal.deployments
    assert (await portal.settled(deployment_id))["deploymentState"] == "VALIDATED"
