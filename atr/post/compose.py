# SPDX-License-Identifier: Apache-2.0
"""Remove or rename a file or a folder of the newest revision."""

import quart

import atr.errors as errors
import atr.models.compose_forms as compose_forms
import atr.models.forms as forms
import atr.pages.compose as compose
import atr.storage.changes as changes
import atr.web as web

BLUEPRINT = quart.Blueprint("post_compose", __name__)


@BLUEPRINT.post("/compose/change/<project_key>/<version_key>")
async def change_selected(project_key: str, version_key: str) -> web.Answer:
    """URL: /compose/change/<project_key>/<version_key>."""
    site, who = web.site(), web.asf_uid()
    given = await web.form()
    async with site.storage.write_as_project_committee_participant(project_key, who):
        form = compose_forms.ChangeForm.parse(given)
    try:
        made = await site.storage.revise(
            project_key, version_key, who, _change(form), seen=form.seen, description=_described(form)
        )
    except errors.InputError as error:
        # The page keeps the typed values, with the errors next to them.
        view = await web.view_of(project_key, version_key, compose.change, form.path)
        problems = error.problems if isinstance(error, forms.FormError) else {"to": str(error)}
        html = await web.render("compose/change.html", view=view, values=given, field_errors=problems)
        return html, 422
    said = f"Revision {made.number} is made." if made.is_new else "Nothing changed."
    return web.redirect("get.compose.selected", success=said)


def _change(form: compose_forms.ChangeForm) -> changes.Change:
    if form.act == "remove":
        return changes.Change(removed=(form.path,))
    return changes.Change(renamed=((form.path, form.to.strip().strip("/")),))


def _described(form: compose_forms.ChangeForm) -> str:
    return f"Removed {form.path}" if form.act == "remove" else f"Renamed {form.path} to {form.to.strip().strip('/')}"
