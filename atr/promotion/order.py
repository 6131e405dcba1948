# SPDX-License-Identifier: Apache-2.0
"""Promote all: which deployments were requested, in which order they are sent, and which are left out. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence

import atr.errors as errors
import atr.shared.mechanisms as mechanisms


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A deployment that could be promoted now."""

    deployment_id: int
    mechanism: mechanisms.Mechanism
    purls: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One deployment that a person requested to promote, and the version of it that they saw."""

    deployment_id: int
    evidence_digest: str
    row_version: int


def in_order(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Sort by permanence, so that what cannot be undone is published when the others are live; else keep the order."""
    return tuple(sorted(candidates, key=_undo))


def twins(candidates: Sequence[Candidate]) -> Mapping[int, int]:
    """Return the deployments that share a package with a newer one, each with it: only one can become public."""
    older: dict[int, int] = {}
    kept: list[Candidate] = []
    for one in sorted(candidates, key=_newest_first):
        twin = next((other for other in kept if other.purls & one.purls), None)
        if twin is None:
            kept.append(one)
        else:
            older[one.deployment_id] = twin.deployment_id
    return older


def by_number(numbers: Mapping[int, int]) -> tuple[int, ...]:
    """Return the deployments in the order of a person's numbers. Raises InputError if two have the same number."""
    seen: dict[int, int] = {}
    for deployment_id, number in numbers.items():
        if number in seen:
            raise errors.InputError(
                f"The number {number} is used twice. Use each number once.", field=f"order-{deployment_id}"
            )
        seen[number] = deployment_id
    return tuple(seen[number] for number in sorted(seen))


def _undo(one: Candidate) -> int:
    return one.mechanism.permanence


def _newest_first(one: Candidate) -> int:
    return -one.deployment_id
