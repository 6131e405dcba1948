# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way, and that the right thing happened or did not."""

import asyncio
import socket
import struct
import time

import httpx
import pydantic
import pytest

import tests.sandbox.bundles as bundles
from atr.sandbox.faults import MAX_FAULTS, Fault, Faults
from tests.sandbox.clients import API, STEM, Clock, Portal, authorization

IMPATIENT = httpx.Timeout(30, read=0.3)


async def test_a_lost_reply_takes_effect_and_has_no_status(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "publish", "effect": True, "cut": True})
    with pytest.raises(httpx.TransportError):
        await portal.publish(deployment_id)
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"
    assert await portal.requests("publish") == 1


async def test_not_one_byte_is_sent_on_a_cut_connection(portal: Portal) -> None:
    await portal.faults({"endpoint": "status", "cut": True})
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(portal.sandbox.url).port)
    writer.write(f"POST {API}/status?id=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert portal.world.traffic.log[-1].status is None


async def test_a_cut_without_effect_changes_nothing(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "publish", "cut": True})
    with pytest.raises(httpx.TransportError):
        await portal.publish(deployment_id)
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
    assert (await portal.publish(deployment_id)).status_code == 204
    assert await portal.requests("publish") == 2


async def test_an_upload_can_work_without_its_sender_knowing(portal: Portal) -> None:
    await portal.faults({"endpoint": "upload", "effect": True, "cut": True}, {"endpoint": "upload", "cut": True})
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await portal.upload(bundles.bundle())
    assert len((await portal.files())["deployments"]) == 1
    assert await portal.requests("upload") == 2


async def test_only_the_faulty_connection_is_cut(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    await portal.faults(
        {"endpoint": "repository", "path": ".jar.sha1", "cut": True},
        {"endpoint": "repository", "path": ".jar", "effect": True, "delay": 0.2},
    )
    slow = asyncio.create_task(portal.http.get(f"/maven2/{STEM}.jar"))
    await asyncio.sleep(0.05)
    with pytest.raises(httpx.TransportError):
        await portal.http.get(f"/maven2/{STEM}.jar.sha1")
    assert (await slow).content == b"class"


async def test_a_server_error_after_the_effect(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults(
        {"endpoint": "publish", "effect": True, "status": 503, "body": "<h1>Service Unavailable</h1>"},
        {"endpoint": "status", "after": "publish", "times": 2, "status": 502},
    )
    # Armed by the publish call, not before it.
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
    answer = await portal.publish(deployment_id)
    assert (answer.status_code, answer.text) == (503, "<h1>Service Unavailable</h1>")
    codes = [(await portal.http.post(f"{API}/status?id={deployment_id}")).status_code for _ in range(3)]
    assert codes == [502, 502, 200]
    assert portal.world.traffic.effects["publish"] == 1


async def test_a_slow_answer_comes_after_the_effect(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "publish", "effect": True, "delay": 60})
    with pytest.raises(httpx.ReadTimeout):
        await portal.http.post(f"{API}/deployment/{deployment_id}", timeout=IMPATIENT)
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"


async def test_a_delayed_answer_is_the_real_one(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "status", "effect": True, "delay": 0.2})
    start = time.monotonic()
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
    assert time.monotonic() - start >= 0.2


async def test_an_effect_can_come_after_the_answer(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "publish", "effect": True, "late": 1, "cut": True})
    with pytest.raises(httpx.TransportError):
        await portal.publish(deployment_id)
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"
    async with asyncio.timeout(30):
        while portal.world.traffic.effects["publish"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"
    assert await portal.requests("publish") == 1


async def test_what_is_still_to_come_ends_with_the_server(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "publish", "effect": True, "late": 3600, "status": 503})
    assert (await portal.publish(deployment_id)).status_code == 503


async def test_a_late_effect_keeps_the_requests_body(portal: Portal) -> None:
    await portal.stage(bundles.bundle())
    await portal.faults({"endpoint": "files", "effect": True, "late": 0.01, "status": 503})
    assert (await portal.http.post(f"{API}/deployments/files", json={"sortField": "x"})).status_code == 503
    await asyncio.sleep(0.05)
    assert (await portal.files())["totalResultCount"] == 1


async def test_rate_limits_carry_their_header(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    limit = {"times": 2, "status": 429, "headers": {"Retry-After": "7"}, "body": {"error": {"message": "slow down"}}}
    await portal.faults(*({"endpoint": name, **limit} for name in ("status", "files", "repository", "download")))
    for method, path in (
        ("POST", f"{API}/status?id={deployment_id}"),
        ("POST", f"{API}/deployments/files"),
        ("GET", f"/maven2/{STEM}.jar"),
        ("GET", f"{API}/deployment/{deployment_id}/download/{STEM}.jar"),
    ):
        answers = [await portal.http.request(method, path, json={"sortField": "x"}) for _ in range(3)]
        assert [answer.status_code == 429 for answer in answers] == [True, True, False]
        assert answers[0].headers["retry-after"] == "7"
        assert answers[0].json() == {"error": {"message": "slow down"}}


async def test_faults_are_taken_in_order_and_let_requests_by(portal: Portal) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    await portal.faults(
        {"endpoint": "status", "skip": 2, "status": 401},
        {"endpoint": "status", "skip": 1, "times": 1, "status": 404},
        {"endpoint": "status", "skip": 3, "times": None, "status": 500},
    )
    codes = [(await portal.http.post(f"{API}/status?id={deployment_id}")).status_code for _ in range(8)]
    assert codes == [200, 404, 401, 200, 200, 500, 500, 500]
    loaded = (await portal.http.get("/control/faults")).json()["faults"]
    assert [(one["passed"], one["hit"]) for one in loaded] == [(2, 1), (1, 1), (3, 3)]
    await portal.http.delete("/control/faults")
    assert (await portal.status(deployment_id))["deploymentState"] == "VALIDATED"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"status": 200, "body": "<html>maintenance</html>", "headers": {"Content-Type": "text/html"}}, "<html>"),
        ({"status": 200, "body": '{"deploymentId": "x", "depl'}, '{"deploymentId"'),
        ({"status": 200, "body": ""}, ""),
    ],
)
async def test_garbage_can_come_with_200(portal: Portal, fault: dict[str, object], text: str) -> None:
    await portal.faults({"endpoint": "status", **fault})
    answer = await portal.http.post(f"{API}/status?id=x")
    assert answer.status_code == 200
    assert answer.text.startswith(text)


async def read_into(received: bytearray, answer: httpx.Response) -> None:
    async for chunk in answer.aiter_raw():
        received += chunk


@pytest.mark.parametrize("after", [0, 1, 100_000, 300_000])
async def test_an_answer_can_break_off(portal: Portal, after: int) -> None:
    deployment_id = await portal.stage(bundles.zipped(bundles.component(content=b"x" * 400_000)))
    await portal.faults({"endpoint": "download", "effect": True, "cut_after": after})
    path = f"{API}/deployment/{deployment_id}/download/{STEM}.jar"
    async with portal.http.stream("GET", path) as answer:
        assert answer.headers["content-length"] == "400000"
        received = bytearray()
        with pytest.raises(httpx.TransportError):
            await read_into(received, answer)
    assert bytes(received) == b"x" * len(received)
    assert len(received) <= after
    assert len((await portal.http.get(path)).content) == 400_000


async def test_one_reading_can_be_wrong(portal: Portal) -> None:
    await portal.live(bundles.bundle())
    await portal.faults({"endpoint": "repository", "path": "thing-1.0.jar", "effect": True, "alter": True})
    first, second = [(await portal.http.get(f"/maven2/{STEM}.jar")).content for _ in range(2)]
    assert first != second == b"class"
    assert len(first) == len(second)


async def test_a_fault_may_redirect(portal: Portal) -> None:
    location = "http://localhost:1/elsewhere"
    await portal.faults({"endpoint": "repository", "status": 302, "headers": {"Location": location}})
    answer = await portal.http.get(f"/maven2/{STEM}.jar")
    assert (answer.status_code, answer.headers["location"]) == (302, location)


@pytest.mark.parametrize("attempt", range(5))
async def test_a_request_that_arrived_takes_effect_though_its_sender_died(portal: Portal, attempt: int) -> None:
    deployment_id = await portal.stage(bundles.bundle())
    port = httpx.URL(portal.sandbox.url).port
    request = (
        f"POST {API}/deployment/{deployment_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
        f"Authorization: {authorization()['Authorization']}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port or 0)) as dying:
        # As when its process is killed: the connection is reset at once.
        dying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", attempt % 2, 0))
        dying.sendall(request.encode())
        # A reset discards what the server has not read.
        while attempt % 2 and portal.world.traffic.requests["publish"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    async with asyncio.timeout(30):
        while portal.world.traffic.effects["publish"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await portal.status(deployment_id))["deploymentState"] == "PUBLISHING"


async def test_faults_do_not_outnumber_the_requests_of_a_long_run(clock: Clock) -> None:
    faults = Faults()
    for _ in range(MAX_FAULTS):
        faults.add([Fault(endpoint="status", status=500)])
        assert faults.take("status", "/x") is not None
    faults.add([Fault(endpoint="files", status=500)])
    assert len(faults.loaded) == MAX_FAULTS
    assert faults.loaded[-1].fault.endpoint == "files"


async def test_nobody_waits_for_who_has_left(portal: Portal) -> None:
    await portal.faults(
        {"endpoint": "status", "status": 500, "delay": 3600},
        {"endpoint": "files", "effect": True, "delay": 3600},
        {"endpoint": "upload", "status": 500},
    )
    with pytest.raises(httpx.ReadTimeout):
        await portal.http.post(f"{API}/status?id=x", timeout=IMPATIENT)
    with pytest.raises(httpx.ReadTimeout):
        await portal.http.post(f"{API}/deployments/files", json={"sortField": "x"}, timeout=IMPATIENT)
    _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(portal.sandbox.url).port)
    writer.write(f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf".encode())
    await writer.drain()
    async with asyncio.timeout(30):
        while portal.world.traffic.bytes_received["upload"] < len("half"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    # All three have arrived, none was answered, and leaving this test does not wait for an hour.
    assert [(entry.endpoint, entry.status) for entry in portal.world.traffic.log] == [
        ("status", None),
        ("files", None),
        ("upload", None),
    ]
    assert portal.world.traffic.bytes_received["upload"] == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint": "everything", "status": 500},
        {"endpoint": "status"},
        {"endpoint": "status", "delay": 1},
        {"endpoint": "status", "status": 500, "cut": True},
        {"endpoint": "status", "cut": True, "cut_after": 1},
        {"endpoint": "status", "status": 99},
        {"endpoint": "status", "status": 500, "times": 0},
        {"endpoint": "status", "effect": True, "body": "lost"},
        {"endpoint": "status", "effect": True, "late": 1},
        {"endpoint": "upload", "effect": True, "late": 1, "cut": True},
        {"endpoint": "status", "status": 500, "after": "breakfast"},
        {"endpoint": "status", "status": 500, "unknown": True},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Fault.model_validate(fields)
