# SPDX-License-Identifier: Apache-2.0
"""The storage as a worker is handed it in a campaign: each write of a claimed promotion is looked at.

What is asked for, under which lease it was claimed, and what the row was before and after, all in the write's own
transaction: rows alone do not tell afterwards who wrote them. A real process writes what it saw to a file beside its
database (`keep`), which the campaign reads (`read`).
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import atr.models.promotion as tables
import atr.models.work as work
import atr.promotion.states as states
import atr.storage as storage
import atr.storage.worker as services
import tests.model.invariants as invariants

_FILE: Final = "moves.jsonl"
_LOOKED_AT: Final = frozenset({"settle", "publish", "drop", "answered", "verified", "progress", "renew"})
_WRITERS: Final = frozenset({"promotions", "marks", "distributions", "tasks"})


class Storage:
    """A storage, and the moves that were written through it."""

    def __init__(self, inner: storage.Storage, *, fenced: bool = True) -> None:
        self._inner = inner
        # False: a broken build, in which who lost its lease writes all the same.
        self._fenced = fenced
        self.moves: list[invariants.Move] = []
        # Told of each promotion that became live, once that is committed.
        self.became_live: Callable[[int], None] = _unheard
        # Told of what was written in one transaction, once that is committed.
        self.moved: Callable[[Sequence[invariants.Move]], None] = self.moves.extend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextlib.asynccontextmanager
    async def write_as_system(self, kind: type[services.PromotionService]) -> AsyncIterator[Any]:
        """As it is; what was written counts once it is committed."""
        moves: list[invariants.Move] = []
        async with self._inner.write_as_system(kind) as service:
            yield _Service(service, moves, fenced=self._fenced)
        self.moved(moves)
        for move in moves:
            if move.to is states.State.LIVE:
                self.became_live(move.promotion)


class _Service:
    def __init__(self, inner: services.PromotionService, moves: list[invariants.Move], *, fenced: bool) -> None:
        self._inner = inner
        self._moves = moves
        self._fenced = fenced

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return _Writer(found, self._inner.write, self._moves, self._fenced) if name in _WRITERS else found


# Told apart by which it is: the scan counts what it claims of each.
@dataclasses.dataclass(frozen=True, eq=False)
class _Writer:
    inner: Any
    write: storage.Write
    moves: list[invariants.Move]
    fenced: bool

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name == "looked":
            return functools.partial(self._looked, found)
        return functools.partial(self._watched, found) if name in _LOOKED_AT else found

    async def _watched(
        self, method: Callable[..., Awaitable[Any]], claimed: Any, *arguments: Any, **options: Any
    ) -> Any:
        # A lease of something else is renewed by the same writer.
        if not isinstance(claimed, work.Promotion):
            return await method(claimed, *arguments, **options)
        before = await self._before(claimed)
        answer = await method(self._given(before), *arguments, **options)
        self._note(before)
        return answer

    async def _looked(
        self,
        method: Callable[..., Awaitable[frozenset[int]]],
        looks: Sequence[tuple[work.Promotion, work.Learnt]],
    ) -> frozenset[int]:
        """Many at once: of those whose lease was lost nothing is written, and the others are noted."""
        before = [await self._before(claimed) for claimed, _ in looks]
        lost = await method([(self._given(one), learnt) for one, (_, learnt) in zip(before, looks, strict=True)])
        for one in before:
            if one.claimed.id not in lost:
                self._note(one)
        return lost

    async def _before(self, claimed: work.Promotion) -> "_Before":
        row = await self.write.data.get(tables.Promotion, claimed.id)
        assert row is not None
        return _Before(claimed, row, row.state, row.version, row.lease_epoch, row.resend)

    def _given(self, before: "_Before") -> work.Promotion:
        return before.claimed if self.fenced else dataclasses.replace(before.claimed, epoch=before.epoch)

    def _note(self, before: "_Before") -> None:
        row = before.row
        if (row.version != before.version) or (before.claimed.epoch < before.epoch):
            self.moves.append(
                invariants.Move(
                    before.claimed.id,
                    before.state,
                    row.state,
                    # The worker draws a person's arrow only where that person asked for it.
                    by_person=before.asked and (row.state not in states.ARROWS[before.state]),
                    epoch=before.claimed.epoch,
                    row_epoch=before.epoch,
                    versions=row.version - before.version,
                )
            )


@dataclasses.dataclass(frozen=True)
class _Before:
    """A row as it was before a write, and under which lease the write was made."""

    claimed: work.Promotion
    row: tables.Promotion
    state: states.State
    version: int
    epoch: int
    asked: bool


def keep(state_dir: pathlib.Path, moves: Sequence[invariants.Move]) -> None:
    """Add these moves to the file of this state directory."""
    with (state_dir / _FILE).open("a") as file:
        file.writelines(f"{json.dumps(move)}\n" for move in moves)


def read(state_dir: pathlib.Path) -> list[invariants.Move]:
    """The moves that processes of this state directory have kept."""
    file = state_dir / _FILE
    lines = file.read_text().splitlines() if file.exists() else []
    return [
        invariants.Move(number, states.State(frm), states.State(to), *rest)
        for number, frm, to, *rest in map(json.loads, lines)
    ]


def _unheard(_promotion: int) -> None:
    """Nobody listens."""
