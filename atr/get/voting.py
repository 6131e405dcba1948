# SPDX-License-Identifier: Apache-2.0
"""The ballot before a vote opens."""

import quart

import atr.models.letters as letters
import atr.storage.readers.releases as releases
import atr.storage.readers.vote as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("get_voting", __name__)


@BLUEPRINT.get("/voting/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /voting/<project_key>/<version_key>."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await votes.voting(read, await releases.key(read, project_key, version_key))
    page = web.as_url("get.vote.selected", project_key=project_key, version_key=version_key, _external=True)
    letter = letters.call_for_votes(view, page=page)
    return await web.render("voting.html", view=view, letter=letter, values={}, field_errors={})
