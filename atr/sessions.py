# SPDX-License-Identifier: Apache-2.0
"""Sessions, where no host application has its own: a random secret in a cookie, and a row with its SHA-256.

A session ends at sign-out, when its owner revokes it, when it was idle for too long, and when it is too old. The token
of a form before sign-in, and the message for the next page, are in Quart's signed cookie, which does not identify
anybody.
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
# The format of `secrets.token_urlsafe`; a cookie with anything else is not looked up.
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# Seconds within which a sign-in must be completed.
_SIGN_IN: Final = 600
# The least time between two updates of a session's row, so that not every page writes.
_SEEN_EVERY: Final = datetime.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True)
class Rules:
    """How long sessions are valid, and whether their cookie is for HTTPS only."""

    limits: sessions.Limits
    secure: bool

    @property
    def cookie(self) -> str:
        """The name of the cookie. Browsers accept a `__Host-` cookie over HTTPS only, and from no other host."""
        return "__Host-session" if self.secure else "session"

    @property
    def begun(self) -> str:
        """The name of the cookie of a sign-in in progress."""
        return "__Host-sign-in" if self.secure else "sign-in"


def install(app: quart.Quart, rules: Rules) -> None:
    """Have an application load the session of each request, before anything else runs."""
    app.extensions[_EXTENSION] = rules
    app.before_request(_load)


def rules() -> Rules:
    """Return the rules of this application."""
    return cast("Rules", quart.current_app.extensions[_EXTENSION])


def current() -> sessions.Session | None:
    """Return the session of this request; None if nobody is signed in."""
    return cast("sessions.Session | None", quart.g.get("session"))


def asf_uid() -> str:
    """Return the user id of the person who is signed in; empty if nobody is."""
    session = current()
    return session.asf_uid if session else ""


def is_fresh() -> bool:
    """Return whether the person signed in recently enough for what cannot be undone."""
    session = current()
    return (session is not None) and rules().limits.is_fresh(session, web.site().storage.database.here())


def csrf_token() -> str:
    """Return the token, an HMAC keyed by the session's secret; without a session, a random one in Quart's cookie."""
    if current():
        return hmac.digest(_secret().encode(), b"csrf", "sha256").hex()
    return str(quart.session.setdefault("csrf", secrets.token_urlsafe(_SECRET_BYTES)))


async def check_csrf(given: str) -> None:
    """Raise AccessError unless this is the session's token and `Sec-Fetch-Site`, if sent, is same-origin or none."""
    origin = quart.request.headers.get("Sec-Fetch-Site", "same-origin")
    known = csrf_token() if current() else str(quart.session.get("csrf", ""))
    if (origin not in {"same-origin", "none"}) or not known or not hmac.compare_digest(given.encode(), known.encode()):
        raise errors.AccessError(
            "This form is not of your present session, so nothing was changed. Reload the page and send it again."
        )


async def begin(
    answer: werkzeug.wrappers.Response, who: str, *, proved: datetime.datetime | None = None
) -> werkzeug.wrappers.Response:
    """Start a session for a person, end the browser's previous one, and set the cookie. Raises AccessError."""
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
    """End the session, in every place that has a copy of its cookie, and delete the cookie."""
    who, here = asf_uid(), rules()
    if who:
        async with web.site().storage.write(who) as write:
            await write.as_general_public().sessions.end(_hashed(_secret()))
        _LOG.info("%s signed out", who, extra={"action": "signed_out", "actor": who})
    answer.delete_cookie(here.cookie, path="/", secure=here.secure, httponly=True, samesite="Lax")
    return answer


def keep(answer: werkzeug.wrappers.Response, kept: Mapping[str, str]) -> werkzeug.wrappers.Response:
    """Set the cookie with which this browser, and no other, can complete a sign-in."""
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
    """Return what `keep` stored in this browser, and delete it there; nothing if it is missing, invalid or too old."""
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
    """Load the session: one statement if there is a cookie. Once a minute the time of its last use is updated."""
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
        # People can still read when the disk is full.
        with contextlib.suppress(errors.NoRoomError):
            async with store.write(session.asf_uid) as write:
                await write.as_foundation_committer().sessions.seen(session.sid_hash)


def _is_a_person() -> bool:
    """Return whether a person opened this page; a page's automatic requests must not keep a session alive."""
    return quart.request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _secret() -> str:
    return quart.request.cookies.get(rules().cookie, "")


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
