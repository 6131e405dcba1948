# SPDX-License-Identifier: Apache-2.0
"""What must hold of promotions whatever happens, as code: the one list for the model, the simulator and the killing.

A test describes what it sees as a World, in plain values: what the rows say, and what the platform counted. `broken`
answers the codes of the invariants that do not hold. The arrows are the application's own.
"""

import collections
from collections.abc import Callable
from typing import Final, NamedTuple

import atr.promotion.states as states

State = states.State
# Certain negatives: we say that nothing of it was published by us.
NEGATIVE: Final = frozenset({State.ABORTED, State.REFUSED})


class Promotion(NamedTuple):
    """A row as it stands."""

    number: int
    # The public coordinate; a promotion with several is described once for each.
    target: str
    state: State
    # How often a person asked for a call: the click, a click after a refusal, "send again".
    approvals: int = 1
    # Marks whose call may have been taken: all but those with a complete refusal on record.
    marks: int = 0
    # How many such marks one approval may lead to: 3 where the mechanism is repeatable and pinned, 1 elsewhere.
    budget: int = 3
    # For one that is LIVE: the public files, as the platform has them now, are those voted on.
    right: bool = True
    # It holds a coordinate that belongs to another committee's project.
    foreign: bool = False


class Send(NamedTuple):
    """A request to publish that left us."""

    promotion: int
    attempt: int
    # Its mark was on disk before its first byte left, and every gate held when the mark was written.
    marked: bool = True
    allowed: bool = True


class Effect(NamedTuple):
    """Something that the platform made public."""

    target: str
    # Whose request did it; None: a person's on the platform's page.
    promotion: int | None
    # The bytes are those voted on.
    right: bool = True
    # The mechanism pins staged content, so that wrong bytes are ours to prevent, not only to find.
    pinned: bool = True


class Move(NamedTuple):
    """A row's state was written."""

    promotion: int
    frm: State
    to: State
    by_person: bool = False
    # The lease's epoch under which the writer had claimed the row, and the row's own.
    epoch: int = 0
    row_epoch: int = 0
    # By how much the row's version grew.
    versions: int = 1


class World(NamedTuple):
    """Everything that the invariants look at."""

    promotions: tuple[Promotion, ...] = ()
    sends: tuple[Send, ...] = ()
    effects: tuple[Effect, ...] = ()
    # The promotions of which a request is on its way or at work that the platform would still carry out.
    coming: frozenset[int] = frozenset()
    moves: tuple[Move, ...] = ()


class Invariant(NamedTuple):
    """One promise."""

    code: str
    promise: str
    holds: Callable[[World], bool]


def broken(world: World) -> tuple[str, ...]:
    """The codes of the invariants that this world breaks."""
    return tuple(invariant.code for invariant in INVARIANTS if not invariant.holds(world))


def _one_effect(world: World) -> bool:
    ours = collections.Counter(effect.target for effect in world.effects if effect.promotion is not None)
    return all(count <= 1 for count in ours.values())


def _right_bytes(world: World) -> bool:
    return all(effect.right for effect in world.effects if (effect.promotion is not None) and effect.pinned)


def _authorised(world: World) -> bool:
    return all(send.marked and send.allowed for send in world.sends)


def _negative_is_final(world: World) -> bool:
    ours = world.coming | {effect.promotion for effect in world.effects}
    return all(one.number not in ours for one in world.promotions if one.state in NEGATIVE)


def _live_is_true(world: World) -> bool:
    return all(one.right for one in world.promotions if one.state is State.LIVE)


def _one_open(world: World) -> bool:
    held = collections.Counter(one.target for one in world.promotions if one.state in states.HOLDING)
    return all(count <= 1 for count in held.values())


def _monotone(world: World) -> bool:
    return all((move.to in arrows(move.frm, by_person=move.by_person)) and move.versions == 1 for move in world.moves)


def _within_budget(world: World) -> bool:
    sent = collections.Counter((send.promotion, send.attempt) for send in world.sends)
    return all(count <= 1 for count in sent.values()) and all(
        one.marks <= one.approvals * one.budget for one in world.promotions
    )


def _fenced(world: World) -> bool:
    return all(move.by_person or move.epoch >= move.row_epoch for move in world.moves)


def _own_names(world: World) -> bool:
    return not any(one.foreign for one in world.promotions)


def arrows(frm: State, *, by_person: bool = False) -> frozenset[State]:
    """Where a row may go from here, by the application's tables."""
    persons = states.PERSONS_ARROWS.get(frm, frozenset()) if by_person else frozenset()
    return states.ARROWS[frm] | persons


INVARIANTS: Final = (
    Invariant("S1", "Our requests have at most one effect for each target.", _one_effect),
    Invariant("S2", "What we make public is what was voted on, where staged content is pinned.", _right_bytes),
    Invariant("S3", "A request leaves only after a mark at which every gate held.", _authorised),
    Invariant("S4", "Stopped or refused means: no effect of ours, and none to come.", _negative_is_final),
    Invariant("S5", "Live means: the public files are those voted on.", _live_is_true),
    Invariant("S6", "At most one promotion holds a target.", _one_open),
    Invariant("S7", "Rows move along the arrows only, one version at a time.", _monotone),
    Invariant("S8", "One request for each mark, and no more marks than a person's asking allows.", _within_budget),
    Invariant("S10", "Who lost its lease writes nothing.", _fenced),
    Invariant("S15", "No committee holds the names of another's project.", _own_names),
)
BY_CODE: Final = {invariant.code: invariant for invariant in INVARIANTS}
