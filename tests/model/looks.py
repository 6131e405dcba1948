# SPDX-License-Identifier: Apache-2.0
"""What a worker's look can end with: the application's rules, asked with every answer that there may be."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import atr.promotion.steps as steps
import atr.shared.mechanisms as mechanisms
import tests.model.worlds as worlds

Do = steps.Do
Look = steps.Look
Seen = steps.Seen
Stage = worlds.Stage
State = worlds.State


class Outcome(NamedTuple):
    """What a look ends with."""

    name: str
    phase: worlds.Phase
    carries: str
    fault: bool


@functools.cache
def outcomes(
    mechanism: mechanisms.Mechanism, without: worlds.Rule | None, row: worlds.Row, platform: worlds.Platform
) -> tuple[Outcome, ...]:
    """Each once; as no fault if there is a way to it without one."""
    # A rule of ours is missing: the platform is blind, and we take it for another.
    believed = mechanisms.Mechanism.CENTRAL_PORTAL if (without is worlds.Rule.NO_RESEND) else mechanism
    found: dict[tuple[worlds.Phase, str], Outcome] = {}
    match steps.plan(worlds.view(believed, row)):
        case Do.CHECK:
            every = _checks(believed, without, row, platform)
        case Do.ASK | Do.VERIFY:
            every = _asks(believed, without, row, platform)
        case _:
            every = iter(())
    for outcome in every:
        known = found.get((outcome.phase, outcome.carries))
        if (known is None) or (known.fault and not outcome.fault):
            found[outcome.phase, outcome.carries] = outcome
    return tuple(found.values())


def _checks(
    mechanism: mechanisms.Mechanism, without: worlds.Rule | None, row: worlds.Row, platform: worlds.Platform
) -> Iterator[Outcome]:
    """`tasks/promote._check`. The public files may not be there yet, or not for us."""
    for overdue in (False, True):
        view = worlds.view(mechanism, row, overdue=overdue)
        late = steps.after_check(view, complete=False, equal=False, twice=False, difference="")
        yield from _decided(late, "it finds no public files", fault=True)
        if platform.stage is Stage.PUBLIC:
            # Who passes a kind of file over sees no difference where one lies beside the others.
            equal = platform.right or (without is worlds.Rule.WHOLE)
            there = steps.after_check(view, complete=True, equal=equal, twice=True, difference="Changed.")
            yield from _decided(there, "it compares the public files", fault=False)


def _asks(
    mechanism: mechanisms.Mechanism, without: worlds.Rule | None, row: worlds.Row, platform: worlds.Platform
) -> Iterator[Outcome]:
    """`tasks/promote._ask` and `_verify`."""
    for seen, public, stale in _answers(platform.stage):
        for overdue in (False, True):
            view = worlds.view(mechanism, row, overdue=overdue)
            fault = stale or overdue
            told = Seen.FAILED if ((without is worlds.Rule.NOT_PROOF) and (seen is Seen.GONE)) else seen
            look = public if steps.needs_public_look(view, told) else Look.NOT_LOOKED
            decision = steps.after_ask(view, told, look)
            if decision.then is Do.DROP:
                yield Outcome("it finds it still staged", worlds.Phase.STOPPING, "", fault)
                continue
            if decision.then is not Do.VERIFY:
                yield from _decided(decision, f"it asks and hears {told.value}", fault=fault)
                continue
            unseen = without is worlds.Rule.WHOLE
            if (public is Look.NONE) and (unseen or not platform.altered):
                yield Outcome("it proves the staged files", worlds.Phase.PROVED, "", fault)
                continue
            decision = steps.after_verify(view, equal=False, twice=True, difference="Changed.")
            if (public is Look.SOME) and platform.right:
                decision = steps.Decision(State.CHECKING, "The same files are public already.")
            yield from _decided(decision, "it reads the staged files", fault=fault)


def _answers(stage: Stage) -> Iterator[tuple[Seen, Look, bool]]:
    """What a platform may answer, what the public place may show, and whether that is a fault."""
    public = Look.SOME if stage is Stage.PUBLIC else Look.NONE
    match stage:
        case Stage.STAGED:
            yield Seen.STAGED, public, False
        case Stage.WORKING:
            yield Seen.WORKING, public, False
        case Stage.PUBLIC:
            yield Seen.PUBLIC, public, False
        case Stage.FAILED:
            yield Seen.FAILED, public, False
        case Stage.DROPPED:
            # Some say so, some have forgotten the id.
            yield Seen.FAILED, public, True
            yield Seen.GONE, public, False
    for seen in (Seen.STAGED, Seen.GONE, Seen.UNKNOWN):
        for late in dict.fromkeys((public, Look.NONE)):
            yield seen, late, True


@functools.cache
def left_to_a_person(mechanism: mechanisms.Mechanism, row: worlds.Row, stage: Stage) -> bool:
    """Whether the rules only say what is wrong: after a refused call, a platform that has forgotten the deployment."""
    view = worlds.view(mechanism, row)
    told = [steps.after_ask(view, seen, public) for seen, public, stale in _answers(stage) if not stale]
    return all((decision.to is None) and (decision.then is Do.NOTHING) and decision.reason for decision in told)


def _decided(decision: steps.Decision, name: str, *, fault: bool) -> Iterator[Outcome]:
    if decision.to is not None:
        yield Outcome(f"{name}: {decision.to.value}", worlds.Phase.DECIDED, decision.to.value, fault)
