# SPDX-License-Identifier: Apache-2.0
"""Checks of promotions that change no state, by far the most frequent: those that end together are stored together.

The first one stores all that wait, in one transaction; those that end meanwhile wait for the next transaction. None
waits for others to end, and no background task outlives the work on the rows.
"""

import asyncio
import dataclasses

import atr.errors as errors
import atr.models.work as work
import atr.storage as storage
import atr.storage.worker as services


@dataclasses.dataclass
class _Look:
    claimed: work.Promotion
    learnt: work.Learnt
    store: storage.Storage
    is_written: bool = False
    is_lost: bool = False


class Looks:
    """The checks that wait to be stored, and the lock of the one that stores them."""

    def __init__(self) -> None:
        self._waiting: list[_Look] = []
        self._turn = asyncio.Lock()

    async def note(self, store: storage.Storage, claimed: work.Promotion, learnt: work.Learnt) -> None:
        """Store a check. Raises LeaseLostError if this worker no longer has the row's lease."""
        mine = _Look(claimed, learnt, store)
        self._waiting.append(mine)
        try:
            async with self._turn:
                if not mine.is_written:
                    await self._write(mine)
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.is_lost:
            raise errors.LeaseLostError

    async def _write(self, mine: _Look) -> None:
        """Store this check and all that wait with it; if that fails, store this one alone."""
        together = [one for one in self._waiting if (one.store is mine.store) and not one.is_written]
        try:
            await _written(together)
        except Exception:
            if len(together) == 1:
                raise
            await _written([mine])


async def _written(looks: list[_Look]) -> None:
    async with looks[0].store.write_as_system(services.PromotionService) as service:
        lost = await service.promotions.looked([(one.claimed, one.learnt) for one in looks])
    for one in looks:
        one.is_written, one.is_lost = True, one.claimed.id in lost
