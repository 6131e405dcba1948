# SPDX-License-Identifier: Apache-2.0
"""The revisions of a release, and two of them compared."""

import quart

import atr.storage.readers.releases as releases
import atr.storage.readers.revisions as revisions
import atr.web as web

BLUEPRINT = quart.Blueprint("get_revisions", __name__)


@BLUEPRINT.get("/revisions/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /revisions/<project_key>/<version_key>?from=<number>&to=<number>."""
    asked = quart.request.args
    async with web.site().storage.read(web.asf_uid()) as read:
        release_key = await releases.key(read, project_key, version_key)
        view = await revisions.page(read, release_key, earlier=asked.get("from", ""), later=asked.get("to", ""))
    return await web.render("revisions.html", view=view)
