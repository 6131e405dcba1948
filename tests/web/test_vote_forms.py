# SPDX-License-Identifier: Apache-2.0
"""What the forms of a vote answer: opened, taken off, cast, resolved, abandoned, announced; and every wrong turn."""

import html
import re
from collections.abc import Mapping
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.reasons as reasons
from tests.web import house as houses
from tests.web import test_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES: Final = ("voting", "vote", "resolve", "abandon", "announce")
_REASON: Final = "The NOTICE names another project."
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def _phase(house: houses.House, place: houses.Place) -> str:
    ((phase,),) = house.rows("SELECT phase FROM release WHERE version = ?", place.version)
    return str(phase)


def _off(house: houses.House, place: houses.Place) -> str:
    ((reason,),) = house.rows("SELECT off_ballot FROM deployment WHERE id = ?", place.deployment_id)
    return str(reason)


def _hidden(page: houses.Answer, action: str) -> list[dict[str, str]]:
    """The hidden fields of each form of the page that goes to this address."""
    forms = re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    found = (re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form) for form in forms)
    return [{name: html.unescape(value) for name, value in fields if name != "csrf_token"} for fields in found]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", houses.SITUATIONS)
async def test_every_page_is_there_in_every_situation(house: houses.House, name: str, page: str) -> None:
    place = house.places[name]
    for who in ("", houses.MEMBER, houses.MANAGER):
        answer = await house.people[who].get(place.url(page))
        assert "<script>alert" not in answer.text
        if (name == "embargoed") and (who != houses.MEMBER):
            assert answer.status == 404
            continue
        assert answer.status == 200, answer.text
        assert answer.text.count('class="button primary"') <= 1


# Opening


async def test_the_vote_opens_with_what_the_page_shows(house: houses.House) -> None:
    place, dave = house.places["staged"], house.people[houses.MANAGER]
    page = await dave.get(place.url("voting"))
    (form,) = _hidden(page, place.url("voting"))
    assert form == house.open_form(place)
    answer = await dave.post(place.url("voting"), form)
    assert answer.status == 303
    assert answer.headers["location"].endswith(place.url("vote"))
    shown = await dave.get(place.url("vote"))
    assert "is open. Send the call for votes now: ATR sends no email." in shown.text
    assert shown.text.count(form["ballot_digest"]) >= 3
    assert "[VOTE] Release" in shown.text
    assert f"http://localhost{place.url('vote')}" in shown.text
    # A double click is led to the same vote; somebody else is told who was first.
    assert (await dave.post(place.url("voting"), form)).headers["location"] == answer.headers["location"]
    before = house.dump()
    other = await house.people[houses.MEMBER].post(place.url("voting"), form)
    assert other.status == 409
    assert f"opened by {houses.MANAGER}" in other.text
    assert house.dump() == before


async def test_a_ballot_that_moved_is_shown_anew_and_not_opened(house: houses.House) -> None:
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    form = house.open_form(place)
    taken = {"act": "take_off", "deployment_ids": str(place.deployment_id), "reason": _REASON}
    assert (await alice.post(place.url("voting/ballot"), taken)).status == 303
    before = house.dump()
    answer = await alice.post(place.url("voting"), form)
    assert answer.status == 409
    assert reasons.of("stale", what="The ballot").sentence in answer.text
    assert "Nothing was changed." in answer.text
    assert house.dump() == before
    (now,) = _hidden(answer, place.url("voting"))
    assert now["ballot_digest"] != form["ballot_digest"]
    assert (await alice.post(place.url("voting"), now)).status == 303


async def test_a_form_from_before_a_revision_opens_nothing(house: houses.House) -> None:
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    form = {**house.open_form(place), "revision_number": "00007"}
    before = house.dump()
    answer = await alice.post(place.url("voting"), form)
    assert answer.status == 409
    assert reasons.of("newer-than-seen", revision="00007", newest="00001").sentence in answer.text
    assert house.dump() == before


async def test_while_a_capture_runs_the_button_is_off_and_says_why(house: houses.House) -> None:
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    form = house.open_form(place)
    house.change(
        "UPDATE deployment SET file_set_digest = NULL, read_done = 3, read_total = 9 WHERE id = ?", place.deployment_id
    )
    page = await alice.get(place.url("voting"))
    assert not _hidden(page, place.url("voting"))
    for text in ("has not been captured yet", "Can be resolved by a release manager.", "3 of 9 files read", "disabled"):
        assert text in page.text
    assert 'data-moving="yes"' in page.text
    before = house.dump()
    assert (await alice.post(place.url("voting"), form)).status == 409
    assert house.dump() == before


@pytest.mark.parametrize("name", ["voting", "ready", "announced"])
async def test_outside_compose_there_is_no_form_and_no_way(house: houses.House, name: str) -> None:
    place, alice = house.places[name], house.people[houses.MEMBER]
    page = await alice.get(place.url("voting"))
    assert not _hidden(page, place.url("voting"))
    assert not _hidden(page, place.url("voting/ballot"))
    before = house.dump()
    answer = await alice.post(place.url("voting"), {"revision_number": "00001", "ballot_digest": "0" * 64})
    assert answer.status == 409
    taken = {"act": "take_off", "deployment_ids": str(place.deployment_id), "reason": _REASON}
    assert (await alice.post(place.url("voting/ballot"), taken)).status == 409
    assert house.dump() == before


# What is on it


async def test_taken_off_says_by_whom_and_why_and_is_put_on_again(house: houses.House) -> None:
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    form = {"act": "take_off", "deployment_ids": str(place.deployment_id), "reason": houses.HOSTILE}
    before = house.dump()
    refused = await alice.post(place.url("voting/ballot"), {**form, "reason": " "})
    assert refused.status == 422
    assert "Enter a reason" in refused.text
    assert house.dump() == before
    assert (await alice.post(place.url("voting/ballot"), form)).status == 303
    page = await alice.get(place.url("voting"))
    assert html.escape(houses.HOSTILE, quote=False)[:20] in page.text
    assert f'Removed by <b class="id">{houses.MEMBER}</b>' in page.text
    assert "Not on the ballot" in page.text
    on = {"act": "put_on", "deployment_ids": str(place.deployment_id)}
    assert on in _hidden(page, place.url("voting/ballot"))
    assert (await alice.post(place.url("voting/ballot"), on)).status == 303
    assert _off(house, place) == ""


async def test_after_a_failed_vote_what_is_staged_is_off_and_can_be_dropped(house: houses.House) -> None:
    place, alice = house.places["set aside"], house.people[houses.MEMBER]
    assert _off(house, place) == "It was staged for candidate 1, whose vote failed."
    page = await alice.get(place.url("voting"))
    assert "whose vote failed" in page.text
    assert "Earlier candidates" in page.text
    drop = {"act": "drop", "deployment_ids": str(place.deployment_id)}
    assert drop in _hidden(page, place.url("voting/ballot"))
    assert (await alice.post(place.url("voting/ballot"), {**drop, "reason": _REASON})).status == 303
    assert house.rows("SELECT state, drop_reason FROM deployment WHERE id = ?", place.deployment_id) == [
        ("dropping", _REASON)
    ]


async def test_all_of_a_list_or_none(house: houses.House) -> None:
    """One of another release, of another committee, or one that cannot be dropped: nothing is done to the others."""
    place, alice = house.places["staged"], house.people[houses.MEMBER]
    others = (house.places["ready"].deployment_id, house.places["dropped"].deployment_id, 4_000_000)
    before = house.dump()
    for other in others:
        for act in ("take_off", "put_on", "drop"):
            form = {"act": act, "deployment_ids": f"{place.deployment_id} {other}", "reason": _REASON}
            assert (await alice.post(place.url("voting/ballot"), form)).status == 404
    assert house.dump() == before
    dropped = house.places["dropped"]
    form = {"act": "drop", "deployment_ids": str(dropped.deployment_id), "reason": _REASON}
    assert (await alice.post(dropped.url("voting/ballot"), form)).status == 409
    assert house.dump() == before


# Casting


def _paper(house: houses.House, place: houses.Place, **more: str) -> dict[str, str]:
    return {"vote_seq": "1", "ballot_digest": house.frozen_digest(place), "choice": "+1", "comment": "Built.", **more}


@pytest.mark.parametrize(
    ("who", "said"), [(houses.MEMBER, "Your vote is binding"), (houses.COMMITTER, "Your vote is not binding")]
)
async def test_what_a_vote_counts_for_is_said_before_the_click(house: houses.House, who: str, said: str) -> None:
    place, person = house.places["voting"], house.people[who]
    page = await person.get(place.url("vote"))
    assert said in page.text
    (form,) = _hidden(page, place.url("vote"))
    assert (await person.post(place.url("vote"), {**form, "choice": "+1", "comment": houses.HOSTILE})).status == 303
    page = await person.get(place.url("vote"))
    assert "You voted +1. You can change it while the vote is open." in page.text
    assert "Change my vote" in page.text
    assert "<script>alert" not in page.text
    binding = house.rows("SELECT is_binding_at_cast FROM ballotpaper WHERE voter_asf_uid = ?", who)
    assert binding[-1] == (who == houses.MEMBER,)


@pytest.mark.parametrize("change", [{"choice": ""}, {"choice": "+2"}, {"comment": "x" * 4_001}, {"vote_seq": "no"}])
async def test_a_paper_that_cannot_be_read_keeps_what_was_typed(house: houses.House, change: dict[str, str]) -> None:
    place, alice = house.places["voting"], house.people[houses.MEMBER]
    before = house.dump()
    form = _paper(house, place, **change)
    answer = await alice.post(place.url("vote"), form)
    assert answer.status == 422
    assert form["comment"] in answer.text
    assert house.dump() == before


async def test_a_late_paper_is_not_counted_and_its_text_is_handed_back(house: houses.House) -> None:
    """The vote failed meanwhile, and then another one opened."""
    place, alice = house.places["voting"], house.people[houses.MEMBER]
    form = _paper(house, place, comment="I read every line.")
    failed = {"act": "failed", "vote_seq": "1", "plus": "0", "minus": "0", "reason": _REASON}
    await house.people[houses.MANAGER].post(place.url("resolve"), failed)
    before = house.dump()
    late = await alice.post(place.url("vote"), form)
    assert late.status == 409
    assert reasons.of("no-open-vote").sentence in late.text
    assert "I read every line." in late.text
    assert house.dump() == before
    (again,) = _hidden(await alice.get(place.url("voting")), place.url("voting"))
    assert (await alice.post(place.url("voting"), again)).status == 303
    stale = await alice.post(place.url("vote"), form)
    assert stale.status == 409
    assert reasons.of("other-candidate", vote=2).sentence in stale.text
    assert "I read every line.</textarea>" in stale.text


async def test_the_count_is_asked_for_alone(house: houses.House) -> None:
    place, alice = house.places["voting"], house.people[houses.MEMBER]
    page = await alice.get(place.url("vote"))
    found = re.search(r'data-etag="([0-9a-f]+)"', page.text)
    assert found is not None
    path = f"{place.url('vote')}/count"
    assert (await alice.get(f"{path}?have={found.group(1)}")).status == 204
    await house.people[houses.OTHER_MEMBER].post(place.url("vote"), _paper(house, place))
    news = await alice.get(f"{path}?have={found.group(1)}")
    assert news.status == 200
    assert houses.OTHER_MEMBER in news.text
    assert "1 of 3 binding +1" in news.text


# The end of a vote


def _end(act: str, **more: str) -> dict[str, str]:
    return {"act": act, "vote_seq": "1", "plus": "0", "minus": "0", "reason": _REASON, **more}


async def test_passed_is_off_until_the_rules_hold(house: houses.House) -> None:
    place, dave = house.places["voting"], house.people[houses.MANAGER]
    page = await dave.get(place.url("resolve"))
    assert [form["act"] for form in _hidden(page, place.url("resolve"))] == ["failed"]
    assert "a release needs at least 3 binding +1" in page.text
    house.change("UPDATE release SET vote_started = datetime(vote_started, '-1 day') WHERE version = ?", place.version)
    for who in ("alice", "bob", "carol"):
        house.change(
            "INSERT INTO ballotpaper (release_key, vote_seq, voter_asf_uid, choice, comment, is_binding_at_cast, "
            "revision_number_at_cast, created) SELECT release_key, 1, ?, 'YES', '', 1, '00001', created "
            "FROM ballotpaper WHERE release_key = ? LIMIT 1",
            who,
            f"{houses.PROJECT}-{place.version}",
        )
    before = house.dump()
    stale = await dave.post(place.url("resolve"), _end("passed"))
    assert stale.status == 409
    assert "have changed to 3 binding +1 and 0 binding -1" in stale.text
    assert house.dump() == before
    passed, _ = _hidden(stale, place.url("resolve"))
    answer = await dave.post(place.url("resolve"), passed)
    assert answer.headers["location"].endswith(place.url("finish"))
    assert _phase(house, place) == "RELEASE_PREVIEW"
    shown = await dave.get(place.url("vote"))
    assert "3 binding +1: alice, bob, carol" in shown.text
    assert "has passed" in shown.text
    # The way back finds nothing to resolve.
    before = house.dump()
    assert (await dave.post(place.url("resolve"), passed)).status == 409
    assert (await dave.post(place.url("resolve"), _end("failed"))).status == 409
    assert house.dump() == before


async def test_failed_needs_a_reason_and_leads_to_what_is_staged(house: houses.House) -> None:
    place, dave = house.places["voting"], house.people[houses.MANAGER]
    before = house.dump()
    refused = await dave.post(place.url("resolve"), _end("failed", reason=""))
    assert refused.status == 422
    assert "Enter a reason" in refused.text
    assert house.dump() == before
    answer = await dave.post(place.url("resolve"), _end("failed"))
    assert answer.headers["location"].endswith(place.url("voting"))
    assert _REASON in (await dave.get(place.url("vote"))).text
    # A release manager says what the next vote is about; only a member gives a deployment up, and the page says so.
    page = (await dave.get(place.url("voting"))).text
    assert "Add to the ballot" in page
    assert 'value="drop"' not in page
    assert "Only committee members can" in page
    on = {"act": "put_on", "deployment_ids": str(place.deployment_id)}
    assert (await dave.post(place.url("voting/ballot"), on | {"act": "drop", "reason": _REASON})).status == 403
    assert (await dave.post(place.url("voting/ballot"), on)).status == 303


# Abandoned


@pytest.mark.parametrize("name", ["voting", "ready", "requested", "refused", "aborted"])
async def test_before_the_first_call_a_candidate_can_be_abandoned(house: houses.House, name: str) -> None:
    place, dave = house.places[name], house.people[houses.MANAGER]
    page = await dave.get(place.url("abandon"))
    (form,) = _hidden(page, place.url("abandon"))
    before = house.dump()
    assert (await dave.post(place.url("abandon"), {**form, "reason": " "})).status == 422
    assert (await dave.post(place.url("abandon"), {**form, "vote_seq": "9", "reason": _REASON})).status == 409
    assert house.dump() == before
    answer = await dave.post(place.url("abandon"), {**form, "reason": _REASON})
    assert answer.headers["location"].endswith(place.url("voting"))
    assert _phase(house, place) == "RELEASE_CANDIDATE_DRAFT"
    states = {
        state for (state,) in house.rows("SELECT state FROM promotion WHERE deployment_id = ?", place.deployment_id)
    }
    assert "requested" not in states
    shown = await dave.get(place.url("voting"))
    assert "is abandoned; no publish request was sent" in shown.text
    assert _REASON in shown.text
    before = house.dump()
    assert (await dave.post(place.url("abandon"), {**form, "reason": _REASON})).status == 409
    assert house.dump() == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("sending", "A publish request was sent"),
        ("publishing", "A publish request was sent"),
        ("live", "A publish request was sent"),
        ("held", "A publish request was sent"),
        ("in doubt", "A publish request was sent"),
        ("diverged", "A publish request was sent"),
        ("published by another hand", "was published on the platform"),
        ("announced", "was announced"),
        ("composed", "no candidate to abandon"),
    ],
)
async def test_too_late_or_too_early_nothing_is_abandoned(house: houses.House, name: str, sentence: str) -> None:
    place, dave = house.places[name], house.people[houses.MANAGER]
    page = await dave.get(place.url("abandon"))
    assert sentence in page.text
    assert not _hidden(page, place.url("abandon"))
    before = house.dump()
    answer = await dave.post(place.url("abandon"), {"vote_seq": "1", "reason": _REASON})
    assert answer.status == 409
    assert "Nothing was" in answer.text
    assert house.dump() == before


# Announced


async def test_announced_is_confirmed_by_typing_the_version(house: houses.House) -> None:
    place, dave = house.places["live"], house.people[houses.MANAGER]
    assert place.url("announce") in (await dave.get(place.url("finish"))).text
    page = await dave.get(place.url("announce"))
    assert "[ANNOUNCE]" in page.text
    assert house.world.sandbox.repository_url in page.text
    before = house.dump()
    wrong = await dave.post(place.url("announce"), {"version": "2"})
    assert wrong.status == 422
    assert f"The version does not match. Type {place.version}." in wrong.text
    assert 'value="2"' in wrong.text
    assert house.dump() == before
    assert (await dave.post(place.url("announce"), {"version": place.version})).status == 303
    assert _phase(house, place) == "RELEASE"
    before = house.dump()
    assert (await dave.post(place.url("announce"), {"version": place.version})).status == 409
    assert house.dump() == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("requested", "still requested"),
        ("publishing", "in progress"),
        ("in doubt", "in progress"),
        ("diverged", "differ from the voted files"),
        ("voting", "The release can be announced in Finish"),
    ],
)
async def test_what_holds_the_announcement_is_said_and_holds_it(house: houses.House, name: str, sentence: str) -> None:
    place, dave = house.places[name], house.people[houses.MANAGER]
    page = await dave.get(place.url("announce"))
    assert sentence in page.text
    assert not _hidden(page, place.url("announce"))
    before = house.dump()
    assert (await dave.post(place.url("announce"), {"version": place.version})).status == 409
    assert house.dump() == before


async def test_without_a_voted_file_set_a_member_gives_a_reason_and_it_is_shown_afterwards(house: houses.House) -> None:
    """The only deployment was dropped: no page says that nothing is missing, and the announcement says why."""
    place, dave = house.places["voted and dropped"], house.people[houses.MANAGER]
    alice = house.people[houses.MEMBER]
    named = f"widgets-*:{place.version}"
    finish = await dave.get(place.url("finish"))
    assert "Nothing is outstanding" not in finish.text
    assert "is not published" in finish.text
    assert named in finish.text
    assert named in (await dave.get("/releases")).text
    assert f"{named} on Maven Central (10 files)" in html.unescape(
        (await dave.get(place.url("distribution/list"))).text
    )
    # A release manager who is no member of the committee is told who can.
    page = await dave.get(place.url("announce"))
    assert named in page.text
    assert "can announce a release without something that was voted on" in page.text
    assert not _hidden(page, place.url("announce"))
    before = house.dump()
    refused = await dave.post(place.url("announce"), {"version": place.version})
    assert refused.status == 409
    assert named in refused.text
    (form,) = _hidden(await alice.get(place.url("announce")), place.url("announce"))
    forged = await dave.post(place.url("announce"), {"version": place.version, "reason": _REASON, **form})
    assert forged.status == 403
    silent = await alice.post(place.url("announce"), {"version": place.version, "reason": "", **form})
    assert silent.status == 422
    assert 'id="reason-wrong"' in silent.text
    assert house.dump() == before
    told = await alice.post(place.url("announce"), {"version": place.version, "reason": _REASON, **form})
    assert told.status == 303
    assert _phase(house, place) == "RELEASE"
    for shown in ("finish", "announce"):
        page = await dave.get(place.url(shown))
        assert _REASON in page.text
        assert f"{named} on Maven Central (10 files)" in page.text


async def test_what_is_not_proved_is_vouched_for_by_name(house: houses.House) -> None:
    """A direct POST is refused by the reasons that the page shows, with 409."""
    place, dave = house.places["live"], house.people[houses.MANAGER]
    release = f"{houses.PROJECT}-{place.version}"
    house.change(
        "INSERT INTO distribution (release_key, platform, owner_namespace, package, version, staging, pending, retries,"
        " created_by) VALUES (?, 'PYPI', '', 'widgets', ?, 0, 0, 0, 'alice')",
        release,
        place.version,
    )
    purl = f"pkg:pypi/widgets@{place.version}"
    page = await dave.get(place.url("announce"))
    assert f'name="vouch:{purl}"' in page.text
    before = house.dump()
    refused = await dave.post(place.url("announce"), {"version": place.version, "reason": _REASON})
    assert refused.status == 409
    assert "is published but not verified against the vote" in refused.text
    silent = await dave.post(place.url("announce"), {"version": place.version, f"vouch:{purl}": "on", "reason": " "})
    assert silent.status == 422
    assert 'id="reason-wrong"' in silent.text
    assert house.dump() == before
    form = {"version": place.version, f"vouch:{purl}": "on", "reason": _REASON}
    assert (await dave.post(place.url("announce"), form)).status == 303
    assert _REASON in (await dave.get(place.url("finish"))).text


# Bent forms

BENT: Final[Mapping[str, tuple[str, str]]] = {
    "voting": ("staged", houses.MANAGER),
    "voting/ballot": ("staged", houses.MEMBER),
    "vote": ("voting", houses.MEMBER),
    "resolve": ("voting", houses.MANAGER),
    "abandon": ("requested", houses.MANAGER),
    "announce": ("live", houses.MANAGER),
}


def _good(house: houses.House, page: str, place: houses.Place) -> dict[str, str]:
    return {
        "voting": house.open_form(place) if page == "voting" else {},
        "voting/ballot": {"act": "take_off", "deployment_ids": place.row_key[1:], "reason": _REASON},
        "vote": _paper(house, place),
        "resolve": _end("failed"),
        "abandon": {"vote_seq": "1", "reason": _REASON},
        "announce": {"version": place.version},
    }[page]


@pytest.mark.parametrize("page", BENT)
async def test_a_form_that_is_bent_in_one_field_is_never_a_fault(built: houses.House, page: str) -> None:
    """Refused and nothing changed, or done: the good form with a field left out, or with anything in its place."""
    name, who = BENT[page]
    place, person = built.places[name], built.people[who]
    built.put_back()
    good = _good(built, page, place)
    bent = strategies.tuples(
        strategies.sampled_from(sorted(good)), strategies.one_of(strategies.none(), bodies._VALUES)
    )
    for field, value in _drawn(bent):
        built.put_back()
        before = built.dump()
        form = {key: text for key, text in good.items() if key != field}
        pairs = [("csrf_token", person.token), *form.items(), *([] if value is None else [(field, value)])]
        body = "&".join(f"{key}={bodies._percent(text)}" for key, text in pairs)
        answer = await bodies._send(person, place.url(page), body.encode())
        assert answer.status in {303, 404, 409, 422}, (field, value, answer.text)
        assert (answer.status == 303) or (built.dump() == before), (field, value)
        assert "<script>alert" not in answer.text


def _drawn(strategy: strategies.SearchStrategy[Any]) -> list[Any]:
    """The examples first, outside the loop: hypothesis cannot await."""
    drawn: list[Any] = []

    @hypothesis.settings(
        max_examples=60, database=None, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(strategy)
    def collect(given: Any) -> None:
        drawn.append(given)

    collect()
    return drawn
