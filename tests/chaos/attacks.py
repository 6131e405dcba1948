# SPDX-License-Identifier: Apache-2.0
"""Ways in which something else than what was voted on became public, or was said to be: each a story, kept.

They were found by people and not by chance, so they are told whatever the seed is. What must not break is named.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import atr.promotion.states as states
import tests.chaos.conformance as conformance

_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0
# After-care looks for the last time after 30 days.
_LONG: Final = 40 * _DAY
Fault = conformance.Fault
_FOUND: Final = (states.State.CHECKING, states.State.DIVERGED)
# Nobody need ask before what is published is public.
_AT_ONCE: Final = conformance.Settings({"publishing_polls": 0})


class Attack(NamedTuple):
    """What happens, and the invariant that fell."""

    steps: Sequence[conformance.Step]
    broke: str
    # How it must end now, as an arrow, where an end that only says less would break nothing.
    ends: tuple[states.State, states.State] | None = None


ATTACKS: Final[Mapping[str, Attack]] = {
    "a foreign artifact that is named like a server's metadata": Attack(("look-alike added", "promote", _DAY), "S2"),
    "a file beside the version, published by hand": Attack(("published with more", "promote", _DAY), "S5", _FOUND),
    "a file beside the version, recorded as public": Attack(
        (_AT_ONCE, "published with more", _HOUR, "recorded as public", _DAY), "S5", _FOUND
    ),
    "published by hand after a stop": Attack(
        (_AT_ONCE, "promote and stop", "abort", "look now", _HOUR, "published by hand", _LONG), "S17"
    ),
    "published by hand after a drop that did nothing": Attack(
        (
            _AT_ONCE,
            Fault("drop", {"status": 503, "times": None}),
            Fault("status", {"status": 404, "skip": 0, "times": 6}),
            "drop",
            2 * _DAY,
            "published by hand",
            _LONG,
        ),
        "S17",
    ),
    "published by hand after it seemed to be gone": Attack(
        (
            _AT_ONCE,
            Fault("drop", {"status": 503, "times": None}),
            Fault("status", {"status": 404, "times": None}),
            "drop",
            2 * _DAY,
            "faults end",
            "published by hand",
            _LONG,
        ),
        "S17",
    ),
    "published by hand, and then it failed": Attack(
        ("stuck", "published by hand", _DAY, "publishing fails", "not stuck", _LONG), "S17"
    ),
    "the only deployment is gone": Attack(("vanished", _LONG), "S17"),
    "another committee holds these names": Attack(("strangers vote", "strangers record", _HOUR), "S15"),
}
