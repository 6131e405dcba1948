# SPDX-License-Identifier: Apache-2.0
"""Sign-in, and the list of a person's own sessions."""

import quart
import werkzeug.wrappers

import atr.errors as errors
import atr.identity.contract as identity
import atr.pages.releases as releases
import atr.sessions as sessions
import atr.storage.readers.sessions as signed_in
import atr.web as web

BLUEPRINT = quart.Blueprint("get_session", __name__)


@BLUEPRINT.get("/sign-in")
async def sign_in() -> str:
    """URL: /sign-in."""
    site = web.site()
    async with site.storage.read() as read:
        people = [identity.Account(*one) for one in await releases.people(read)]
    provider, again = site.provider, quart.request.args.get("again", "") == "yes"
    choices = [(account.asf_uid, account.sentence) for account in await site.identity.choices(people)]
    return_to = web.local_path(quart.request.args.get("return_to", ""))
    return await web.render(
        "sign_in.html",
        choices=choices,
        return_to=return_to,
        provider=provider.name if provider else "",
        again="yes" if again else "",
    )


@BLUEPRINT.get("/sign-in/begin")
async def begin() -> werkzeug.wrappers.Response:
    """URL: /sign-in/begin: reached by a link, since the CSP forbids a form that leads to another site."""
    args = quart.request.args
    begun = await _provider().begin(_back(), again=args.get("again", "") == "yes")
    kept = {**begun.kept, "return_to": web.local_path(args.get("return_to", ""))}
    return sessions.keep(quart.redirect(begun.address, 303), kept)


@BLUEPRINT.get("/sign-in/return")
async def finish() -> werkzeug.wrappers.Response:
    """URL: /sign-in/return: the address to which the provider redirects."""
    kept, answer = sessions.kept(), quart.request.args.to_dict()
    proven = await _provider().finish(_back(), answer, kept)
    where = quart.redirect(web.local_path(kept.get("return_to", "")), 303)
    return await sessions.begin(where, proven.asf_uid, proved=proven.at)


def _provider() -> identity.Provider:
    provider = web.site().provider
    if provider is None:
        raise errors.NotFoundError("No provider is configured on this server.")
    return provider


def _back() -> str:
    """Return the redirect URI that the provider knows. It does not depend on the `Host` header of a request."""
    return f"{web.site().public_url}{web.as_url('get.session.finish')}"


@BLUEPRINT.get("/sessions")
@web.sign_in_required
async def listing() -> str:
    """URL: /sessions."""
    own, here = await web.view(signed_in.own, sessions.rules().limits), sessions.current()
    return await web.render("sessions.html", sessions=own, here=here.sid_hash if here else "")
