# SPDX-License-Identifier: Apache-2.0
"""What a hostile platform may answer: a status, a body and a timing, and the bytes that come of them.

A case is one line of words; the line replays it.
"""

import dataclasses
import gzip
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

# Final ones only: assigned and unassigned, of every class.
STATUSES: Final = (
    *(200, 201, 202, 203, 204, 205, 206, 207, 226, 299),
    *(300, 301, 302, 303, 304, 307, 308, 399),
    *(400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 425, 429, 451, 499),
    *(500, 501, 502, 503, 504, 507, 520, 599),
)
TIMINGS: Final = ("at-once", "dripping", "stalled-head", "stalled-body", "cut")
LOCATIONS: Final = ("listed", "stranger", "itself", "garbage", "none")
# Of these the end never comes, so no reader may take them for whole.
BROKEN: Final = frozenset({"endless", "length-too-large", "chunked-garbage"})
# What an endless body has sent when it stops after all: reading so much is a violation of every bound that we have.
ENDLESS_BYTES: Final = 96 * 1024**2

_ENDLESS_PIECE: Final = b"x" * 65_536
_BOMB: Final = gzip.compress(b"\x00" * 64 * 1024**2)
_WAITS: Final = ("7", "", "-1", "9" * 400, "Wed, 25 Nov 2026 08:00:00 GMT", "soon", "1e9", "\x00")
_BODILESS: Final = frozenset({204, 304})


@dataclasses.dataclass(frozen=True)
class Case:
    """One answer to one call of an adapter."""

    endpoint: str
    status: int
    body: str
    timing: str = "at-once"
    location: str = "listed"
    # What is done at random in it: edits of a mutated body, odd headers. 0 leaves the headers plain.
    seed: int = 0

    @classmethod
    def of(cls, line: str) -> "Case":
        """The case that this line replays."""
        endpoint, status, body, timing, location, seed = line.split()
        return cls(endpoint, int(status), body, timing, location, int(seed))

    @property
    def line(self) -> str:
        """What replays it."""
        return f"{self.endpoint} {self.status} {self.body} {self.timing} {self.location} {self.seed}"


@dataclasses.dataclass(frozen=True)
class Bytes:
    """An answer as it leaves: its head, the body behind it, and whether more of it follows without end."""

    head: bytes
    body: bytes
    endless: bool = False

    @property
    def first(self) -> bytes:
        """What is sent before a stall or a cut: the head and half of the body, or half of the head."""
        return self.head + self.body[: len(self.body) // 2] if self.body else self.head[: len(self.head) // 2]


def bodiless(status: int, method: str) -> bool:
    """Whether such an answer is whole when its head is."""
    return (method == "HEAD") or (status in _BODILESS)


def answer(case: Case, valid: bytes, other: bytes, location: str, echo: str) -> Bytes:
    """The bytes of this case. `echo` is a secret that the platform was sent and gives back."""
    body = _body(case, valid, other, echo)
    headers = {"Content-Length": str(len(body)), "Connection": "close", "Set-Cookie": "canary=1; Path=/"}
    match case.body:
        case "endless" | "chunked-garbage":
            del headers["Content-Length"]
            headers["Transfer-Encoding"] = "chunked"
        case "length-too-large":
            headers["Content-Length"] = str(len(body) + 1_000)
        case "length-too-small":
            headers["Content-Length"] = str(len(body) // 2)
        case "bomb-announced":
            headers["Content-Encoding"] = "gzip"
        case "unframed":
            del headers["Content-Length"]
        case "second-behind":
            # Kept alive, so that what stands behind it could be taken for the answer to what is asked next.
            del headers["Connection"]
            headers["Content-Length"] = "0"
    if location:
        headers["Location"] = location
    if case.seed:
        headers["Retry-After"] = random.Random(case.seed).choice(_WAITS)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Bytes(f"HTTP/1.1 {case.status} Word\r\n{fields}\r\n".encode("latin-1"), body, case.body == "endless")


def endless_piece() -> bytes:
    """One more chunk of a body without end."""
    return b"%x\r\n%s\r\n" % (len(_ENDLESS_PIECE), _ENDLESS_PIECE)


def _body(case: Case, valid: bytes, other: bytes, echo: str) -> bytes:
    if case.body == "mutated":
        return _mutated(valid, case.seed)
    return _BODIES[case.body](valid, other, echo)


def _mutated(valid: bytes, seed: int) -> bytes:
    dice, body = random.Random(seed), bytearray(valid or b"{}")
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(body) + 1)
        match dice.choice(("cut", "flip", "insert", "double")):
            case "cut":
                del body[place : place + dice.randint(1, 8)]
            case "flip" if place < len(body):
                body[place] ^= 1 << dice.randrange(8)
            case "double":
                body[place:place] = body[: dice.randint(0, 20)]
            case _:
                body[place:place] = dice.choice((b"\x00", b'"', b"}", b"null", b"\xc3\x28", b"\\ud800", b"1e999"))
    return bytes(body)


def _read(valid: bytes) -> Mapping[str, Any] | None:
    try:
        read = json.loads(valid)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _wrong(value: object) -> object:
    match value:
        case bool() | int():
            return str(value)
        case list():
            return {"0": value}
        case _:
            return [value]


def _wrong_types(valid: bytes, _other: bytes, _echo: str) -> bytes:
    document = _read(valid)
    return json.dumps({name: _wrong(value) for name, value in document.items()} if document else [1, None]).encode()


def _with(entry: bytes) -> Callable[[bytes, bytes, str], bytes]:
    """The documented answer with one entry more: it must be read strictly to be seen."""
    return lambda valid, _other, _echo: (valid[:-1] + b", " + entry + b"}") if _read(valid) else b"{" + entry + b"}"


def _chunked(valid: bytes, _other: bytes, _echo: str) -> bytes:
    return b"%x\r\n%s\r\nzz\r\nno chunk" % (len(valid or b"{}"), valid or b"{}")


_BODIES: Final[Mapping[str, Callable[[bytes, bytes, str], bytes]]] = {
    "empty": lambda _valid, _other, _echo: b"",
    "valid": lambda valid, _other, _echo: valid,
    "for-another": lambda _valid, other, _echo: other,
    # What stands between us and a platform likes to show what it was sent.
    "html": lambda _valid, _other, echo: f"<html><h1>Sign in</h1><pre>{echo}</pre></html>".encode(),
    "truncated": lambda valid, _other, _echo: valid[: len(valid) * 2 // 3] or b"{",
    "wrong-types": _wrong_types,
    "deep": lambda _valid, _other, _echo: b'{"published": ' * 40_000,
    "nan": _with(b'"more": NaN'),
    "doubled-keys": lambda valid, _other, _echo: (valid[:-1] + b", " + valid[1:]) if _read(valid) else valid + b"\n{}",
    "not-utf-8": _with(b'"more": "\xff\xfe"'),
    "utf-16": lambda valid, _other, _echo: (valid or b"{}").decode("latin-1").encode("utf-16"),
    "huge-number": _with(b'"more": 1' + b"0" * 10_000),
    "endless": lambda _valid, _other, _echo: endless_piece(),
    "bomb-announced": lambda _valid, _other, _echo: _BOMB,
    "bomb-unannounced": lambda _valid, _other, _echo: _BOMB,
    "length-too-large": lambda valid, _other, _echo: valid,
    "length-too-small": lambda valid, _other, _echo: valid or b"{}",
    "chunked-garbage": _chunked,
    "unframed": lambda valid, _other, _echo: valid,
    "second-behind": lambda valid, _other, _echo: (
        b"HTTP/1.1 200 Word\r\nContent-Length: %d\r\n\r\n%s" % (len(valid), valid)
    ),
}
BODIES: Final = tuple(_BODIES)
