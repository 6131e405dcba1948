# SPDX-License-Identifier: Apache-2.0
"""The panel of pre-flight checks alone, which a page polls while the checks run."""

import quart

import atr.pages.readiness as readiness
import atr.web as web

BLUEPRINT = quart.Blueprint("get_readiness", __name__)


@BLUEPRINT.get("/readiness/<project_key>/<version_key>")
async def panel(project_key: str, version_key: str) -> quart.Response:
    """URL: /readiness/<project_key>/<version_key>; 204 while the page is up to date (`?have=`)."""
    view = await web.view_of(project_key, version_key, readiness.of)
    home = web.as_url("get.finish.selected", project_key=project_key, version_key=version_key)
    return await web.fragment("readiness.html", view.etag, panel=view, home=web.referring_path(home))
