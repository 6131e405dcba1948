# SPDX-License-Identifier: Apache-2.0
"""Each invariant says no to a world that breaks it, and to no other."""

import pytest

import atr.promotion.states as states
import tests.model.invariants as invariants

S = states.State
World = invariants.World
Promotion = invariants.Promotion
Send = invariants.Send
Effect = invariants.Effect
Move = invariants.Move


def held(state: S = S.SENDING, number: int = 1) -> Promotion:
    return Promotion(number, "t", state)


BREAKING = [
    ("S1", World(effects=(Effect("t", 1), Effect("t", 2)))),
    ("S2", World(effects=(Effect("t", 1, right=False),))),
    ("S3", World(sends=(Send(1, 1, marked=False),))),
    ("S3", World(sends=(Send(1, 1, allowed=False),))),
    ("S4", World((held(S.REFUSED),), effects=(Effect("t", 1),))),
    ("S4", World((held(S.ABORTED),), coming=frozenset({1}))),
    ("S5", World((Promotion(1, "t", S.LIVE, right=False),))),
    ("S6", World((held(), held(S.LIVE, 2)))),
    ("S7", World(moves=(Move(1, S.LIVE, S.REFUSED),))),
    ("S7", World(moves=(Move(1, S.IN_DOUBT, S.SENDING),))),
    ("S7", World(moves=(Move(1, S.REQUESTED, S.SENDING, versions=2),))),
    ("S8", World(sends=(Send(1, 1), Send(1, 1)))),
    ("S8", World((Promotion(1, "t", S.SENDING, marks=4),))),
    ("S8", World((Promotion(1, "t", S.SENDING, marks=2, budget=1),))),
    ("S10", World(moves=(Move(1, S.CHECKING, S.LIVE, epoch=1, row_epoch=2),))),
    ("S15", World((Promotion(1, "t", S.REQUESTED, foreign=True),))),
]
HOLDING = [
    World(),
    World((held(), held(S.REFUSED, 2)), (Send(1, 1), Send(1, 2)), (Effect("t", 1),)),
    # A person's publishing on the platform's page is not our effect.
    World((held(S.REFUSED),), effects=(Effect("t", None, right=False),)),
    # Where staged content is not pinned, wrong bytes are found, not prevented.
    World((held(S.DIVERGED),), effects=(Effect("t", 1, right=False, pinned=False),)),
    World(moves=(Move(1, S.IN_DOUBT, S.SENDING, by_person=True), Move(1, S.SENDING, S.CHECKING, epoch=2, row_epoch=2))),
    World((Promotion(1, "t", S.SENDING, approvals=2, marks=2, budget=1),)),
    # Another target.
    World((held(), Promotion(2, "u", S.LIVE)), effects=(Effect("t", 1), Effect("u", 2))),
]


@pytest.mark.parametrize(("code", "world"), BREAKING)
def test_a_world_breaks_one_invariant(code: str, world: World) -> None:
    assert invariants.broken(world) == (code,)


@pytest.mark.parametrize("world", HOLDING)
def test_a_good_world_breaks_none(world: World) -> None:
    assert invariants.broken(world) == ()


def test_every_invariant_has_a_world_that_breaks_it() -> None:
    assert list(dict.fromkeys(code for code, _ in BREAKING)) == [one.code for one in invariants.INVARIANTS]


def test_every_promise_is_a_sentence() -> None:
    assert all(one.promise.endswith(".") for one in invariants.INVARIANTS)
