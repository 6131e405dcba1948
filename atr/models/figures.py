# SPDX-License-Identifier: Apache-2.0
"""What the rows say in numbers, for whoever watches: frozen, read in one transaction."""

import dataclasses
from collections.abc import Mapping

import atr.promotion.budget as budget


@dataclasses.dataclass(frozen=True)
class Waiting:
    """Rows that are due and that nobody works on."""

    rows: int = 0
    # For how long the oldest of them has been due, in seconds.
    oldest: float = 0.0


@dataclasses.dataclass(frozen=True)
class Figures:
    """Each by the labels that it is counted by; what no row has is not there."""

    # By platform: for how many seconds the oldest promotion that has not ended was asked for.
    oldest_pending: Mapping[str, float]
    # By platform and state.
    promotions: Mapping[tuple[str, str], int]
    deployments: Mapping[tuple[str, str], int]
    # By kind and answer.
    attempts: Mapping[tuple[str, str], int]
    # By kind of row: promotion, deployment, distribution, task.
    waiting: Mapping[str, Waiting]
    # By account and what is reached; of an account that was never used nothing is there.
    breakers: Mapping[tuple[str, str], budget.Breaker]
