# SPDX-License-Identifier: Apache-2.0
"""What an answer means and what may be shown of it."""

import base64
import contextlib
import datetime
import re
import urllib.parse

import hypothesis
import hypothesis.strategies as st
import pytest

import atr.errors as errors
import atr.platforms.answers as answers
import atr.promotion.steps as steps

NOW = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
SECRET = base64.b64encode(b"name:p/ss+word?>").decode()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, steps.Answer.TAKEN),
        (201, steps.Answer.TAKEN),
        (204, steps.Answer.TAKEN),
        (400, steps.Answer.REFUSED),
        (401, steps.Answer.REFUSED),
        (403, steps.Answer.REFUSED),
        (429, steps.Answer.LIMITED),
        (302, steps.Answer.UNCLEAR),
        (404, steps.Answer.UNCLEAR),
        (409, steps.Answer.UNCLEAR),
        (422, steps.Answer.UNCLEAR),
        (500, steps.Answer.UNCLEAR),
        (503, steps.Answer.UNCLEAR),
    ],
)
def test_reply(status: int, answer: steps.Answer) -> None:
    reply = answers.reply(answers.Answered(status, {"retry-after": "7"}, b"why\r\nnot"))
    assert (reply.answer, reply.status, reply.sample) == (answer, status, "why not")
    assert reply.retry_after == (7.0 if status == 429 else None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.CredentialsError),
        (403, errors.CredentialsError),
        (404, errors.UnavailableError),
        (429, errors.UnavailableError),
        (500, errors.UnavailableError),
        (503, errors.UnavailableError),
        (400, errors.RefusedError),
        (409, errors.RefusedError),
        (302, errors.MalformedError),
        (204, errors.MalformedError),
    ],
)
def test_refusal(status: int, kind: type[errors.PlatformError]) -> None:
    error = answers.refusal(answers.Answered(status, {"retry-after": "7"}, b"no"), "Somebody", "something")
    assert type(error) is kind
    assert "Somebody" in str(error)
    assert "something" in str(error)
    assert "“no”" in str(error)
    if isinstance(error, errors.UnavailableError):
        assert (error.retry_after, error.status) == (7.0, status)
    if isinstance(error, errors.RefusedError):
        assert error.status == status


def test_refusal_without_a_body_quotes_nothing() -> None:
    assert "It said" not in str(answers.refusal(answers.Answered(500), "Somebody", "something"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("1800", 1800.0),
        ("999999", 999999.0),
        ("2678401", 2678400.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Tue, 23 Nov 2027 12:00:00 GMT", 2678400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("inf", None),
        ("9" * 400, None),
        ("٣", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert answers.retry_after(text, now=NOW) == seconds


def test_a_date_is_measured_from_the_answers_own() -> None:
    headers = {"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT", "date": "Mon, 23 Nov 2026 12:00:10 GMT"}
    assert answers.Answered(429, headers).retry_after == 20.0
    assert answers.Answered(429, {"retry-after": headers["retry-after"]}).retry_after is None


@hypothesis.given(st.text())
def test_any_header_is_a_date_or_none(text: str) -> None:
    assert answers.moment(text) is None or answers.moment(text) is not None
    waits = answers.retry_after(text, now=NOW)
    assert waits is None or 0 <= waits <= 31 * 86_400


def test_moment_is_aware_and_utc() -> None:
    assert answers.moment("Wed, 21 Oct 2015 09:28:00 +0200") == datetime.datetime(
        2015, 10, 21, 7, 28, tzinfo=datetime.UTC
    )
    assert answers.moment("Fri, 31 Dec 9999 23:59:59 -2359") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1]",
        b'"x"',
        b"null",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(errors.MalformedError, match="the thing"):
        answers.parsed(answers.Answered(200, {}, body), "the thing")


def test_a_number_beyond_all_measure_is_malformed() -> None:
    with pytest.raises(errors.MalformedError):
        answers.parsed(answers.Answered(200, {}, b'{"a": ' + b"9" * 5000 + b"}"), "the thing")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_json_travels_in_utf_8_only(encoding: str) -> None:
    with pytest.raises(errors.MalformedError, match="no JSON"):
        answers.parsed(answers.Answered(200, {}, '{"published": true}'.encode(encoding)), "the thing")


@hypothesis.given(st.binary())
def test_any_bytes_are_an_object_or_malformed(body: bytes) -> None:
    with contextlib.suppress(errors.MalformedError):
        assert isinstance(answers.parsed(answers.Answered(200, {}, body), "it"), dict)


@pytest.mark.parametrize(
    "echo",
    [
        SECRET,
        f"Bearer {SECRET}!",
        urllib.parse.quote(SECRET, safe=""),
        SECRET.replace("/", "\\/"),
        f"{SECRET[:10]}\r\n{SECRET[10:]}",
        f"{SECRET}{SECRET}",
    ],
)
def test_a_secret_that_comes_back_is_not_shown(echo: str) -> None:
    shown = answers.shown(f"you sent {echo} to us", [SECRET, ""])
    assert SECRET not in shown.replace(" ", "")
    assert "[secret]" in shown


def test_no_half_of_a_secret_is_shown_at_the_end_of_what_is_searched() -> None:
    # So many secrets that what is left of the searched part is shorter than what may be shown.
    text = SECRET * 2000
    shown = answers.shown(text, [SECRET], limit=100_000)
    assert re.fullmatch(r"(\[secret\])*[\[secrt]{0,7}", shown)


@hypothesis.given(st.text(), st.integers(0, 600))
def test_what_is_shown_is_one_clean_line(text: str, limit: int) -> None:
    shown = answers.shown(text, [], limit=limit)
    assert len(shown) <= limit
    shown.encode()
    assert not any((ord(letter) < 32) or (0x7F <= ord(letter) < 0xA0) or letter in "\u202e\u2028" for letter in shown)


def test_secrets_are_not_in_the_repr() -> None:
    assert SECRET not in repr(answers.Answered(200, {}, b"", (SECRET,)))


@pytest.mark.parametrize(
    ("given", "year"),
    [
        (1_790_000_000_000, 2026),
        (0, None),
        (-1, None),
        (True, None),
        ("1790000000000", None),
        (2**70, None),
        (None, None),
    ],
)
def test_an_instant_in_milliseconds_or_none(given: object, year: int | None) -> None:
    found = answers.of_milliseconds(given)
    assert (found.year if found else None) == year
