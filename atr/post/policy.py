# SPDX-License-Identifier: Apache-2.0
"""Change a project's policy, or try patterns, which changes nothing."""

import asyncio
from collections.abc import Mapping

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.models.policy_forms as policy_forms
import atr.pages.policy as policy
import atr.web as web

BLUEPRINT = quart.Blueprint("post_policy", __name__)


@BLUEPRINT.post("/policy/<project_key>")
async def selected(project_key: str) -> web.Answer:
    """URL: /policy/<project_key>. 409, with both versions, if it was changed in the meantime."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_project_release_manager(project_key, web.asf_uid()) as manager:
            form = policy_forms.policy(given)
            is_change = await manager.policy.edit(
                project_key,
                file_tag_mappings=form.file_tag_mappings,
                remote_promotion=form.remote_promotion,
                min_hours=form.min_hours,
                keep_copies=form.keep_copies,
                seen=form.seen,
            )
    except forms.FormError as error:
        return await _again(project_key, given, 422, field_errors=error.problems)
    except errors.ConflictError as error:
        return await _again(project_key, given, 409, moved=str(error))
    return web.redirect(
        "get.policy.selected",
        success="Policy saved. It applies from now on." if is_change else "Nothing to save: the policy is unchanged.",
    )


@BLUEPRINT.post("/policy/<project_key>/try")
async def trial(project_key: str) -> web.Answer:
    """URL: /policy/<project_key>/try. The whole page again, or with `fragment` only the result."""
    given = await web.form()
    mappings, problems = policy_forms.mapped_by(given)
    usable = {slug: patterns for slug, patterns in mappings.items() if f"mapping_{slug}" not in problems}
    async with web.site().storage.read(web.asf_uid()) as read:
        case = await policy.trial_case(read, project_key, given.get("release", ""), usable)
        view = await policy.page(read, project_key)
    result = await asyncio.to_thread(policy.tried, case)
    template = "policy/trial.html" if "fragment" in given else "policy.html"
    html = await web.render(template, view=view, trial=result, values=given, field_errors=problems, moved="")
    return html, 200


async def _again(
    project_key: str,
    given: dict[str, str],
    status: int,
    *,
    field_errors: Mapping[str, str] | None = None,
    moved: str = "",
) -> web.Answer:
    """Return the page with the typed values and the newest policy's digest, so that sending it again replaces that."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await policy.page(read, project_key)
        case = await policy.trial_case(read, project_key, "")
    result = await asyncio.to_thread(policy.tried, case)
    html = await web.render(
        "policy.html", view=view, trial=result, values=given, field_errors=field_errors or {}, moved=moved
    )
    return html, status
