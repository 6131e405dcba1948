# SPDX-License-Identifier: Apache-2.0
"""Set the namespaces of a project on a platform."""

from collections.abc import Mapping

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.policy_forms as policy_forms
import atr.pages.targets as targets
import atr.web as web

BLUEPRINT = quart.Blueprint("post_target", __name__)


@BLUEPRINT.post("/target/<project_key>")
async def selected(project_key: str) -> web.Answer:
    """URL: /target/<project_key>. 409 after another change, or if something would be outside unconfirmed."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_foundation_admin(web.asf_uid()) as admin:
            form = policy_forms.target(given)
            is_change = await admin.policy.set_target(
                project_key,
                form.platform,
                namespaces=form.namespaces,
                source=form.source,
                target=form.target,
                seen=form.seen,
                outside_is_meant=form.outside_is_meant,
            )
    except (errors.InputError, errors.UnsupportedError, errors.BlockedError, errors.ConflictError) as error:
        return await _again(project_key, given, error)
    return web.redirect(
        "get.target.selected",
        success="Namespaces saved. They apply from now on."
        if is_change
        else "Nothing to save: the namespaces are unchanged.",
    )


async def _again(project_key: str, given: dict[str, str], error: errors.AtrError) -> web.Answer:
    problems: Mapping[str, str] = {}
    if isinstance(error, forms.FormError):
        problems = error.problems
    elif isinstance(error, errors.InputError | errors.UnsupportedError):
        problems = {getattr(error, "field", "platform"): str(error)}
    html = await web.render(
        "target.html",
        view=await web.view(targets.page, project_key),
        values=given,
        field_errors=problems,
        moved=str(error) if isinstance(error, errors.ConflictError) else "",
        outside=error.reasons if isinstance(error, errors.BlockedError) else (),
    )
    return html, 422 if problems else 409
