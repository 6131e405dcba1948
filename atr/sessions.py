# SPDX-License-Identifier: Apache-2.0
"""Our own sign-in, for where no host application has one: a random secret in a cookie, and a row of its SHA-256.

A session ends with its row: at sign-out, when its owner revokes it, when it was idle too long, when it is too old. What
a page remembers of a stranger (a token for a form, a sentence for the next page) is in Quart's own signed cookie and
says nothing of who somebody is.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Final, cast

import itsdangerous
import quart
import quart.typing
import werkzeug.wrappers

import atr.errors as errors
import atr.models.sessions as sessions
import atr.web as web

_LOG = logging.getLogger(__name__)
_EXTENSION: Final = "atr.sessions"
_SECRET_BYTES: Final = 32
# What `secrets.token_urlsafe` makes of them; nothing else is looked up.
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# Seconds in which a sign-in that was begun must be finished.
_SIGN_IN: Final = 600
# So that not every page writes.
_SEEN_EVERY: Final = datetime.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True)
class Rules:
    """How long sessions hold, and whether their cookie is for https alone."""

    limits: sessions.Limits
    secure: bool

    @property
    def cookie(self) -> str:
        """A browser takes a cookie of the first name from no other host, and only over https."""
        return "__Host-session" if self.secure else "session"

    @property
    def begun(self) -> str:
        """The cookie of a sign-in on its way."""
        return "__Host-sign-in" if self.secure else "sign-in"


def install(app: quart.Quart, rules: Rules) -> None:
    """Have an application look up who asks, before anything else does."""
    app.extensions[_EXTENSION] = rules
    app.before_request(_load)


def rules() -> Rules:
    """Those of this application."""
    return cast("Rules", quart.current_app.extensions[_EXTENSION])


def current() -> sessions.Session | None:
    """The session of this request; None for a stranger."""
    return cast("sessions.Session | None", quart.g.get("session"))


def asf_uid() -> str:
    """Who is signed in; empty for a stranger."""
    session = current()
    return session.asf_uid if session else ""


def is_fresh() -> bool:
    """Whether they proved lately who they are."""
    session = current()
    return (session is not None) and rules().limits.is_fresh(session, web.site().storage.database.here())


def csrf_token() -> str:
    """The session's token: made of its secret, so it ends with it. A stranger's is kept in Quart's cookie."""
    if current():
        return hmac.digest(_secret().encode(), b"csrf", "sha256").hex()
    return str(quart.session.setdefault("csrf", secrets.token_urlsafe(_SECRET_BYTES)))


async def check_csrf(given: str) -> None:
    """Raise AccessError unless this is the session's token, and the browser does not say it comes from elsewhere."""
    origin = quart.request.headers.get("Sec-Fetch-Site", "same-origin")
    known = csrf_token() if current() else str(quart.session.get("csrf", ""))
    if (origin not in {"same-origin", "none"}) or not known or not hmac.compare_digest(given.encode(), known.encode()):
        raise errors.AccessError(
            "This form is not of your present session, so nothing was changed. Reload the page and send it again."
        )


async def begin(
    answer: werkzeug.wrappers.Response, who: str, *, proved: datetime.datetime | None = None
) -> werkzeug.wrappers.Response:
    """The same answer, with which somebody is signed in. Nothing of the session before stays. Raises AccessError."""
    secret, here = secrets.token_urlsafe(_SECRET_BYTES), rules()
    async with web.site().storage.write(who) as write:
        public = write.as_general_public()
        await public.sessions.end(_hashed(_secret()))
        address = quart.request.remote_addr or ""
        await public.sessions.begin(_hashed(secret), address=address, proved=proved, limits=here.limits)
    quart.session.clear()
    _LOG.info("%s signed in", who, extra={"action": "signed_in", "actor": who, "address": address})
    answer.set_cookie(
        here.cookie,
        secret,
        max_age=here.limits.absolute,
        path="/",
        secure=here.secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


async def end(answer: werkzeug.wrappers.Response) -> werkzeug.wrappers.Response:
    """The same answer, with which nobody is signed in any more, wherever the cookie was copied to."""
    who, here = asf_uid(), rules()
    if who:
        async with web.site().storage.write(who) as write:
            await write.as_general_public().sessions.end(_hashed(_secret()))
        _LOG.info("%s signed out", who, extra={"action": "signed_out", "actor": who})
    answer.delete_cookie(here.cookie, path="/", secure=here.secure, httponly=True, samesite="Lax")
    return answer


def keep(answer: werkzeug.wrappers.Response, kept: Mapping[str, str]) -> werkzeug.wrappers.Response:
    """The same answer, with which this browser, and no other, can finish a sign-in."""
    here = rules()
    answer.set_cookie(
        here.begun,
        _signer().dumps(dict(kept)),
        max_age=_SIGN_IN,
        path="/",
        secure=here.secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def kept() -> Mapping[str, str]:
    """What this browser kept of a sign-in that it began; nothing, if it did not or too long ago. It does so once."""
    here = rules()

    @quart.after_this_request
    def forget(response: quart.typing.ResponseTypes) -> quart.typing.ResponseTypes:
        response.delete_cookie(here.begun, path="/", secure=here.secure, httponly=True, samesite="Lax")
        return response

    try:
        found = _signer().loads(quart.request.cookies.get(here.begun, ""), max_age=_SIGN_IN)
    except itsdangerous.BadData:
        return {}
    return cast("Mapping[str, str]", found)


def _signer() -> itsdangerous.URLSafeTimedSerializer:
    return itsdangerous.URLSafeTimedSerializer(str(quart.current_app.secret_key), salt="sign-in")


async def _load() -> None:
    """Who asks. One statement, where there is a cookie; once a minute the row is told that it is in use."""
    secret = _secret()
    if not _SECRET.fullmatch(secret):
        return
    store, limits = web.site().storage, rules().limits
    now = store.database.here()
    session = await store.session(_hashed(secret))
    if (session is None) or not limits.holds(session, now):
        return
    quart.g.session = session
    if _is_a_person() and (now - session.seen >= _SEEN_EVERY):
        # A full disk keeps nobody from reading.
        with contextlib.suppress(errors.NoRoomError):
            async with store.write(session.asf_uid) as write:
                await write.as_foundation_committer().sessions.seen(session.sid_hash)


def _is_a_person() -> bool:
    """Not what a page asks for by itself while nobody looks at it: that must not keep a session alive."""
    return quart.request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _secret() -> str:
    return quart.request.cookies.get(rules().cookie, "")


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
