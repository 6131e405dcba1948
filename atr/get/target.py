# SPDX-License-Identifier: Apache-2.0
"""The namespaces of projects on platforms."""

import quart

import atr.pages.targets as targets
import atr.web as web

BLUEPRINT = quart.Blueprint("get_target", __name__)


@BLUEPRINT.get("/targets")
async def listing() -> str:
    """URL: /targets."""
    view = await web.view(targets.listing)
    return await web.render("targets.html", view=view)


@BLUEPRINT.get("/target/<project_key>")
async def selected(project_key: str) -> str:
    """URL: /target/<project_key>."""
    view = await web.view(targets.page, project_key)
    return await web.render("target.html", view=view, values=None, field_errors={}, moved="", outside=())
