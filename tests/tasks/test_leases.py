# SPDX-License-Identifier: Apache-2.0
"""Who works on a row: claimed by one, renewed while it works, and a stale holder writes nothing."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

import atr.db.leases as leases
import atr.db.queue as queue
import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.storage.worker as services
import atr.tasks.context as contexts
import atr.tasks.leased as leased
from tests import world as worlds

_READ = work.Read(fileset.File("a/b", 1, "0" * 64))
_SET = fileset.FileSet.of([_READ.file])
_LEARNT = work.Learnt(steps.Decision(states.State.CHECKING, "stale"))
Write = Callable[[services.PromotionService, work.Promotion], Awaitable[object]]
_WRITES: dict[str, Write] = {
    "settle": lambda service, claimed: service.distributions.settle(claimed, _LEARNT),
    "renew": lambda service, claimed: service.tasks.renew(claimed, seconds=60),
    "progress": lambda service, claimed: service.promotions.progress(claimed, tables.Side.STAGED, [_READ], 1, 1),
    "verified": lambda service, claimed: service.promotions.verified(claimed, _SET),
    "mark": lambda service, claimed: service.marks.publish(claimed, claimed.voted_digest, seconds=60),
    "answered": lambda service, claimed: service.promotions.answered(
        claimed, work.Permit(1, 1), work.Outcome(steps.Answer.TAKEN, 204)
    ),
}
_DEPLOYMENT_WRITES: dict[str, Callable[[services.PromotionService, work.Deployment], Awaitable[object]]] = {
    "looked": lambda service, claimed: service.deployments.looked(claimed, work.Observation(steps.Seen.GONE)),
    "searched": lambda service, claimed: service.deployments.searched(claimed, "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa"),
    "ask": lambda service, claimed: service.deployments.ask_to_stage(claimed),
    "captured": lambda service, claimed: service.captures.captured(claimed, _SET, []),
    "copied": lambda service, claimed: service.copies.kept(claimed, ""),
    "failed": lambda service, claimed: service.deployments.failed_look(claimed, "stale", None),
    "progress": lambda service, claimed: service.captures.progress(claimed, tables.Side.CAPTURED, [_READ], 1, 1),
    "mark": lambda service, claimed: service.marks.transfer(claimed, tables.AttemptKind.DROP, seconds=60),
    "answered": lambda service, claimed: service.deployments.answered(
        claimed, work.Permit(1, 1), work.Outcome(steps.Answer.TAKEN, 204)
    ),
    "release": lambda service, claimed: service.deployments.release(claimed),
    "renew": lambda service, claimed: service.tasks.renew(claimed, seconds=60),
}


async def _everything(world: worlds.World) -> list[list[dict[str, object]]]:
    kinds = (tables.Promotion, tables.Deployment, tables.Attempt, tables.FileRead, tables.Event, sql.Distribution)
    return [[row.model_dump() for row in await world.rows(kind)] for kind in kinds]


async def test_a_stale_holder_of_a_promotion_writes_nothing(voted: worlds.World) -> None:
    """Whatever it learnt meanwhile: the epoch has moved on."""
    await voted.promote(1)
    async with voted.service() as service:
        (stale,) = await service.promotions.claim(owner="one", seconds=60, limit=5)
        assert await service.promotions.claim(owner="two", seconds=60, limit=5) == []
    voted.clock.turn(seconds=61)
    async with voted.service() as service:
        (fresh,) = await service.promotions.claim(owner="two", seconds=60, limit=5)
    assert fresh.epoch == stale.epoch + 1
    before = await _everything(voted)
    for name, write in _WRITES.items():
        with pytest.raises(errors.ConflictError):  # noqa: PT012
            async with voted.service() as service:
                await write(service, stale)
                raise AssertionError(name)
    assert await _everything(voted) == before
    assert voted.publish_calls == 0


async def test_a_stale_holder_of_a_deployment_writes_nothing(voted: worlds.World) -> None:
    """The same for captures, looks and drops."""
    async with voted.service() as service:
        stale = await service.deployments.take(1, owner="one", seconds=60)
        assert stale is not None
        assert await service.deployments.take(1, owner="two", seconds=60) is None
    voted.clock.turn(seconds=61)
    async with voted.service() as service:
        assert await service.deployments.take(1, owner="two", seconds=60) is not None
    before = await _everything(voted)
    for name, write in _DEPLOYMENT_WRITES.items():
        with pytest.raises(errors.ConflictError):  # noqa: PT012
            async with voted.service() as service:
                await write(service, stale)
                raise AssertionError(name)
    assert await _everything(voted) == before


async def test_a_stale_holder_of_a_pending_row_or_a_task_writes_nothing(voted: worlds.World) -> None:
    """Nor do these."""
    where = voted.tree.packages[0]
    other = dataclasses.replace(where, package="widgets-more")
    async with voted.member() as member:
        await member.distributions.record(f"{people.PROJECT}-2.4.0", other, staging=False)
    async with voted.service() as service:
        (stale,) = await service.pending.claim(owner="one", seconds=60, limit=1)
        await _put_a_task(service)
        (task,) = await service.tasks.claim(owner="one", seconds=60, limit=1)
    voted.clock.turn(seconds=61)
    async with voted.service() as service:
        assert await service.pending.claim(owner="two", seconds=60, limit=1)
        assert await service.tasks.claim(owner="two", seconds=60, limit=1)
    found = work.PublicAddress(other, None, "http://127.0.0.1/a", "http://127.0.0.1/b")
    with pytest.raises(errors.ConflictError):
        async with voted.service() as service:
            await service.distributions.record_from_data(stale, found, next_look=voted.clock.at)
    async with voted.service() as service:
        assert not await service.tasks.finish(task)
        assert not await service.tasks.finish(task, error="stale")
    with pytest.raises(errors.ConflictError):
        async with voted.service() as service:
            await service.tasks.renew(task, seconds=60)


async def _put_a_task(service: services.PromotionService) -> None:
    """One task to claim."""
    await queue.enqueue(
        service.write.data,
        operating.TaskType.STAGED_FILES_CHECK,
        {"deployment_id": 1},
        service.write.now,
        asf_uid="alice",
    )


async def test_the_heart_beats_while_it_works_and_stops_the_work_when_the_lease_is_lost(voted: worlds.World) -> None:
    """Renewed every third of the lease; whoever lost it is stopped with a ConflictError."""
    promotion_id = await voted.promote(1)
    hands = dataclasses.replace(voted.hands, lease=0.06)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="one", seconds=hands.lease, limit=1)
    until = (await voted.promotion(promotion_id)).lease_until
    assert until is not None
    async with leased.PromotionLease(hands, claimed).alive():
        voted.clock.turn(seconds=30)
        await asyncio.sleep(0.1)
        renewed = (await voted.promotion(promotion_id)).lease_until
    assert renewed is not None
    assert (renewed - until).total_seconds() >= 29
    with pytest.raises(errors.ConflictError, match="has taken over this row"):  # noqa: PT012
        async with leased.PromotionLease(hands, claimed).alive():
            voted.clock.turn(seconds=30)
            async with voted.service() as service:
                row = await service.write.data.get(tables.Promotion, promotion_id)
                assert row is not None
                row.lease_until = None
                assert await leases.take(service.write.data, [row], service.write.now, owner="two", seconds=60)
            await asyncio.sleep(5)
            raise AssertionError("It went on.")


async def test_an_error_inside_comes_out_as_itself() -> None:
    """A task group would wrap it."""

    async def renew() -> None:
        return

    with pytest.raises(errors.UnavailableError):
        async with contexts.held(renew, 60):
            raise errors.UnavailableError("x")


async def test_eight_workers_and_one_row(voted: worlds.World) -> None:
    """One of them has it."""
    await voted.promote(1)

    async def claim(number: int) -> int:
        async with voted.service() as service:
            return len(await service.promotions.claim(owner=f"worker-{number}", seconds=60, limit=1))

    assert sorted(await asyncio.gather(*(claim(number) for number in range(8)))) == [0] * 7 + [1]
