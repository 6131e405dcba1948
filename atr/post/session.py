# SPDX-License-Identifier: Apache-2.0
"""Sign in and out."""

import quart
import werkzeug.wrappers

import atr.identity.contract as identity
import atr.identity.session as session
import atr.pages.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("post_session", __name__)


@BLUEPRINT.post("/sign-in")
async def sign_in_selected() -> werkzeug.wrappers.Response:
    """URL: /sign-in."""
    site = web.site()
    form = await web.form()
    async with site.storage.read() as read:
        people = [identity.Account(*one) for one in await releases.people(read)]
    who = await site.identity.who(form, people)
    target = web.local_path(form.get("return_to", ""))
    session.sign_in(who)
    return quart.redirect(target, 303)


@BLUEPRINT.post("/sign-out")
async def sign_out() -> werkzeug.wrappers.Response:
    """URL: /sign-out."""
    session.sign_out()
    return web.redirect("get.releases.listing", success="You are signed out.")
