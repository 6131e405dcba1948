# SPDX-License-Identifier: Apache-2.0
"""What the model's worlds are made of: rows, workers, a platform, requests on their way; and small changes of them."""

import enum
import functools
from typing import Final, NamedTuple

import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.mechanisms as mechanisms
import tests.model.invariants as invariants
from tests.promotion import samples

State = states.State
NOBODY: Final = -1
_TARGET: Final = "the target"


class Rule(enum.StrEnum):
    """A rule of the protocol that can be taken away."""

    MARK_FIRST = "mark-before-call"
    ASK = "ask-after-a-timeout"
    NO_RESEND = "no-automatic-resend-on-a-blind-platform"
    FENCE = "lease-fencing-of-results"
    PROVEN_DROP = "stop-needs-a-proven-drop"
    GATES = "rights-checked-again-in-the-mark"
    NOT_PROOF = "404-is-no-proof"
    ONE_OPEN = "one-open-promotion-for-a-target"
    PINNED = "staged-content-is-pinned"
    WHOLE = "every-file-is-compared"
    LOOK_AGAIN = "endings-are-looked-at-again"


class Setting(NamedTuple):
    """How large a world, which platform, and which rule is missing."""

    name: str
    mechanism: mechanisms.Mechanism = mechanisms.Mechanism.CENTRAL_PORTAL
    workers: int = 2
    clicks: int = 2
    by_hand: bool = False
    without: Rule | None = None

    @property
    def blind(self) -> bool:
        """Whether the platform carries out every request it gets."""
        return not self.mechanism.repeatable


class Stage(enum.IntEnum):
    """Where the deployment stands on the platform, in truth."""

    STAGED = 0
    WORKING = 1
    PUBLIC = 2
    FAILED = 3
    DROPPED = 4


class Phase(enum.IntEnum):
    """Where a worker stands between two of its steps."""

    IDLE = 0
    # It knows which arrow to draw.
    DECIDED = 1
    # It read the staged files, and they are those voted on.
    PROVED = 2
    # Its mark is on disk.
    MARKED = 3
    # It waits for an answer.
    SENT = 4
    # A complete refusal came back.
    TOLD = 5
    # It found the files still staged, of what is being stopped.
    STOPPING = 6


class Row(NamedTuple):
    """A promotion."""

    state: State = State.REQUESTED
    # Calls that may have been taken, and whether any was refused for certain.
    uncertain: int = 0
    refused: bool = False
    held: bool = False
    resend: bool = False
    approvals: int = 1
    # What was wrong with a call of it: "unmarked" or "unallowed".
    wrong: str = ""
    # The drops that one asking allows are used up; and the platform answered once that it gave the deployment up.
    spent: bool = False
    dropped: bool = False
    # It was found public after all others had ended, and is only compared.
    tracked: bool = False


class Worker(NamedTuple):
    """A worker and what it holds or believes to hold. Sorted in a world: who is who makes no difference."""

    phase: Phase = Phase.IDLE
    row: int = NOBODY
    # DECIDED: the state to move to. MARKED: "unallowed" if a gate said no.
    carries: str = ""
    # Somebody else may have taken the row over.
    stale: bool = False


class Platform(NamedTuple):
    """The platform, in truth."""

    stage: Stage = Stage.STAGED
    # The staged files are not those voted on: others, fewer, or one more beside them.
    altered: bool = False
    # Whose request is at work, and the effects there were: whose, and whether the bytes were right.
    owner: int = NOBODY
    effects: tuple[tuple[int, bool], ...] = ()

    @property
    def right(self) -> bool:
        """Whether all that is public is what was voted on."""
        return all(good for _, good in self.effects)


class World(NamedTuple):
    """Everything there is."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    platform: Platform
    # Requests on their way, by row; and whose request to drop is.
    flying: tuple[int, ...] = ()
    dropping: int = NOBODY
    # The people who asked may still promote, and how many more times somebody clicks.
    rights: bool = True
    clicks: int = 2


class Step(NamedTuple):
    """What somebody does: its name, the world after it, the row that it moved, whether it is a fault or a whim."""

    name: str
    world: World
    move: invariants.Move | None = None
    fault: bool = False


IDLE: Final = Worker()
# No way out but after-care's.
ENDS: Final = frozenset({State.LIVE, State.ABORTED, State.REFUSED})
# The marks that one approval may lead to, by whether the mechanism is repeatable and pinned.
_BUDGETS: Final = {True: 3, False: 1}


def beginnings(setting: Setting) -> tuple[World, ...]:
    """Staged as voted, and staged otherwise; nobody has clicked."""
    workers = (IDLE,) * setting.workers
    return tuple(World((), workers, Platform(altered=altered), clicks=setting.clicks) for altered in (False, True))


def described(setting: Setting, world: World) -> invariants.World:
    """The world as the invariants look at it."""
    return _described(setting.mechanism, world.rows, world.platform, frozenset(world.flying))


@functools.cache
def _described(
    mechanism: mechanisms.Mechanism, rows: tuple[Row, ...], platform: Platform, flying: frozenset[int]
) -> invariants.World:
    accepts = (platform.stage is Stage.STAGED) or not mechanism.repeatable
    at_work = {platform.owner} if platform.stage is Stage.WORKING else set()
    right = (platform.stage is Stage.PUBLIC) and platform.right
    budget = _BUDGETS[mechanism.repeatable and mechanism.content_pinned]
    return invariants.World(
        promotions=tuple(
            invariants.Promotion(number, _TARGET, row.state, row.approvals, row.uncertain, budget, right)
            for number, row in enumerate(rows)
        ),
        sends=tuple(
            invariants.Send(number, 0, marked=row.wrong != "unmarked", allowed=not row.wrong)
            for number, row in enumerate(rows)
            if row.wrong
        ),
        effects=tuple(
            invariants.Effect(_TARGET, None if number == NOBODY else number, good, mechanism.content_pinned)
            for number, good in platform.effects
        ),
        coming=frozenset((flying if accepts else frozenset()) | at_work),
    )


@functools.cache
def view(mechanism: mechanisms.Mechanism, row: Row, *, overdue: bool = False) -> steps.View:
    """The row as the rules see it; whatever needs time or several looks has had them."""
    refusals = (steps.Answer.REFUSED,) if row.refused else ()
    return samples.view(
        row.state,
        answers=(steps.Answer.UNCLEAR,) * row.uncertain + refusals,
        mechanism=mechanism,
        marked=samples.TIMING.settling if (row.uncertain or row.refused) else None,
        overdue=overdue,
        by_hand=row.tracked,
        held=row.held,
        resend=row.resend,
        gone_looks=samples.TIMING.looks,
        gone_for=samples.TIMING.vanishing,
        drops=(steps.Answer.UNCLEAR,) * _BUDGETS[True] if row.spent else (),
        drop_marked=samples.TIMING.settling if row.spent else None,
        drop_taken=row.dropped,
    )


def with_row(world: World, number: int, row: Row) -> World:
    return world._replace(rows=_rows(world.rows, number, row))


def handed(world: World, index: int, worker: Worker) -> World:
    return world._replace(workers=_workers(world.workers, index, worker))


@functools.cache
def _rows(rows: tuple[Row, ...], number: int, row: Row) -> tuple[Row, ...]:
    # Kept, so that a million worlds share a few hundred tuples.
    return (*rows[:number], row, *rows[number + 1 :])


@functools.cache
def _workers(workers: tuple[Worker, ...], index: int, worker: Worker) -> tuple[Worker, ...]:
    return tuple(sorted((*workers[:index], worker, *workers[index + 1 :])))


def moved(
    world: World, number: int, row: Row, to: State, name: str, *, by_person: bool = False, stale: bool = False
) -> Step:
    """`writers/moves.promotion`: what was asked for or held in the old state does not count in the new one."""
    held = row.held and (to in {State.REQUESTED, State.SENDING})
    after = row._replace(state=to, resend=False, held=held, spent=False)
    if to in ENDS:
        # How it got there makes no difference any more.
        after = Row(to, wrong=row.wrong, tracked=row.tracked)
    move = invariants.Move(number, row.state, to, by_person=by_person, epoch=0, row_epoch=int(stale))
    return Step(name, with_row(world, number, after), move, fault=by_person)


def fault(name: str, world: World) -> Step:
    """A step that no promotion may need to come to its end."""
    return Step(name, world, fault=True)
