# SPDX-License-Identifier: Apache-2.0
"""Figures on the rows, for monitoring: frozen, read in one transaction."""

import dataclasses
from collections.abc import Mapping

import atr.promotion.budget as budget


@dataclasses.dataclass(frozen=True)
class Waiting:
    """Rows that are due and have no lease."""

    rows: int = 0
    # For how long the oldest of them has been due, in seconds.
    oldest: float = 0.0


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures by their labels; labels without rows are missing."""

    # By platform: the age of the oldest request for a promotion that has not ended, in seconds.
    oldest_pending: Mapping[str, float]
    # By platform and state.
    promotions: Mapping[tuple[str, str], int]
    deployments: Mapping[tuple[str, str], int]
    # By kind and answer.
    attempts: Mapping[tuple[str, str], int]
    # By kind of row: promotion, deployment, distribution, task.
    waiting: Mapping[str, Waiting]
    # By lane: its name and reach. A lane that was never used is missing.
    breakers: Mapping[tuple[str, str], budget.Breaker]
