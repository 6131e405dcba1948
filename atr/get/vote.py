# SPDX-License-Identifier: Apache-2.0
"""The newest vote on a release, open or over."""

import functools

import quart

import atr.pages.letters as letters
import atr.pages.vote as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("get_vote", __name__)


@BLUEPRINT.get("/vote/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> str:
    """URL: /vote/<project_key>/<version_key>."""
    view = await web.view_of(project_key, version_key, votes.newest)
    repository = functools.partial(web.external_url, "get.repository.root")
    letter = letters.for_vote(view, page=web.external_url("get.vote.selected"), address=repository)
    return await web.render("vote.html", view=view, letter=letter)


@BLUEPRINT.get("/vote/<project_key>/<version_key>/count")
async def count(project_key: str, version_key: str) -> quart.Response:
    """URL: /vote/<project_key>/<version_key>/count; 204 while the page is up to date (`?have=`)."""
    view = await web.view_of(project_key, version_key, votes.counted)
    return await web.fragment("vote/count.html", view.etag, view=view)
