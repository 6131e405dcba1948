# SPDX-License-Identifier: Apache-2.0
"""The common part of the registries that are only read: a page that lists and publishes versions, and lookups.

Each registry is a module next to this one, under its own address. Paths, status codes and field names are those of the
real platforms; their sources are named in the adapters in atr/platforms.
"""

import datetime
from typing import Any, Final

import quart

import atr.errors as errors
import atr.sandbox.current as current
import atr.sandbox.endpoints as endpoints
import atr.sandbox.shelf as shelf

BLUEPRINT: Final = quart.Blueprint("registries", __name__, url_prefix=endpoints.REGISTRIES)
_MICROSECONDS: Final = "%Y-%m-%dT%H:%M:%S.%fZ"

Answer = tuple[dict[str, Any] | str, int] | quart.Response


@BLUEPRINT.get("/")
async def get_index() -> str:
    """Return the list of what is public, with a form that publishes a version."""
    return await index()


async def index(notice: str = "") -> str:
    """Return the page, with a sentence about an error."""
    world = current.world()
    return await quart.render_template(
        "registries.html", registries=list(shelf.Registry), versions=world.shelf.public(world.now()), notice=notice
    )


@BLUEPRINT.post("/publish")
async def post_publish() -> quart.ResponseReturnValue:
    """Publish a version, for a person who presses Publish."""
    given = {name: value.strip() for name, value in (await quart.request.form).items()}
    current.world().publish_version(*(given.get(name, "") for name in ("registry", "owner", "package", "version")))
    return quart.redirect(f"{endpoints.REGISTRIES}/", 303)


@BLUEPRINT.errorhandler(errors.AtrError)
async def cannot(error: errors.AtrError) -> tuple[str, int]:
    return await index(str(error)), 409 if isinstance(error, errors.ConflictError) else 400


async def page(registry: shelf.Registry, owner: str, package: str, version: str) -> quart.ResponseReturnValue:
    found = find(registry, owner, package, version)
    if found is None:
        return quart.Response("404 Not Found\n", 404, content_type="text/plain")
    return await quart.render_template("version.html", one=found, since=iso(found.since))


def find(registry: shelf.Registry, owner: str, package: str, version: str) -> shelf.Version | None:
    world = current.world()
    return world.shelf.find(registry, owner, package, version, world.now())


def of_package(registry: shelf.Registry, owner: str, package: str) -> list[shelf.Version]:
    world = current.world()
    return world.shelf.of_package(registry, owner, package, world.now())


def iso(since: float) -> str:
    return datetime.datetime.fromtimestamp(since, datetime.UTC).strftime(_MICROSECONDS)
