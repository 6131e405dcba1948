# SPDX-License-Identifier: Apache-2.0
"""Lift the embargo of a release."""

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.sql as sql
import atr.pages.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("post_embargo", __name__)


@BLUEPRINT.post("/embargo/<project_key>/<version_key>")
async def selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /embargo/<project_key>/<version_key>."""
    web.demand_fresh()
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_member(project_key, web.asf_uid()) as member:
            form = forms.LiftForm.parse(given)
            await member.announce.lift_embargo(sql.release_key(project_key, version_key), form.reason)
    except (errors.InputError, errors.ConflictError) as error:
        view = await web.view_of(project_key, version_key, releases.lifting)
        return await web.refused("embargo.html", error, given, view=view)
    return web.redirect(
        "get.embargo.selected",
        success="The embargo is lifted. The release can now be staged, searched for, served and promoted.",
    )
