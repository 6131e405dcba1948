# SPDX-License-Identifier: Apache-2.0
"""The controls of the sandbox, for a demo or a test in another process. JSON in, JSON out; no request is counted.

    GET    /control/counters                    see `traffic.Traffic.counters`
    GET    /control/deployments                 {"deployments": [{deployment_id, name, account, state, trail, ...}]}
    POST   /control/deployments/<id>/<knob>     the knob's fields; 204
    GET    /control/faults                      {"faults": [{fault, passed, hit}]}
    POST   /control/faults                      a list of faults, added after the existing ones; 204
    DELETE /control/faults                      204
    GET    /control/log?last=100                {"requests": [{when, method, path, endpoint, status, faulty}]}
    POST   /control/settings                    the fields to change; answers all of them; `index_shape` and
                                                `index_twist` set the form of the public folders' indexes

An invalid request is answered with {"error": a sentence} and 400, 404 or 409.
"""

import dataclasses
from typing import Any, Final

import pydantic
import quart

import atr.errors as errors
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.current as current
import atr.sandbox.faults as faults
import atr.sandbox.settings as behaviour

BLUEPRINT: Final = quart.Blueprint("control", __name__, url_prefix="/control")
_FAULTS: Final = pydantic.TypeAdapter(list[faults.Fault])
_NOTHING: Final = ("", 204)

Answer = dict[str, Any]


@BLUEPRINT.errorhandler(errors.AtrError)
async def refused(error: errors.AtrError) -> tuple[Answer, int]:
    statuses = {errors.NotFoundError: 404, errors.InputError: 400, errors.ConflictError: 409}
    return {"error": str(error)}, next(status for kind, status in statuses.items() if isinstance(error, kind))


@BLUEPRINT.errorhandler(pydantic.ValidationError)
async def unfit(error: pydantic.ValidationError) -> tuple[Answer, int]:
    return {"error": str(error)}, 400


@BLUEPRINT.get("/counters")
async def get_counters() -> Answer:
    return current.world().traffic.counters()


@BLUEPRINT.get("/log")
async def get_log() -> Answer:
    last = quart.request.args.get("last", 100, type=int)
    entries = list(current.world().traffic.log)[-last:] if last > 0 else []
    return {"requests": [dataclasses.asdict(entry) for entry in entries]}


@BLUEPRINT.get("/deployments")
async def get_deployments() -> Answer:
    world = current.world()
    world.portal.advance()
    return {"deployments": [_deployment(one) for one in world.portal.deployments.values()]}


@BLUEPRINT.post("/deployments/<deployment_id>/<knob>")
async def post_knob(deployment_id: str, knob: str) -> tuple[str, int]:
    fields = await _body({})
    if not isinstance(fields, dict):
        raise errors.InputError("a knob's fields are a JSON object")
    knobs.turn(current.world().portal, deployment_id, knob, fields)
    return _NOTHING


@BLUEPRINT.get("/faults")
async def get_faults() -> Answer:
    return {
        "faults": [
            {"fault": loaded.fault.model_dump(), "passed": loaded.passed, "hit": loaded.hit}
            for loaded in current.world().faults.loaded
        ]
    }


@BLUEPRINT.post("/faults")
async def post_faults() -> tuple[str, int]:
    current.world().faults.add(_FAULTS.validate_python(await _body([])))
    return _NOTHING


@BLUEPRINT.delete("/faults")
async def delete_faults() -> tuple[str, int]:
    current.world().faults.clear()
    return _NOTHING


@BLUEPRINT.post("/settings")
async def post_settings() -> Answer:
    world = current.world()
    # Everything that is due by now still follows the old settings.
    world.portal.advance()
    world.settings = behaviour.Settings.model_validate({**world.settings.model_dump(), **await _body({})})
    return world.settings.model_dump()


async def _body(default: object) -> Any:
    """Return the request's JSON, or the default if it is empty. Only application/json, which no other site can send."""
    if not await quart.request.get_data():
        return default
    body = await quart.request.get_json(silent=True)
    if body is None:
        raise errors.InputError("the body must be JSON, sent as application/json")
    return body


def _deployment(deployment: deployments.Deployment) -> Answer:
    return {
        "deployment_id": deployment.deployment_id,
        "name": deployment.name,
        "account": deployment.account,
        "automatic": deployment.automatic,
        "state": deployment.state,
        "trail": [{"state": state, "when": when} for state, when in deployment.trail],
        "purls": [component.purl for component in deployment.components],
        "errors": deployment.errors,
        "files": sorted(deployment.files),
        "polls": deployment.polls,
        "twists": dataclasses.asdict(deployment.twists),
    }
