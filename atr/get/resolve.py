# SPDX-License-Identifier: Apache-2.0
"""The page on which an open vote is resolved."""

import quart

import atr.pages.letters as letters
import atr.pages.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_resolve", __name__)


@BLUEPRINT.get("/resolve/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /resolve/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, resolution.resolve)
    letter = letters.result(view.vote, page=web.external_url("get.vote.selected"))
    return await web.render("resolve.html", view=view, letter=letter)
