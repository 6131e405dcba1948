# SPDX-License-Identifier: Apache-2.0
"""What a campaign is and what it answers. Each campaign is a module of this folder with `campaign(size, seed)`."""

import dataclasses
import enum
import os
import pathlib
import random
from typing import Final

SEED: Final = "ATR_CHAOS_SEED"
_SHM: Final = pathlib.Path("/dev/shm")
# Where files cost no disk, if there is such a place.
MEMORY: Final = _SHM if _SHM.is_dir() else None


class Size(enum.StrEnum):
    """How long it runs: some seconds, some minutes, or through the night."""

    SMALL = "small"
    CI = "ci"
    RELEASE = "release"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a campaign."""

    # Kills, seeds, cases, cuts: what its table in docs/testing.md counts.
    rounds: int
    # Each a sentence that ends with the command that shows it again.
    violations: tuple[str, ...] = ()
    # What it saw besides, for people: how often each failpoint fired, which arrows were drawn.
    seen: tuple[str, ...] = ()


def seed() -> int:
    """What this run's chance starts from: `ATR_CHAOS_SEED`, else a new one."""
    given = os.environ.get(SEED, "")
    return int(given) if given else random.SystemRandom().randrange(2**32)
