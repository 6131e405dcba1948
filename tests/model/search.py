# SPDX-License-Identifier: Apache-2.0
"""Breadth first through every world that can be reached: what is broken, and where nothing goes on any more."""

import array
import functools
from typing import Final, NamedTuple

import tests.model.invariants as invariants
import tests.model.protocol as protocol
import tests.model.worlds as worlds

STUCK: Final = "stuck"


class Found(NamedTuple):
    """What a search came to. A trace is the shortest way there: the names of its steps."""

    states: int
    violations: int
    stuck: int
    code: str = ""
    trace: tuple[str, ...] = ()
    # Where every arrow that was drawn leads from and to.
    arrows: frozenset[tuple[worlds.State, worlds.State]] = frozenset()


class _Ways:
    """The worlds in the order they were found, how each was reached, and the steps that are no fault."""

    def __init__(self) -> None:
        self.worlds: list[worlds.World] = []
        self.numbers: dict[worlds.World, int] = {}
        self.parents = array.array("q")
        self.calm = array.array("q")
        # Where each world's calm steps begin in `calm`.
        self.begins = array.array("q")

    def number(self, world: worlds.World, parent: int) -> int:
        """The world's number, a new one if it was not known."""
        number = self.numbers.setdefault(world, len(self.worlds))
        if number == len(self.worlds):
            self.worlds.append(world)
            self.parents.append(parent)
        return number

    def trace(self, setting: worlds.Setting, number: int) -> tuple[str, ...]:
        """The names of the steps that led here."""
        names: list[str] = []
        while (parent := self.parents[number]) >= 0:
            world = self.worlds[number]
            found = protocol.following(setting, self.worlds[parent])
            names.append(next(step.name for step in found if step.world == world))
            number = parent
        return tuple(reversed(names))


def explore(setting: worlds.Setting) -> Found:
    """Every world there is, with every invariant looked at in each."""
    ways = _Ways()
    violations, code = 0, ""
    trace: tuple[str, ...] = ()
    arrows: set[tuple[worlds.State, worlds.State]] = set()
    for world in worlds.beginnings(setting):
        ways.number(world, -1)
    for number, world in enumerate(ways.worlds):
        broken = invariants_of(setting, world)
        ways.begins.append(len(ways.calm))
        for step in protocol.following(setting, world):
            child = ways.number(step.world, number)
            if not step.fault:
                ways.calm.append(child)
            if step.move is not None:
                arrows.add((step.move.frm, step.move.to))
                broken += _broken_by(step.move)
        violations += bool(broken)
        if broken and not code:
            code, trace = broken[0], ways.trace(setting, number)
    ways.begins.append(len(ways.calm))
    stuck = _stuck(setting, ways)
    if stuck and not code:
        code, trace = STUCK, ways.trace(setting, stuck[0])
    return Found(len(ways.worlds), violations, len(stuck), code, trace, frozenset(arrows))


def shortest(setting: worlds.Setting, code: str) -> tuple[str, ...]:
    """The shortest way to a world or a step that breaks this invariant; empty if there is none.

    Of "stuck" only the whole search can tell: where nothing leads on to an end or to a person.
    """
    if code == STUCK:
        found = explore(setting)
        return found.trace if (found.code == STUCK) else ()
    ways = _Ways()
    for world in worlds.beginnings(setting):
        ways.number(world, -1)
    for number, world in enumerate(ways.worlds):
        for step in protocol.following(setting, world):
            known = len(ways.worlds)
            child = ways.number(step.world, number)
            broken = _broken_by(step.move) if step.move else ()
            if (child == known) and (code not in broken):
                broken = invariants_of(setting, step.world)
            if code in broken:
                return (*ways.trace(setting, number), step.name)
    return ()


def invariants_of(setting: worlds.Setting, world: worlds.World) -> tuple[str, ...]:
    """The codes of what is broken in this world."""
    return _broken(worlds.described(setting, world))


@functools.cache
def _broken(world: invariants.World) -> tuple[str, ...]:
    return invariants.broken(world)


@functools.cache
def _broken_by(move: invariants.Move) -> tuple[str, ...]:
    return invariants.broken(invariants.World(moves=(move,)))


def _stuck(setting: worlds.Setting, ways: _Ways) -> list[int]:
    """The worlds from which no way without a fault leads to an end or to a person."""
    fine = bytearray(protocol.at_rest(setting, world) for world in ways.worlds)
    going = True
    while going:
        going = False
        for number in range(len(fine) - 1, -1, -1):
            if fine[number]:
                continue
            nexts = ways.calm[ways.begins[number] : ways.begins[number + 1]]
            if any(fine[child] for child in nexts):
                fine[number] = going = True
    return [number for number, is_fine in enumerate(fine) if not is_fine]
