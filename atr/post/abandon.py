# SPDX-License-Identifier: Apache-2.0
"""Abandon a candidate before its first publish request."""

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.resolution as resolution
import atr.web as web

BLUEPRINT = quart.Blueprint("post_abandon", __name__)


@BLUEPRINT.post("/abandon/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /abandon/<project_key>/<version_key>."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = forms.AbandonForm.parse(given)
            await manager.vote_resolution.abandon(
                sql.release_key(project_key, version_key), form.reason, vote_seq=form.vote_seq
            )
    except (errors.InputError, errors.ConflictError) as error:
        view = await web.view_of(project_key, version_key, resolution.abandon)
        return await web.refused("abandon.html", error, given, view=view)
    return web.redirect(
        "get.voting.selected",
        success=(
            f"Candidate {form.vote_seq} is abandoned; no publish request was sent. The release is in Compose again. "
            "The state of its staged deployments is being checked."
        ),
    )
