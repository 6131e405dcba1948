# SPDX-License-Identifier: Apache-2.0
"""Sign-in: a user id that is chosen in sandbox mode, and one that a provider reports outside it."""

import dataclasses
import datetime
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import atr.errors as errors

_RANDOM_BYTES: Final = 32
# The valid user ids, which appear in rows, events and log lines.
_UID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|+:-]{0,99}")
# The actors that do not sign in (atr/storage/).
_RESERVED: Final = frozenset({"operator", "system"})
_ERROR: Final = re.compile(r"[a-z_]{1,60}")


@dataclasses.dataclass(frozen=True)
class Account:
    """A person who may sign in, with a sentence that describes them."""

    asf_uid: str
    sentence: str


class Identity(Protocol):
    """Sign-in by a form. What people may do is decided in storage, when they do it."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """Return the accounts that the sign-in page offers; empty if it offers none."""

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """Return the user id that the form proves. Raises AccessError."""


class NobodySignsIn:
    """The identity outside sandbox mode, where a form proves nothing."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """Return no accounts."""
        del people
        return ()

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """Raise AccessError."""
        del form, people
        raise errors.AccessError("Sign-in is not configured on this server.")


@dataclasses.dataclass(frozen=True)
class Begun:
    """A sign-in in progress: the address for the browser, and the values that it keeps until it comes back."""

    address: str
    kept: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Proven:
    """A user id, and when the person proved it to the provider."""

    asf_uid: str
    at: datetime.datetime


class Provider(Protocol):
    """A service that authenticates people, to which the browser is redirected."""

    # The name that people see.
    name: str

    async def begin(self, back: str, *, again: bool) -> Begun:
        """Begin a sign-in that ends at our address `back`. With `again`, a session at the provider is not enough.

        Raises PlatformError.
        """

    async def finish(self, back: str, answer: Mapping[str, str], kept: Mapping[str, str]) -> Proven:
        """Return who came back with this answer. Raises AccessError, and PlatformError if the provider fails."""


def random() -> str:
    """Return a text that nobody can guess."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def code_of(answer: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """Return the code of an answer to a sign-in that this browser began. Raises AccessError."""
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
    """Return a user id that a provider reported. Raises AccessError if it is not a valid one."""
    if not isinstance(value, str) or not _UID.fullmatch(value) or (value.lower() in _RESERVED):
        raise errors.AccessError(
            "The provider's name for you cannot be used here. Ask the operators which claim is used."
        )
    return value
