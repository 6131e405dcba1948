# SPDX-License-Identifier: Apache-2.0
"""Run the pre-flight checks of a release."""

import quart
import werkzeug.wrappers

import atr.models.sql as sql
import atr.web as web

BLUEPRINT = quart.Blueprint("post_readiness", __name__)


@BLUEPRINT.post("/readiness/<project_key>/<version_key>")
async def check_now(project_key: str, version_key: str) -> werkzeug.wrappers.Response:
    """URL: /readiness/<project_key>/<version_key>. Redirects to `return_to`."""
    given = await web.form()
    async with web.site().storage.write_as_project_committee_participant(project_key, web.asf_uid()) as participant:
        await participant.readiness.check_now(sql.release_key(project_key, version_key))
    return web.lead_back(given.get("return_to", ""), success="Checks are running. The results appear here.")
