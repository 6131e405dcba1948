# SPDX-License-Identifier: Apache-2.0
"""What is heard of an irreversible request, of a deployment and of the public place, in our words. Pure."""

import dataclasses
import datetime
import enum

import atr.shared.distribution as distribution


class Answer(enum.StrEnum):
    """What came back from an irreversible request. Only a hint; the platform's state decides."""

    NONE = "none"
    # A complete 400, 401 or 403: certainly not taken. Of an upload, any complete answer that is final.
    REFUSED = "refused"
    # A complete 429: certainly not taken, and there will be a time for it (promotion/timing.py).
    LIMITED = "limited"
    # Certainly not taken: the platform wants a one-time code that a person types.
    CHALLENGED = "challenged"
    TAKEN = "taken"
    UNCLEAR = "unclear"


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back from an irreversible request. Only a hint: the platform's state decides.

    `status` is None when there was no complete reply; `external_id` is what an upload was given.
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
    """What the public knows of one version, as read then."""

    coordinates: distribution.Coordinates
    # None where the platform does not tell.
    date: datetime.datetime | None
    api_url: str
    web_url: str


class Seen(enum.StrEnum):
    """What a platform said of a deployment, in our words."""

    WAITING = "waiting"
    STAGED = "staged"
    WORKING = "working"
    PUBLIC = "public"
    FAILED = "failed"
    # Nothing under this id. Not proof: an unknown id, no right to see it, and a lag all look the same.
    GONE = "gone"
    # An answer that says nothing definite: a fault, an unknown word, a missing field.
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Observation:
    """Where a deployment is now, in our word and in the platform's."""

    seen: Seen
    # The platform's own word for the state, at most 80 characters; empty if it gave none.
    word: str = ""
    # The platform's own reasons, cleaned, at most 2,000 characters.
    detail: str = ""
    # The packages it says it holds.
    coordinates: tuple[distribution.Coordinates, ...] = ()
    # Another deployment that holds the same coordinates, if the platform named it.
    held_by: str = ""


@dataclasses.dataclass(frozen=True)
class Found:
    """A staged deployment that fits a search."""

    external_id: str
    name: str
    observation: Observation
    # When it was uploaded; None where the platform does not tell.
    created: datetime.datetime | None = None


class Look(enum.StrEnum):
    """What the public place showed of the files."""

    NOT_LOOKED = "not-looked"
    NONE = "none"
    SOME = "some"


class Version(enum.StrEnum):
    """What the platform's records and the public place know of a version, whoever published it."""

    NOT_ASKED = "not-asked"
    # The records do not have it, so nobody asked the public place: an early "no" may be kept by caches.
    ABSENT = "absent"
    # The records have it, and its files are not public yet.
    RECORDED = "recorded"
    PUBLIC = "public"
