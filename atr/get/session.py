# SPDX-License-Identifier: Apache-2.0
"""The sign-in page."""

import quart

import atr.identity.contract as identity
import atr.pages.releases as releases
import atr.web as web

BLUEPRINT = quart.Blueprint("get_session", __name__)


@BLUEPRINT.get("/sign-in")
async def sign_in() -> str:
    """URL: /sign-in."""
    site = web.site()
    async with site.storage.read() as read:
        people = [identity.Account(*one) for one in await releases.people(read)]
    choices = [(account.asf_uid, account.sentence) for account in await site.identity.choices(people)]
    return_to = web.local_path(quart.request.args.get("return_to", ""))
    return await web.render("sign_in.html", choices=choices, return_to=return_to)
