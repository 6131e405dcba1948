# SPDX-License-Identifier: Apache-2.0
"""The compose page of a release, and the page on which one of its files is changed."""

import quart

import atr.models.paging as paging
import atr.pages.compose as compose
import atr.web as web

BLUEPRINT = quart.Blueprint("get_compose", __name__)
# The longest text that can be searched for in the paths.
_MAX_QUERY = 200


@BLUEPRINT.get("/compose/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /compose/<project_key>/<version_key>?folder=<path>&q=<text>&page=<number>."""
    asked = quart.request.args
    view = await web.view_of(
        project_key,
        version_key,
        compose.page,
        folder=asked.get("folder", "").strip("/"),
        query=asked.get("q", "").strip()[:_MAX_QUERY],
        asked=paging.Asked(paging.number(asked.get("page", ""), otherwise=1)),
    )
    return await web.render("compose/selected.html", view=view, max_upload=web.site().max_upload, upload_problems=None)


@BLUEPRINT.get("/compose/change/<project_key>/<version_key>")
@web.sign_in_required
async def change(project_key: str, version_key: str) -> str:
    """URL: /compose/change/<project_key>/<version_key>?path=<path of a file or a folder>."""
    view = await web.view_of(project_key, version_key, compose.change, quart.request.args.get("path", ""))
    return await web.render("compose/change.html", view=view)
