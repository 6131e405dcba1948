# SPDX-License-Identifier: Apache-2.0
"""The page on which a release is marked as announced."""

import quart

import atr.pages.letters as letters
import atr.pages.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_announce", __name__)


@BLUEPRINT.get("/announce/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /announce/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, resolution.announce)
    letter = letters.announcement(view, page=web.external_url("get.vote.selected"))
    return await web.render("announce.html", view=view, letter=letter)
