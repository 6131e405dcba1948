# SPDX-License-Identifier: Apache-2.0
"""A plain client of the Portal, and a clock that a test turns by hand."""

import asyncio
import base64
from typing import Any, Final

import httpx

from atr.sandbox.central_portal.portal import Token
from atr.sandbox.world import World
from tests.sandboxes import RunningSandbox

API: Final = "/api/v1/publisher"
STEM: Final = "org/example/thing/1.0/thing-1.0"
OWN: Final = Token("own-name", "own-password")
OTHER: Final = Token("other-name", "other-password")
_PATIENCE: Final = 30.0


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


def authorization(token: Token = OWN, scheme: str = "Bearer") -> dict[str, str]:
    """The header that a client with this token sends."""
    return {"Authorization": f"{scheme} {base64.b64encode(':'.join(token).encode()).decode()}"}


class Portal:
    """Speaks to a running sandbox as its own account does."""

    def __init__(self, sandbox: RunningSandbox, client: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.http = client

    @property
    def world(self) -> World:
        return self.sandbox.world

    async def upload(self, bundle: bytes, **query: str) -> str:
        """The id of a new deployment."""
        answer = await self.http.post(
            f"{API}/upload", params=query, files={"bundle": ("bundle.zip", bundle, "application/octet-stream")}
        )
        assert answer.status_code == 201, answer.text
        return answer.text

    async def status(self, deployment_id: str) -> dict[str, Any]:
        answer = await self.http.post(f"{API}/status", params={"id": deployment_id})
        assert answer.status_code == 200, answer.text
        parsed: dict[str, Any] = answer.json()
        return parsed

    async def settled(self, deployment_id: str) -> dict[str, Any]:
        """The status once validation has ended; seen from within, so that no status call is spent on waiting."""
        async with asyncio.timeout(_PATIENCE):
            # Nothing here announces it, as nothing of the real platform's does.
            while self.world.portal.deployments[deployment_id].findings is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return await self.status(deployment_id)

    async def stage(self, bundle: bytes, **query: str) -> str:
        """The id of a deployment that has become VALIDATED."""
        deployment_id = await self.upload(bundle, **query)
        assert await self.settled(deployment_id) == {
            "deploymentId": deployment_id,
            "deploymentName": query.get("name", "bundle.zip"),
            "deploymentState": "VALIDATED",
            "purls": [component.purl for component in self.world.portal.deployments[deployment_id].components],
            "errors": {},
            "warnings": {},
        }
        return deployment_id

    async def refused(self, bundle: bytes) -> dict[str, list[str]]:
        """The errors of a deployment that has become FAILED."""
        status = await self.settled(await self.upload(bundle))
        assert status["deploymentState"] == "FAILED"
        errors: dict[str, list[str]] = status["errors"]
        return errors

    async def publish(self, deployment_id: str) -> httpx.Response:
        return await self.http.post(f"{API}/deployment/{deployment_id}")

    async def live(self, bundle: bytes) -> str:
        """The id of a deployment that has become PUBLISHED."""
        deployment_id = await self.stage(bundle)
        assert (await self.publish(deployment_id)).status_code == 204
        for state in ("PUBLISHING", "PUBLISHED"):
            assert (await self.status(deployment_id))["deploymentState"] == state
        return deployment_id

    async def files(self, **wanted: object) -> dict[str, Any]:
        answer = await self.http.post(f"{API}/deployments/files", json={"sortField": "createTimestamp", **wanted})
        assert answer.status_code == 200, answer.text
        parsed: dict[str, Any] = answer.json()
        return parsed

    async def knob(self, deployment_id: str, name: str, **fields: object) -> None:
        answer = await self.http.post(f"/control/deployments/{deployment_id}/{name}", json=fields)
        assert answer.status_code == 204, answer.text

    async def faults(self, *faults: dict[str, object]) -> None:
        answer = await self.http.post("/control/faults", json=list(faults))
        assert answer.status_code == 204, answer.text

    async def requests(self, endpoint: str) -> int:
        counters = (await self.http.get("/control/counters")).json()
        return int(counters["requests"][endpoint])
