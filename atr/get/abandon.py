# SPDX-License-Identifier: Apache-2.0
"""The page on which a candidate is abandoned."""

import quart

import atr.pages.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_abandon", __name__)


@BLUEPRINT.get("/abandon/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /abandon/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, resolution.abandon)
    return await web.render("abandon.html", view=view)
