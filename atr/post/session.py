# SPDX-License-Identifier: Apache-2.0
"""Sign in, sign out, and end one's own sessions in other browsers."""

import logging

import quart
import werkzeug.wrappers

import atr.identity.contract as identity
import atr.pages.releases as releases
import atr.sessions as sessions
import atr.web as web

_LOG = logging.getLogger(__name__)
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
    return await sessions.begin(quart.redirect(target, 303), who)


@BLUEPRINT.post("/sign-out")
async def sign_out() -> werkzeug.wrappers.Response:
    """URL: /sign-out."""
    return await sessions.end(web.redirect("get.releases.listing", success="You are signed out."))


@BLUEPRINT.post("/sessions")
async def listing() -> werkzeug.wrappers.Response:
    """URL: /sessions: end one session of one's own, or all but this one."""
    given, here = await web.form(), sessions.current()
    async with web.site().storage.write(web.asf_uid()) as write:
        own = write.as_foundation_committer().sessions
        if given.get("others") and here:
            ended = await own.revoke_others(here.sid_hash)
        else:
            ended = await own.revoke(given.get("session", ""))
    if ended:
        _LOG.info(
            "%s ended sessions: %d", web.asf_uid(), ended, extra={"action": "session_ended", "actor": web.asf_uid()}
        )
    return web.redirect("get.session.listing", success="The session is ended.")
