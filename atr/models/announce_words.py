# SPDX-License-Identifier: Apache-2.0
"""The sentences of what holds an announcement: one for each code, for the pages and for the text of an error."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import atr.promotion.announcing as announcing

_Code = announcing.Code
_SENTENCES: Final[Mapping[announcing.Code, Callable[[str], str]]] = MappingProxyType(
    {
        _Code.PHASE: lambda phase: (
            "The release has already been announced."
            if phase == "release"
            else "The release can be announced in Finish, once the vote has passed."
        ),
        _Code.DIVERGED: lambda name: (
            f"Published files on {name} differ from the voted files. Resolve the incident first."
        ),
        _Code.INCIDENT: lambda sentence: sentence,
        _Code.ON_ITS_WAY: lambda name: (
            f"A promotion to {name} is in progress. The release can be announced once every promotion has ended."
        ),
        _Code.REQUESTED: lambda name: f"A promotion to {name} is still requested. Stop it, or wait for it to end.",
        _Code.READ_AGAIN: lambda difference: (
            f"The last comparison of the public files found a difference, so they are being read again: {difference}"
        ),
        _Code.NOT_PUBLIC: lambda name: f"{name} was voted on but is not published.",
        _Code.MISSING: lambda name: (
            f"The policy maps files to {name}, but no third-party distribution of this release is published there."
        ),
        _Code.UNPROVED: lambda name: f"{name} is published but not verified against the vote.",
    }
)
WAIVE: Final = "A committee member can announce the release without it, giving a reason."
VOUCH: Final = "A release manager can vouch for it, giving a reason."


def sentence(reason: announcing.Reason) -> str:
    """The sentence of one reason."""
    return _SENTENCES[reason.code](reason.name)


def sentences(reasons: Iterable[announcing.Reason]) -> tuple[str, ...]:
    """Those of several, and who can do something about them."""
    found = tuple(reasons)
    cures = {one.code.cure for one in found}
    return (
        *map(sentence, found),
        *([WAIVE] if announcing.Cure.WAIVER in cures else []),
        *([VOUCH] if announcing.Cure.WORD in cures else []),
    )
