# SPDX-License-Identifier: Apache-2.0
"""The invariants: what may come of a hostile answer, whatever it is. Written without a look at how it is done."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Final

import atr.errors as errors
import tests.hostile.cases as cases
import tests.hostile.endpoints as endpoints
import tests.hostile.server as server

# What the buffers of one connection's two sockets may hold beyond what was read.
_BUFFERS: Final = 12 * 1024**2
# A loaded machine may be so late with a timer. What drips or stalls goes on for longer.
SLACK_SECONDS: Final = 8.0
_REDIRECTS: Final = 3
# Deployments of others are listed, or what a random change has made of ours.
_LISTS: Final = frozenset({"for-another", "mutated"})
_REFUSALS: Final = frozenset({400, 401, 403})
# An upload makes a new thing: whoever says finally that it will not do has made none.
_OF_UPLOADS: Final = _REFUSALS | {404, 413, 415, 422}
# Mends nothing, says nothing: always allowed.
_NOTHING_LEARNT: Final = frozenset({"unclear", "unknown"})


@dataclasses.dataclass(frozen=True)
class Ran:
    """One case as it went."""

    outcome: endpoints.Outcome | None
    error: BaseException | None
    seconds: float
    # How long one call may take by the adapter's settings.
    patience: float
    slot: server.Slot
    answer: cases.Bytes
    secrets: Sequence[str]


def violations(case: cases.Case, ran: Ran) -> Iterator[str]:
    """Every rule that this case broke, in a sentence each."""
    endpoint = endpoints.ENDPOINTS[case.endpoint]
    yield from _of_traffic(endpoint, ran)
    yield from _of_secrets(ran)
    if ran.error is not None:
        yield from _of_error(case, endpoint, ran)
    elif ran.outcome is not None:
        yield from _of_meaning(case, endpoint, ran, ran.outcome.word)


def _of_traffic(endpoint: endpoints.Endpoint, ran: Ran) -> Iterator[str]:
    slot, calls = ran.slot, 1 + bool(endpoint.before) + (endpoint.in_pages and _promises_more(ran.answer))
    reached, led = len(slot.arrived), len(slot.elsewhere)
    # It may never have left: then all that is said is that nothing is clear.
    unsent = (reached == 0) and (ran.outcome is not None) and (ran.outcome.word == "unclear")
    if endpoint.writes and (reached != 1) and not unsent:
        yield f"an irreversible request arrived {reached} times"
    if reached > calls * (1 + _REDIRECTS if endpoint.follows else 1):
        yield f"{reached} requests arrived for one call"
    if (slot.elsewhere and not endpoint.follows) or (led > calls * _REDIRECTS):
        yield f"followed {led} redirects to another host"
    if slot.strangers:
        yield "asked a host that is on no list"
    if {one.method for one in [*slot.elsewhere, *slot.strangers]} - {"GET", "HEAD"}:
        yield "a redirect was followed by a write"
    # Each hop of a redirect has a connection of its own.
    most = calls * endpoint.at_most + (max(1, reached) if endpoint.follows else 1) * _BUFFERS
    if slot.sent > most:
        yield f"{slot.sent:,} bytes were taken where {most:,} are the bound"
    allowed = calls * endpoint.deadline(ran.patience) + SLACK_SECONDS
    if ran.seconds > allowed:
        yield f"took {ran.seconds:.1f} s where {allowed:.1f} s are the deadline"


def _of_secrets(ran: Ran) -> Iterator[str]:
    for one in [*ran.slot.elsewhere, *ran.slot.strangers]:
        if ("authorization" in one.headers) or any(secret in repr(one.headers) for secret in ran.secrets):
            yield "a secret was sent to another host"
    if any("cookie" in one.headers for one in [*ran.slot.arrived, *ran.slot.elsewhere]):
        yield "a cookie was kept"
    said = [*(ran.outcome.texts if ran.outcome else ()), str(ran.error), repr(ran.error)]
    if any(secret in text for secret in ran.secrets for text in said):
        yield "a secret is shown"
    if ran.outcome is not None and any("\n" in text or "\x00" in text for text in said):
        yield "a text of the platform's is not clean"


def _of_error(case: cases.Case, endpoint: endpoints.Endpoint, ran: Ran) -> Iterator[str]:
    error = ran.error
    if not isinstance(error, errors.PlatformError):
        yield f"raised {error!r}, which is no error of a platform"
    elif endpoint.writes:
        yield f"a write raised {error!r} for an answer"
    elif isinstance(error, errors.CredentialsError) and (case.status not in {401, 403}):
        yield f"took {case.status} for refused credentials"
    elif isinstance(error, errors.RefusedError) and not (400 <= case.status < 500):
        yield f"took {case.status} for a refusal"
    elif _must_succeed(case, endpoint, ran):
        yield f"raised {error!r} for the documented success"
    wait = getattr(error, "retry_after", None)
    if (wait is not None) and not (0 <= wait <= 31 * 86_400):
        yield f"would wait {wait} seconds"


def _of_meaning(case: cases.Case, endpoint: endpoints.Endpoint, ran: Ran, word: str) -> Iterator[str]:
    whole = complete(case, endpoint, ran.answer)
    body = b"" if cases.bodiless(case.status, endpoint.method) else delivered(case, ran.answer)
    if _must_succeed(case, endpoint, ran) and (word != "success"):
        yield f"answered “{word}” for the documented success"
    if (word not in _NOTHING_LEARNT) and not _may(word, case, endpoint, ran.answer, whole=whole, body=body):
        yield f"answered “{word}”"


def _may(
    word: str, case: cases.Case, endpoint: endpoints.Endpoint, answer: cases.Bytes, *, whole: bool, body: bytes
) -> bool:
    """Whether this answer may mean this."""
    # Longer than asked for: it differs for certain, whatever would have come then.
    longer = answer.endless or (len(answer.first) - len(answer.head) > endpoint.at_most)
    # Where an answer came before, that was the documented one; the hostile one tells a date or not.
    succeeds = (case.status == endpoint.status) and _is_documented(endpoint, body) and whole
    # A repository says it in its status; a platform that speaks JSON says it there.
    gone = (whole and _is_json(body)) if endpoint.absent_in_json else _has_head(case, answer)
    return {
        "success": succeeds or bool(endpoint.before),
        "refused": whole and (case.status in (_OF_UPLOADS if case.endpoint == "stage" else _REFUSALS)),
        "limited": whole and (case.status == 429),
        "gone": whole and (case.status == 404),
        "nothing": succeeds and (case.body in _LISTS),
        "something": succeeds and (case.body in _LISTS),
        "absent": gone and (case.status in endpoint.absent),
        "other-bytes": (case.status == endpoint.status) and (whole or longer),
    }.get(word, False)


def complete(case: cases.Case, endpoint: endpoints.Endpoint, answer: cases.Bytes) -> bool:
    """Whether a reader may take the answer for whole."""
    # What is sent before a cut or a stall is all that these two heads promise.
    if cases.bodiless(case.status, endpoint.method) or (case.body in {"second-behind", "length-too-small"}):
        return _has_head(case, answer)
    return (case.timing == "at-once") and (case.body not in cases.BROKEN)


def _has_head(case: cases.Case, answer: cases.Bytes) -> bool:
    return (case.timing == "at-once") or (bool(answer.body) and (case.timing != "stalled-head"))


def delivered(case: cases.Case, answer: cases.Bytes) -> bytes:
    """The body that a reader of a whole answer gets."""
    match case.body:
        case "length-too-small":
            return answer.body[: len(answer.body) // 2]
        case "second-behind":
            return b""
        case _:
            return answer.body


def _promises_more(answer: cases.Bytes) -> bool:
    """Whether a page lets one expect another behind it: that one is asked for, and found to be the same again."""
    read = endpoints.strict(answer.body) or {}
    return read.get("pageCount", 2) > 1 if isinstance(read.get("pageCount", 2), int) else False


def _must_succeed(case: cases.Case, endpoint: endpoints.Endpoint, ran: Ran) -> bool:
    # RFC 9110, 5.5: what holds a NUL is no header, and who reads it may refuse all of it.
    plain = (case.body == "valid") and (case.timing == "at-once") and (b"\x00" not in ran.answer.head)
    return plain and (case.status == endpoint.status)


def _is_documented(endpoint: endpoints.Endpoint, body: bytes) -> bool:
    return endpoint.documented(body)


def _is_json(body: bytes) -> bool:
    if endpoints.strict(body) is not None:
        return True
    try:
        return isinstance(json.loads(body.decode()), str)
    except ValueError:
        return False
