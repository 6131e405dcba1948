# SPDX-License-Identifier: Apache-2.0
"""Where a candidate is taken back."""

import quart

import atr.storage.readers.releases as releases
import atr.storage.readers.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("get_abandon", __name__)


@BLUEPRINT.get("/abandon/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /abandon/<project_key>/<version_key>."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await resolution.abandon(read, await releases.key(read, project_key, version_key))
    return await web.render("abandon.html", view=view, values={}, field_errors={})
