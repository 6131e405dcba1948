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
            "It was announced." if phase == "release" else "It opens in Finish, when the vote has passed."
        ),
        _Code.DIVERGED: lambda name: (
            f"Something public on {name} is not what was voted on. The incident must be dealt with first, on its row."
        ),
        _Code.INCIDENT: lambda sentence: sentence,
        _Code.ON_ITS_WAY: lambda name: f"A promotion to {name} is on its way. It opens when every promotion has ended.",
        _Code.REQUESTED: lambda name: f"A promotion to {name} is still asked for. Stop it first, or let it end.",
        _Code.READ_AGAIN: lambda difference: (
            f"The last reading of the public files found a difference, so they are read again: {difference}"
        ),
        _Code.NOT_PUBLIC: lambda name: f"{name} was voted on and is not public.",
        _Code.MISSING: lambda name: (
            f"The policy maps files to {name}, and no third-party distribution of this release is public there."
        ),
        _Code.UNPROVED: lambda name: f"{name} is public, and nobody has proved that it is what was voted on.",
    }
)
WAIVE: Final = "A committee member can announce the release without it, giving a reason."
VOUCH: Final = "A release manager can vouch for it by name, giving a reason."


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
