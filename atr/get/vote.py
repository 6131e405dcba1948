# SPDX-License-Identifier: Apache-2.0
"""The newest vote on a release, open or over."""

import functools

import quart

import atr.models.letters as letters
import atr.storage.readers.releases as releases
import atr.storage.readers.vote as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("get_vote", __name__)


@BLUEPRINT.get("/vote/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /vote/<project_key>/<version_key>."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await votes.newest(read, await releases.key(read, project_key, version_key))
    where = {"project_key": project_key, "version_key": version_key, "_external": True}
    page = web.as_url("get.vote.selected", **where)
    letter = letters.for_vote(view, page=page, address=functools.partial(web.as_url, "get.repository.root", **where))
    return await web.render("vote.html", view=view, letter=letter, values={}, field_errors={})


@BLUEPRINT.get("/vote/<project_key>/<version_key>/count")
async def count(project_key: str, version_key: str) -> quart.Response:
    """URL: /vote/<project_key>/<version_key>/count; 204 while it is as the page has it (`?have=`)."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await votes.counted(read, await releases.key(read, project_key, version_key))
    if quart.request.args.get("have") == view.etag:
        return quart.Response("", 204)
    return quart.Response(await web.render("vote/count.html", view=view))
