# SPDX-License-Identifier: Apache-2.0
"""What a platform's answer means and what may be shown of it. Pure: bytes in, values or errors out.

Nothing that a platform sent is shown or kept before it went through `shown`.
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

# Of a platform's text, so many characters are shown.
SAMPLE_LIMIT: Final = 500
_HIDDEN: Final = "[secret]"
# Only so much of a text is searched for secrets before it is cut.
_WINDOW: Final = 20_000
# White space, control characters, marks that turn the direction of writing, and halves of a surrogate pair.
_UNFIT: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
_SECONDS: Final = re.compile(r"[0-9]{1,10}")
# The end of the year 9999, the last that a date can hold.
_LATEST_MS: Final = 253_402_300_799_000
_REFUSALS: Final = frozenset({400, 401, 403})
# Dates before this are no dates of a release: Go writes its zero, 0001-01-01, for "never".
_OLDEST: Final = datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Answered:
    """A complete answer to a bounded read. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    def shown(self, text: str, limit: int = SAMPLE_LIMIT) -> str:
        """A text of this answer as it may be shown and kept."""
        return shown(text, self.secrets, limit=limit)

    @property
    def sample(self) -> str:
        """The beginning of the body as it may be shown and kept."""
        return self.shown(self.body.decode(errors="replace"))

    @property
    def retry_after(self) -> float | None:
        """What the platform asked us to wait, in seconds. A date is measured from the answer's own Date."""
        now = moment(self.headers.get("date", ""))
        return retry_after(self.headers.get("retry-after", ""), now=now)


def reply(answered: Answered) -> contract.Reply:
    """What a complete answer to an irreversible request means. The platform's state decides, this is a hint.

    404, 409, 3xx and 5xx leave open whether it was taken.
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
    """The error for an answer that is not the 200 we hoped for."""
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
    """The JSON object in the body. Raises MalformedError for anything else, a name given twice included."""
    read = _json(answered, what)
    if not isinstance(read, dict):
        raise errors.MalformedError(f"The answer for {what} is no JSON object. It begins: “{answered.sample}”.")
    return read


def document(answered: Answered, who: str, what: str) -> Mapping[str, object] | None:
    """The JSON object with which a public place answers a look-up; None for its own "no such version".

    A place that speaks JSON says that in JSON. A 404 with anything else comes from something in between, or from an
    address that is set wrongly, and tells nothing. Raises an error of the tree for whatever is neither.
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
                f"{who} shows {what} only with a credential ({answered.status}), and none is sent.{said}",
                status=answered.status,
            )
        case _:
            raise refusal(answered, who, what)


def another(who: str, what: str, said: Iterable[object]) -> errors.MalformedError:
    """The error for an answer that is about something else than was asked for, or does not say what it is about."""
    named = shown(" ".join(str(one) for one in said), (), limit=100)
    return errors.MalformedError(f"{who} was asked for {what} and answered about “{named}”, so it tells nothing.")


def instant(value: object) -> datetime.datetime | None:
    """A date of a JSON document, in UTC: ISO 8601 with its zone, or seconds since 1970; None for whatever is neither.

    One without a zone is none: nobody knows when it was.
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
    """A time that a platform gives in milliseconds; None for anything that is none."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not (0 < milliseconds < _LATEST_MS):
        return None
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def moment(text: str) -> datetime.datetime | None:
    """A date of an HTTP header, in UTC; None if it is none."""
    try:
        parsed_date = email.utils.parsedate_to_datetime(text)
        # https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7: always UTC, also where the zone was left out.
        aware = parsed_date if parsed_date.tzinfo else parsed_date.replace(tzinfo=datetime.UTC)
        return aware.astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(text: str, *, now: datetime.datetime | None) -> float | None:
    """Seconds to wait, from 0 to 31 days; None if not told, or told as a date while it is unknown what time it is.

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
    """A platform's text as it may be shown and kept: one line, no control characters, no secret of ours, cut.

    Servers have been seen to echo what they were sent.
    """
    line = _UNFIT.sub(" ", text[:_WINDOW]).strip()
    kept = limit
    for secret in filter(None, secrets):
        forms = {secret, urllib.parse.quote(secret, safe=""), secret.replace("/", "\\/")}
        # Longest first; a line break in the middle of an echoed token does not save it.
        for form in sorted(forms, key=len, reverse=True):
            line = re.sub(" ?".join(re.escape(letter) for letter in form), _HIDDEN, line)
        if len(text) > _WINDOW:
            # Half a secret may stand where the window ends.
            kept = min(kept, max(len(line) - 3 * len(secret), 0))
    return line[:kept]


def _json(answered: Answered, what: str) -> object:
    try:
        # Decoded here: json itself would also take UTF-16 and UTF-32, which are none.
        return json.loads(answered.body.decode(), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    # RecursionError: nested deeper than Python reads. All other faults of the parser are ValueErrors.
    except (ValueError, RecursionError) as fault:
        raise errors.MalformedError(f"The answer for {what} is no JSON. It begins: “{answered.sample}”.") from fault


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is given twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
