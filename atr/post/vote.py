# SPDX-License-Identifier: Apache-2.0
"""Cast a vote."""

import functools

import quart
import werkzeug.wrappers

import atr.errors as errors
import atr.models.forms as forms
import atr.models.letters as letters
import atr.models.sql as sql
import atr.storage.readers.releases as releases
import atr.storage.readers.vote as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("post_vote", __name__)
Answer = werkzeug.wrappers.Response | tuple[str, int]


@BLUEPRINT.post("/vote/<project_key>/<version_key>")
async def selected_post(project_key: str, version_key: str) -> Answer:
    """URL: /vote/<project_key>/<version_key>."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_participant(project_key, web.asf_uid()) as participant:
            form = forms.CastForm.parse(given)
            await participant.vote.cast(
                sql.release_key(project_key, version_key),
                sql.VoteChoice(form.choice),
                form.comment,
                vote_seq=form.vote_seq,
                ballot_digest=form.ballot_digest,
            )
    except (errors.InputError, errors.ConflictError) as error:
        return await _again(project_key, version_key, given, error)
    return web.redirect(
        "get.vote.selected",
        success=f"You voted {form.choice}. You can change it while the vote is open.",
        project_key=project_key,
        version_key=version_key,
    )


async def _again(project_key: str, version_key: str, given: dict[str, str], error: errors.AtrError) -> Answer:
    """The vote as it is now, with what was wrong and what was typed."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await votes.newest(read, await releases.key(read, project_key, version_key))
    where = {"project_key": project_key, "version_key": version_key, "_external": True}
    page = web.as_url("get.vote.selected", **where)
    html = await web.render(
        "vote.html",
        view=view,
        letter=letters.for_vote(view, page=page, address=functools.partial(web.as_url, "get.repository.root", **where)),
        values=given,
        field_errors=forms.problems(error),
    )
    return html, 422 if isinstance(error, errors.InputError) else 409
