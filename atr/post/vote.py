# SPDX-License-Identifier: Apache-2.0
"""Cast a vote."""

import functools

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.letters as letters
import atr.pages.vote as votes
import atr.web as web

BLUEPRINT = quart.Blueprint("post_vote", __name__)


@BLUEPRINT.post("/vote/<project_key>/<version_key>")
async def selected_post(project_key: str, version_key: str) -> web.Answer:
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
        view = await web.view_of(project_key, version_key, votes.newest)
        repository = functools.partial(web.external_url, "get.repository.root")
        letter = letters.for_vote(view, page=web.external_url("get.vote.selected"), address=repository)
        return await web.refused("vote.html", error, given, view=view, letter=letter)
    return web.redirect(
        "get.vote.selected",
        success=f"You voted {form.choice}. You can change it while the vote is open.",
    )
