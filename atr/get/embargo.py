# SPDX-License-Identifier: Apache-2.0
"""The page on which the embargo of a release is lifted."""

import quart

import atr.pages.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("get_embargo", __name__)


@BLUEPRINT.get("/embargo/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /embargo/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, releases.lifting)
    return await web.render("embargo.html", view=view)
