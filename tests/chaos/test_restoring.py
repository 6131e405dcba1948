# SPDX-License-Identifier: Apache-2.0
"""T14 catches what it is for: one life that is harmless when the restore is declared, and a false refusal when not."""

import pytest

import tests.chaos.restoring as restoring

pytestmark = pytest.mark.slow
# A call after the backup published it, and the platform forgot the id before the restore.
_SEED = 77
_POINTS = range(7, 8)


def test_a_restore_that_nobody_declares_is_caught() -> None:
    (violation,) = restoring.rounds(_POINTS, _SEED, restoring.undeclared).violations
    assert violation.startswith("S4 is broken")
    assert violation.endswith("ATR_CHAOS_SEED=77 CHAOS=release python -m tests.chaos T14, point 7")


def test_the_same_life_with_a_declared_restore_breaks_nothing() -> None:
    assert restoring.rounds(_POINTS, _SEED, restoring.restored).violations == ()
