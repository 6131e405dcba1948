# SPDX-License-Identifier: Apache-2.0
"""Health checks for supervisors, monitoring and load balancers: no session, no cookie, no secret."""

import dataclasses
import json
from typing import Any

import quart

import atr.storage.health as health
import atr.web as web

BLUEPRINT = quart.Blueprint("get_health", __name__)


@BLUEPRINT.get("/healthz")
async def alive() -> quart.Response:
    """URL: /healthz; the process is alive. Nothing else is checked, so that no failure elsewhere gets it killed."""
    return _as_json({"alive": True}, 200)


@BLUEPRINT.get("/readyz")
async def ready() -> quart.Response:
    """URL: /readyz; 503 with the reasons while this process cannot serve people."""
    lacks = await health.lacks(web.site().storage)
    return _as_json({"ready": not lacks, "lacks": [dataclasses.asdict(lack) for lack in lacks]}, 503 if lacks else 200)


def _as_json(what: dict[str, Any], status: int) -> quart.Response:
    return quart.Response(json.dumps(what), status, content_type="application/json")
