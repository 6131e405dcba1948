# SPDX-License-Identifier: Apache-2.0
"""Start a release."""

import quart

import atr.errors as errors
import atr.models.compose_forms as compose_forms
import atr.models.forms as forms
import atr.pages.compose as compose
import atr.refusals as refusals
import atr.web as web

BLUEPRINT = quart.Blueprint("post_start", __name__)


@BLUEPRINT.post("/start/<project_key>")
async def selected(project_key: str) -> web.Answer:
    """URL: /start/<project_key>."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_committee_participant(project_key, web.asf_uid()) as participant:
            form = compose_forms.StartForm.parse(given)
            await participant.release.start(project_key, form.version, expedited=bool(form.expedited))
    except (errors.InputError, errors.ConflictError) as error:
        # The page keeps the typed values, with the errors next to them.
        view = await web.view(compose.start, project_key)
        problems = error.problems if isinstance(error, forms.FormError) else {"version": str(error)}
        html = await web.render("start/selected.html", view=view, values=given, field_errors=problems)
        return html, refusals.status(error)
    return web.redirect(
        "get.compose.selected",
        success=f"{form.version} is started. Upload its files.",
        version_key=form.version,
    )
