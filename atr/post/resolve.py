# SPDX-License-Identifier: Apache-2.0
"""Resolve a vote: passed or failed."""

import quart
import werkzeug.wrappers

import atr.errors as errors
import atr.models.forms as forms
import atr.models.letters as letters
import atr.models.sql as sql
import atr.storage.readers.releases as releases
import atr.storage.readers.resolution as resolution
import atr.storage.votes as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("post_resolve", __name__)
Answer = werkzeug.wrappers.Response | tuple[str, int]


@BLUEPRINT.post("/resolve/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> Answer:
    """URL: /resolve/<project_key>/<version_key>."""
    given = await web.form()
    try:
        form = forms.ResolveForm.parse(given)
        await _resolve(project_key, sql.release_key(project_key, version_key), form)
    except (errors.InputError, errors.BlockedError, errors.ConflictError) as error:
        return await _again(project_key, version_key, given, error)
    where = {"project_key": project_key, "version_key": version_key}
    if form.act == "passed":
        return web.redirect(
            "get.finish.selected",
            success="The vote has passed. The vote's page has the result email; send it to the mailing list.",
            **where,
        )
    return web.redirect(
        "get.voting.selected",
        success="The vote has failed, and the release is in Compose again. The vote's page has the result email; "
        "send it to the mailing list. Staged deployments remain until they are dropped.",
        **where,
    )


async def _resolve(project_key: str, release_key: str, form: forms.ResolveForm) -> None:
    store, who = web.site().storage, web.asf_uid()
    seen = votes.Tally(form.plus, form.minus)
    async with store.write_as_project_release_manager(project_key, who) as manager:
        if form.act == "failed":
            await manager.vote_resolution.resolve_failed(release_key, form.reason, vote_seq=form.vote_seq, seen=seen)
        else:
            await manager.vote_resolution.resolve_passed(release_key, vote_seq=form.vote_seq, seen=seen)


async def _again(project_key: str, version_key: str, given: dict[str, str], error: errors.AtrError) -> Answer:
    """The vote as it is now, with what was wrong and what was typed."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await resolution.resolve(read, await releases.key(read, project_key, version_key))
    page = web.as_url("get.vote.selected", project_key=project_key, version_key=version_key, _external=True)
    html = await web.render(
        "resolve.html",
        view=view,
        letter=letters.result(view.vote, page=page),
        values=given,
        field_errors=forms.problems(error),
    )
    return html, 422 if isinstance(error, errors.InputError) else 409
