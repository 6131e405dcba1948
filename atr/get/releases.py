# SPDX-License-Identifier: Apache-2.0
"""The list of releases."""

import quart

import atr.models.paging as paging
import atr.pages.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("get_releases", __name__)


@BLUEPRINT.get("/releases")
async def listing() -> str:
    """URL: /releases?page=<number>&q=<part of a name>."""
    view = await web.view(releases.listing, paging.Asked.of(quart.request.args))
    return await web.render("releases.html", view=view)
