# SPDX-License-Identifier: Apache-2.0
"""The pages of those who run the site: what is stuck, and what is switched off."""

import quart
import werkzeug.wrappers

import atr.models.paging as paging
import atr.storage.readers.stuck as stuck_rows
import atr.storage.readers.switches as switch_rows
import atr.web as web

BLUEPRINT = quart.Blueprint("get_admin", __name__)
Page = str | werkzeug.wrappers.Response


@BLUEPRINT.get("/admin/stuck")
async def stuck() -> Page:
    """URL: /admin/stuck?page=<number>&q=<part of a name>."""
    if not web.asf_uid():
        return web.sign_in_first()
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await stuck_rows.page(read, paging.Asked.of(quart.request.args))
    return await web.render("admin/stuck.html", view=view)


@BLUEPRINT.get("/admin/switches")
async def switches() -> Page:
    """URL: /admin/switches."""
    if not web.asf_uid():
        return web.sign_in_first()
    async with web.site().storage.read(web.asf_uid()) as read:
        view = await switch_rows.page(read)
    return await web.render("admin/switches.html", view=view, values={}, field_errors={})
