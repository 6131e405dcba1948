# SPDX-License-Identifier: Apache-2.0
"""Looks that are noted together are watched too: a build that notes them without its lease shows."""

import pytest

import atr.models.work as work
import atr.promotion.steps as steps
import atr.storage.worker as services
from tests import world as worlds
from tests.chaos import watched

_LOOK = work.Learnt(steps.Decision(None, "It is being looked at."), blocker="looked")


@pytest.mark.parametrize(("fenced", "epochs"), [(True, []), (False, [(1, 2)])])
async def test_a_look_without_its_lease(voted: worlds.World, fenced: bool, epochs: list[tuple[int, int]]) -> None:  # noqa: FBT001
    await voted.promote(1)
    storage = watched.Storage(voted.hands.storage, fenced=fenced)
    claims = []
    for owner in ("first", "second"):
        async with storage.write_as_system(services.PromotionService) as service:
            claims.extend(await service.promotions.claim(owner=owner, seconds=60, limit=1))
        voted.clock.turn(seconds=61)
    async with storage.write_as_system(services.PromotionService) as service:
        lost = await service.promotions.looked([(claims[0], _LOOK)])
    assert bool(lost) == fenced
    assert [(move.epoch, move.row_epoch) for move in storage.moves] == epochs
