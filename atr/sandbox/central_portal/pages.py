# SPDX-License-Identifier: Apache-2.0
"""The platform's own page for people: what is staged, and the button that publishes it by hand."""

from typing import Final

import quart

import atr.errors as errors
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.current as current
from atr.sandbox.central_portal.deployment import State
from atr.sandbox.world import DROPPABLE

BLUEPRINT: Final = quart.Blueprint("pages", __name__, template_folder="templates")


@BLUEPRINT.get("/")
async def get_index() -> str:
    world = current.world()
    world.advance()
    return await quart.render_template(
        "portal.html",
        deployments=list(reversed(world.deployments.values())),
        publishable=State.VALIDATED,
        droppable=DROPPABLE,
        notice="",
    )


@BLUEPRINT.post("/deployments/<deployment_id>/publish")
async def post_publish(deployment_id: str) -> quart.ResponseReturnValue:
    """A person presses Publish."""
    knobs.turn(current.world(), deployment_id, "publish-by-hand", {})
    return quart.redirect("/", 303)


@BLUEPRINT.post("/deployments/<deployment_id>/drop")
async def post_drop(deployment_id: str) -> quart.ResponseReturnValue:
    """A person presses Drop."""
    world = current.world()
    if deployment_id not in world.deployments:
        raise errors.NotFoundError("This deployment is gone.")
    world.drop(world.deployments[deployment_id], by_hand=True)
    return quart.redirect("/", 303)


@BLUEPRINT.get("/style.css")
async def get_style() -> quart.Response:
    return quart.Response(await quart.render_template("style.css"), content_type="text/css")


@BLUEPRINT.get("/icon.svg")
async def get_icon() -> quart.Response:
    return quart.Response(await quart.render_template("icon.svg"), content_type="image/svg+xml")


@BLUEPRINT.errorhandler(errors.AtrError)
async def cannot(error: errors.AtrError) -> tuple[str, int]:
    world = current.world()
    page = await quart.render_template(
        "portal.html",
        deployments=list(reversed(world.deployments.values())),
        publishable=State.VALIDATED,
        droppable=DROPPABLE,
        notice=str(error),
    )
    return page, 404 if isinstance(error, errors.NotFoundError) else 409
