# SPDX-License-Identifier: Apache-2.0
"""The pages of foundation admins: stuck rows, and switches."""

import quart

import atr.models.paging as paging
import atr.pages.stuck as stuck_rows
import atr.pages.switches as switch_rows
import atr.web as web

BLUEPRINT = quart.Blueprint("get_admin", __name__)


@BLUEPRINT.get("/admin/stuck")
@web.sign_in_required
async def stuck() -> str:
    """URL: /admin/stuck?page=<number>&q=<part of a name>."""
    view = await web.view(stuck_rows.page, paging.Asked.of(quart.request.args))
    return await web.render("admin/stuck.html", view=view)


@BLUEPRINT.get("/admin/switches")
@web.sign_in_required
async def switches() -> str:
    """URL: /admin/switches."""
    view = await web.view(switch_rows.page)
    return await web.render("admin/switches.html", view=view)
