# SPDX-License-Identifier: Apache-2.0
"""Which worlds are searched, and which rules are taken away to see that their loss is noticed. Data."""

from typing import Final, NamedTuple

import atr.shared.mechanisms as mechanisms
import tests.model.search as search
import tests.model.worlds as worlds

_BLIND: Final = mechanisms.Mechanism.OCI_TAG
Rule = worlds.Rule
Setting = worlds.Setting


class Removal(NamedTuple):
    """A world in which a rule is missing, and the invariant whose breaking shows it, or "stuck"."""

    setting: Setting
    breaks: str


def without(rule: Rule, mechanism: mechanisms.Mechanism = mechanisms.Mechanism.CENTRAL_PORTAL) -> Setting:
    """The small world without this rule."""
    return Setting(rule, mechanism=mechanism, without=rule)


SMALL: Final = (
    Setting("id-scoped"),
    Setting("blind", mechanism=_BLIND, workers=3, clicks=3),
    Setting("id-scoped-by-hand", workers=1, by_hand=True),
)
LARGE: Final = (
    Setting("id-scoped-3-workers", workers=3, by_hand=True),
    Setting("id-scoped-3-clicks", clicks=3, by_hand=True),
    Setting("blind-out-of-band", mechanism=_BLIND, workers=3, clicks=3, by_hand=True),
)
SIZES: Final = {"ci": SMALL, "release": SMALL + LARGE}

REMOVALS: Final = (
    Removal(without(Rule.MARK_FIRST), "S3"),
    Removal(without(Rule.ASK), "S4"),
    Removal(without(Rule.NO_RESEND, _BLIND), "S1"),
    Removal(without(Rule.FENCE), "S7"),
    Removal(without(Rule.PROVEN_DROP), "S4"),
    Removal(without(Rule.GATES), "S3"),
    Removal(without(Rule.NOT_PROOF), "S4"),
    Removal(without(Rule.ONE_OPEN), "S6"),
    Removal(without(Rule.PINNED), "S2"),
    Removal(without(Rule.WHOLE), "S2"),
    Removal(without(Rule.LOOK_AGAIN)._replace(workers=1, by_hand=True), search.STUCK),
)
