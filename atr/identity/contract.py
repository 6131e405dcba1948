# SPDX-License-Identifier: Apache-2.0
"""Who somebody is: a name that is chosen in sandbox mode, what a provider says outside it."""

import dataclasses
import datetime
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import atr.errors as errors

_RANDOM_BYTES: Final = 32
# What can be a name here: it stands in rows, events and log lines.
_UID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|+:-]{0,99}")
# Those who act without having signed in (atr/storage/).
_RESERVED: Final = frozenset({"operator", "system"})
_ERROR: Final = re.compile(r"[a-z_]{1,60}")


@dataclasses.dataclass(frozen=True)
class Account:
    """Somebody who may sign in, with what they are."""

    asf_uid: str
    sentence: str


class Identity(Protocol):
    """How people sign in by a form. What they may do is not decided here but in storage, at use."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """The accounts that the sign-in page offers; empty where it leads elsewhere."""

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """The user id that the form proves. Raises AccessError."""


class NobodySignsIn:
    """Outside sandbox mode: a form proves nothing."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """Nobody."""
        del people
        return ()

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """Nobody. Raises AccessError."""
        del form, people
        raise errors.AccessError("Sign-in is not configured on this server.")


@dataclasses.dataclass(frozen=True)
class Begun:
    """A sign-in on its way: where the browser goes, and what it keeps until it comes back."""

    address: str
    kept: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Proven:
    """Who somebody is, and when they proved it to the provider."""

    asf_uid: str
    at: datetime.datetime


class Provider(Protocol):
    """Somebody else who knows who people are, and to whom a browser is led."""

    # As people know it.
    name: str

    async def begin(self, back: str, *, again: bool) -> Begun:
        """A sign-in that ends at our address `back`. `again`: a session at the provider is not enough.

        Raises PlatformError.
        """

    async def finish(self, back: str, answer: Mapping[str, str], kept: Mapping[str, str]) -> Proven:
        """Who came back with this answer. Raises AccessError, and PlatformError where the provider fails."""


def random() -> str:
    """What nobody can guess."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def code_of(answer: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """The code of an answer to a sign-in that this browser began. Raises AccessError."""
    state = kept.get("state", "")
    if not state or not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise errors.AccessError(
            "This sign-in was not begun in this browser, is over, or another one was begun after it. Start again."
        )
    if "error" in answer:
        said = answer["error"] if _ERROR.fullmatch(answer["error"]) else "an error"
        raise errors.AccessError(f"The provider did not sign you in: {said}. Start again, or ask the operators.")
    if not answer.get("code"):
        raise errors.AccessError("The provider sent no code, so nobody is signed in. Start again.")
    return answer["code"]


def checked_uid(value: object) -> str:
    """A name that a provider says. Raises AccessError for what cannot be one here."""
    if not isinstance(value, str) or not _UID.fullmatch(value) or (value.lower() in _RESERVED):
        raise errors.AccessError(
            "The provider's name for you cannot be used here. Ask the operators which claim is used."
        )
    return value
