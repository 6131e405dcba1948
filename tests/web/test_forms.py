# SPDX-License-Identifier: Apache-2.0
"""What each form answers: done, said again beside the field, moved meanwhile, not yours, not now."""

import re
from typing import Any, Final

import pytest

import atr.models.forms as forms
import atr.models.sql as sql
import atr.reasons as reasons
import atr.shared.distribution as distribution
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ID: Final = "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa"
_REASON: Final = "we looked at it together"


def _count(house: houses.House, table: str, where: str = "1 = 1", *values: Any) -> int:
    ((number,),) = house.rows(f"SELECT count(*) FROM {table} WHERE {where}", *values)
    return int(number)


def _promotions(house: houses.House, place: houses.Place) -> int:
    return _count(house, "promotion", "deployment_id = ?", place.deployment_id)


async def test_promote_leads_back_to_the_release_and_says_so(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/promote"), await house.promote_form(place))
    assert answer.status == 303
    assert answer.headers["location"].endswith(place.url("finish"))
    page = await alice.get(place.url("finish"))
    assert "Promotion requested. The staged files are verified once more" in page.text
    assert _promotions(house, place) == 1
    assert "Promotion requested." not in (await alice.get(place.url("finish"))).text


async def test_a_one_time_code_loses_its_spaces_and_is_not_kept_where_no_call_needs_one(house: houses.House) -> None:
    """What needs one: tests/journeys/test_another_mechanism.py."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = {**await house.promote_form(place), "code": "123 456"}
    assert forms.DistributionPromoteForm.parse(form).code == "123456"
    assert (await alice.post(place.url("distribution/promote"), form)).status == 303
    assert house.rows("SELECT one_time_code FROM promotion WHERE deployment_id = ?", place.deployment_id) == [("",)]


async def test_a_code_that_is_none_is_refused_and_not_shown_again(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = {**await house.promote_form(place), "code": "7" * 501}
    answer = await alice.post(place.url("distribution/promote"), form)
    assert answer.status == 422
    assert "This is too long." in answer.text
    assert "7777" not in answer.text
    assert _promotions(house, place) == 0


async def test_a_fragment_does_not_eat_the_sentence_of_the_next_page(house: houses.House) -> None:
    """A second tab asks for its row between the redirect and the page."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    await alice.post(place.url("distribution/promote"), await house.promote_form(place))
    assert (await alice.get(place.url("row"))).status == 200
    assert "Promotion requested." in (await alice.get(place.url("finish"))).text


async def test_a_wrong_version_is_said_beside_its_field(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    form = {**await house.promote_form(place), "version": "9.9.9"}
    answer = await alice.post(place.url("distribution/promote"), form)
    assert answer.status == 422
    assert f"The version does not match. Type {place.version}." in answer.text
    assert 'value="9.9.9"' in answer.text
    for name in ("platform", "deployment_id", "evidence_digest", "row_version"):
        assert f'name="{name}" value="{form[name]}"' in answer.text
    assert house.dump() == before


@pytest.mark.parametrize("change", [{"row_version": "77"}, {"evidence_digest": "0" * 64}])
async def test_a_stale_form_sends_nothing_and_says_so(house: houses.House, change: dict[str, str]) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    form = {**await house.promote_form(place), **change}
    answer = await alice.post(place.url("distribution/promote"), form)
    assert answer.status == 409
    assert 'data-code="stale"' in answer.text
    assert house.dump() == before


async def test_the_same_form_again_leads_to_the_first_promotion(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = await house.promote_form(place)
    first = await alice.post(place.url("distribution/promote"), form)
    again = await alice.post(place.url("distribution/promote"), form)
    assert (first.status, again.status) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    assert _promotions(house, place) == 1


async def test_the_same_form_of_somebody_else_names_who_was_first(house: houses.House) -> None:
    place = house.places["ready"]
    form = await house.promote_form(place)
    await house.people[houses.MEMBER].post(place.url("distribution/promote"), form)
    before = house.dump()
    answer = await house.people[houses.OTHER_MEMBER].post(place.url("distribution/promote"), form)
    assert answer.status == 409
    assert f"{houses.MEMBER} already promoted it" in answer.text
    assert house.dump() == before


async def test_what_is_blocked_is_refused_with_every_reason(house: houses.House) -> None:
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    before = house.dump()
    answer = await alice.post(place.url("distribution/promote"), await house.promote_form(place))
    assert answer.status == 409
    assert "The release is not in the Finish phase" in answer.text
    assert "No vote on this release has passed" in answer.text
    assert house.dump() == before


async def test_the_policy_of_this_moment_counts(house: houses.House) -> None:
    """Switched off after the page was drawn."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = await house.promote_form(place)
    async with house.world.store.write_as_project_committee_member(houses.PROJECT, houses.MEMBER) as member:
        await member.policy.edit(houses.PROJECT, remote_promotion={distribution.DistributionPlatform.MAVEN: False})
    answer = await alice.post(place.url("distribution/promote"), form)
    assert answer.status == 409
    assert "policy does not allow remote promotion" in answer.text
    assert _promotions(house, place) == 0


@pytest.mark.parametrize(
    "platform", [one for one in distribution.DistributionPlatform if not one.supports_remote_promotion]
)
async def test_a_platform_that_does_not_promote_gives_its_reason(
    house: houses.House, platform: distribution.DistributionPlatform
) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    form = {**await house.promote_form(place), "platform": platform.name}
    answer = await alice.post(place.url("distribution/promote"), form)
    assert answer.status == 422
    assert platform.why_not in answer.text
    assert house.dump() == before


@pytest.mark.parametrize("name", ["requested", "publishing", "live", "diverged", "in doubt"])
async def test_what_was_promoted_already_offers_no_second_confirmation(house: houses.House, name: str) -> None:
    """The back button, an old link: on to where it stands."""
    place, alice = house.places[name], house.people[houses.MEMBER]
    answer = await alice.get(f"{place.url('distribution/promote')}?deployment_id={place.deployment_id}")
    assert answer.status == 303
    assert answer.headers["location"].endswith(place.url("distribution/detail"))


@pytest.mark.parametrize("name", ["ready", "held", "staged", "aborted", "refused"])
async def test_the_confirm_page_is_there_for_all_others(house: houses.House, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    answer = await alice.get(f"{place.url('distribution/promote')}?deployment_id={place.deployment_id}")
    assert answer.status == 200


@pytest.mark.parametrize("name", ["ready", "aborted", "held"])
async def test_the_confirm_page_posts_what_it_needs(house: houses.House, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    page = await alice.get(f"{place.url('distribution/promote')}?deployment_id={place.deployment_id}")
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    answer = await alice.post(place.url("distribution/promote"), {**fields, "version": place.version})
    assert answer.status == 303, answer.text


def _coordinates(place: houses.Place, **more: str) -> dict[str, str]:
    names = {"owner_namespace": "org.example.widgets", "package": "widgets-new", "version": place.version}
    return {"platform": "MAVEN", **names, **more}


async def test_record_waits_for_the_proof(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    answer = await alice.post(
        place.url("distribution/record"), _coordinates(place, platform="pypi", owner_namespace="")
    )
    assert answer.status == 303
    page = await alice.get(place.url("distribution/list"))
    assert f"widgets-new {place.version} is recorded." in page.text
    assert "Its files cannot be verified" in page.text
    assert ">Pending<" in page.text
    assert house.rows("SELECT staging, pending FROM distribution WHERE package = 'widgets-new'") == [(0, 1)]


async def test_another_spelling_of_a_name_is_the_same_row(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    for package, version in (("Widgets_New", "2.4.0"), ("widgets-new", "2.4"), ("widgets.new", "v2.4.0")):
        form = _coordinates(place, platform="pypi", owner_namespace="", package=package, version=version)
        assert (await alice.post(place.url("distribution/record"), form)).status == 303
    wanted = "SELECT package, version FROM distribution WHERE platform = 'PYPI' AND release_key = ?"
    assert house.rows(wanted, f"{houses.PROJECT}-{place.version}") == [("widgets-new", "2.4.0")]


async def test_a_row_whose_name_breaks_a_rule_can_be_deleted(house: houses.House) -> None:
    """ATR, and this code before it had rules, stored what people wrote."""
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    house.change(
        "INSERT INTO distribution (release_key, platform, owner_namespace, package, version, staging, pending, retries,"
        " created_by) VALUES (?, 'PYPI', '', 'Odd_Name', 'abc', 0, 1, 0, 'alice')",
        f"{houses.PROJECT}-{place.version}",
    )
    assert "Odd_Name" in (await alice.get(place.url("distribution/list"))).text
    form = {"platform": "PYPI", "owner_namespace": "", "package": "Odd_Name", "version": "abc", "reason": _REASON}
    assert (await alice.post(place.url("distribution/delete"), form)).status == 303
    assert _count(house, "distribution", "package = 'Odd_Name'") == 0


async def test_record_before_the_vote_has_passed(house: houses.House) -> None:
    place, alice = house.places["voting"], house.people[houses.MEMBER]
    before = house.dump()
    answer = await alice.post(place.url("distribution/record"), _coordinates(place))
    assert answer.status == 409
    assert reasons.of("phase").sentence in answer.text
    assert house.dump() == before


async def test_stage_record_is_looked_at(house: houses.House) -> None:
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/stage/record"), _coordinates(place, deployment_id=f" {_ID} "))
    assert answer.status == 303
    assert _count(house, "deployment", "external_id = ? AND state = 'validating'", _ID) == 1


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"deployment_id": ""}, "deployment_id", "Enter the platform&#39;s deployment id"),
        ({"deployment_id": "../../x"}, "deployment_id", "Enter the platform&#39;s deployment id"),
        ({"platform": "FLOPPY"}, "platform", "There is no platform named"),
        ({"platform": ""}, "platform", "This field is required."),
        ({"owner_namespace": ""}, "owner_namespace", "needs the groupId too"),
        ({"package": ""}, "package", "This field is required."),
        ({"package": "a/b"}, "package", "An artifactId has letters, digits"),
        ({"version": "LATEST"}, "version", "LATEST and RELEASE mean"),
        ({"version": "1.0-SNAPSHOT"}, "version", "no SNAPSHOT versions"),
        ({"version": "x" * 400}, "version", "longer than 255 characters"),
        ({"version": "x" * 501}, "version", "This is too long."),
        (
            {"platform": "NPM", "owner_namespace": "", "package": ".bin"},
            "package",
            "An npm name may not begin with a dot or an underscore.",
        ),
        ({"platform": "DOCKER_HUB", "owner_namespace": "Apache"}, "owner_namespace", "lower-case"),
    ],
)
@pytest.mark.parametrize("page", ["distribution/stage/record", "distribution/record"])
async def test_a_record_form_is_shown_again_with_its_values(
    house: houses.House, page: str, change: dict[str, str], field: str, sentence: str
) -> None:
    if (field == "deployment_id") and (page == "distribution/record"):
        # What is public has no deployment's id.
        return
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    form = _coordinates(place, **{"deployment_id": _ID, **change})
    answer = await alice.post(place.url(page), form)
    assert answer.status == 422
    assert sentence in answer.text
    kept = {"owner_namespace", "package", "version"} - {field}
    for name in kept:
        assert f'name="{name}" value="{form[name]}"' in answer.text
    assert house.dump() == before


async def test_a_deployment_of_someone_else_is_not_taken(house: houses.House) -> None:
    """Its id is recorded for another release already."""
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    taken = (await house.view(house.places["staged"])).external_id
    before = house.dump()
    answer = await alice.post(place.url("distribution/stage/record"), _coordinates(place, deployment_id=taken))
    assert answer.status == 409, answer.text
    assert house.dump() == before


async def test_a_group_outside_the_project_is_refused(house: houses.House) -> None:
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    before = house.dump()
    form = _coordinates(place, deployment_id=_ID, owner_namespace="org.somebody")
    answer = await alice.post(place.url("distribution/stage/record"), form)
    assert answer.status == 409
    assert "org.somebody:widgets-new" in answer.text
    assert "utside the project&#39;s namespaces" in answer.text
    assert house.dump() == before


@pytest.mark.parametrize(
    ("page", "name"), [("distribution/stage/automate", "composed"), ("distribution/automate", "ready")]
)
async def test_automate_uploads_what_the_policy_maps(house: houses.House, page: str, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    shown = await alice.get(place.url(page))
    # The one platform that the page is about is what its button sends.
    assert re.findall(r'name="platform" required value="([A-Z_]+)"', shown.text) == ["MAVEN"]
    before = _count(house, "deployment", "state = 'uploading'")
    answer = await alice.post(place.url(page), {"platform": "MAVEN"})
    assert answer.status == 303
    assert "Uploading to Maven Central" in (await alice.get(place.url("finish"))).text
    assert _count(house, "deployment", "state = 'uploading'") == before + 1


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("", "finish"),
        ("compose", "compose"),
        ("//evil.example", None),
        ("https://evil.example/x", None),
        ("/\\evil.example", None),
        ("/\r\nX-Evil: 1", None),
    ],
)
@pytest.mark.parametrize("act", ["record", "automate"])
async def test_staging_leads_back_to_the_phase_it_came_from_and_to_no_other_site(
    house: houses.House, act: str, target: str, leads_to: str | None
) -> None:
    place, alice = house.places["composed"], house.people[houses.MEMBER]
    form = _coordinates(place, deployment_id=_ID) if act == "record" else {"platform": "MAVEN"}
    form["return_to"] = place.url(target) if target.isalpha() else target
    answer = await alice.post(place.url(f"distribution/stage/{act}"), form)
    assert answer.status == 303
    assert answer.headers["location"] == (place.url(leads_to) if leads_to else "/releases")
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("page", ["distribution/stage/automate", "distribution/automate"])
async def test_automate_without_a_mapping_asks(house: houses.House, page: str) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    async with house.world.store.write_as_project_committee_member(houses.PROJECT, houses.MEMBER) as member:
        await member.policy.edit(houses.PROJECT, file_tag_mappings={})
    before = house.dump()
    shown = await alice.get(place.url(page))
    answer = await alice.post(place.url(page), {"platform": "MAVEN"})
    assert answer.status == 409
    for text in (shown.text, answer.text):
        assert "maps no files to Maven Central" in text
        assert "to the project&#39;s policy" in text
    assert house.dump() == before


async def test_automate_elsewhere_gives_the_reason(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    shown = await alice.get(f"{place.url('distribution/stage/automate')}?platform=PYPI")
    answer = await alice.post(place.url("distribution/stage/automate"), {"platform": "PYPI"})
    assert (shown.status, answer.status) == (200, 422)
    for text in (shown.text, answer.text):
        assert "PyPI publishes every upload immediately" in text


async def test_automate_for_an_unknown_platform_is_no_page(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    assert (await alice.get(f"{place.url('distribution/automate')}?platform=FLOPPY")).status == 404


@pytest.mark.parametrize("page", ["record", "stage/record", "automate", "stage/automate"])
@pytest.mark.parametrize("who", [houses.COMMITTER, houses.ELSEWHERE, houses.ADMIN])
async def test_who_may_not_post_it_is_not_shown_the_form(house: houses.House, page: str, who: str) -> None:
    """A page that says so is better than a form that is refused."""
    place = house.places["ready"]
    answer = await house.people[who].get(place.url(f"distribution/{page}"))
    assert answer.status == 200
    assert "Only release managers and committee members can" in answer.text
    assert f'action="{place.url(f"distribution/{page}")}"' not in answer.text


async def test_what_a_release_manager_stages_for_production_waits_for_a_members_click(house: houses.House) -> None:
    """The page promises no promotion to them, and the answer says who makes it."""
    place = house.places["ready"]
    mine = await house.people[houses.MEMBER].get(place.url("distribution/automate"))
    theirs = await house.people[houses.MANAGER].get(place.url("distribution/automate"))
    assert "and request it</button>" in mine.text
    assert "request" not in theirs.text.partition("<main")[2]
    assert "A committee member can promote the deployment afterwards." in theirs.text
    answer = await house.people[houses.MANAGER].post(place.url("distribution/automate"), {"platform": "MAVEN"})
    assert answer.status == 303
    ((then_promote,),) = house.rows("SELECT then_promote FROM deployment ORDER BY id DESC LIMIT 1")
    assert not then_promote
    page = await house.people[houses.MANAGER].get(answer.headers["location"])
    assert "The deployment then waits for a committee member to promote it." in page.text


def _deleting(place: houses.Place, **more: str) -> dict[str, str]:
    return {"platform": "PYPI", "package": "widgets-core", "version": place.version, **more}


async def test_delete_takes_the_row_off_the_list(house: houses.House) -> None:
    place, alice = house.places["recorded"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/delete"), _deleting(place, reason=_REASON))
    assert answer.status == 303
    assert "is no longer recorded" in (await alice.get(place.url("distribution/list"))).text
    assert _count(house, "distribution", "platform = 'PYPI'") == 0


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 501])
async def test_delete_needs_a_reason(house: houses.House, reason: str | None) -> None:
    place, alice = house.places["recorded"], house.people[houses.MEMBER]
    before = house.dump()
    form = _deleting(place, **({} if reason is None else {"reason": reason}))
    answer = await alice.post(place.url("distribution/delete"), form)
    assert answer.status == 422
    assert ("Enter a reason" in answer.text) or ("too long" in answer.text)
    assert house.dump() == before


@pytest.mark.parametrize(
    ("name", "sentence"), [("live", "A publish request was sent"), ("requested", "Stop the promotion first")]
)
async def test_delete_is_refused_while_a_promotion_is_about_it(house: houses.House, name: str, sentence: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    before = house.dump()
    form = _coordinates(place, package="widgets-core", reason=_REASON)
    answer = await alice.post(place.url("distribution/delete"), form)
    assert answer.status == 409
    assert sentence in answer.text
    assert house.dump() == before


async def test_delete_of_what_is_not_there(house: houses.House) -> None:
    place, alice = house.places["recorded"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/delete"), _deleting(place, package="nothing", reason=_REASON))
    assert answer.status == 404


# act, situation, whether it needs a reason, the sentence afterwards, and what must have come of it
ACTS: Final = [
    ("abort", "requested", True, "Stopped. No publish request was accepted.", ("promotion", "aborted")),
    ("check_again", "diverged", True, "The public files are being compared again.", ("promotion", "checking")),
    ("drop", "staged", True, "Drop requested.", ("deployment", "dropping")),
    ("extend", "publishing", True, "Deadline extended by 24 hours.", ("promotion", "publishing")),
    ("forget_copy", "kept", True, "Copy deleted.", ("deployment", "staged")),
    ("go_on", "stopped", True, "Continuing.", ("promotion", "requested")),
    ("verify", "ready", False, "Every staged file is being read again.", ("deployment", "staged")),
    ("look", "ready", False, "Checking now.", ("deployment", "staged")),
    ("look", "publishing", False, "Checking now.", ("promotion", "publishing")),
    (
        "prove_published",
        "published by another hand",
        False,
        "The public files are being compared",
        ("deployment", "published"),
    ),
    ("send_again", "in doubt", True, "The files are verified again", ("promotion", "in-doubt")),
    ("settle_lost", "lost", True, "Noted.", ("deployment", "failed")),
    ("stop", "doubted", True, "shows whether it took effect in time", ("promotion", "aborting")),
]


@pytest.mark.parametrize(("act", "name", "needs_reason", "sentence", "end"), ACTS)
async def test_an_act_is_done_and_said(
    house: houses.House, act: str, name: str, *, needs_reason: bool, sentence: str, end: tuple[str, str]
) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    before = house.dump()
    if needs_reason:
        answer = await alice.post(place.url("distribution/act"), {"act": act, "reason": " \t"})
        assert answer.status == 422
        assert "Enter a reason" in answer.text
        assert house.dump() == before
    answer = await alice.post(place.url("distribution/act"), {"act": act, "reason": _REASON})
    assert answer.status == 303, answer.text
    assert answer.headers["location"].endswith(place.url("distribution/detail"))
    page = await alice.get(place.url("distribution/detail"))
    assert sentence in page.text
    assert house.dump() != before
    table, state = end
    where = "id" if table == "deployment" else "deployment_id"
    assert house.rows(f"SELECT state FROM {table} WHERE {where} = ?", place.deployment_id) == [(state,)]
    if needs_reason and act != "settle_lost":
        assert _REASON in page.text


async def test_every_act_of_the_form_is_tried() -> None:
    import atr.models.forms as forms

    kinds = forms.ActForm.model_fields["act"].annotation
    assert kinds is not None
    assert set(kinds.__args__) == {act for act, *_ in ACTS} | {"accept_extras", "give_up", "keep_copy"}


async def test_extra_files_are_accepted_as_they_were_seen(house: houses.House) -> None:
    """By their names on the page, with a reason; the form carries the digest of what it showed."""
    place, alice = house.places["extra file"], house.people[houses.MEMBER]
    page = await alice.get(place.url("distribution/detail"))
    digest = re.search(r'name="extras" value="([0-9a-f]{64})"', page.text)
    assert digest is not None
    assert "-all.jar" in page.text
    before = house.dump()
    for seen, status in (("0" * 64, 409), ("", 409)):
        form = {"act": "accept_extras", "reason": _REASON, "extras": seen}
        assert (await alice.post(place.url("distribution/act"), form)).status == status
    form = {"act": "accept_extras", "reason": " ", "extras": digest[1]}
    assert (await alice.post(place.url("distribution/act"), form)).status == 422
    assert house.dump() == before
    assert (await alice.post(place.url("distribution/act"), {**form, "reason": _REASON})).status == 303
    page = await alice.get(place.url("distribution/detail"))
    assert "Accepted extra file" in page.text
    assert _REASON in page.text
    assert house.rows("SELECT state FROM promotion WHERE deployment_id = ?", place.deployment_id) == [("checking",)]


async def test_a_lost_upload_is_found_by_its_id(house: houses.House) -> None:
    place, alice = house.places["lost"], house.people[houses.MEMBER]
    form = {"act": "settle_lost", "reason": _REASON, "external_id": _ID}
    assert (await alice.post(place.url("distribution/act"), form)).status == 303
    assert house.rows("SELECT state, external_id FROM deployment WHERE id = ?", place.deployment_id) == [
        ("validating", _ID)
    ]


async def test_a_lost_upload_is_not_another_one(house: houses.House) -> None:
    """The id that the person gives belongs to a deployment that we know."""
    place, alice = house.places["lost"], house.people[houses.MEMBER]
    taken = (await house.view(house.places["staged"])).external_id
    before = house.dump()
    answer = await alice.post(
        place.url("distribution/act"), {"act": "settle_lost", "reason": _REASON, "external_id": taken}
    )
    assert answer.status == 409
    assert house.dump() == before


async def test_giving_up_takes_a_day_of_absence(house: houses.House) -> None:
    place, alice = house.places["in doubt"], house.people[houses.MEMBER]
    form = {"act": "give_up", "reason": _REASON}
    before = house.dump()
    answer = await alice.post(place.url("distribution/act"), form)
    assert answer.status == 409
    assert "24 hours" in answer.text
    assert house.dump() == before
    absent = "UPDATE promotion SET absent_since = datetime(absent_since, '-1 day') WHERE deployment_id = ?"
    house.change(absent, place.deployment_id)
    assert (await alice.post(place.url("distribution/act"), form)).status == 303
    assert house.rows("SELECT state FROM promotion WHERE deployment_id = ?", place.deployment_id) == [("aborted",)]


UNFIT: Final = [
    *(
        (act, name)
        for act in ("abort", "drop", "give_up", "prove_published", "settle_lost")
        for name in ("live", "publishing")
    ),
    *((act, "recorded") for act in ("drop", "prove_published", "settle_lost")),
    ("check_again", "live"),
    ("check_again", "publishing"),
    ("check_again", "requested"),
    ("check_again", "sending"),
    ("check_again", "in doubt"),
    ("check_again", "recorded"),
    ("give_up", "requested"),
    ("send_again", "publishing"),
    ("send_again", "requested"),
    ("extend", "live"),
    ("extend", "refused"),
    ("drop", "requested"),
    ("drop", "voting"),
    ("abort", "aborted"),
    ("verify", "live"),
    ("verify", "publishing"),
    ("verify", "recorded"),
    ("go_on", "requested"),
    ("go_on", "live"),
    ("settle_lost", "failed"),
]


@pytest.mark.parametrize(("act", "name"), UNFIT)
async def test_an_act_that_does_not_fit_changes_nothing(house: houses.House, act: str, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    before = house.dump()
    answer = await alice.post(place.url("distribution/act"), {"act": act, "reason": _REASON})
    assert answer.status == 409, answer.text
    assert house.dump() == before


@pytest.mark.parametrize("name", ["failed", "upload refused"])
async def test_looking_does_not_forget_why_it_failed(house: houses.House, name: str) -> None:
    """No button asks for it there; a form may."""
    place = house.places[name]
    before = (await house.view(place)).problem
    assert before
    await house.people[houses.MANAGER].post(place.url("distribution/act"), {"act": "look"})
    assert (await house.view(place)).problem == before


async def test_what_is_only_tracked_can_be_stopped(house: houses.House) -> None:
    place, alice = house.places["recorded"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/act"), {"act": "abort", "reason": _REASON})
    assert answer.status == 303


async def test_an_unknown_act(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    answer = await alice.post(place.url("distribution/act"), {"act": "publish"})
    assert answer.status == 422
    assert "Choose a value from the list." in answer.text


async def test_an_inactive_project_changes_nothing(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    async with house.world.store.write_as_foundation_admin(houses.ADMIN) as admin:
        await admin.policy.set_project(houses.PROJECT, "Widgets", "example", status=sql.ProjectStatus.RETIRED)
    before = house.dump()
    for page, form in (
        ("distribution/promote", await house.promote_form(place)),
        ("distribution/record", _coordinates(place)),
        ("distribution/stage/automate", {"platform": "MAVEN"}),
    ):
        answer = await alice.post(place.url(page), form)
        assert answer.status in {403, 409}
        assert "active" in answer.text or "retired" in answer.text
    assert house.dump() == before
