# SPDX-License-Identifier: Apache-2.0
"""Resolve a vote: passed or failed."""

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.letters as letters
import atr.pages.resolution as resolution
import atr.storage.ballots as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("post_resolve", __name__)


@BLUEPRINT.post("/resolve/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /resolve/<project_key>/<version_key>."""
    given = await web.form()
    try:
        form = forms.ResolveForm.parse(given)
        await _resolve(project_key, sql.release_key(project_key, version_key), form)
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        view = await web.view_of(project_key, version_key, resolution.resolve)
        letter = letters.result(view.vote, page=web.external_url("get.vote.selected"))
        return await web.refused("resolve.html", error, given, view=view, letter=letter)
    if form.act == "passed":
        return web.redirect(
            "get.finish.selected",
            success="The vote has passed. The vote's page has the result email; send it to the mailing list.",
        )
    return web.redirect(
        "get.voting.selected",
        success="The vote has failed, and the release is in Compose again. The vote's page has the result email; "
        "send it to the mailing list. Staged deployments remain until they are dropped.",
    )


async def _resolve(project_key: str, release_key: str, form: forms.ResolveForm) -> None:
    store, who = web.site().storage, web.asf_uid()
    seen = votes.Tally(form.plus, form.minus)
    async with store.write_as_project_release_manager(project_key, who) as manager:
        if form.act == "failed":
            await manager.vote_resolution.resolve_failed(release_key, form.reason, vote_seq=form.vote_seq, seen=seen)
        else:
            await manager.vote_resolution.resolve_passed(release_key, vote_seq=form.vote_seq, seen=seen)
