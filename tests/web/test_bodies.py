# SPDX-License-Identifier: Apache-2.0
"""Bodies as no browser sends them: never a 5xx, nothing changed."""

import itertools
import json
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import strategies

import atr.errors as errors
import atr.models.compose_forms as compose_forms
import atr.models.forms as forms
from tests.web import house as houses

pytestmark = pytest.mark.asyncio(loop_scope="session")

_FORM: Final = "application/x-www-form-urlencoded"
# Every form with the address that takes it and a situation in which it would do something.
FORMS: Final[dict[str, tuple[type[forms.Form], str]]] = {
    "distribution/promote": (forms.DistributionPromoteForm, "ready"),
    "distribution/promote-all": (forms.PromoteAllForm, "several"),
    "distribution/search": (forms.DistributionSearchForm, "composed"),
    "distribution/record": (forms.DistributionRecordForm, "ready"),
    "distribution/stage/record": (forms.DistributionRecordForm, "composed"),
    "distribution/automate": (forms.DistributionAutomateForm, "ready"),
    "distribution/stage/automate": (forms.DistributionAutomateForm, "composed"),
    "distribution/delete": (forms.DeleteForm, "recorded"),
    "distribution/act": (forms.ActForm, "requested"),
    "start": (compose_forms.StartForm, "composed"),
    "compose/change": (compose_forms.ChangeForm, "composed"),
    "voting": (forms.OpenVoteForm, "staged"),
    "voting/ballot": (forms.BallotForm, "staged"),
    "vote": (forms.CastForm, "voting"),
    "resolve": (forms.ResolveForm, "voting"),
    "abandon": (forms.AbandonForm, "ready"),
    "embargo": (forms.LiftForm, "embargoed"),
    "announce": (forms.AnnounceForm, "live"),
}
HOSTILE: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x1b[31m",
    "\u202etxt.exe",
    "\ufeff",
    "\U0010ffff",
    "\ud800",
    # digits, but not ours
    "\uff11\uff12",
    "-1",
    "0",
    "1e9",
    "NaN",
    "9" * 30,
    "9" * 5_000,
    str(2**63),
    str(2**53),
    "true",
    "null",
    "[]",
    "../../etc/passwd",
    "%00%0d%0a",
    "'; DROP TABLE promotion; --",
    houses.HOSTILE,
    "x" * 20_000,
    "MAVEN",
    "maven",
    "NPM_SCOPED",
    "look",
    "drop",
)
_VALUES: Final = strategies.one_of(
    strategies.sampled_from(HOSTILE), strategies.text(max_size=60), strategies.integers().map(str)
)


# These have no fields of their own, or a body of another kind with tests of its own.
WITHOUT: Final = frozenset(
    {
        "sign-in",
        "sign-out",
        "sessions",
        "upload",
        "policy",
        "target",
        "readiness",
        "distribution/stage/again",
        "admin/switches",
    }
)


async def test_every_form_is_tried(built: houses.House) -> None:
    """A new address that takes a form fails here until it has its row above."""
    rules = [rule for rule in built.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert {rule.rule.partition("/<")[0].lstrip("/") for rule in rules} - WITHOUT == set(FORMS)


def _percent(text: str) -> str:
    """Each byte as a browser would never write it; a lone surrogate as the bytes of CESU-8."""
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


async def _send(person: houses.Person, path: str, body: bytes, kind: str = _FORM, **more: str) -> houses.Answer:
    return await houses.Answer.of(
        await person.client.post(
            path, data=body, headers={"Content-Type": kind, "Sec-Fetch-Site": "same-origin", **more}
        )
    )


@pytest.mark.parametrize("page", FORMS)
async def test_nothing_that_a_field_may_hold_is_a_fault(built: houses.House, page: str) -> None:
    """Fields left out, given twice, with control characters, lone surrogates, huge texts, numbers out of range."""
    model, name = FORMS[page]
    place, alice = built.places[name], built.people[houses.MEMBER]
    fields = [
        *model.model_fields,
        "extra",
        *(f"{name}-{place.row_key[1:]}" for name in forms.PromoteAllRow.model_fields),
    ]
    pairs = strategies.lists(strategies.tuples(strategies.sampled_from(fields), _VALUES), max_size=8)
    sent: list[list[tuple[str, str]]] = []
    _draw(pairs, sent)
    for given in sent:
        built.put_back()
        before = built.dump()
        body = "&".join(f"{name}={_percent(value)}" for name, value in [("csrf_token", alice.token), *given])
        answer = await _send(alice, place.url(page), body.encode())
        assert answer.status in {303, 404, 409, 413, 422}, (given, answer.text)
        if answer.status != 303:
            assert built.dump() == before, given
        assert "<script>alert" not in answer.text


def _draw(pairs: strategies.SearchStrategy[Any], sent: list[Any]) -> None:
    """The examples first, outside the loop: hypothesis cannot await."""

    @hypothesis.settings(
        max_examples=40, database=None, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(pairs)
    def collect(given: Any) -> None:
        sent.append(given)

    collect()


@pytest.mark.parametrize("page", FORMS)
async def test_no_field_is_read_into_something_unseen(page: str) -> None:
    """The same texts field by field, where HTTP would have mended them: a form is refused or holds plain text."""
    model, _ = FORMS[page]
    acts: dict[type[forms.Form], str] = {
        compose_forms.ChangeForm: "remove",
        forms.BallotForm: "take_off",
        forms.ResolveForm: "failed",
    }
    good = {
        "platform": "MAVEN",
        "owner_namespace": "org.example",
        "package": "widgets",
        "version": "1.0",
        "deployment_id": "12" if model is forms.DistributionPromoteForm else "6f2a9c54-81be",
        "evidence_digest": "0" * 64,
        "row_version": "1",
        "path": "maven/widgets.jar",
        "to": "maven/gadgets.jar",
        "seen": "00001",
        "act": acts.get(model, "look"),
        "revision_number": "00001",
        "ballot_digest": "0" * 64,
        "deployment_ids": "4 5",
        "vote_seq": "1",
        "choice": "-1",
        "comment": "",
        "plus": "0",
        "minus": "0",
        "reason": "because",
        "external_id": "",
    }
    assert model.parse(good)
    for field, value in itertools.product(set(model.model_fields) - {"rows"}, HOSTILE):
        try:
            form = model.parse({**good, field: value})
        except errors.InputError:
            continue
        kept = str(getattr(form, field))
        assert len(kept) <= (4_000 if field == "comment" else 500)
        assert kept.encode() or not value.strip()
        assert not any(character in kept for character in "\x00\x1b\u202e")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (_FORM, b""),
        (_FORM, b"\xff\xfe\x00"),
        (_FORM, b"csrf_token=%FF%FE"),
        (_FORM, b"csrf_token=\xed\xa0\x80"),
        (_FORM, b"&&&===;;;"),
        (f"{_FORM}; charset=utf-16", b"csrf_token=x"),
        (f"{_FORM}; charset=nonsense", b"csrf_token=x"),
        ("application/json", b'{"csrf_token": "x"}'),
        ("application/json", b"\xff\xfe"),
        ("text/plain", b"csrf_token=x"),
        ("", b"csrf_token=x"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=", b"--"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\nx"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header at all\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 5_000, b"x"),
        (
            "multipart/form-data; boundary=b; charset=utf-7",
            (
                b"--b\r\nContent-Disposition: form-data; name=csrf_token\r\nContent-Type: text/plain; charset=utf-16"
                b"\r\n\r\n\xff\r\n--b--\r\n"
            ),
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=csrf_token; filename=x\r\n\r\nx\r\n--b--\r\n",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 900_000),
        (_FORM, b"csrf_token=x&" + b"x" * 900_000),
        (_FORM, b"x" * 1_000_001),
    ],
)
async def test_a_body_that_is_no_form(house: houses.House, kind: str, body: bytes) -> None:
    before = house.dump()
    answer = await _send(house.people[houses.MEMBER], house.places["ready"].url("distribution/promote"), body, kind)
    assert answer.status == 413 if len(body) > 1_000_000 else answer.status in {400, 403, 413}, answer.text
    assert "nothing was changed" in answer.text.lower()
    assert house.dump() == before


async def test_a_token_in_the_address_or_in_json_is_none(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = {**await house.promote_form(place), "csrf_token": alice.token}
    before = house.dump()
    path = place.url("distribution/promote")
    query = "&".join(f"{name}={value}" for name, value in form.items())
    assert (await _send(alice, f"{path}?{query}", b"")).status == 403
    assert (await _send(alice, path, json.dumps(form).encode(), "application/json")).status == 403
    assert house.dump() == before


async def test_the_first_of_two_values_counts_for_token_and_form_alike(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    before = house.dump()
    body = f"csrf_token=x&csrf_token={alice.token}&act=look"
    assert (await _send(alice, place.url("distribution/act"), body.encode())).status == 403
    assert house.dump() == before


async def test_a_multipart_form_is_a_form(house: houses.House) -> None:
    place, alice = house.places["ready"], house.people[houses.MEMBER]
    form = {**await house.promote_form(place), "csrf_token": alice.token}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form.items()
    )
    answer = await _send(
        alice, place.url("distribution/promote"), f"{parts}--b--\r\n".encode(), "multipart/form-data; boundary=b"
    )
    assert answer.status == 303


async def test_a_long_body_is_cut_off_wherever_it_goes(house: houses.House) -> None:
    """No handler reads it, so none waits for it."""
    alice = house.people[houses.MEMBER]
    for path in ("/sign-in", "/sign-out", house.places["ready"].url("distribution/delete")):
        assert (await _send(alice, path, b"x" * 2_000_000)).status == 413
    for path in ("/nothing", "/releases"):
        assert (await _send(alice, path, b"x" * 2_000_000)).status in {404, 405}
