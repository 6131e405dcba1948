# SPDX-License-Identifier: Apache-2.0
"""The code that all pages and forms share: the person who is signed in, the CSRF check, headers, error pages.

Everything is denied unless a handler allows it: unlisted methods are 405, and every unsafe method needs the session's
token before a handler runs. `install` adds all of that to a whole application, or to one blueprint of a host
application with the blueprints that are registered below it, and then to nothing else of the host.
"""

import dataclasses
import functools
import logging
import pathlib
import secrets
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

import markupsafe
import quart
import quart.typing
import werkzeug.exceptions
import werkzeug.wrappers

import atr.body as body
import atr.errors as errors
import atr.headers as headers
import atr.identity.contract as contract
import atr.log as log
import atr.models.forms as forms
import atr.pages.releases as releases
import atr.reasons as reasons
import atr.refusals as refusals
import atr.storage as storage
import atr.storage.embargo as embargo
import atr.storage.transaction as transaction
import atr.template as template

_LOG = logging.getLogger(__name__)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_EXTENSION: Final = "atr"
# Short enough to be read out, long enough that no two within a year are the same.
_REQUEST_BYTES: Final = 6
# The longest path to which a person is sent back.
_MAX_PATH: Final = 2_000
_BAD: Final = 400
# The response to a form: a redirect, or the page again with a status.
Answer = werkzeug.wrappers.Response | tuple[str, int]
_Given = ParamSpec("_Given")
_View = TypeVar("_View")


@dataclasses.dataclass(frozen=True)
class Hooks:
    """The decisions that the blueprints leave to the application that registers them."""

    # The user id of the person who is signed in; empty if nobody is.
    asf_uid: Callable[[], str]
    # The token for a form, and the check of a submitted one, which raises AccessError.
    csrf_token: Callable[[], str]
    check_csrf: Callable[[str], Awaitable[None]]
    # Builds the response to an error; `error_page` is one implementation.
    refuse: Callable[[refusals.Refusal], Awaitable[quart.typing.ResponseReturnValue]]
    csrf_name: str = "csrf_token"
    # Whether the person signed in recently enough for what cannot be undone; True for a host without that rule.
    is_fresh: Callable[[], bool] = lambda: True
    # For each page that ATR's pages link to and the host does not register, the endpoint to use instead:
    # {"get.session.sign_in": "login"}.
    pages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # A folder of templates that override ATR's; with a `layout.html` in it, ATR's pages have the host's layout.
    templates: pathlib.Path = template.TEMPLATES


@dataclasses.dataclass(frozen=True)
class Site:
    """The objects that the handlers use; built by the server or by a host application."""

    storage: storage.Storage
    identity: contract.Identity = dataclasses.field(default_factory=contract.NobodySignsIn)
    provider: contract.Provider | None = None
    sandbox: bool = False
    sandbox_url: str = ""
    # The public address; empty to use the host of each request.
    public_url: str = ""
    # The largest body of an upload, in bytes.
    max_upload: int = 5_000_000_000


@dataclasses.dataclass(frozen=True)
class _Installed:
    site: Site
    hooks: Hooks
    # The prefix of ATR's endpoints in this application.
    prefix: str


def install(place: quart.Quart | quart.Blueprint, site: Site, hooks: Hooks) -> None:
    """Prepare an application, or one blueprint of it, for ATR's blueprints, which are registered on it afterwards.

    On a blueprint of a host application, this does not affect the host's own pages. Such a blueprint has
    `template.STATIC` as its static folder, and is registered on the application after ATR's are registered on it.
    The host must provide `quart.session`: it stores the message for the next page.
    """
    if isinstance(place, quart.Quart):
        place.extensions[_EXTENSION] = _Installed(site, hooks, "")
        body.install(place)
    else:
        place.record(
            lambda state: state.app.extensions.update(
                {_EXTENSION: _Installed(site, hooks, f"{state.name_prefix}.{state.name}.".lstrip("."))}
            )
        )
    place.before_request(_begin)
    place.before_request(_check_unsafe)
    place.after_request(_hardened)
    place.register_error_handler(errors.AtrError, _on_atr_error)
    place.register_error_handler(werkzeug.exceptions.HTTPException, _on_http_error)
    place.register_error_handler(UnicodeDecodeError, _on_undecodable)
    place.register_error_handler(Exception, _on_bug)


def _installed() -> _Installed:
    return cast("_Installed", quart.current_app.extensions[_EXTENSION])


def site() -> Site:
    """Return the objects that the handlers use."""
    return _installed().site


def hooks() -> Hooks:
    """Return the application's hooks. A handler that reads its own body checks its token with them first."""
    return _installed().hooks


def request_id() -> str:
    """Return the number of this request, as in the log, in the response header and on error pages.

    It is generated here: a client that chose it could write into the log, or imitate another request.
    """
    if "request_id" not in quart.g:
        quart.g.request_id = secrets.token_hex(_REQUEST_BYTES)
        log.about_from_here(request=quart.g.request_id)
    return str(quart.g.request_id)


def asf_uid() -> str:
    """Return the user id of the person who is signed in; empty if nobody is."""
    return hooks().asf_uid()


def as_url(route: str, **values: Any) -> str:
    """Return the address of a handler by its name, like `get.finish.selected`."""
    here = _installed()
    kind, module, function = route.split(".")
    return quart.url_for(here.hooks.pages.get(route, f"{here.prefix}{kind}_{module}.{function}"), **values)


async def render(name: str, **context: Any) -> str:
    """Render a page or a fragment, in a separate environment: a host's templates keep their filters and settings.

    Its form is empty and has no errors, unless `values` and `field_errors` are given.
    """
    page = {"values": {}, "field_errors": {}, **await _page_context(), **context}
    return template.environment(hooks().templates).get_template(name).render(page)


async def fragment(name: str, etag: str, **context: Any) -> quart.Response:
    """Return a part of a page that the page polls; 204 while it is what the page has already (`?have=`)."""
    if quart.request.args.get("have") == etag:
        return quart.Response("", 204)
    return quart.Response(await render(name, **context))


async def refused(name: str, error: errors.AtrError, given: Mapping[str, str], **context: Any) -> tuple[str, int]:
    """Return the page of a form again, with the values that were typed and the errors of its fields."""
    html = await render(name, values=given, field_errors=forms.problems(error), **context)
    return html, refusals.status(error)


async def view(
    reader: Callable[Concatenate[transaction.Transaction, _Given], Awaitable[_View]],
    *args: _Given.args,
    **kwargs: _Given.kwargs,
) -> _View:
    """Return a reader's result for the person who is signed in."""
    async with site().storage.read(asf_uid()) as read:
        return await reader(read, *args, **kwargs)


async def view_of(
    project_key: str,
    version_key: str,
    reader: Callable[Concatenate[transaction.Transaction, str, _Given], Awaitable[_View]],
    *args: _Given.args,
    **kwargs: _Given.kwargs,
) -> _View:
    """Return a reader's result about this version of a project. Raises NotFoundError."""
    async with site().storage.read(asf_uid()) as read:
        return await reader(read, await embargo.release_key(read, project_key, version_key), *args, **kwargs)


def sign_in_required(
    handler: Callable[_Given, Awaitable[_View]],
) -> Callable[_Given, Awaitable[_View | werkzeug.wrappers.Response]]:
    """Redirect people who are not signed in to the sign-in page, which leads back to this one."""

    @functools.wraps(handler)
    async def asked(*args: _Given.args, **kwargs: _Given.kwargs) -> _View | werkzeug.wrappers.Response:
        if asf_uid():
            return await handler(*args, **kwargs)
        return quart.redirect(as_url("get.session.sign_in", return_to=_here()), 303)

    return asked


def demand_fresh() -> None:
    """Raise FreshSignInError if the person's sign-in is too old for what cannot be undone. This checks no rights."""
    if asf_uid() and not hooks().is_fresh():
        raise errors.FreshSignInError


def absolute(path: str) -> str:
    """Return the absolute address of a path, for another program or an email."""
    if public := site().public_url:
        return f"{public}{path}"
    secure = quart.current_app.config["SESSION_COOKIE_SECURE"]
    return f"{'https' if secure else quart.request.scheme}://{quart.request.host}{path}"


def external_url(route: str, **values: Any) -> str:
    """Return the absolute address of a handler, for the project and version of this request."""
    return absolute(as_url(route, **_same_release(), **values))


def static(name: str) -> str:
    """Return the address of a static file."""
    return quart.url_for(f"{_installed().prefix}static", filename=name, v=template.static_version(name))


def redirect(route: str, *, success: str = "", **values: Any) -> werkzeug.wrappers.Response:
    """Redirect to another page after a form, with a message; by default of the same project and version."""
    if success:
        _flash(success)
    return quart.redirect(as_url(route, **{**_same_release(), **values}), 303)


def local_path(text: str) -> str:
    """Return a path of this site unchanged, for a redirect after sign-in; for any other text the list of releases."""
    ours = text.startswith("/") and not text.startswith("//") and ("\\" not in text) and text.isprintable()
    return text if (ours and len(text) <= _MAX_PATH) else as_url("get.releases.listing")


def lead_back(path: str, *, success: str) -> werkzeug.wrappers.Response:
    """Redirect back to the page that contained a form, with a message."""
    _flash(success)
    return quart.redirect(local_path(path), 303)


def referring_path(otherwise: str) -> str:
    """Return the path of the page from which this request came; `otherwise` if the browser does not send it."""
    try:
        there = urllib.parse.urlsplit(quart.request.headers.get("Referer", ""))
    except ValueError:
        return otherwise
    return there.path if (there.netloc == quart.request.host) and there.path else otherwise


async def form() -> dict[str, str]:
    """Return the form of this request, with one value for each field."""
    return {name: values[0] for name, values in (await quart.request.form).to_dict(flat=False).items()}


def _same_release() -> dict[str, Any]:
    """Return the project and the version in the address of this request."""
    asked = quart.request.view_args or {}
    return {name: asked[name] for name in ("project_key", "version_key") if name in asked}


def _flash(text: str) -> None:
    quart.session["flashes"] = [*quart.session.get("flashes", []), ["success", text]][-5:]


def _here() -> str:
    return quart.request.full_path.rstrip("?")


async def _begin() -> None:
    """Number the request. No name contains the NUL character, and not every database accepts it in a query."""
    request_id()
    if "\x00" in quart.request.path:
        raise werkzeug.exceptions.NotFound


async def _check_unsafe() -> None:
    request = quart.request
    if request.method in _SAFE or request.routing_exception is not None or body.is_streamed(request.endpoint):
        return
    most = request.max_content_length or body.HELD
    sent = await body.form(request, most if asf_uid() else min(most, body.UNASKED))
    await hooks().check_csrf(sent.get(hooks().csrf_name, ""))


async def _hardened(response: quart.Response) -> quart.Response:
    response.headers["X-Request-Id"] = request_id()
    return headers.harden(response, https_only=quart.current_app.config["SESSION_COOKIE_SECURE"])


async def _page_context() -> dict[str, Any]:
    who = asf_uid()
    # The page that reports a failure must not need what has just failed.
    role = await view(releases.session_role) if who and not quart.g.get("failed") else ""
    return {
        "url": as_url,
        "static": static,
        "absolute": absolute,
        "csrf": _csrf_field,
        "session_user": who,
        "page_address": _page_address(),
        "session_role": role,
        # The address to sign in again before what cannot be undone; empty while the sign-in is recent enough.
        "sign_in_again": "" if not who or hooks().is_fresh() else _sign_in_again(_here()),
        "sandbox_mode": site().sandbox,
        "sandbox_url": site().sandbox_url,
        "flashes": _flashes(),
    }


def _sign_in_again(path: str) -> str:
    return as_url("get.session.sign_in", again="yes", return_to=path)


def _page_address() -> str:
    """Return the address that sign-in leads back to: the current page; empty on the sign-in page and after a form."""
    if (quart.request.method != "GET") or (quart.request.endpoint == "get_session.sign_in"):
        return ""
    return _here()


def _flashes() -> Iterator[list[str]]:
    """Yield and remove the messages for the next whole page; a fragment shows none, so it does not remove them."""
    yield from quart.session.pop("flashes", [])


def _csrf_field() -> markupsafe.Markup:
    field = markupsafe.Markup('<input type="hidden" name="{}" value="{}">')
    return field.format(hooks().csrf_name, hooks().csrf_token())


async def _on_atr_error(error: errors.AtrError) -> quart.typing.ResponseReturnValue:
    code = refusals.status(error)
    message = "This is not possible now:" if isinstance(error, errors.BlockedError) else str(error)
    _LOG.info("refused: %s", error, extra={"action": "refused", "status": code, "path": quart.request.path})
    quart.g.stale = isinstance(error, errors.FreshSignInError)
    return await _refuse(code, message, error.reasons)


async def _on_http_error(error: werkzeug.exceptions.HTTPException) -> quart.typing.ResponseReturnValue:
    status = error.code or 500
    if status < _BAD:
        # A redirect that the routing raises.
        return error.get_response()
    if status >= 500:  # noqa: PLR2004  (as HTTP counts)
        # The error page must not read the database, which may be what has failed.
        quart.g.failed = True
    answer = await quart.make_response(await _refuse(status, refusals.sentence(status)))
    if isinstance(error, werkzeug.exceptions.MethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return answer


async def _on_undecodable(_error: UnicodeDecodeError) -> quart.typing.ResponseReturnValue:
    return await _refuse(400, "The request contains text that is not UTF-8. Nothing was changed.")


async def _on_bug(_error: Exception) -> quart.typing.ResponseReturnValue:
    quart.g.failed = True
    _LOG.exception("request failed", extra={"action": "bug", "path": quart.request.path})
    return await _refuse(500, "This is a server error. Tell the operators; the server log has the details.")


async def _refuse(status: int, message: str, why: Sequence[reasons.Reason] = ()) -> quart.typing.ResponseReturnValue:
    title = refusals.TITLES.get(status, "Request failed")
    return await hooks().refuse(refusals.Refusal(status, title, message, why))


async def error_page(refusal: refusals.Refusal) -> tuple[str, int]:
    """Render an error as one of ATR's pages, with links that lead on."""
    steps = [("All releases", as_url("get.releases.listing"))]
    keys = quart.request.view_args or {}
    if {"project_key", "version_key"} <= keys.keys() and refusal.status != 404:  # noqa: PLR2004
        where = {name: keys[name] for name in ("project_key", "version_key")}
        steps.insert(
            0, (f"Back to {where['project_key']} {where['version_key']}", as_url("get.finish.selected", **where))
        )
    if quart.g.get("stale"):
        steps.insert(0, ("Sign in again", _sign_in_again(referring_path(steps[0][1]))))
    if not asf_uid() and (refusal.status == 403):  # noqa: PLR2004
        steps.insert(0, ("Sign in", as_url("get.session.sign_in")))
    html = await render("error.html", **vars(refusal), request_id=request_id(), next_steps=steps)
    return html, refusal.status
