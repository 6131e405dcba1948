# SPDX-License-Identifier: Apache-2.0
"""The platform's own page for people: the deployments, with buttons that publish or drop them by hand."""

from typing import Final

import quart

import atr.errors as errors
import atr.sandbox.central_portal.deployment as deployments
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.current as current

BLUEPRINT: Final = quart.Blueprint("pages", __name__, template_folder="templates")


@BLUEPRINT.get("/")
async def get_index() -> str:
    current.world().portal.advance()
    return await _page()


@BLUEPRINT.post("/deployments/<deployment_id>/publish")
async def post_publish(deployment_id: str) -> quart.ResponseReturnValue:
    """Publish a deployment, for a person who presses Publish."""
    knobs.turn(current.world().portal, deployment_id, "publish-by-hand", {})
    return quart.redirect("/", 303)


@BLUEPRINT.post("/deployments/<deployment_id>/drop")
async def post_drop(deployment_id: str) -> quart.ResponseReturnValue:
    """Drop a deployment, for a person who presses Drop."""
    portal = current.world().portal
    if deployment_id not in portal.deployments:
        raise errors.NotFoundError("This deployment is gone.")
    portal.drop(portal.deployments[deployment_id], by_hand=True)
    return quart.redirect("/", 303)


@BLUEPRINT.get("/style.css")
async def get_style() -> quart.Response:
    return quart.Response(await quart.render_template("style.css"), content_type="text/css")


@BLUEPRINT.get("/icon.svg")
async def get_icon() -> quart.Response:
    return quart.Response(await quart.render_template("icon.svg"), content_type="image/svg+xml")


@BLUEPRINT.errorhandler(errors.AtrError)
async def cannot(error: errors.AtrError) -> tuple[str, int]:
    return await _page(str(error)), 404 if isinstance(error, errors.NotFoundError) else 409


async def _page(notice: str = "") -> str:
    """Return the page, with a sentence about an error."""
    return await quart.render_template(
        "portal.html",
        deployments=list(reversed(current.world().portal.deployments.values())),
        publishable=deployments.State.VALIDATED,
        droppable=portals.DROPPABLE,
        notice=notice,
    )
