# SPDX-License-Identifier: Apache-2.0
"""Our own sign-in, for where no host application has one: a signed cookie with the user id and a CSRF token."""

import hmac
import secrets
from typing import Final

import quart

import atr.errors as errors

_TOKEN_BYTES: Final = 32


def asf_uid() -> str:
    """Who is signed in; empty for a stranger."""
    return str(quart.session.get("asf_uid", ""))


def sign_in(who: str) -> None:
    """A new session for this person: nothing of the old one stays."""
    quart.session.clear()
    quart.session["asf_uid"] = who
    quart.session.permanent = True


def sign_out() -> None:
    """End the session."""
    quart.session.clear()


def csrf_token() -> str:
    """The session's token, made when it is first needed."""
    if "csrf" not in quart.session:
        quart.session["csrf"] = secrets.token_urlsafe(_TOKEN_BYTES)
    return str(quart.session["csrf"])


async def check_csrf(given: str) -> None:
    """Raise AccessError unless this is the session's token, and the browser does not say it comes from elsewhere."""
    origin = quart.request.headers.get("Sec-Fetch-Site", "same-origin")
    known = str(quart.session.get("csrf", ""))
    if (origin not in {"same-origin", "none"}) or not known or not hmac.compare_digest(given.encode(), known.encode()):
        raise errors.AccessError(
            "This form is not of your present session, so nothing was changed. Reload the page and send it again."
        )
