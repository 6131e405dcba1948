# SPDX-License-Identifier: Apache-2.0
"""Where a release is started."""

import quart
import werkzeug.wrappers

import atr.storage.readers.compose as compose
import atr.web as web

BLUEPRINT = quart.Blueprint("get_start", __name__)
Page = str | werkzeug.wrappers.Response


@BLUEPRINT.get("/start")
async def listing() -> Page:
    """URL: /start."""
    if not web.asf_uid():
        return web.sign_in_first()
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await compose.startable(read)
    return await web.render("start/list.html", view=view)


@BLUEPRINT.get("/start/<project_key>")
async def selected(project_key: str) -> Page:
    """URL: /start/<project_key>."""
    if not web.asf_uid():
        return web.sign_in_first()
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await compose.start(read, project_key)
    return await web.render("start/selected.html", view=view, values={}, field_errors={})
