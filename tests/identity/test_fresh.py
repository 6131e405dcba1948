# SPDX-License-Identifier: Apache-2.0
"""What cannot be undone needs a recent sign-in, by the provider's own word; everything else does not."""

import urllib.parse
from typing import Any, Final

import pytest

import atr.demo.people as people
from tests.identity import ground as grounds
from tests.web import house as houses
from tests.web import routes

WHERE: Final = f"{people.PROJECT}/9.9.9"
STALE: Final = "you signed in some time ago"
# What sends a publish request, tells the world, or takes away what nobody can give back.
FOR_GOOD: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "post_distribution.promote_selected": (f"/distribution/promote/{WHERE}", {}),
    "post_distribution.promote_all_selected": (f"/distribution/promote-all/{WHERE}", {}),
    "post_distribution.automate_selected": (f"/distribution/automate/{WHERE}", {}),
    "post_announce.selected": (f"/announce/{WHERE}", {}),
    "post_embargo.selected": (f"/embargo/{WHERE}", {}),
}
# Of the forms with several acts, those.
ACTS: Final = {
    "post_distribution.act": (f"/distribution/act/{WHERE}/d1", ("drop", "go_on", "send_again")),
    "post_voting.ballot": (f"/voting/ballot/{WHERE}", ("drop",)),
}
UNDONE: Final = frozenset(
    {
        "post_abandon.selected",
        "post_admin.switches",
        "post_compose.change_selected",
        "post_distribution.delete",
        "post_distribution.record_selected",
        "post_distribution.search_selected",
        "post_distribution.stage_again_selected",
        "post_distribution.stage_automate_selected",
        "post_distribution.stage_record_selected",
        "post_policy.selected",
        "post_policy.trial",
        "post_readiness.check_now",
        "post_resolve.selected",
        "post_session.listing",
        "post_session.sign_in_selected",
        "post_session.sign_out",
        "post_start.selected",
        "post_target.selected",
        "post_upload.selected",
        "post_vote.selected_post",
        "post_voting.selected",
    }
)
ASKED: Final = [
    *FOR_GOOD.values(),
    *((path, {"act": act}) for path, acts in ACTS.values() for act in acts),
]


async def post(browser: grounds.Browser, path: str, form: dict[str, str]) -> houses.Answer:
    token = houses.token_of(await browser.get("/releases"))
    answer = await browser.client.post(path, form={**form, "csrf_token": token}, scheme="https")
    return await houses.Answer.of(answer)


def test_every_form_is_sorted() -> None:
    forms = {endpoint for endpoint, method in routes.routes() if method == "POST"}
    assert forms == {*FOR_GOOD, *ACTS, *UNDONE}


async def test_what_cannot_be_undone_waits_for_a_sign_in(ground: grounds.Ground) -> None:
    """And nothing else; afterwards it is refused by what is asked for, or not at all."""
    browser = ground.browser()
    await browser.sign_in()
    fresh = [await post(browser, path, form) for path, form in ASKED]
    ground.clock.turn(minutes=10)
    stale = [await post(browser, path, form) for path, form in ASKED]
    other = await post(browser, f"/distribution/act/{WHERE}/d1", {"act": "look"})
    await browser.sign_in(again="yes")
    again = [await post(browser, path, form) for path, form in ASKED]
    assert [STALE in answer.text for answer in fresh] == [False] * len(ASKED)
    assert [(answer.status, STALE in answer.text) for answer in stale] == [(403, True)] * len(ASKED)
    assert STALE not in other.text
    assert [answer.status for answer in again] == [answer.status for answer in fresh]


async def test_the_refusal_leads_to_a_sign_in_and_back(ground: grounds.Ground) -> None:
    browser = ground.browser()
    await browser.sign_in()
    ground.clock.turn(minutes=10)
    page = f"/distribution/promote/{WHERE}"
    token = houses.token_of(await browser.get("/releases"))
    headers = {"Referer": f"https://localhost{page}"}
    answer = await browser.client.post(page, form={"csrf_token": token}, headers=headers, scheme="https")
    text = await answer.get_data(as_text=True)
    assert f'href="/sign-in?again=yes&amp;return_to={page}"' in text
    offered = await browser.get(f"/sign-in?again=yes&return_to={page}")
    assert "needs a recent sign-in" in offered.text
    assert f'href="/sign-in/begin?return_to={page}&amp;again=yes"' in offered.text
    back = await browser.sign_in(return_to=page, again="yes")
    assert (back.status, back.headers["location"]) == (303, page)


async def test_the_provider_is_asked_for_it(ground: grounds.Ground) -> None:
    address = await ground.browser().begin(again="yes")
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "600")


@pytest.mark.parametrize("auth_time", [None, 1, "now", True, -5, 1e300])
async def test_a_provider_that_does_not_do_it(ground: grounds.Ground, auth_time: Any) -> None:
    """It signs in, and what cannot be undone stays closed."""
    ground.provider.knobs.claims = {"auth_time": auth_time}
    browser = ground.browser()
    assert (await browser.sign_in()).status == 303
    assert (await post(browser, *ASKED[0])).status == 403
    answer = await browser.sign_in(again="yes")
    assert (answer.status, "auth_time" in answer.text) == (403, True)
    # The session that was there stays.
    assert await browser.is_signed_in()


async def test_an_old_session_at_the_provider_is_no_recent_sign_in(ground: grounds.Ground) -> None:
    ground.provider.knobs.session_age = 3_600
    browser = ground.browser()
    await browser.sign_in()
    assert STALE in (await post(browser, *ASKED[0])).text
    await browser.sign_in(again="yes")
    assert STALE not in (await post(browser, *ASKED[0])).text


async def test_a_stranger_is_told_to_sign_in_and_not_again(ground: grounds.Ground) -> None:
    answer = await houses.Answer.of(await ground.browser().client.post(ASKED[0][0], scheme="https"))
    assert (answer.status, STALE in answer.text) == (403, False)
