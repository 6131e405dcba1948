# SPDX-License-Identifier: Apache-2.0
"""A host application with a session, a CSRF check, templates and a JSON API of its own takes some of our blueprints.

The host is built twice, with ours and without. What it serves itself must be the same in both.
"""

import hmac
import html
import inspect
import pathlib
import re
import secrets
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest
import quart
import quart.sessions
import quart.typing

import atr.errors as errors
import atr.get.distribution as get_distribution
import atr.get.finish as get_finish
import atr.get.readiness as get_readiness
import atr.get.repository as get_repository
import atr.models.forms as forms
import atr.post.distribution as post_distribution
import atr.refusals as refusals
import atr.template as template
import atr.web as web
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

OURS: Final = (
    get_finish.BLUEPRINT,
    get_distribution.BLUEPRINT,
    get_readiness.BLUEPRINT,
    get_repository.BLUEPRINT,
    post_distribution.BLUEPRINT,
)
# The pages that ours link to and that the host has itself.
PAGES: Final = {
    "get.session.sign_in": "login",
    "get.releases.listing": "index",
    "get.compose.selected": "release",
    "get.vote.selected": "release",
    "get.revisions.selected": "release",
    "get.abandon.selected": "release",
    "get.embargo.selected": "release",
    "get.announce.selected": "release",
    "get.policy.selected": "release",
    "get.target.selected": "release",
    "post.readiness.check_now": "release",
}
LAYOUT: Final = (
    "<title>{% block title %}{% endblock %}</title>{% block refresh %}{% endblock %}{% block scripts %}{% endblock %}"
    "<p>The frame of the host</p>{% for _, text in flashes %}<p>{{ text }}</p>{% endfor %}"
    "{% block crumbs %}{% endblock %}{% block content %}{% endblock %}"
)


class Sessions(quart.sessions.SessionInterface):
    """Sessions that the host keeps on its side, by a cookie with a number."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    async def open_session(self, app: quart.Quart, request: quart.wrappers.BaseRequestWebsocket) -> Any:
        return quart.sessions.SecureCookieSession(self.kept.get(request.cookies.get("host_sid", ""), {}))

    async def save_session(self, app: quart.Quart, session: quart.sessions.SessionMixin, response: Any) -> None:
        if session.modified and response is not None:
            number = session.setdefault("number", f"{len(self.kept)}")
            self.kept[number] = dict(session)
            response.set_cookie("host_sid", number)


def user() -> str:
    return str(quart.session.get("user", ""))


def token() -> str:
    return str(quart.session.setdefault("host_token", secrets.token_hex()))


async def check(given: str) -> None:
    if not hmac.compare_digest(given, quart.session.get("host_token", "")):
        raise errors.AccessError("The host does not know this form.")


async def refuse(refusal: refusals.Refusal) -> tuple[quart.Response, int]:
    return quart.jsonify(refused=refusal.message), refusal.status


def host() -> quart.Quart:
    app = quart.Quart("host", static_folder=None)
    vars(app)["session_interface"] = Sessions()

    @app.get("/")
    async def index() -> str:
        return await quart.render_template_string("{{ [1, 2]|count }} {{ unknown }}\n  {% if true %}\n{% endif %}x")

    @app.get("/login")
    async def login() -> str:
        return "Who are you?"

    @app.post("/login")
    async def sign_in() -> str:
        quart.session["user"] = (await quart.request.form)["who"]
        return "Welcome."

    @app.get("/project/<project_key>")
    @app.get("/release/<project_key>/<version_key>")
    async def release(project_key: str, version_key: str = "") -> str:
        return f"{project_key} {version_key}"

    @app.post("/api/things")
    async def things() -> dict[str, Any]:
        return {"taken": await quart.request.get_json()}

    @app.get("/api/broken")
    async def broken() -> dict[str, Any]:
        raise LookupError

    @app.get("/api/refused")
    async def refused() -> dict[str, Any]:
        raise errors.NotFoundError("An error of a class that both may know.")

    @app.errorhandler(404)
    async def missing(_error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": "nothing here"}, 404

    @app.errorhandler(Exception)
    async def fault(error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": type(error).__name__}, 500

    return app


def with_ours(house: houses.House, folder: pathlib.Path) -> quart.Quart:
    (folder / "layout.html").write_text(LAYOUT)
    app = host()
    place = quart.Blueprint("remote", __name__, static_folder=template.STATIC, static_url_path="/static")
    hooks = web.Hooks(user, token, check, refuse, csrf_name="host_csrf", pages=PAGES, templates=folder)
    web.install(place, web.Site(house.world.store), hooks)
    for blueprint in OURS:
        place.register_blueprint(blueprint)
    app.register_blueprint(place, url_prefix="/remote")
    return app


@pytest.fixture
def app(house: houses.House, tmp_path: pathlib.Path) -> quart.Quart:
    return with_ours(house, tmp_path)


async def signed_in(app: quart.Quart) -> quart.typing.TestClientProtocol:
    client = app.test_client()
    assert (await client.post("/login", form={"who": houses.MEMBER})).status_code == 200
    return client


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/", {}),
        ("POST", "/login", {"form": {"who": "somebody"}}),
        ("POST", "/login", {"form": {}}),
        ("POST", "/api/things", {"json": {"a": 1}}),
        ("POST", "/api/things", {"data": b"\xff", "headers": {"Content-Type": "application/json"}}),
        ("PUT", "/api/things", {}),
        ("OPTIONS", "/api/things", {}),
        ("GET", "/api/broken", {}),
        ("GET", "/api/refused", {}),
        ("GET", "/api/nothing", {}),
        ("GET", "/nothing%00", {}),
        ("POST", "/nothing", {}),
    ],
)
async def test_what_the_host_serves_is_as_it_was(
    app: quart.Quart, method: str, path: str, more: dict[str, Any]
) -> None:
    said = []
    for one in (host(), app):
        answer = await one.test_client().open(path, method=method, **more)
        said.append((answer.status_code, sorted(answer.headers), await answer.get_data()))
    assert said[0] == said[1]


async def test_nothing_is_registered_for_the_whole_host(app: quart.Quart) -> None:
    bare = host()
    for name in (
        "before_request_funcs",
        "after_request_funcs",
        "teardown_request_funcs",
        "template_context_processors",
        "url_value_preprocessors",
    ):
        assert len(getattr(app, name)[None]) == len(getattr(bare, name)[None])
    for one, other in ((app.error_handler_spec[None], bare.error_handler_spec[None]),):
        assert {code: list(found) for code, found in one.items()} == {
            code: list(found) for code, found in other.items()
        }
    assert app.jinja_env.filters == bare.jinja_env.filters
    assert app.jinja_env.globals.keys() == bare.jinja_env.globals.keys()
    assert app.jinja_env.undefined is bare.jinja_env.undefined
    assert app.asgi_http_class is bare.asgi_http_class
    assert app.config == bare.config
    assert isinstance(vars(app)["session_interface"], Sessions)


async def test_a_person_of_the_host_promotes_with_the_host_s_token(app: quart.Quart, house: houses.House) -> None:
    place, alice = house.places["ready"], await signed_in(app)
    where = f"/remote{place.url('distribution/promote')}"
    page = await (await alice.get(f"{where}?deployment_id={place.deployment_id}")).get_data(as_text=True)
    assert "The frame of the host" in page
    assert "csrf_token" not in page
    form = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
    form["version"] = place.version
    forms.DistributionPromoteForm.parse(form)
    refused = await alice.post(where, form={**form, "host_csrf": "another"})
    assert (refused.status_code, await refused.get_json()) == (403, {"refused": "The host does not know this form."})
    assert (await house.view(place)).promotion_id is None
    answer = await alice.post(where, form=form)
    assert (answer.status_code, answer.location) == (303, f"/remote{place.url('finish')}")
    assert (await house.view(place)).requested_by == houses.MEMBER
    assert "Promotion requested." in await (await alice.get(answer.location)).get_data(as_text=True)


async def test_an_error_of_ours_is_answered_as_the_host_answers(app: quart.Quart, house: houses.House) -> None:
    alice = await signed_in(app)
    answer = await alice.get("/remote/finish/nobody/1.0")
    assert answer.status_code == 404
    assert (await answer.get_json()).keys() == {"refused"}
    house.change("ALTER TABLE committee RENAME TO elsewhere")
    answer = await alice.get(f"/remote{house.places['ready'].url('finish')}")
    assert answer.status_code == 500
    assert (await answer.get_json()).keys() == {"refused"}


async def test_an_unknown_address_below_ours_is_the_host_s_404(app: quart.Quart) -> None:
    answer = await (await signed_in(app)).get("/remote/nothing")
    assert (answer.status_code, await answer.get_json()) == (404, {"error": "nothing here"})
    assert "Content-Security-Policy" not in answer.headers


async def test_a_stranger_is_led_to_the_host_s_sign_in(app: quart.Quart, house: houses.House) -> None:
    place = house.places["ready"]
    answer = await app.test_client().get(f"/remote{place.url('distribution/record')}")
    assert answer.status_code == 303
    assert answer.location.startswith("/login?return_to=/remote/distribution/record/")


async def test_every_link_leads_to_a_page_of_ours_or_of_the_host(app: quart.Quart, house: houses.House) -> None:
    alice = await signed_in(app)
    asked: set[str] = set()
    for name in ("ready", "live"):
        for page in ("finish", "distribution/list"):
            text = await (await alice.get(f"/remote{house.places[name].url(page)}")).get_data(as_text=True)
            asked |= set(local_links(text))
    assert any(link.startswith("/release/") for link in asked)
    assert [link for link in sorted(asked) if (await alice.get(link)).status_code != 200] == []


async def test_the_pages_that_ours_link_to_are_all_named() -> None:
    """Read from the templates and handlers: a link that is seldom shown must not be found missing by a person."""
    registered = {blueprint.name.replace("_", ".", 1) for blueprint in OURS}
    sources = "".join(inspect.getsource(sys.modules[blueprint.import_name]) for blueprint in OURS)
    environment = template.environment()
    loader = environment.loader
    assert loader is not None
    templates, wanted = set[str](), set(re.findall(r'render\(\s*"([^"]+)"', sources))
    while wanted:
        templates |= wanted
        text = "".join(str(loader.get_source(environment, name)[0]) for name in wanted)
        sources += text
        # The layout is the host's.
        wanted = set(re.findall(r'(?:include|import) "([^"]+)"', text)) - templates
    linked = set(re.findall(r"""["']((?:get|post)\.\w+\.\w+)["']""", sources))
    assert {name for name in linked if name.rpartition(".")[0] not in registered} <= set(PAGES)


def local_links(text: str) -> Iterator[str]:
    for link in re.findall(r'(?:href|src)="(/[^"#]*)', text):
        yield html.unescape(link)


async def test_ours_carry_our_headers_and_our_static_files(app: quart.Quart, house: houses.House) -> None:
    alice = await signed_in(app)
    for path in (house.places["ready"].url("finish"), "/static/style.css"):
        answer = await alice.get(f"/remote{path}")
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "X-Request-Id" in answer.headers
