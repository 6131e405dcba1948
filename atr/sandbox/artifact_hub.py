# SPDX-License-Identifier: Apache-2.0
"""The simulated Artifact Hub, and its pages for people."""

from typing import Final

import quart

import atr.sandbox.endpoints as endpoints
import atr.sandbox.registries as registries
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("artifact_hub", __name__, url_prefix=endpoints.REGISTRIES)


@BLUEPRINT.get("/artifact-hub/api/v1/packages/helm/<owner>/<package>/<version>")
async def get_artifact_hub(owner: str, package: str, version: str) -> registries.Answer:
    found = registries.find(shelf.Registry.ARTIFACT_HUB, owner, package, version)
    if found is None:
        return {"message": "not found"}, 404
    others = registries.of_package(shelf.Registry.ARTIFACT_HUB, owner, package)
    return {
        "name": package,
        "normalized_name": package,
        "version": version,
        "ts": int(found.since),
        "available_versions": [{"version": one.version, "ts": int(one.since)} for one in reversed(others)],
        "repository": {"name": owner, "kind": 0},
    }, 200


@BLUEPRINT.get("/artifact-hub/packages/helm/<owner>/<package>/<version>")
async def get_artifact_hub_page(owner: str, package: str, version: str) -> quart.ResponseReturnValue:
    return await registries.page(shelf.Registry.ARTIFACT_HUB, owner, package, version)
