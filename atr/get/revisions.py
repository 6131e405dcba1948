# SPDX-License-Identifier: Apache-2.0
"""The revisions of a release, and two of them compared."""

import quart

import atr.pages.revisions as revisions
import atr.web as web

BLUEPRINT = quart.Blueprint("get_revisions", __name__)


@BLUEPRINT.get("/revisions/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /revisions/<project_key>/<version_key>?from=<number>&to=<number>."""
    asked = quart.request.args
    compared = {"earlier": asked.get("from", ""), "later": asked.get("to", "")}
    view = await web.view_of(project_key, version_key, revisions.page, **compared)
    return await web.render("revisions.html", view=view)
