# SPDX-License-Identifier: Apache-2.0
"""Who somebody is. Local accounts fill this in sandbox mode; OpenID Connect will."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import atr.errors as errors


@dataclasses.dataclass(frozen=True)
class Account:
    """Somebody who may sign in, with what they are."""

    asf_uid: str
    sentence: str


class Identity(Protocol):
    """How people sign in. What they may do is not decided here but in storage, at use."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """The accounts that the sign-in page offers; empty where it leads elsewhere."""

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """The user id that the form proves. Raises AccessError."""


class NobodySignsIn:
    """Outside sandbox mode, until a way to sign in is set up: everybody can read, nobody can act."""

    async def choices(self, people: Sequence[Account]) -> Sequence[Account]:
        """Nobody."""
        del people
        return ()

    async def who(self, form: Mapping[str, str], people: Sequence[Account]) -> str:
        """Nobody. Raises AccessError."""
        del form, people
        raise errors.AccessError("Sign-in is not configured on this server.")
