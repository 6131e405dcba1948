# SPDX-License-Identifier: Apache-2.0
"""What platforms and public repositories answer, in ATR's terms. Pure."""

import dataclasses
import datetime
import enum

import atr.shared.distribution as distribution


class Answer(enum.StrEnum):
    """The kind of reply to an irreversible request. Only a hint: the platform's state decides."""

    NONE = "none"
    # A complete 400, 401 or 403: certainly not accepted. For an upload, any complete and final refusal.
    REFUSED = "refused"
    # A complete 429: certainly not accepted, and sent again after a wait (promotion/timing.py).
    LIMITED = "limited"
    # Certainly not accepted: the platform requires a one-time code that a person types.
    CHALLENGED = "challenged"
    TAKEN = "taken"
    UNCLEAR = "unclear"


@dataclasses.dataclass(frozen=True)
class Reply:
    """The reply to an irreversible request. Only a hint: the platform's state decides.

    `status` is None if there was no complete reply; `external_id` is the id that an upload got.
    """

    answer: Answer
    status: int | None = None
    # At most 500 characters of the body, without control characters or secrets.
    sample: str = ""
    retry_after: float | None = None
    external_id: str = ""
    bytes_sent: int = 0


@dataclasses.dataclass(frozen=True)
class Published:
    """The public data of one version, at the time it was read."""

    coordinates: distribution.Coordinates
    # None if the platform does not report it.
    date: datetime.datetime | None
    api_url: str
    web_url: str


class Seen(enum.StrEnum):
    """The state of a deployment that a platform reported, in ATR's terms."""

    WAITING = "waiting"
    STAGED = "staged"
    WORKING = "working"
    PUBLIC = "public"
    FAILED = "failed"
    # Nothing under this id. This is no proof: an unknown id, a missing right and a delay all look the same.
    GONE = "gone"
    # No definite answer: a fault, an unknown word, a missing field.
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Observation:
    """The current state of a deployment, in ATR's term and in the platform's own word."""

    seen: Seen
    # The platform's own word for the state, at most 80 characters; empty if it gave none.
    word: str = ""
    # The platform's own reasons, cleaned, at most 2,000 characters.
    detail: str = ""
    # The packages that it contains, according to the platform.
    coordinates: tuple[distribution.Coordinates, ...] = ()
    # Another deployment with the same coordinates, if the platform named one.
    held_by: str = ""


@dataclasses.dataclass(frozen=True)
class Found:
    """A staged deployment that fits a search."""

    external_id: str
    name: str
    observation: Observation
    # When it was uploaded; None if the platform does not report it.
    created: datetime.datetime | None = None


class Look(enum.StrEnum):
    """How many of the files are in the public repository."""

    NOT_LOOKED = "not-looked"
    NONE = "none"
    SOME = "some"


class Version(enum.StrEnum):
    """The state of a version in the platform's records and the public repository, no matter who published it."""

    NOT_ASKED = "not-asked"
    # The records do not have it, so the public repository was not asked: caches may keep an early "no".
    ABSENT = "absent"
    # The records have it, and its files are not public yet.
    RECORDED = "recorded"
    PUBLIC = "public"
