# SPDX-License-Identifier: Apache-2.0
"""The finish page of a release, and one row of it."""

import quart

import atr.models.paging as paging
import atr.pages.finish as finish
import atr.web as web

BLUEPRINT = quart.Blueprint("get_finish", __name__)


@BLUEPRINT.get("/finish/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /finish/<project_key>/<version_key>?page=<number>&q=<part of a name>."""
    view = await web.view_of(project_key, version_key, finish.page, paging.Asked.of(quart.request.args))
    return await web.render("finish.html", view=view)


@BLUEPRINT.get("/finish/<project_key>/<version_key>/row/<row_key>")
async def row(project_key: str, version_key: str, row_key: str) -> quart.Response:
    """URL: /finish/<project_key>/<version_key>/row/<row_key>; 204 while the page is up to date (`?have=`)."""
    view = await web.view_of(project_key, version_key, finish.row, row_key)
    return await web.fragment("finish/row.html", view.etag, row=view)
