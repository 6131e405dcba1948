# SPDX-License-Identifier: Apache-2.0
"""The pages on which a release is started."""

import quart

import atr.pages.compose as compose
import atr.web as web

BLUEPRINT = quart.Blueprint("get_start", __name__)


@BLUEPRINT.get("/start")
@web.sign_in_required
async def listing() -> str:
    """URL: /start."""
    view = await web.view(compose.startable)
    return await web.render("start/list.html", view=view)


@BLUEPRINT.get("/start/<project_key>")
@web.sign_in_required
async def selected(project_key: str) -> str:
    """URL: /start/<project_key>."""
    view = await web.view(compose.start, project_key)
    return await web.render("start/selected.html", view=view)
