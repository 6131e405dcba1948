# SPDX-License-Identifier: Apache-2.0
"""The finish page of a release, and one row of it."""

import quart

import atr.models.paging as paging
import atr.storage.readers.finish as finish
import atr.storage.readers.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("get_finish", __name__)


@BLUEPRINT.get("/finish/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /finish/<project_key>/<version_key>?page=<number>&q=<part of a name>."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await finish.page(
            read, await releases.key(read, project_key, version_key), paging.Asked.of(quart.request.args)
        )
    return await web.render("finish.html", view=view)


@BLUEPRINT.get("/finish/<project_key>/<version_key>/row/<row_key>")
async def row(project_key: str, version_key: str, row_key: str) -> quart.Response:
    """URL: /finish/<project_key>/<version_key>/row/<row_key>; 204 while it is as the page has it (`?have=`)."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await finish.row(read, await releases.key(read, project_key, version_key), row_key)
    if quart.request.args.get("have") == view.etag:
        return quart.Response("", 204)
    return quart.Response(await web.render("finish/row.html", row=view))
