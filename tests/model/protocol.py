# SPDX-License-Identifier: Apache-2.0
"""The protocol of a promotion as a machine with few states: every step that anybody can take, from every world.

What decides is the application's: its tables of arrows, HOLDING and OPEN, and of its rules `plan`, `after_ask`,
`after_verify`, `after_check`, `needs_public_look`, `may_give_up`. Only what storage and the worker do with an answer
(claim, mark, send, settle) is written down here again, as they are no pure functions; each such function names the one
that it stands for.

Modelled: one target and one deployment; two clicks or more, each possibly another promotion; several workers, each
frozen, killed or robbed of its lease between any two of its steps; requests that arrive at any time later, are lost, or
whose answer is; complete refusals; any number of stale reads ("still staged", 404, "not public") and unclear answers;
the deadline passing at any moment; rights taken away, stop before a call and after one (with its drop, which may be
lost or late), send again, give up, compare again; staged files altered before the click, and where the mechanism does
not pin them at any moment; a person who publishes or drops on the platform's page. All in any order.

Assumed: A1, a commit that was reported stays. A2, an id-scoped platform takes a deployment from staged to public once.
A3, a platform never says falsely that something is public, on its way or failed; it may be late to say it. A4, nobody
repeats our own call by hand. And where only waiting helps (`give up`; `send again` on a blind platform): what is asked
for after a deadline's length of observed absence comes after every request has arrived or is lost, and after every
permit is too old to be used (`contexts.FRESH_SECONDS`). The second of the two is the model's own condition:
`send_again` does not ask for it, as no blind platform is built yet.

Fencing is taken at its word: whose lease is lost writes nothing. `tests/tasks/` and `tests/storage/` prove that.

The mark of a drop and its sending are one step: dying between them is a drop that is lost, being frozen between them is
one that arrives late. Its answer is noted when it is given, or never.

Not modelled: time as a number, so "three looks", "two readings" and "settled" are taken for reached whenever that may
be; several packages of one deployment; promotions that wait for one another; promotions that people have tracked;
after-care of what is live; the deployment's own life; uploads. The stateful tests and the simulation look at those.
"""

from collections.abc import Iterator
from typing import Final

import atr.promotion.states as states
import atr.promotion.steps as steps
import tests.model.invariants as invariants
import tests.model.looks as looks
import tests.model.worlds as worlds
from tests.promotion import samples

IDLE = worlds.IDLE
Phase = worlds.Phase
Platform = worlds.Platform
Row = worlds.Row
Rule = worlds.Rule
Setting = worlds.Setting
Stage = worlds.Stage
State = worlds.State
Step = worlds.Step
Worker = worlds.Worker
World = worlds.World
_STATES: Final = {state.value: state for state in State}


def following(setting: Setting, world: World) -> Iterator[Step]:
    """Every step that can be taken now."""
    yield from _persons(setting, world)
    yield from _requests(setting, world)
    yield from _platform(setting, world)
    if _unseen(world) and (setting.without is not Rule.LOOK_AGAIN):
        # `worker/findings.public`: it is tracked, and never sent.
        yield Step("it is looked at again", world._replace(rows=(*world.rows, Row(tracked=True))))
    for index, worker in enumerate(world.workers):
        # Two that stand at the same do the same.
        if (index == 0) or (worker != world.workers[index - 1]):
            yield from _worker(setting, world, index, worker)


def at_rest(setting: Setting, world: World) -> bool:
    """Whether nothing more is ours to do: every promotion has ended, or waits for a person."""
    stage = world.platform.stage
    return (not _unseen(world)) and all(
        (row.state not in states.OPEN)
        or (row.state is State.IN_DOUBT)
        or row.held
        or ((row.state is State.REQUESTED) and looks.left_to_a_person(setting.mechanism, row, stage))
        for row in world.rows
    )


def _unseen(world: World) -> bool:
    """Whether it is public, and every row says that it ended; what is found then may be stopped by a person once."""
    over = all((row.state in states.ENDED) and not row.tracked for row in world.rows)
    return (world.platform.stage is Stage.PUBLIC) and bool(world.rows) and over


# --- people ----------------------------------------------------------------------------------------------------------


def _persons(setting: Setting, world: World) -> Iterator[Step]:
    if world.rights:
        yield worlds.fault("rights are taken away", world._replace(rights=False))
        if world.clicks:
            yield from _clicks(setting, world)
    for number, row in enumerate(world.rows):
        yield from _stops(setting, world, number, row)
        if row.state is State.DIVERGED:
            yield worlds.moved(world, number, row, State.CHECKING, "compare again", by_person=True)
        if row.state is State.IN_DOUBT:
            yield from _doubts(setting, world, number, row)


def _clicks(setting: Setting, world: World) -> Iterator[Step]:
    """`writers/requests.insert`, and `_ask_again` for what is held. The index decides, by HOLDING."""
    free = not any(row.state in states.HOLDING for row in world.rows)
    if free or (setting.without is Rule.ONE_OPEN):
        yield worlds.fault("click", world._replace(rows=(*world.rows, Row()), clicks=world.clicks - 1))
    for number, row in enumerate(world.rows):
        if row.held and (row.state in {State.REQUESTED, State.SENDING}):
            after = row._replace(held=False, approvals=row.approvals + 1)
            yield worlds.fault("click again", worlds.with_row(world, number, after)._replace(clicks=world.clicks - 1))


def _stops(setting: Setting, world: World, number: int, row: Row) -> Iterator[Step]:
    """`abort` before a call: ABORTED. `stop` after one: ABORTING; and once more, when the drop was refused."""
    if row.state is State.REQUESTED:
        yield worlds.moved(world, number, row, State.ABORTED, "stop", by_person=True)
    elif State.ABORTING in states.ARROWS[row.state]:
        if setting.without is Rule.PROVEN_DROP:
            yield worlds.fault("stop", worlds.with_row(world, number, row._replace(state=State.ABORTED)))
            return
        yield worlds.moved(world, number, row, State.ABORTING, "stop", by_person=True)
    elif (row.state is State.ABORTING) and row.held:
        yield worlds.fault("stop again", worlds.with_row(world, number, row._replace(held=False)))


def _doubts(setting: Setting, world: World, number: int, row: Row) -> Iterator[Step]:
    """`give_up` and `send_again`."""
    waited = _waited(world, number)
    since = samples.ago(samples.TIMING.deadline)
    if waited and steps.may_give_up(worlds.view(setting.mechanism, row), since):
        yield worlds.moved(world, number, row, State.ABORTED, "give up", by_person=True)
    if world.clicks and world.rights and (not row.resend) and (waited or not setting.blind):
        after = row._replace(resend=True, approvals=row.approvals + 1)
        yield worlds.fault("send again", worlds.with_row(world, number, after)._replace(clicks=world.clicks - 1))


def _waited(world: World, number: int) -> bool:
    """Whether a deadline's length of observed absence may have passed: see what is assumed."""
    permits = any((worker.row == number) and (worker.phase is Phase.MARKED) for worker in world.workers)
    there = world.platform.stage in {Stage.WORKING, Stage.PUBLIC}
    return (number not in world.flying) and not (permits or there)


# --- the platform and the way to it ----------------------------------------------------------------------------------


def _platform(setting: Setting, world: World) -> Iterator[Step]:
    platform = world.platform
    if platform.stage is Stage.WORKING:
        yield Step("it becomes public", world._replace(platform=_public(platform, platform.owner)))
        failed = platform._replace(stage=Stage.FAILED, owner=worlds.NOBODY)
        yield worlds.fault("the platform gives up on it", world._replace(platform=failed))
    if platform.stage is not Stage.STAGED:
        return
    if (not platform.altered) and ((not setting.mechanism.content_pinned) or (setting.without is Rule.PINNED)):
        yield worlds.fault("staged files are altered", world._replace(platform=platform._replace(altered=True)))
    if setting.by_hand:
        taken = _public(platform, worlds.NOBODY) if setting.blind else platform._replace(stage=Stage.WORKING)
        yield worlds.fault("somebody publishes it by hand", world._replace(platform=taken))
        if not setting.blind:
            gone = platform._replace(stage=Stage.DROPPED)
            yield worlds.fault("somebody drops it by hand", world._replace(platform=gone))


def _requests(setting: Setting, world: World) -> Iterator[Step]:
    if world.dropping != worlds.NOBODY:
        yield from _drop(setting, world._replace(dropping=worlds.NOBODY), world.dropping)
    for number in sorted(set(world.flying)):
        rest = list(world.flying)
        rest.remove(number)
        landed = world._replace(flying=tuple(rest))
        yield worlds.fault("the call is lost", landed)
        yield from _arrives(setting, landed, number)


def _drop(setting: Setting, landed: World, number: int) -> Iterator[Step]:
    """It is carried out where the files are still staged, or refused; it may be lost, or its answer."""
    row, platform = landed.rows[number], landed.platform
    yield worlds.fault("the drop is lost", landed)
    if row.state is State.ABORTING:
        yield worlds.fault("the drop is refused", worlds.with_row(landed, number, row._replace(held=True)))
    if setting.blind or (platform.stage is not Stage.STAGED):
        # Whatever comes back, nobody says that it was dropped.
        yield Step("the drop does nothing", landed)
        return
    landed = landed._replace(platform=platform._replace(stage=Stage.DROPPED))
    yield worlds.fault("the drop arrives, and its answer is lost", landed)
    told = row._replace(dropped=True) if (row.state in states.OPEN) else row
    yield Step("the drop arrives", worlds.with_row(landed, number, told))


def _arrives(setting: Setting, landed: World, number: int) -> Iterator[Step]:
    platform = landed.platform
    if setting.blind:
        yield Step("the call arrives", landed._replace(platform=_public(platform, number)))
    elif platform.stage is Stage.STAGED:
        taken = platform._replace(stage=Stage.WORKING, owner=number)
        yield Step("the call arrives", landed._replace(platform=taken))
    for index, worker in enumerate(landed.workers):
        if (worker.phase is Phase.SENT) and (worker.row == number):
            told = worker._replace(phase=Phase.TOLD)
            yield worlds.fault("the call is refused", worlds.handed(landed, index, told))


def _public(platform: Platform, number: int) -> Platform:
    effects = (*platform.effects, (number, not platform.altered))
    return platform._replace(stage=Stage.PUBLIC, altered=False, owner=worlds.NOBODY, effects=effects)


# --- the workers -----------------------------------------------------------------------------------------------------


def _worker(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    if worker.phase is Phase.IDLE:
        held = {other.row for other in world.workers if not other.stale}
        for number, row in enumerate(world.rows):
            if number not in held:
                yield from _looks(setting, world, index, number, row)
        return
    yield worlds.fault("a worker dies", worlds.handed(world, index, IDLE))
    # One that lost its lease and has nothing to send can only write, and is fenced: that is the death above.
    dangerous = (worker.phase is Phase.MARKED) or (setting.without is Rule.FENCE)
    if dangerous and not worker.stale:
        yield worlds.fault("a lease is lost", worlds.handed(world, index, worker._replace(stale=True)))
    yield from _DOES[worker.phase](setting, world, index, worker)


def _looks(setting: Setting, world: World, index: int, number: int, row: Row) -> Iterator[Step]:
    """`tasks/promote.advance`, up to its transaction: claim, ask, look at the public place, read the staged files."""
    for outcome in looks.outcomes(setting.mechanism, setting.without, row, world.platform):
        holder = Worker(outcome.phase, number, outcome.carries)
        yield Step(outcome.name, worlds.handed(world, index, holder), fault=outcome.fault)


def _settles(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """`writers/distributions.settle`: the epoch, then the arrow from where the row stands now."""
    idle = worlds.handed(world, index, IDLE)
    row, to = world.rows[worker.row], _STATES[worker.carries]
    if (setting.without is Rule.FENCE) if worker.stale else (to in states.ARROWS[row.state]):
        yield worlds.moved(idle, worker.row, row, to, f"it writes {to.value}", stale=worker.stale)
    else:
        yield Step("it writes nothing", idle)


def _marks(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """`worker/marks.publish`: the epoch, the gates now, the arrow, the attempt. A removed rule sends first."""
    row = world.rows[worker.row]
    if setting.without is Rule.MARK_FIRST:
        yield _sent(world, index, worker, "unmarked")
        return
    idle = worlds.handed(world, index, IDLE)
    persons = states.PERSONS_ARROWS.get(row.state, frozenset()) if row.resend else frozenset()
    if worker.stale or (row.state not in states.OPEN):
        yield Step("it marks nothing", idle)
    elif not (world.rights or (setting.without is Rule.GATES)):
        yield _gated(idle, worker.row, row)
    elif State.SENDING in (states.ARROWS[row.state] | persons):
        after = row._replace(state=State.SENDING, uncertain=row.uncertain + 1, held=False, resend=False)
        marked = Worker(Phase.MARKED, worker.row, "" if world.rights else "unallowed")
        move = invariants.Move(worker.row, row.state, State.SENDING, by_person=row.resend)
        yield Step("it marks", worlds.handed(worlds.with_row(world, worker.row, after), index, marked), move)
    else:
        yield Step("it marks nothing", idle)


def _gated(idle: World, number: int, row: Row) -> Step:
    """`writers/promotions._refuse`: a gate said no in the mark."""
    if (row.state is State.REQUESTED) and not row.uncertain:
        return worlds.moved(idle, number, row, State.REFUSED, "a gate refuses it")
    if row.state is State.SENDING:
        return worlds.moved(idle, number, row, State.IN_DOUBT, "a gate refuses it")
    return Step("a gate refuses the call", worlds.with_row(idle, number, row._replace(resend=False)))


def _sends(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """Only who saw its own mark's commit sends for it; a worker that was frozen here may do so late."""
    yield _sent(world, index, worker, worker.carries)


def _waits(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """An answer that is no complete refusal, or none: a hint, whatever it says."""
    if setting.without is Rule.ASK:
        decided = worker._replace(phase=Phase.DECIDED, carries=State.REFUSED.value)
        yield Step("no answer is taken for a no", worlds.handed(world, index, decided))
        return
    yield Step("it waits no longer", worlds.handed(world, index, IDLE))


def _answered(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """`worker/promotions.answered`, after a complete refusal; after 429 nothing waits for a person."""
    idle = worlds.handed(world, index, IDLE)
    row = world.rows[worker.row]
    if worker.stale or (row.state in worlds.ENDS):
        yield Step("it writes nothing of consequence", idle)
        return
    for held in (row.state is not State.ABORTING, False):
        after = row._replace(uncertain=row.uncertain - 1, refused=True, held=held)
        yield Step("it writes the refusal", worlds.with_row(idle, worker.row, after))


def _drops(setting: Setting, world: World, index: int, worker: Worker) -> Iterator[Step]:
    """`writers/stops.mark`, by the rules and the row as it is now; then the one request."""
    idle = worlds.handed(world, index, IDLE)
    row = world.rows[worker.row]
    now = steps.after_ask(worlds.view(setting.mechanism, row), steps.Seen.STAGED)
    if worker.stale or (row.state is not State.ABORTING) or (now.then is not steps.Do.DROP):
        yield Step("it drops nothing", idle)
        return
    once = not (setting.mechanism.repeatable and setting.mechanism.content_pinned)
    for spent in (True,) if once else (False, True):
        after = worlds.with_row(idle, worker.row, row._replace(spent=spent))
        yield Step("it drops", after._replace(dropping=worker.row))


_DOES: Final = {
    Phase.DECIDED: _settles,
    Phase.PROVED: _marks,
    Phase.MARKED: _sends,
    Phase.SENT: _waits,
    Phase.TOLD: _answered,
    Phase.STOPPING: _drops,
}


def _sent(world: World, index: int, worker: Worker, wrong: str) -> Step:
    flying = tuple(sorted((*world.flying, worker.row)))
    waiting = IDLE if worker.stale else Worker(Phase.SENT, worker.row)
    after = worlds.handed(world, index, waiting)._replace(flying=flying)
    if wrong:
        after = worlds.with_row(after, worker.row, after.rows[worker.row]._replace(wrong=wrong))
    return Step("it sends", after)
