# SPDX-License-Identifier: Apache-2.0
"""A world of tests/world.py in virtual time: machines on which workers run and die, a platform that remembers."""

import asyncio
import contextlib
import dataclasses
import datetime
import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.demo.tree as trees
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.platforms.registry as registry
import atr.storage.worker as services
import atr.tasks.context as contexts
import atr.tasks.distribution as scan
import atr.worker as worker
import tests.chaos.sayings as sayings
import tests.chaos.truth as truth
import tests.chaos.virtual as virtual
import tests.model.invariants as invariants
import tests.sandboxes as sandboxes
from tests import world as worlds


class Clock(worlds.Clock):
    """The clock of the rows: the loop's seconds, and by how much somebody set it wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop, began: datetime.datetime) -> None:
        self._loop = loop
        self._began = began
        self.wrong = datetime.timedelta()

    @property
    def at(self) -> datetime.datetime:  # type: ignore[override]  # it is worked out here, not kept
        """The instant."""
        return self._began + datetime.timedelta(seconds=round(self._loop.time(), 6)) + self.wrong

    def seconds(self) -> float:
        """The platform's own clock, which nobody sets."""
        return self._began.timestamp() + round(self._loop.time(), 6)

    def turn(self, **delta: float) -> None:
        """Set it wrong by so much more."""
        self.wrong += datetime.timedelta(**delta)


@dataclasses.dataclass(frozen=True)
class Sent:
    """A request to publish that left us, and the last mark of its deployment then; 0 if there was none."""

    external_id: str
    number: int


@dataclasses.dataclass(frozen=True)
class Told:
    """One line of a trace."""

    at: float
    text: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.at:12.3f} {self.text}"


class Simulated(worlds.World):
    """A world of tests/world.py whose worker runs by itself, and whose time passes by itself."""

    def __init__(
        self,
        hands: contexts.Context,
        sandbox: sandboxes.RunningSandbox,
        clock: Clock,
        settings: registry.WorkerSettings,
        chance: random.Random,
    ) -> None:
        super().__init__(hands, hands.storage, sandbox, clock, settings)
        self.chance = chance
        self.trace: list[Told] = []
        self.poke = asyncio.Event()
        self.deaths = 0
        self.sent: list[Sent] = []
        self.moves: list[invariants.Move] = []
        # What is true, whatever the rows say; and what was put to the vote under each of the platform's ids.
        self.truth = truth.Truth(self.platform.directory)
        self.truth.roots = ("org/example/",)
        self.voted_of: dict[str, Mapping[str, str]] = {}
        # What was staged elsewhere, by the platform's ids.
        self.elsewhere: dict[str, trees.Tree] = {}
        # When each promotion became live, by the platform's clock.
        self.lived: dict[int, float] = {}
        # No worker scans: it is away, and what it holds it goes on with.
        self.paused = False
        # From now on nobody dies and nothing goes wrong.
        self.fair = False
        # The same number again: nothing was written meanwhile, so what was read still holds.
        self.written: Callable[[], int] = itertools.count().__next__
        self._due: tuple[int, datetime.datetime | None] = (-1, None)

    def note(self, text: str) -> None:
        """Add a line to the trace. Ids that the stand-in makes up are left out: they differ from run to run."""
        for number, external_id in enumerate(self.platform.portal.deployments, start=1):
            text = text.replace(external_id, f"<deployment {number}>")
        self.trace.append(Told(asyncio.get_running_loop().time(), text))

    def put_to_vote(self, *more: trees.Tree) -> None:
        """The release's tree was voted on, and these beside it, and the vote passed."""
        self.truth.passed([tree.files for tree in (self.tree, *more)], self.platform.now())

    async def stage_by_hand(self, more: Mapping[str, bytes]) -> str:
        """Somebody stages the release's tree and these files with another client: the platform's id of it."""
        tree = dataclasses.replace(self.tree, files={**self.tree.files, **more})
        external_id = await self.stage_elsewhere(tree)
        self.elsewhere[external_id] = tree
        self.voted_of[external_id] = truth.hashed(tree.files)
        return external_id

    def voted_files(self, external_id: str) -> Mapping[str, str]:
        """What was voted on of a deployment, sha256 by path."""
        return self.voted_of.get(external_id) or truth.hashed(self.tree.files)

    async def said_wrongly(self, release_key: str) -> list[str]:
        """What rows and pages say of the release that was prepared, and is not so."""
        return await sayings.wrong(self, self.truth, release_key, truth.hashed(self.tree.files))

    def became_live(self, promotion_id: int) -> None:
        """Note when."""
        self.lived[promotion_id] = self.platform.now()

    async def sending(self, external_id: str) -> None:
        """A request to publish is about to leave: note for which mark."""
        async with self.store.read() as read:
            number = sqlalchemy.func.max(tables.Attempt.number)
            last = await read.data.exec(
                sqlmodel.select(number)
                .join(tables.Deployment, col(tables.Deployment.id) == tables.Attempt.deployment_id)
                .where(tables.Attempt.kind == tables.AttemptKind.PUBLISH, tables.Deployment.external_id == external_id)
            )
            self.sent.append(Sent(external_id, last.one() or 0))

    async def worker_life(self, name: str, *, dies_at: Callable[[], int | None]) -> None:
        """A machine on which a worker runs, dies at some place or none, and is started anew, for ever."""
        life = 0
        while True:
            life += 1
            hands = dataclasses.replace(
                self.hands, owner=f"{name}.{life}", failpoint=virtual.at, monotonic=asyncio.get_running_loop().time
            )
            try:
                await _Process(self, hands, dies_at()).work()
            except worlds.Died as death:
                self.deaths += 1
                self.note(f"{hands.owner} dies at {death}")
                await asyncio.sleep(self.chance.choice((0.0, 5.0, 100.0)))

    async def seconds_to_due(self) -> float | None:
        """How long until the worker has something to do; None if it never will have."""
        written = self.written()
        if self._due[0] != written:
            async with self.store.read() as read:
                wire = await read.data.connection()
                found = (await wire.execute(_DUE)).scalars().all()
            self._due = (written, min((one for one in found if one is not None), default=None))
        at = self._due[1]
        return None if at is None else max((at - self.clock()).total_seconds(), 0.0)


def _later(due: Any, lease: Any) -> Any:
    return sqlalchemy.func.min(sqlalchemy.case((lease > due, lease), else_=due)).label("at")


def _due(table: Any, when: str, *where: Any) -> Any:
    columns = table.__table__.c
    return sqlalchemy.select(_later(columns[when], columns.lease_until)).where(*where)


_OPEN: Final = (operating.TaskStatus.QUEUED, operating.TaskStatus.ACTIVE)
# When each kind of row is due and nobody's, at the earliest. Made once, and asked past the session: it is asked more
# often than anything else.
_DUE: Final = sqlalchemy.union_all(
    *(_due(table, "due_at") for table in (tables.Promotion, tables.Deployment, sql.Distribution)),
    _due(operating.Task, "scheduled", col(operating.Task.status).in_(_OPEN)),
)


class _Process:
    """One worker process: it claims what is due, works on all of it at once, and dies with all of it."""

    def __init__(self, world: Simulated, hands: contexts.Context, places: int | None) -> None:
        self._world = world
        self._hands = hands
        self._places = places

    async def work(self) -> None:
        """Until it dies."""
        virtual.PLACE.set(self._at)
        while True:
            seconds = await self._world.seconds_to_due()
            if (seconds == 0) and (not self._world.paused) and await self._round():
                continue
            with contextlib.suppress(TimeoutError):
                # A tick later than due, as a scan is; woken by whoever clicked.
                wait = (
                    None
                    if (seconds is None) or self._world.paused
                    else seconds + self._world.chance.choice((0.05, 0.5, 2.0))
                )
                # Not wait_for, which in Python 3.11 may swallow that it is cancelled.
                async with asyncio.timeout(wait):
                    await self._world.poke.wait()
            self._world.poke.clear()

    async def _round(self) -> bool:
        steps_due = await scan.status_check(self._hands, limit=10)
        async with self._hands.storage.write_as_system(services.PromotionService) as service:
            claimed = await service.tasks.claim(owner=self._hands.owner, seconds=self._hands.lease, limit=10)
        steps_due.extend(worker._task(self._hands, task) for task in claimed)
        if not steps_due:
            return False
        running = [asyncio.create_task(step) for step in steps_due]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return True

    def _at(self, place: str) -> None:
        if self._places is None:
            return
        self._places -= 1
        if self._places < 0:
            raise worlds.Died(place)
