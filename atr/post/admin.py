# SPDX-License-Identifier: Apache-2.0
"""Switch a platform off, or all platforms, and on again."""

import quart

import atr.errors as errors
import atr.models.forms as forms
import atr.pages.switches as switch_rows
import atr.web as web

BLUEPRINT = quart.Blueprint("post_admin", __name__)


@BLUEPRINT.post("/admin/switches")
async def switches() -> web.Answer:
    """URL: /admin/switches. A switch applies to every mark from that instant on."""
    given = await web.form()
    try:
        async with web.site().storage.write_as_foundation_admin(web.asf_uid()) as admin:
            form = forms.SwitchForm.parse(given)
            turn = admin.switches.switch_off if (form.to == "off") else admin.switches.switch_on
            is_change = await turn(form.scope, form.reason)
    except errors.InputError as error:
        return await web.refused("admin/switches.html", error, given, view=await web.view(switch_rows.page))
    said = f"It is {form.to} from now on." if is_change else f"It was {form.to} already."
    return web.redirect("get.admin.switches", success=said)
