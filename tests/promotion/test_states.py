# SPDX-License-Identifier: Apache-2.0
"""The tables of states, pair by pair, against the design's table written out again."""

import itertools
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import pytest

import atr.errors as errors
import atr.promotion.states as states

DESIGN: Final = """
    REQUESTED  -> SENDING PUBLISHING CHECKING ABORTED REFUSED
    SENDING    -> SENDING REQUESTED PUBLISHING CHECKING REFUSED ABORTING IN_DOUBT
    PUBLISHING -> CHECKING REFUSED IN_DOUBT
    CHECKING   -> LIVE DIVERGED IN_DOUBT
    ABORTING   -> ABORTED PUBLISHING CHECKING IN_DOUBT
    IN_DOUBT   -> PUBLISHING CHECKING REFUSED ABORTING
    LIVE       -> DIVERGED
"""
DESIGN_PERSONS: Final = """
    IN_DOUBT   -> SENDING ABORTED
    DIVERGED   -> CHECKING
"""
DESIGN_DEPLOYMENTS: Final = """
    UPLOADING  -> VALIDATING FAILED LOST
    VALIDATING -> STAGED FAILED GONE PUBLISHED
    STAGED     -> DROPPING GONE PUBLISHED
    FAILED     -> DROPPING PUBLISHED
    DROPPING   -> DROPPED STAGED FAILED PUBLISHED
    LOST       -> PUBLISHED
    GONE       -> PUBLISHED STAGED
    DROPPED    -> PUBLISHED STAGED
"""
# Publishing that fails on the platform ends in FAILED, which can be dropped: docs/adr, "What is public outranks".
BESIDE_THE_DESIGN: Final = "STAGED -> FAILED"
DESIGN_DEPLOYMENTS_PERSONS: Final = "LOST -> VALIDATING FAILED"

State = states.State
DeploymentState = states.DeploymentState
_S = TypeVar("_S", State, DeploymentState)


def pairs(text: str) -> frozenset[tuple[str, str]]:
    """The pairs of names that a table in the design's own form allows."""
    rows = (line.split("->") for line in text.strip().splitlines())
    return frozenset((frm.strip(), to) for frm, row in rows for to in row.split())


MACHINE: Final = pairs(DESIGN)
PERSONS: Final = pairs(DESIGN_PERSONS)
DEPLOYMENTS: Final = pairs(DESIGN_DEPLOYMENTS) | pairs(BESIDE_THE_DESIGN)
DEPLOYMENTS_PERSONS: Final = pairs(DESIGN_DEPLOYMENTS_PERSONS)


def test_there_are_ten_states_and_nine_of_deployments() -> None:
    assert (len(State), len(DeploymentState)) == (10, 9)


@pytest.mark.parametrize("by_person", [False, True], ids=["machine", "person"])
@pytest.mark.parametrize(("frm", "to"), [*itertools.product(State, State)], ids=lambda state: state.name)
def test_each_pair_of_promotion_states(frm: State, to: State, by_person: bool) -> None:  # noqa: FBT001
    """What the design allows returns; every other pair raises and says both states."""
    allowed = MACHINE | (PERSONS if by_person else frozenset())
    if (frm.name, to.name) in allowed:
        states.check_move(frm, to, by_person=by_person)
        return
    with pytest.raises(errors.TransitionError) as raised:
        states.check_move(frm, to, by_person=by_person)
    assert f"promotion is {frm.value} and cannot become {to.value}" in str(raised.value)


@pytest.mark.parametrize("by_person", [False, True], ids=["machine", "person"])
@pytest.mark.parametrize(
    ("frm", "to"), [*itertools.product(DeploymentState, DeploymentState)], ids=lambda state: state.name
)
def test_each_pair_of_deployment_states(
    frm: DeploymentState,
    to: DeploymentState,
    by_person: bool,  # noqa: FBT001
) -> None:
    """What the design allows returns; every other pair raises and says both states."""
    allowed = DEPLOYMENTS | (DEPLOYMENTS_PERSONS if by_person else frozenset())
    if (frm.name, to.name) in allowed:
        states.check_deployment_move(frm, to, by_person=by_person)
        return
    with pytest.raises(errors.TransitionError) as raised:
        states.check_deployment_move(frm, to, by_person=by_person)
    assert f"deployment is {frm.value} and cannot become {to.value}" in str(raised.value)


def test_every_state_has_its_row_and_its_words() -> None:
    assert set(states.ARROWS) == set(states.WORDS) == set(State)
    assert set(states.DEPLOYMENT_ARROWS) == set(states.DEPLOYMENT_WORDS) == set(DeploymentState)
    for words in (*states.WORDS.values(), *states.DEPLOYMENT_WORDS.values()):
        assert words.word
        assert words.who
        assert words.sentence.endswith(".")


def test_no_two_states_share_a_word() -> None:
    for every in (states.WORDS.values(), states.DEPLOYMENT_WORDS.values()):
        assert len({words.word for words in every}) == len(every)


def test_what_takes_a_person_is_not_open_to_the_machine() -> None:
    assert not MACHINE & PERSONS
    assert not DEPLOYMENTS & DEPLOYMENTS_PERSONS


def test_every_promotion_state_is_reached_from_requested() -> None:
    assert reached(State.REQUESTED, states.ARROWS) == set(State)


def test_every_deployment_state_is_reached_from_uploading_and_a_recorded_one_starts_in_validating() -> None:
    every = set(DeploymentState)
    assert reached(DeploymentState.UPLOADING, states.DEPLOYMENT_ARROWS) == every
    assert reached(DeploymentState.VALIDATING, states.DEPLOYMENT_ARROWS) == every - {
        DeploymentState.UPLOADING,
        DeploymentState.LOST,
    }


@pytest.mark.parametrize("state", sorted(states.OPEN), ids=lambda state: state.name)
def test_every_open_promotion_has_a_way_to_an_end_without_a_person(state: State) -> None:
    assert reached(state, states.ARROWS) & {State.LIVE, State.ABORTED, State.REFUSED}


@pytest.mark.parametrize("state", DeploymentState, ids=lambda state: state.name)
def test_every_deployment_has_a_way_to_an_end(state: DeploymentState) -> None:
    arrows = {
        frm: states.DEPLOYMENT_ARROWS[frm] | states.DEPLOYMENT_PERSONS_ARROWS.get(frm, frozenset())
        for frm in DeploymentState
    }
    ends = {DeploymentState.DROPPED, DeploymentState.GONE, DeploymentState.PUBLISHED}
    assert ({state} | reached(state, arrows)) & ends


def test_final_is_final() -> None:
    for state in (State.ABORTED, State.REFUSED):
        assert not states.ARROWS[state]
        assert state not in states.PERSONS_ARROWS


def test_the_sets_of_states() -> None:
    final = {State.ABORTED, State.REFUSED}
    assert set(State) - states.HOLDING == final
    assert set(State) - states.OPEN == final | {State.LIVE, State.DIVERGED}
    # The design's section 7: announcing waits for these; REQUESTED is aborted first.
    assert pairs("X -> SENDING PUBLISHING CHECKING ABORTING IN_DOUBT DIVERGED") == {
        ("X", state.name) for state in states.UNSETTLED
    }


def reached(start: _S, arrows: Mapping[_S, frozenset[_S]]) -> set[_S]:
    """Every state that the arrows lead to from here, and this one."""
    found, waiting = {start}, [start]
    while waiting:
        new = arrows[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def test_who_does_not_say_that_a_person_moves_it_has_the_arrows_of_the_machine_alone() -> None:
    with pytest.raises(errors.TransitionError):
        states.check_move(State.DIVERGED, State.CHECKING)
    with pytest.raises(errors.TransitionError):
        states.check_deployment_move(DeploymentState.LOST, DeploymentState.VALIDATING)


def test_each_arrow_is_drawn_by_people_or_by_the_worker() -> None:
    """The two lists, from which PostgreSQL's roles are generated, hold every arrow and no other."""

    def pairs(*tables: Any) -> set[tuple[Any, Any]]:
        return {(frm, to) for table in tables for frm, several in table.items() for to in several}

    assert pairs(states.PEOPLES_ARROWS, states.WORKERS_ARROWS) == pairs(states.ARROWS, states.PERSONS_ARROWS)
    assert pairs(states.PEOPLES_DEPLOYMENT_ARROWS, states.WORKERS_DEPLOYMENT_ARROWS) == pairs(
        states.DEPLOYMENT_ARROWS, states.DEPLOYMENT_PERSONS_ARROWS
    )
    # What proves and publishes is the worker's alone; a person's reason is nobody else's.
    assert pairs(states.PEOPLES_ARROWS) & pairs(states.WORKERS_ARROWS) == {(State.REQUESTED, State.ABORTED)}
    assert {to for _, to in pairs(states.PEOPLES_ARROWS)} == {State.ABORTED, State.ABORTING, State.CHECKING}
    assert (State.IN_DOUBT, State.ABORTED) not in pairs(states.WORKERS_ARROWS)
