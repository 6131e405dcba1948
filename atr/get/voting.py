# SPDX-License-Identifier: Apache-2.0
"""The ballot before a vote opens."""

import quart

import atr.pages.letters as letters
import atr.pages.voting as voting
import atr.web as web

BLUEPRINT = quart.Blueprint("get_voting", __name__)


@BLUEPRINT.get("/voting/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /voting/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, voting.voting)
    letter = letters.call_for_votes(view, page=web.external_url("get.vote.selected"))
    return await web.render("voting.html", view=view, letter=letter)
