# SPDX-License-Identifier: Apache-2.0
"""Where a release is marked as announced."""

import quart

import atr.models.letters as letters
import atr.storage.readers.releases as releases
import atr.storage.readers.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_announce", __name__)


@BLUEPRINT.get("/announce/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /announce/<project_key>/<version_key>."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await resolution.announce(read, await releases.key(read, project_key, version_key))
    page = web.as_url("get.vote.selected", project_key=project_key, version_key=version_key, _external=True)
    letter = letters.announcement(view, page=page)
    return await web.render("announce.html", view=view, letter=letter, values={}, field_errors={})
