# SPDX-License-Identifier: Apache-2.0
"""The simulated Docker Hub, and its pages for people."""

from typing import Final

import quart

import atr.sandbox.endpoints as endpoints
import atr.sandbox.registries as registries
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("docker_hub", __name__, url_prefix=endpoints.REGISTRIES)


@BLUEPRINT.get("/docker-hub/v2/namespaces/<owner>/repositories/<package>/tags/<version>")
async def get_docker_hub(owner: str, package: str, version: str) -> registries.Answer:
    found = registries.find(shelf.Registry.DOCKER_HUB, owner, package, version)
    if found is None:
        return {
            "message": f"httperror 404: tag '{version}' not found",
            "errinfo": {"namespace": owner, "repository": package, "tag": version},
        }, 404
    return {
        "name": found.version,
        "full_size": 1,
        "images": None,
        "last_updated": registries.iso(found.since),
        "tag_status": "active",
        "tag_last_pushed": registries.iso(found.since),
        # It was never pulled.
        "tag_last_pulled": "0001-01-01T00:00:00Z",
    }, 200


@BLUEPRINT.get("/docker-hub/_/<package>/tags")
async def get_official_page(package: str) -> quart.ResponseReturnValue:
    return await registries.page(shelf.Registry.DOCKER_HUB, "library", package, quart.request.args.get("name", ""))


@BLUEPRINT.get("/docker-hub/r/<owner>/<package>/tags")
async def get_docker_hub_page(owner: str, package: str) -> quart.ResponseReturnValue:
    return await registries.page(shelf.Registry.DOCKER_HUB, owner, package, quart.request.args.get("name", ""))
