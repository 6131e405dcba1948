# SPDX-License-Identifier: Apache-2.0
"""Accounts that every worker keeps to: how often a platform is asked, the breaker, and who is in whose way."""

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import sqlalchemy

import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.platforms.contract as contract
import atr.promotion.budget as budget
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.lanes as lanes
import atr.tasks.distribution as scan
import atr.worker as worker
import tests.world as worlds

RELEASE = f"{people.PROJECT}-2.4.0"
Platform = distribution.DistributionPlatform
_CENTRAL = mechanisms.Mechanism.CENTRAL_PORTAL
PORTAL = lanes.Lane(_CENTRAL.name)


async def _fault(world: worlds.World, *, times: int = 5, lane: lanes.Lane = PORTAL) -> None:
    for _ in range(times):
        async with world.service() as service:
            await service.rate_limits.heard(lane, fault=True)


async def _account(world: worlds.World, lane: lanes.Lane = PORTAL) -> budget.Account:
    rows = await world.rows(operating.PlatformAccount)
    return next(lanes.of_row(one) for one in rows if (one.name, one.reach) == (lane.name, lane.reach))


async def _many(world: worlds.World, count: int) -> list[int]:
    """So many promotions that the worker asks the platform about, due one second after the other."""
    async with world.by_hand() as data:
        found = await data.get(tables.Deployment, 1)
        assert found is not None
        numbers = []
        for number in range(count):
            row = tables.Promotion(
                release_key=RELEASE,
                platform=Platform.MAVEN.name,
                mechanism=PORTAL.name,
                deployment_id=1,
                state=states.State.PUBLISHING,
                entered_at=world.clock.at,
                requested_by=worlds.MEMBER,
                requested_at=world.clock.at,
                evidence_digest="0" * 64,
                voted_digest=found.file_set_digest or "",
                due_at=world.clock.at + datetime.timedelta(seconds=number),
            )
            data.add(row)
            await data.flush()
            numbers.append(row.id or 0)
    world.clock.turn(seconds=count)
    return numbers


class _Slow:
    """A platform that never answers, or not before a test lets it."""

    mechanism = mechanisms.Mechanism.CENTRAL_PORTAL

    def __init__(self) -> None:
        self.asked = 0
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    async def observe(self, _target: contract.Target) -> contract.Observation:
        """Until the deadline of the call."""
        self.asked += 1
        self.begun.set()
        await self.over.wait()
        raise errors.UnavailableError("There was no complete answer.")


class _Prompt:
    """A platform that answers at once, always the same."""

    mechanism = mechanisms.Mechanism.CENTRAL_PORTAL

    def __init__(self, enough: int = 0) -> None:
        self.asked = 0
        self.enough = asyncio.Event()
        self._enough = enough

    async def observe(self, _target: contract.Target) -> contract.Observation:
        """It works on it."""
        self.asked += 1
        if self.asked >= self._enough:
            self.enough.set()
        return contract.Observation(steps.Seen.WORKING)


@contextlib.contextmanager
def _statements(database: session.Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = database._engine.sync_engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)


async def test_ten_rows_a_minute_and_the_longest_waiting_first(voted: worlds.World) -> None:
    """Twenty-five are due at once: however many workers look, ten are asked about, then one every six seconds."""
    numbers = await _many(voted, 25)
    prompt: Any = _Prompt()
    with voted.other_hands(promoters={_CENTRAL: prompt}) as one:
        two = dataclasses.replace(one, owner="a-third")
        await asyncio.gather(worlds.drain(one, limit=8), worlds.drain(two, limit=8))
        await worlds.drain(one)
        assert prompt.asked == 10
        looked = [row.id for row in await voted.rows(tables.Promotion) if row.last_look]
        assert looked == numbers[:10]
        waits = await voted.promotion(numbers[10])
        assert (waits.due_at or voted.clock.at) < voted.clock.at, "nothing of a row that waits is changed"
        assert waits.lease_epoch == 0
        for _ in range(15):
            voted.clock.turn(seconds=6)
            await worlds.drain(two)
        assert prompt.asked == 25
    after = {row.id: row.last_look for row in await voted.rows(tables.Promotion) if row.id in numbers}
    assert set(after) == set(numbers)
    assert all(after.values()), "none starves behind those that are due again"


async def test_five_faults_open_the_breaker_for_every_worker_and_one_probe_closes_it(voted: worlds.World) -> None:
    promotion_id = await voted.promote(1)
    await voted.until(1, states.State.PUBLISHING)
    voted.fault("status", status=503, times=5)
    for _ in range(5):
        voted.clock.turn(seconds=12)
        await worlds.drain(voted.hands)
    assert (await _account(voted)).opened_at == voted.clock.at
    row = await voted.row(1)
    opens = voted.clock.at + datetime.timedelta(seconds=60)
    before = await voted.promotion(promotion_id)
    voted.clock.turn(seconds=59)
    asked = voted.requests("status")
    with voted.other_hands() as other:
        assert await worlds.drain(other) == 0
    row = await voted.row(1)
    assert row.next_note == (
        f"Maven Central failed to respond 5 times within two minutes; next request at {opens:%H:%M:%S} UTC."
    )
    assert row.next_look == opens
    after = await voted.promotion(promotion_id)
    assert after == before, "no retry is counted, nothing moves"
    voted.clock.turn(seconds=2)
    probes = await asyncio.gather(*(scan.status_check(voted.hands, limit=8) for _ in range(4)))
    assert sorted(len(one) for one in probes) == [0, 0, 0, 1]
    await asyncio.gather(*[step for one in probes for step in one])
    assert voted.requests("status") == asked + 1
    assert (await _account(voted)).opened_at is None
    assert [one.what for one in await voted.events("mechanism:CENTRAL_PORTAL")] == ["breaker_opened", "breaker_closed"]
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_a_probe_that_fails_lets_it_rest_anew(voted: worlds.World) -> None:
    await voted.promote(1)
    await _fault(voted)
    voted.clock.turn(seconds=61)
    voted.fault("status", cut=True)
    assert await worlds.drain(voted.hands) == 1
    assert (await _account(voted)).opened_at == voted.clock.at
    assert await worlds.drain(voted.hands) == 0
    assert voted.publish_calls == 0


async def test_a_probe_of_what_was_asked_for_reads_and_does_not_publish(voted: worlds.World) -> None:
    """It is proved and sent by the next look, when the breaker is closed."""
    await voted.promote(1)
    await _fault(voted)
    voted.clock.turn(seconds=61)
    assert await worlds.drain(voted.hands) == 1
    assert (await _account(voted)).opened_at is None
    assert voted.publish_calls == 0
    assert not [one for one in await voted.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    await voted.live(1)
    assert voted.publish_calls == 1


class _OpensWhileRead:
    """The platform stops answering others between our proof and our mark."""

    def __init__(self, world: worlds.World) -> None:
        self._world = world
        self._promoter = world.hands.promoters[mechanisms.Mechanism.CENTRAL_PORTAL]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._promoter, name)

    async def prepare(self, _target: contract.Target) -> None:
        """The last thing before the mark."""
        await _fault(self._world)


async def test_no_mark_is_made_while_the_breaker_is_open(voted: worlds.World) -> None:
    """The gate is looked at in the mark; it refuses nothing, and the page says why it waits."""
    promotion_id = await voted.promote(1)
    opens: Any = _OpensWhileRead(voted)
    with voted.other_hands(promoters={_CENTRAL: opens}):
        await worlds.drain(voted.hands)
    assert (await voted.promotion(promotion_id)).state is states.State.REQUESTED
    assert voted.publish_calls == 0
    row = await voted.row(1)
    assert [one.code for one in row.blockers] == ["silent"]
    assert "failed to respond 5 times within two minutes. Nothing is sent until it responds." in row.standing.sentence
    assert (await voted.events(f"promotion:{promotion_id}"))[-1].what == "promotion_not_sent"
    voted.clock.turn(seconds=61)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_an_upload_waits_for_the_breaker_too(world: worlds.World) -> None:
    """Nothing is marked, the row says why, and the scan asks again."""
    release_key = await world.composed()
    await _fault(world)
    deployment_id = await world.stage(release_key)
    await world.work()
    assert not await world.rows(tables.Attempt)
    assert "Nothing is sent until it responds." in (await world.row(deployment_id)).problem
    await world.until(deployment_id, lambda row: row.proof.staged is not None)


async def test_what_a_platform_asks_for_goes_for_all_its_rows(voted: worlds.World) -> None:
    numbers = await _many(voted, 3)
    voted.fault("status", status=429, headers={"Retry-After": "600"}, times=1)
    for step in await scan.status_check(voted.hands, limit=1):
        await step
    assert (await voted.promotion(numbers[0])).last_look
    assert (await _account(voted)).paused_until == voted.clock.at + datetime.timedelta(seconds=600)
    assert await worlds.drain(voted.hands) == 0
    voted.clock.turn(seconds=599)
    assert await worlds.drain(voted.hands) == 0
    voted.clock.turn(seconds=2)
    assert await worlds.drain(voted.hands) > 0


async def test_a_platform_that_refuses_us_is_no_platform_that_is_silent(voted: worlds.World) -> None:
    """401 and 404 are answers: what follows from them is each row's own."""
    await _many(voted, 8)
    voted.fault("status", status=401, times=8)
    await worlds.drain(voted.hands)
    assert (await _account(voted)).faults == ()


async def test_a_dead_platform_with_rows_for_all_places_keeps_no_other_waiting(voted: worlds.World) -> None:
    """L4: forty of its rows were due before; the other's are looked at in the very same scan."""
    await _many(voted, 40)
    slow: Any = _Slow()
    where = distribution.coordinates(Platform.NPM, "", "widgets", "2.4.0")
    async with voted.member() as member:
        await member.distributions.record(RELEASE, where, staging=False)
    voted.platform.publish_version("npm", "", "widgets", "2.4.0")
    with voted.other_hands(promoters={_CENTRAL: slow}) as hands:
        shift = worker.Shift(hands, 4)
        await shift.start()
        await asyncio.wait(shift.running, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert next(one for one in await voted.rows(sql.Distribution) if one.package == "widgets").web_url
        assert slow.asked == 4, "its rows have their own places, and no more"
        assert shift.is_full
        slow.over.set()
        await asyncio.gather(*shift.running)
        assert not shift.is_full
        # Four faults; with the fifth nobody is asked any more.
        for _ in range(3):
            await shift.start()
            await asyncio.gather(*shift.running)
        assert slow.asked == 8
        assert (await _account(voted)).opened_at is not None


async def test_a_place_that_becomes_free_is_taken_at_once_where_more_is_due(voted: worlds.World) -> None:
    """Not a tick later."""
    await _many(voted, 9)
    prompt: Any = _Prompt(enough=9)
    stop = asyncio.Event()
    with voted.other_hands(promoters={_CENTRAL: prompt}) as hands:
        working = asyncio.create_task(worker.work_until(hands, stop, tick=3_600, slots=2))
        await asyncio.wait_for(prompt.enough.wait(), 30)
        stop.set()
        await working


async def test_a_stop_drops_what_does_not_end_and_it_writes_nothing(voted: worlds.World) -> None:
    """SIGTERM while the platform is silent: the row stays as it was, and the next worker has it after the lease."""
    (number,) = await _many(voted, 1)
    before = await voted.promotion(number)
    slow: Any = _Slow()
    stop = asyncio.Event()
    with voted.other_hands(promoters={_CENTRAL: slow}) as hands:
        working = asyncio.create_task(worker.work_until(hands, stop, tick=0.01, slots=2, grace=0.1))
        await asyncio.wait_for(slow.begun.wait(), 20)
        stop.set()
        await working
    after = await voted.promotion(number)
    unheld = {"lease_owner", "lease_epoch", "lease_until"}
    assert after.model_dump(exclude=unheld) == before.model_dump(exclude=unheld)
    voted.clock.turn(seconds=voted.hands.lease + 1)
    assert await worlds.drain(voted.hands) >= 1


async def test_nothing_due_costs_a_few_reads_and_no_write(voted: worlds.World) -> None:
    """Counted: as many statements for ten thousand rows that rest as for one."""
    with _statements(voted.hands.storage.database) as one:
        assert await worker.Shift(voted.hands, 100).start() == 0
    await _many(voted, 300)
    async with voted.by_hand() as data:
        later = voted.clock.at + datetime.timedelta(days=1)
        await data.exec(sqlalchemy.update(tables.Promotion).values(due_at=later))
    with _statements(voted.hands.storage.database) as many:
        assert await worker.Shift(voted.hands, 100).start() == 0
    assert len(many) == len(one)
    assert not [text for text in many if not text.startswith(("BEGIN", "SELECT"))]
    assert len(many) <= 6


async def test_a_row_costs_as_many_statements_whether_few_wait_or_many(voted: worlds.World) -> None:
    """What a scan asks before it claims does not grow with what it claims."""
    counts = []
    prompt: Any = _Prompt()
    for few_or_many in (10, 100):
        await _many(voted, few_or_many)
        with (
            voted.other_hands(storage=_unlimited(voted.hands.storage), promoters={_CENTRAL: prompt}) as hands,
            _statements(voted.hands.storage.database) as seen,
        ):
            found = await scan.status_check(hands, limit=few_or_many)
        counts.append(len(seen) / len(found))
        await asyncio.gather(*found)
    few, many = counts
    assert many <= few


def _unlimited(store: storage.Storage) -> storage.Storage:
    """The same, with the budget lifted."""
    limits = {reach: budget.Limits() for reach in budget.Reach}
    return storage.Storage(store.database, dataclasses.replace(store.place, limits=limits))
