# SPDX-License-Identifier: Apache-2.0
"""The registries that a version can be looked up on, each below an address of its own, with their pages for people.

Paths, status codes and field names are the platforms' own. Their sources: the adapters in atr/platforms.
"""

import datetime
from typing import Any, Final

import quart

import atr.errors as errors
import atr.sandbox.current as current
import atr.sandbox.endpoints as endpoints
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("registries", __name__, url_prefix=endpoints.REGISTRIES, template_folder="templates")
_MICROSECONDS: Final = "%Y-%m-%dT%H:%M:%S.%fZ"

Answer = tuple[dict[str, Any] | str, int] | quart.Response


# npm


@BLUEPRINT.get("/npm/<path:path>")
async def get_npm(path: str) -> Answer:
    """A package's whole document, or that of one version. A scope may stand behind a plain or an encoded slash."""
    scope, slash, rest = path.partition("/") if path.startswith("@") else ("", "", path)
    name, _, version = rest.partition("/")
    package = f"{scope}{slash}{name}"
    versions = _of(shelf.Registry.NPM, "", package)
    if not versions:
        return {"error": "Not found"}, 404
    if not version:
        return _packument(package, versions), 200
    if _found(shelf.Registry.NPM, "", package, version) is None:
        # The registry answers with a bare text here.
        return quart.Response(f'"version not found: {version}"', 404, content_type="application/json")
    return _npm_version(package, version), 200


def _packument(package: str, versions: list[shelf.Version]) -> dict[str, Any]:
    return {
        "_id": package,
        "name": package,
        "dist-tags": {"latest": versions[-1].version},
        "versions": {one.version: _npm_version(package, one.version) for one in versions},
        "time": {
            "created": _iso(versions[0].since),
            "modified": _iso(versions[-1].since),
            **{one.version: _iso(one.since) for one in versions},
        },
    }


def _npm_version(package: str, version: str) -> dict[str, Any]:
    return {"name": package, "version": version, "_id": f"{package}@{version}", "dist": {"fileCount": 1}}


# PyPI


@BLUEPRINT.get("/pypi/pypi/<package>/<version>/json")
async def get_pypi(package: str, version: str) -> Answer:
    found = _found(shelf.Registry.PYPI, "", package, version)
    if found is None:
        return {"message": "Not Found"}, 404
    # Two files, the second a minute later: the version is as old as the first.
    kinds = (("bdist_wheel", 60.0, "-py3-none-any.whl"), ("sdist", 0.0, ".tar.gz"))
    return {
        "info": {"name": found.package, "version": found.version},
        "urls": [
            {
                "filename": f"{found.package}-{found.version}{end}",
                "packagetype": kind,
                "upload_time": _iso(found.since + late)[:19],
                "upload_time_iso_8601": _iso(found.since + late),
            }
            for kind, late, end in kinds
        ],
        "last_serial": 1,
    }, 200


# Docker Hub


@BLUEPRINT.get("/docker-hub/v2/namespaces/<owner>/repositories/<package>/tags/<version>")
async def get_docker_hub(owner: str, package: str, version: str) -> Answer:
    found = _found(shelf.Registry.DOCKER_HUB, owner, package, version)
    if found is None:
        return {
            "message": f"httperror 404: tag '{version}' not found",
            "errinfo": {"namespace": owner, "repository": package, "tag": version},
        }, 404
    return {
        "name": found.version,
        "full_size": 1,
        "images": None,
        "last_updated": _iso(found.since),
        "tag_status": "active",
        "tag_last_pushed": _iso(found.since),
        # Never.
        "tag_last_pulled": "0001-01-01T00:00:00Z",
    }, 200


# Artifact Hub


@BLUEPRINT.get("/artifact-hub/api/v1/packages/helm/<owner>/<package>/<version>")
async def get_artifact_hub(owner: str, package: str, version: str) -> Answer:
    found = _found(shelf.Registry.ARTIFACT_HUB, owner, package, version)
    if found is None:
        return {"message": "not found"}, 404
    others = _of(shelf.Registry.ARTIFACT_HUB, owner, package)
    return {
        "name": package,
        "normalized_name": package,
        "version": version,
        "ts": int(found.since),
        "available_versions": [{"version": one.version, "ts": int(one.since)} for one in reversed(others)],
        "repository": {"name": owner, "kind": 0},
    }, 200


# Pages for people


@BLUEPRINT.get("/")
async def get_index() -> str:
    """What is public, and a form that makes something public."""
    return await index()


async def index(notice: str = "") -> str:
    """The page, with a sentence on what went wrong."""
    world = current.world()
    return await quart.render_template(
        "registries.html", registries=list(shelf.Registry), versions=world.shelf.public(world.now()), notice=notice
    )


@BLUEPRINT.post("/publish")
async def post_publish() -> quart.ResponseReturnValue:
    """A person presses Publish."""
    given = {name: value.strip() for name, value in (await quart.request.form).items()}
    current.world().publish_version(*(given.get(name, "") for name in ("registry", "owner", "package", "version")))
    return quart.redirect(f"{endpoints.REGISTRIES}/", 303)


@BLUEPRINT.errorhandler(errors.AtrError)
async def cannot(error: errors.AtrError) -> tuple[str, int]:
    return await index(str(error)), 409 if isinstance(error, errors.ConflictError) else 400


@BLUEPRINT.get("/npm-pages/package/<path:path>")
async def get_npm_page(path: str) -> quart.ResponseReturnValue:
    package, _, version = path.rpartition("/v/")
    return await _page(shelf.Registry.NPM, "", package, version)


@BLUEPRINT.get("/pypi/project/<package>/<version>/")
async def get_pypi_page(package: str, version: str) -> quart.ResponseReturnValue:
    return await _page(shelf.Registry.PYPI, "", package, version)


@BLUEPRINT.get("/docker-hub/_/<package>/tags")
async def get_official_page(package: str) -> quart.ResponseReturnValue:
    return await _page(shelf.Registry.DOCKER_HUB, "library", package, quart.request.args.get("name", ""))


@BLUEPRINT.get("/docker-hub/r/<owner>/<package>/tags")
async def get_docker_hub_page(owner: str, package: str) -> quart.ResponseReturnValue:
    return await _page(shelf.Registry.DOCKER_HUB, owner, package, quart.request.args.get("name", ""))


@BLUEPRINT.get("/artifact-hub/packages/helm/<owner>/<package>/<version>")
async def get_artifact_hub_page(owner: str, package: str, version: str) -> quart.ResponseReturnValue:
    return await _page(shelf.Registry.ARTIFACT_HUB, owner, package, version)


async def _page(registry: shelf.Registry, owner: str, package: str, version: str) -> quart.ResponseReturnValue:
    found = _found(registry, owner, package, version)
    if found is None:
        return quart.Response("404 Not Found\n", 404, content_type="text/plain")
    return await quart.render_template("version.html", one=found, since=_iso(found.since))


def _found(registry: shelf.Registry, owner: str, package: str, version: str) -> shelf.Version | None:
    world = current.world()
    return world.shelf.find(registry, owner, package, version, world.now())


def _of(registry: shelf.Registry, owner: str, package: str) -> list[shelf.Version]:
    world = current.world()
    return world.shelf.of_package(registry, owner, package, world.now())


def _iso(since: float) -> str:
    return datetime.datetime.fromtimestamp(since, datetime.UTC).strftime(_MICROSECONDS)
