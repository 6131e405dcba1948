# SPDX-License-Identifier: Apache-2.0
"""The meaning of a platform's answer, and the part of it that may be shown. Pure: bytes in, values or errors out.

No text of a platform is shown or stored before it has passed through `shown`.
"""

import dataclasses
import datetime
import email.utils
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

import httpx

import atr.errors as errors
import atr.platforms.contract as contract
import atr.promotion.steps as steps
import atr.promotion.timing as timing

# How many characters of a platform's text are shown.
SAMPLE_LIMIT: Final = 500
_HIDDEN: Final = "[secret]"
# A text is cut to this length before it is searched for secrets.
_WINDOW: Final = 20_000
# White space, control characters, marks that change the text direction, and surrogates.
_UNFIT: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
_SECONDS: Final = re.compile(r"[0-9]{1,10}")
# The end of the year 9999, the last year of a `datetime`.
_LATEST_MS: Final = 253_402_300_799_000
_REFUSALS: Final = frozenset({400, 401, 403})
# Earlier dates are not those of a release: Go writes its zero time, 0001-01-01, for "never".
_OLDEST: Final = datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Answered:
    """A complete answer to a bounded read. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    def shown(self, text: str, limit: int = SAMPLE_LIMIT) -> str:
        """Return a text of this answer in a form that may be shown and stored."""
        return shown(text, self.secrets, limit=limit)

    @property
    def sample(self) -> str:
        """The beginning of the body, in a form that may be shown and stored."""
        return self.shown(self.body.decode(errors="replace"))

    @property
    def retry_after(self) -> float | None:
        """The wait that the platform asked for, in seconds. A date is measured from the answer's own Date."""
        now = moment(self.headers.get("date", ""))
        return retry_after(self.headers.get("retry-after", ""), now=now)


def reply(answered: Answered) -> contract.Reply:
    """Return what a complete answer to an irreversible request means. It is a hint: the platform's state decides.

    404, 409, 3xx and 5xx do not show whether the request was accepted.
    """
    status, wait = answered.status, None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        answer, wait = steps.Answer.LIMITED, answered.retry_after
    elif status in _REFUSALS:
        answer = steps.Answer.REFUSED
    elif httpx.codes.is_success(status):
        answer = steps.Answer.TAKEN
    else:
        answer = steps.Answer.UNCLEAR
    return contract.Reply(answer, status, answered.sample, retry_after=wait)


def refusal(answered: Answered, who: str, what: str) -> errors.PlatformError:
    """Return the error for an answer that is not a 200."""
    status = answered.status
    said = f" It said: “{answered.sample}”." if answered.sample else ""
    match status:
        case 401 | 403:
            return errors.CredentialsError(
                f"{who} refused our credentials for {what} ({status}).{said} An operator should check the token.",
                status=status,
            )
        case 404 | 408 | 410 | 425 | 429:
            return errors.UnavailableError(
                f"{who} has no answer for {what} now ({status}).{said}", retry_after=answered.retry_after, status=status
            )
        case _ if httpx.codes.is_server_error(status):
            return errors.UnavailableError(
                f"{who} failed at {what} ({status}).{said}{errors.ASKED_AGAIN}",
                retry_after=answered.retry_after,
                status=status,
            )
        case _ if httpx.codes.is_client_error(status):
            return errors.RefusedError(f"{who} refused {what} ({status}).{said}", status=status)
        case _:
            return errors.MalformedError(f"{who} gave an answer for {what} that we do not know ({status}).{said}")


def parsed(answered: Answered, what: str) -> Mapping[str, object]:
    """Return the JSON object in the body. Raises MalformedError for anything else, duplicate names included."""
    read = _json(answered, what)
    if not isinstance(read, dict):
        raise errors.MalformedError(f"The answer for {what} is no JSON object. It begins: “{answered.sample}”.")
    return read


def document(answered: Answered, who: str, what: str) -> Mapping[str, object] | None:
    """Return the JSON object with which a public API answers a look-up; None for its own "no such version".

    A JSON API says that in JSON. A 404 with any other body comes from a proxy, or from a wrong address in the settings,
    and proves nothing. Raises an AtrError for any other answer.
    """
    match answered.status:
        case httpx.codes.OK:
            return parsed(answered, what)
        case httpx.codes.NOT_FOUND:
            if isinstance(_json(answered, what), dict | str):
                return None
            raise errors.MalformedError(f"{who} answered 404 for {what}, in words that are not its own.")
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            said = f" It said: “{answered.sample}”." if answered.sample else ""
            raise errors.RefusedError(
                f"{who} does not show {what} without a credential ({answered.status}).{said}",
                status=answered.status,
            )
        case _:
            raise refusal(answered, who, what)


def another(who: str, what: str, said: Iterable[object]) -> errors.MalformedError:
    """Return the error for an answer whose subject is not the one that was asked for, or not known."""
    named = shown(" ".join(str(one) for one in said), (), limit=100)
    return errors.MalformedError(f"{who} was asked for {what} and answered about “{named}”, so it tells nothing.")


def instant(value: object) -> datetime.datetime | None:
    """Return a date of a JSON document, in UTC: ISO 8601 with a zone, or seconds since 1970; None for anything else.

    A date without a zone is None too, because its instant is not known.
    """
    try:
        match value:
            case str():
                read = datetime.datetime.fromisoformat(value.strip())
            case int() | float() if not isinstance(value, bool):
                read = datetime.datetime.fromtimestamp(value, datetime.UTC)
            case _:
                return None
        when = read.astimezone(datetime.UTC) if read.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None
    return when if when and (when >= _OLDEST) else None


def of_milliseconds(milliseconds: object) -> datetime.datetime | None:
    """Return the time for milliseconds since 1970; None for anything else."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not (0 < milliseconds < _LATEST_MS):
        return None
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def moment(text: str) -> datetime.datetime | None:
    """Return a date of an HTTP header, in UTC; None if it is not a date."""
    try:
        parsed_date = email.utils.parsedate_to_datetime(text)
        # https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7: always UTC, even without a zone.
        aware = parsed_date if parsed_date.tzinfo else parsed_date.replace(tzinfo=datetime.UTC)
        return aware.astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(text: str, *, now: datetime.datetime | None) -> float | None:
    """Return the seconds to wait, from 0 to 31 days; None if there is no usable value, or a date without `now`.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    if _SECONDS.fullmatch(text.strip()):
        seconds = float(text.strip())
    else:
        until = moment(text)
        if (until is None) or (now is None):
            return None
        seconds = (until - now).total_seconds()
    return min(max(seconds, 0.0), timing.LONGEST_TOLD)


def shown(text: str, secrets: Iterable[str], *, limit: int = SAMPLE_LIMIT) -> str:
    """Return a platform's text in a form that may be shown and stored: one line, no control characters or secrets, cut.

    Secrets are removed because some servers echo what they were sent.
    """
    line = _UNFIT.sub(" ", text[:_WINDOW]).strip()
    kept = limit
    for secret in filter(None, secrets):
        forms = {secret, urllib.parse.quote(secret, safe=""), secret.replace("/", "\\/")}
        # The longest form first. A token is also found if a line break divides it.
        for form in sorted(forms, key=len, reverse=True):
            line = re.sub(" ?".join(re.escape(letter) for letter in form), _HIDDEN, line)
        if len(text) > _WINDOW:
            # A part of a secret may be at the end of the window.
            kept = min(kept, max(len(line) - 3 * len(secret), 0))
    return line[:kept]


def _json(answered: Answered, what: str) -> object:
    try:
        # Decoded here: json would also accept UTF-16 and UTF-32, which are not valid JSON encodings.
        return json.loads(answered.body.decode(), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    # RecursionError: nested deeper than Python reads. All other errors of the parser are ValueErrors.
    except (ValueError, RecursionError) as fault:
        raise errors.MalformedError(f"The answer for {what} is no JSON. It begins: “{answered.sample}”.") from fault


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is given twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
