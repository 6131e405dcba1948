# SPDX-License-Identifier: Apache-2.0
"""What pages say of what was voted on and is not public, and of an announcement. Frozen, like all views."""

import dataclasses
import datetime

import atr.shared.distribution as distribution


@dataclasses.dataclass(frozen=True)
class NotPublic:
    """A voted file set that is not proved public, in whole or in part, and what is known of it."""

    platform: distribution.DistributionPlatform
    # Of what is not public: the packages in one line, the files, and both with the platform as a sentence calls it.
    packages_line: str
    files: int
    name: str
    # Where it stands and what to do, in a sentence or two.
    sentence: str
    since: datetime.datetime
    # The row whose deployment holds these files: "d4"; empty if there is none.
    anchor: str
    # Whether that row is on its way still, and says itself what is next.
    has_row: bool


@dataclasses.dataclass(frozen=True)
class Announced:
    """Who announced the release, and why, where a reason was needed.

    `without` was voted on and not public then, on `waived` platforms nothing was public, `vouched` was not proved.
    """

    by: str
    at: datetime.datetime
    reason: str
    without: tuple[str, ...]
    waived: tuple[str, ...]
    vouched: tuple[str, ...]
