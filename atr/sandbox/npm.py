# SPDX-License-Identifier: Apache-2.0
"""The simulated npm registry, and its pages for people."""

from typing import Any, Final

import quart

import atr.sandbox.endpoints as endpoints
import atr.sandbox.registries as registries
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("npm", __name__, url_prefix=endpoints.REGISTRIES)


@BLUEPRINT.get("/npm/<path:path>")
async def get_npm(path: str) -> registries.Answer:
    """Return the document of a package, or of one version. A scope ends with a plain or an encoded slash."""
    scope, slash, rest = path.partition("/") if path.startswith("@") else ("", "", path)
    name, _, version = rest.partition("/")
    package = f"{scope}{slash}{name}"
    versions = registries.of_package(shelf.Registry.NPM, "", package)
    if not versions:
        return {"error": "Not found"}, 404
    if not version:
        return _packument(package, versions), 200
    if registries.find(shelf.Registry.NPM, "", package, version) is None:
        # The real registry answers with a JSON string here.
        return quart.Response(f'"version not found: {version}"', 404, content_type="application/json")
    return _npm_version(package, version), 200


def _packument(package: str, versions: list[shelf.Version]) -> dict[str, Any]:
    return {
        "_id": package,
        "name": package,
        "dist-tags": {"latest": versions[-1].version},
        "versions": {one.version: _npm_version(package, one.version) for one in versions},
        "time": {
            "created": registries.iso(versions[0].since),
            "modified": registries.iso(versions[-1].since),
            **{one.version: registries.iso(one.since) for one in versions},
        },
    }


def _npm_version(package: str, version: str) -> dict[str, Any]:
    return {"name": package, "version": version, "_id": f"{package}@{version}", "dist": {"fileCount": 1}}


@BLUEPRINT.get("/npm-pages/package/<path:path>")
async def get_npm_page(path: str) -> quart.ResponseReturnValue:
    package, _, version = path.rpartition("/v/")
    return await registries.page(shelf.Registry.NPM, "", package, version)
