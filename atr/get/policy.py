# SPDX-License-Identifier: Apache-2.0
"""The policy of a project, and a trial of its mapping with the files of a revision."""

import asyncio

import quart

import atr.pages.policy as policy
import atr.web as web

BLUEPRINT = quart.Blueprint("get_policy", __name__)


@BLUEPRINT.get("/policy/<project_key>")
async def selected(project_key: str) -> str:
    """URL: /policy/<project_key>?release=<version>; the saved mapping is tried with that release."""
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await policy.page(read, project_key)
        case = await policy.trial_case(read, project_key, quart.request.args.get("release", ""))
    trial = await asyncio.to_thread(policy.tried, case)
    return await web.render("policy.html", view=view, trial=trial, values=None, field_errors={}, moved="")
