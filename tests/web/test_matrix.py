# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every route, every identity, every kind of CSRF token. The cells come from the URL map.

A GET has one cell an identity, since it takes no token. The token is looked at before anybody asks who sent it: bad
ones are sent to every route by somebody who is let in there with a good one, and to one route by everybody. A route
without a row fails `test_every_route_has_a_row`.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Final

import pytest
import quart.testing.utils

import atr.models.promotion as tables
import atr.models.sql as sql
import atr.storage.names as names
from tests.web import house as houses
from tests.web import routes

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.authorisation]

IDENTITIES: Final = {
    "anonymous": "",
    "member": houses.MEMBER,
    "manager": houses.MANAGER,
    "committer": houses.COMMITTER,
    "elsewhere": houses.ELSEWHERE,
    "admin": houses.ADMIN,
    "removed": houses.REMOVED,
}
# How a token may be wrong. Each of them is refused for everybody, whatever the route.
CSRF: Final = ("ok", "none", "of another session", "from another site", "of an old session")
REFUSED: Final = 403
# Where everybody sends bad tokens: it takes a good one from anybody.
FOR_ALL: Final = "post_session.sign_out"
# Quart's own mark for "no JSON here", which its protocol asks for by name.
NO_JSON: Final = quart.testing.utils.sentinel
Form = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Row:
    """An endpoint, where it is asked, what is sent, and the status for each identity in the order above."""

    endpoint: str
    statuses: str
    place: str = "ready"
    page: str = ""
    form: Callable[[houses.House, houses.Place], Form] = lambda _house, _place: {}
    query: str = ""
    # What one row of the same endpoint is about.
    about: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.endpoint.startswith("post_") else "GET"

    @property
    def name(self) -> str:
        return f"{self.endpoint}{f'({self.about})' if self.about else ''}"

    def status(self, identity: str) -> int:
        return int(self.statuses.split()[list(IDENTITIES).index(identity)])

    async def filled(self, house: houses.House, place: houses.Place) -> Form:
        """What is sent: for what asks for a proof, what its page shows now."""
        match self.about:
            case "form":
                return await house.promote_form(place)
            case "all":
                return await house.promote_all_form(place)
            case _:
                return self.form(house, place)

    def path(self, house: houses.House) -> str:
        place = house.places[self.place]
        return f"{place.url(self.page) if '/' not in self.page[:1] else self.page}{self.query}"


def _number(_house: houses.House, place: houses.Place) -> Form:
    return {"deployment_id": str(place.deployment_id)}


def _recorded(_house: houses.House, place: houses.Place) -> Form:
    names = {"owner_namespace": "org.example.widgets", "package": "widgets-core", "version": place.version}
    return {"platform": "MAVEN", "deployment_id": "11111111-2222-3333-4444-555555555555", **names}


def _deleted(_house: houses.House, place: houses.Place) -> Form:
    return {"platform": "PYPI", "package": "widgets-core", "version": place.version, "reason": "a slip"}


def _removed(_house: houses.House, _place: houses.Place) -> Form:
    return {"act": "remove", "path": "maven", "seen": "00001"}


def _policy(house: houses.House, _place: houses.Place) -> Form:
    ((policy,),) = house.rows("SELECT release_policy_id FROM project WHERE key = ?", houses.PROJECT)
    ((hours, mappings, remote, copies),) = house.rows(
        "SELECT min_hours, file_tag_mappings, remote_promotion, keep_copies FROM releasepolicy WHERE id = ?", policy
    )
    row = sql.ReleasePolicy(
        min_hours=hours,
        file_tag_mappings=json.loads(mappings),
        remote_promotion=json.loads(remote),
        keep_copies=bool(copies),
    )
    return {"digest": names.seen_policy(row), "min_hours": "24", "mapping_mavencentral": "maven/**"}


def _target(house: houses.House, _place: houses.Place) -> Form:
    ((namespaces, source, target),) = house.rows(
        "SELECT namespaces, source, target FROM platform_target WHERE project_key = ?", houses.PROJECT
    )
    row = tables.PlatformTarget(
        project_key=houses.PROJECT,
        platform="MAVEN",
        mechanism="CENTRAL_PORTAL",
        namespaces=json.loads(namespaces),
        source=source,
        target=target,
        set_by="",
        set_at=house.world.clock.at,
    )
    return {
        "platform": "MAVEN",
        "digest": names.seen_target(row),
        "namespaces": "org.example.widgets\norg.example.more",
    }


def _act(name: str) -> Callable[[houses.House, houses.Place], Form]:
    return lambda _house, _place: {"act": name, "reason": "because"}


ADMINS: Final = "403 403 403 403 403 303 403"


def _opened(house: houses.House, place: houses.Place) -> Form:
    return house.open_form(place)


def _off(act: str) -> Callable[[houses.House, houses.Place], Form]:
    return lambda _house, place: {"act": act, "deployment_ids": str(place.deployment_id), "reason": "because"}


def _cast(house: houses.House, place: houses.Place) -> Form:
    return {"vote_seq": "1", "ballot_digest": house.frozen_digest(place), "choice": "-1", "comment": "No."}


def _resolved(act: str) -> Callable[[houses.House, houses.Place], Form]:
    return lambda _house, _place: {"act": act, "vote_seq": "1", "plus": "0", "minus": "0", "reason": "because"}


ALL: Final = "200 200 200 200 200 200 200"
NOWHERE: Final = "404 404 404 404 404 404 404"
LEAD_ON: Final = "303 303 303 303 303 303 303"
SIGN_IN_FIRST: Final = "303 200 200 200 200 200 200"
MEMBERS: Final = "403 303 403 403 403 403 403"
MANAGERS: Final = "403 303 303 403 403 403 403"
PARTICIPANTS: Final = "403 303 303 303 403 403 403"

# endpoint                                   statuses       situation   page
TABLE: Final = (
    Row("static", ALL, page="/static/style.css"),
    Row("get_root.index", LEAD_ON, page="/"),
    Row("get_health.alive", ALL, page="/healthz"),
    Row("get_health.ready", ALL, page="/readyz"),
    Row("get_session.sign_in", ALL, page="/sign-in"),
    Row("get_releases.listing", ALL, page="/releases"),
    Row("get_start.listing", SIGN_IN_FIRST, page="/start"),
    Row("get_start.selected", SIGN_IN_FIRST, page=f"/start/{houses.PROJECT}"),
    Row("post_start.selected", PARTICIPANTS, page=f"/start/{houses.PROJECT}", form=lambda *_: {"version": "9.0.0"}),
    Row("get_compose.selected", ALL, "composed", "compose"),
    Row("get_compose.change", SIGN_IN_FIRST, "composed", "compose/change", query="?path=maven"),
    Row("post_compose.change_selected", PARTICIPANTS, "composed", "compose/change", _removed),
    Row("post_upload.selected", PARTICIPANTS, "composed", "upload", about="upload"),
    Row("get_revisions.selected", ALL, "composed", "revisions"),
    Row("get_finish.selected", ALL, "ready", "finish"),
    Row("get_finish.row", ALL, "ready", "row"),
    Row("get_repository.root", ALL, "ready", "/repository/{project}/{version}/{digest}/"),
    Row("get_repository.file", ALL, "ready", "/repository/{project}/{version}/{digest}/org/"),
    Row("get_readiness.panel", ALL, "ready", "readiness"),
    Row("get_policy.selected", ALL, page=f"/policy/{houses.PROJECT}"),
    Row("get_target.listing", ALL, page="/targets"),
    Row("get_target.selected", ALL, page=f"/target/{houses.PROJECT}"),
    Row("get_voting.selected", ALL, "staged", "voting"),
    Row("get_vote.selected", ALL, "voting", "vote"),
    Row("get_vote.count", ALL, "voting", "vote", query="/count"),
    Row("get_resolve.selected", ALL, "voting", "resolve"),
    Row("get_abandon.selected", ALL, "ready", "abandon"),
    Row("get_announce.selected", ALL, "live", "announce"),
    Row("get_embargo.selected", ALL, "live", "embargo"),
    Row("get_embargo.selected", "404 200 404 404 404 404 404", "embargoed", "embargo", about="under embargo"),
    Row("post_embargo.selected", MEMBERS, "embargoed", "embargo", lambda *_: {"reason": "because"}),
    Row("post_voting.selected", MANAGERS, "staged", "voting", _opened),
    Row("post_voting.ballot", MANAGERS, "staged", "voting/ballot", _off("take_off"), about="take_off"),
    Row("post_voting.ballot", MEMBERS, "staged", "voting/ballot", _off("drop"), about="drop"),
    Row("post_voting.ballot", MANAGERS, "set aside", "voting/ballot", _off("put_on"), about="put_on"),
    Row("post_vote.selected_post", PARTICIPANTS, "voting", "vote", _cast),
    Row("post_resolve.selected", MANAGERS, "voting", "resolve", _resolved("failed"), about="failed"),
    Row(
        "post_resolve.selected",
        # The votes are not there, so it is refused for managers too, by the rules and not by their rights.
        "403 409 409 403 403 403 403",
        "voting",
        "resolve",
        _resolved("passed"),
        about="passed too early",
    ),
    Row("post_abandon.selected", MANAGERS, "ready", "abandon", lambda *_: {"vote_seq": "1", "reason": "because"}),
    Row("post_announce.selected", MANAGERS, "live", "announce", lambda _, place: {"version": place.version}),
    Row("get_distribution.list_get", ALL, "recorded", "distribution/list"),
    Row("get_distribution.detail", ALL, "ready", "distribution/detail"),
    Row("get_distribution.promote", SIGN_IN_FIRST, "ready", "distribution/promote", query="?deployment_id={number}"),
    Row("get_distribution.promote_all", SIGN_IN_FIRST, "several", "distribution/promote-all"),
    Row("get_distribution.record", SIGN_IN_FIRST, "ready", "distribution/record"),
    Row("get_distribution.stage_record", SIGN_IN_FIRST, "ready", "distribution/stage/record"),
    Row("get_distribution.automate", SIGN_IN_FIRST, "ready", "distribution/automate"),
    Row("get_distribution.stage_automate", SIGN_IN_FIRST, "ready", "distribution/stage/automate"),
    Row(
        "get_distribution.stage_again",
        SIGN_IN_FIRST,
        "voted and dropped",
        "/distribution/stage/again/{project}/{version}/{digest}",
    ),
    Row(
        "post_distribution.stage_again_selected",
        MANAGERS,
        "voted and dropped",
        "/distribution/stage/again/{project}/{version}/{digest}",
    ),
    Row("post_distribution.act", MEMBERS, "kept", "distribution/act", _act("forget_copy"), about="forget_copy"),
    Row(
        "post_distribution.act",
        # A copy is there, so for members it is refused by that.
        "403 409 403 403 403 403 403",
        "kept",
        "distribution/act",
        _act("keep_copy"),
        about="keep_copy",
    ),
    Row("post_session.sign_in_selected", LEAD_ON, page="/sign-in", form=lambda *_: {"asf_uid": houses.MEMBER}),
    Row("post_session.sign_out", LEAD_ON, page="/sign-out"),
    # In sandbox mode there is nobody to be led to.
    Row("get_session.begin", NOWHERE, page="/sign-in/begin"),
    Row("get_session.finish", NOWHERE, page="/sign-in/return"),
    Row("get_session.listing", SIGN_IN_FIRST, page="/sessions"),
    Row("post_session.listing", "403 303 303 303 303 303 303", page="/sessions", form=lambda *_: {"others": "yes"}),
    Row("post_distribution.promote_selected", MEMBERS, "ready", "distribution/promote", _number, about="form"),
    Row("post_distribution.promote_all_selected", MEMBERS, "several", "distribution/promote-all", about="all"),
    Row("post_distribution.record_selected", MANAGERS, "ready", "distribution/record", _recorded),
    Row("post_distribution.stage_record_selected", MANAGERS, "staged", "distribution/stage/record", _recorded),
    Row("post_distribution.search_selected", MANAGERS, "staged", "distribution/search", _recorded),
    Row("get_distribution.search", "303 200 200 403 403 403 403", "searched", "distribution/search", query="/s1"),
    Row(
        "post_distribution.automate_selected",
        MANAGERS,
        "ready",
        "distribution/automate",
        lambda *_: {"platform": "MAVEN"},
    ),
    Row(
        "post_distribution.stage_automate_selected",
        MANAGERS,
        "composed",
        "distribution/stage/automate",
        lambda *_: {"platform": "MAVEN"},
    ),
    Row("post_readiness.check_now", PARTICIPANTS, "ready", "readiness"),
    Row("post_policy.selected", MANAGERS, page=f"/policy/{houses.PROJECT}", form=_policy),
    Row("post_policy.trial", "403 200 200 200 403 403 403", page=f"/policy/{houses.PROJECT}/try", form=_policy),
    Row("post_target.selected", ADMINS, page=f"/target/{houses.PROJECT}", form=_target),
    Row("get_admin.stuck", "303 403 403 403 403 200 403", page="/admin/stuck"),
    Row("get_admin.switches", "303 403 403 403 403 200 403", page="/admin/switches"),
    Row(
        "post_admin.switches",
        ADMINS,
        page="/admin/switches",
        form=lambda *_: {"scope": "mechanism:CENTRAL_PORTAL", "to": "on", "reason": "because"},
    ),
    Row("post_distribution.delete", MANAGERS, "recorded", "distribution/delete", _deleted),
    Row("post_distribution.act", PARTICIPANTS, "ready", "distribution/act", _act("look"), about="look"),
    Row("post_distribution.act", PARTICIPANTS, "ready", "distribution/act", _act("verify"), about="verify"),
    Row("post_distribution.act", MEMBERS, "staged", "distribution/act", _act("drop"), about="drop"),
    Row("post_distribution.act", MEMBERS, "stopped", "distribution/act", _act("go_on"), about="go_on"),
    Row("post_distribution.act", MEMBERS, "requested", "distribution/act", _act("abort"), about="abort"),
    Row(
        "post_distribution.act",
        "403 303 403 403 403 403 403",
        "doubted",
        "distribution/act",
        _act("stop"),
        about="stop",
    ),
    Row("post_distribution.act", MEMBERS, "diverged", "distribution/act", _act("check_again"), about="check_again"),
    Row(
        "post_distribution.act",
        # The form carries no digest of what the person saw, so members are refused by that and not by their rights.
        "403 409 403 403 403 403 403",
        "extra file",
        "distribution/act",
        _act("accept_extras"),
        about="accept_extras",
    ),
    Row("post_distribution.act", MEMBERS, "publishing", "distribution/act", _act("extend"), about="extend"),
    Row("post_distribution.act", MEMBERS, "in doubt", "distribution/act", _act("send_again"), about="send_again"),
    Row("post_distribution.act", MANAGERS, "lost", "distribution/act", _act("settle_lost"), about="settle_lost"),
    Row(
        "post_distribution.act",
        # Nobody voted on it yet, so it is refused for members too, by the state and not by their rights.
        "403 409 403 403 403 403 403",
        "in doubt",
        "distribution/act",
        _act("give_up"),
        about="give_up before a day",
    ),
    Row(
        "post_distribution.act",
        MEMBERS,
        "published by another hand",
        "distribution/act",
        _act("prove_published"),
        about="prove_published",
    ),
)


def _tokens(row: Row, identity: str) -> tuple[str, ...]:
    """What this identity sends there as a token."""
    let_in = "admin" if row.status("member") == REFUSED else "member"
    return CSRF if (row.method == "POST") and (identity == let_in or row.endpoint == FOR_ALL) else CSRF[:1]


_CELLS: Final = [
    pytest.param(row, identity, csrf, id=f"{row.name}-{identity}-{csrf}")
    for row in TABLE
    for identity in IDENTITIES
    for csrf in _tokens(row, identity)
]
UNLISTED: Final = [pytest.param(rule, method, id=f"{method} {rule}") for rule, method in routes.unlisted()]


async def test_every_route_has_a_row() -> None:
    """And every row is about a route that exists."""
    assert {(row.endpoint, row.method) for row in TABLE} == set(routes.routes())


@pytest.mark.parametrize(("row", "identity", "csrf"), _CELLS)
async def test_cell(house: houses.House, row: Row, identity: str, csrf: str) -> None:
    """The status is the one of the table, and what is refused changes no row of any table."""
    place = house.places[row.place]
    path = row.path(house).format(
        number=place.row_key[1:], project=houses.PROJECT, version=place.version, digest=house.voted_digest(place)
    )
    person = house.people[IDENTITIES[identity]]
    token, headers = person.token, {}
    match csrf:
        case "none":
            token = ""
        case "of another session":
            token = house.people[houses.OTHER_MEMBER].token
        case "from another site":
            headers["Sec-Fetch-Site"] = "cross-site"
        case "of an old session":
            person, token = await _again(house, IDENTITIES[identity])
    if row.endpoint.startswith("post_session") and csrf == "ok":
        # These end the session, which the others still need.
        person = person.same_session()
    form = await row.filled(house, place)
    before, other = house.dump(), house.dump(but="usersession")
    if row.method == "GET":
        answer = await person.get(path)
    elif row.about == "upload":
        answer = await person.upload(path, [("files", "a.txt", b"a")], token=token, headers=headers)
    else:
        answer = await person.post(path, form, token=token, headers=headers)
    expected = row.status(identity) if csrf == "ok" else REFUSED
    assert answer.status == expected, answer.text
    if row.endpoint.startswith("post_session"):
        # Who is signed in where, and nothing else.
        assert house.dump(but="usersession") == other
    elif (row.method == "GET") or (answer.status != 303):
        assert house.dump() == before
    else:
        assert house.dump() != before


async def _again(house: houses.House, asf_uid: str) -> tuple[houses.Person, str]:
    """Somebody who opened a second session in the same browser, and the token of the first one."""
    person = house.stranger()
    person.token = houses.token_of(await person.get("/sign-in"))
    old = person.token
    if not asf_uid:
        # A stranger's session is old when its cookie is gone.
        fresh = house.stranger()
        fresh.token = houses.token_of(await fresh.get("/sign-in"))
        return fresh, old
    if asf_uid == houses.REMOVED:
        # Named by no committee any more, so nobody can sign in as them: the session stays the one they have.
        return house.people[asf_uid], old
    await person.sign_in(asf_uid)
    return person, old


@pytest.mark.parametrize(("rule", "method"), UNLISTED)
async def test_a_method_that_no_handler_has_is_refused(house: houses.House, rule: str, method: str) -> None:
    """405, with what the address takes instead, and nothing has changed."""
    place = house.places["ready"]
    values = {
        "<project_key>": houses.PROJECT,
        "<version_key>": place.version,
        "<row_key>": place.row_key,
        "<path:filename>": "style.css",
        "<path:path>": "org/",
        "<digest>": "0" * 64,
    }
    path = rule
    for name, value in values.items():
        path = path.replace(name, value)
    person = house.people[houses.MEMBER]
    before = house.dump()
    form = {"csrf_token": person.token} if method != "TRACE" else None
    answer = await houses.Answer.of(await person.client.open(path, method=method, form=form, json=NO_JSON))
    assert answer.status == 405
    assert method not in answer.headers["allow"].split(", ")
    assert answer.headers["allow"]
    assert house.dump() == before
