# SPDX-License-Identifier: Apache-2.0
"""Where campaigns play: a prepared release, copied for each seed, and a whole world around it in virtual time.

The code is the application's: storage, writers, the worker's scan and tasks, the adapter, and the stand-in with its
gate and its faults. Ours are the clock, the wires between adapter and stand-in, and who may die where.
"""

import asyncio
import contextlib
import contextvars
import dataclasses
import datetime
import gc
import pathlib
import random
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.config as config
import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.platforms.http as http
import atr.platforms.maven_central as maven_central
import atr.promotion.steps as steps
import atr.sandbox.current as current
import atr.sandbox.deployment as staged
import atr.sandbox.gate as gate
import atr.sandbox.server as server
import atr.sandbox.world as stand_in
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.tasks.context as contexts
import atr.tasks.distribution as scan
import atr.worker as worker
import tests.chaos.inprocess as inprocess
import tests.chaos.outcome as outcome
import tests.chaos.virtual as virtual
import tests.chaos.watched as watched
import tests.model.invariants as invariants
from tests import databases as provided
from tests import world as worlds

BEGAN: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
LEASE: Final = 60.0
CALL_SECONDS: Final = 20.0
# The application's own table, asked less often in the long run: the same rules, with a tenth of the work.
TIMING: Final = dataclasses.replace(
    steps.Timing(),
    asking=((60, 20), (600, 120), (86_400, 10_800)),
    probing=((600, 120), (86_400, 10_800)),
    doubting=10_800,
    resting=43_200,
)
_LEASED: Final = (tables.Promotion, tables.Deployment, sql.Distribution)
_T = TypeVar("_T")


def tree() -> trees.Tree:
    """Two packages of one POM each: enough to be compared, and little to read."""
    whole = trees.example(100)
    files = {path: data for path, data in whole.files.items() if not path.removesuffix(".asc").endswith(".jar")}
    return dataclasses.replace(
        whole,
        files={
            path: (data.replace(b">jar<", b">pom<") if isinstance(data, bytes) else data)
            for path, data in files.items()
        },
    )


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
class Published:
    """A deployment was set on its way to be public."""

    deployment: staged.Deployment
    by_hand: bool
    # It holds what was voted on.
    right: bool

    @property
    def external_id(self) -> str:
        """The platform's id of it."""
        return self.deployment.deployment_id


@dataclasses.dataclass(frozen=True)
class Sent:
    """A request to publish that left us, and the last mark of its deployment then; 0 if there was none."""

    external_id: str
    number: int


class Platform(stand_in.World):
    """The stand-in, which remembers whose request set a deployment on its way."""

    published: list[Published]
    voted: Mapping[str, bytes]

    def publish(self, deployment: staged.Deployment, *, by_hand: bool = False) -> None:
        """As it is, and noted."""
        super().publish(deployment, by_hand=by_hand)
        self.published.append(Published(deployment, by_hand, self.holds(deployment)))

    def holds(self, deployment: staged.Deployment) -> bool:
        """Whether its files are those of the vote."""
        folder = self.folder(deployment)
        held = {path for path in deployment.files if not maven.is_side_file(path)}
        return held == set(self.voted) and all((folder / path).read_bytes() == self.voted[path] for path in held)


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
        sandbox: server.RunningSandbox,
        clock: Clock,
        settings: config.WorkerSettings,
        chance: random.Random,
    ) -> None:
        super().__init__(hands, sandbox, clock, settings)
        self.chance = chance
        self.trace: list[Told] = []
        self.poke = asyncio.Event()
        self.deaths = 0
        self.sent: list[Sent] = []
        self.moves: list[invariants.Move] = []
        # Somebody changed public files after they were compared: what is live may be wrong, and no fault of ours.
        self.altered = False
        # No worker scans: it is away, and what it holds it goes on with.
        self.paused = False
        # From now on nobody dies and nothing goes wrong.
        self.fair = False

    def note(self, text: str) -> None:
        """Add a line to the trace. Ids that the stand-in makes up are left out: they differ from run to run."""
        for number, external_id in enumerate(self.platform.deployments, start=1):
            text = text.replace(external_id, f"<deployment {number}>")
        self.trace.append(Told(asyncio.get_running_loop().time(), text))

    async def sending(self, external_id: str) -> None:
        """A request to publish is about to leave: note for which mark."""
        async with self.store.read() as read:
            number = sqlalchemy.func.max(tables.Attempt.number)
            last = await read.data.exec(
                sqlmodel.select(number)
                .join(tables.Deployment, col(tables.Deployment.id) == tables.Attempt.deployment_id)
                .where(
                    tables.Attempt.kind == tables.AttemptKind.PUBLISH, tables.Deployment.external_id == external_id
                )
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
        async with self.store.read() as read:
            found = (await read.data.exec(_DUE)).scalars().all()  # type: ignore[call-overload]  # SQLModel types no union
        known = [one for one in found if one is not None]
        return max((min(known) - self.clock()).total_seconds(), 0.0) if known else None


def _later(due: Any, lease: Any) -> Any:
    return sqlalchemy.func.min(sqlalchemy.case((lease > due, lease), else_=due)).label("at")


# When each kind of row is due and nobody's, at the earliest. Made once: it is asked more often than anything else.
_DUE: Final = sqlalchemy.union_all(
    *(sqlalchemy.select(_later(col(table.due_at), col(table.lease_until))) for table in _LEASED),
    sqlalchemy.select(_later(col(sql.Task.scheduled), col(sql.Task.lease_until))).where(
        col(sql.Task.status).in_([sql.TaskStatus.QUEUED, sql.TaskStatus.ACTIVE])
    ),
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
                wait = None if seconds is None else seconds + self._world.chance.choice((0.05, 0.5, 2.0))
                await asyncio.wait_for(self._world.poke.wait(), wait)
            self._world.poke.clear()

    async def _round(self) -> bool:
        steps_due = await scan.status_check(self._hands, limit=10)
        async with self._hands.storage.write_as_user_service() as service:
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


@dataclasses.dataclass(frozen=True)
class Build:
    """Which program is played: ours, or one that lacks a rule, to see that this is noticed."""

    name: str = "ours"
    # The worker is handed other hands.
    hands: Callable[[contexts.Context], contexts.Context] = lambda hands: hands
    fenced: bool = True


OURS: Final = Build()


class Theatre:
    """A prepared release and everything that seeds share: the loop, the engine with its compiled statements."""

    def __init__(self, directory: pathlib.Path, databases: provided.Databases) -> None:
        self.loop = virtual.Loop()
        self._databases = databases
        self._directory = directory
        self._prepared = directory / "prepared"
        self._stage = directory / "stage"
        self._prepared.mkdir()
        self._address = databases.empty(self._prepared)
        self._engines: dict[str, session.Database] = {}
        # Made once: routes are the same for every world that is shown.
        self._app = server.create_app(stand_in.World(directory / "nothing"))
        self._behind_gate = self._app.gate._app
        self.run(self._prepare())
        # What is there by now stays, so the collector need not look at it again for each seed.
        gc.collect()
        gc.freeze()

    def run(self, playing: Coroutine[Any, Any, _T]) -> _T:
        """Run it in virtual time, from 0."""
        self.loop.rewind()
        asyncio.set_event_loop(self.loop)
        # A context of its own: nobody's death is left from before.
        task = contextvars.copy_context().run(self.loop.create_task, playing)
        return self.loop.run_until_complete(task)

    @contextlib.asynccontextmanager
    async def opened(self, seed: str, *, build: Build = OURS) -> AsyncIterator[Simulated]:
        """The prepared release, copied."""
        if self._stage.exists():
            shutil.rmtree(self._stage)
        shutil.copytree(self._prepared, self._stage)
        address = self._databases.copy(self._address, self._stage)
        async with self._open(self._stage, address, random.Random(seed), build) as world:  # noqa: S311  (a seed must replay)
            yield world

    @contextlib.asynccontextmanager
    async def _open(
        self, directory: pathlib.Path, address: str, chance: random.Random, build: Build
    ) -> AsyncIterator[Simulated]:
        clock = Clock(self.loop, BEGAN)
        platform = Platform(directory / "sandbox", clock=clock.seconds)
        platform.published = []
        platform.add_account("atr", ("org.example", "commons-cli"), worlds.TOKEN)
        wires = inprocess.Wires(lambda: chance.uniform(0.01, 1.0))
        app = self._app
        app.extensions[current.WORLD] = platform
        app.gate = app.asgi_app = gate.Gate(self._behind_gate, platform, wires.cut)  # type: ignore[method-assign]
        wires.app = app
        settings = config.WorkerSettings.model_validate({"state_dir": directory, "database_url": address, "sandbox": True})
        database = self._database(address, clock)
        place = transaction.Place(directory, {distribution.Mechanism.CENTRAL_PORTAL: TIMING}, plain=TIMING)
        watched_storage = watched.Storage(storage.Storage(database, place), fenced=build.fenced)
        made = contexts.Context(
            storage=cast("storage.Storage", watched_storage),
            promoters={worlds.MAVEN: _adapter(wires)},
            catalogues={},
            owner="nobody",
            lease=LEASE,
            scratch=directory / "temporary",
            failpoint=virtual.at,
            monotonic=self.loop.time,
        )
        made.scratch.mkdir(exist_ok=True)
        world = Simulated(build.hands(made), server.RunningSandbox(platform), clock, settings, chance)
        world.tree = tree()
        platform.voted = {path: data for path, data in world.tree.files.items() if isinstance(data, bytes)}
        wires.note, wires.sending = world.note, world.sending
        world.moves = watched_storage.moves
        try:
            yield world
        finally:
            await wires.close()
            await app.gate.close()
            await database.close()

    def _database(self, address: str, clock: Clock) -> session.Database:
        """The same engine for every seed that has the same address: it has compiled its statements already."""
        database = self._engines.get(address)
        if database is None:
            database = self._engines[address] = session.Database(address, clock)
            virtual.without_threads(database._engine.sync_engine)
        database._clock = clock
        return database

    async def _prepare(self) -> None:
        async with self._open(self._prepared, self._address, random.Random(0), OURS) as world:  # noqa: S311
            await world.settle_in(world.tree)
            release_key = await people.compose(world.store, world.tree)
            await world.stage(release_key)
            for _ in range(40):
                await world.work()
                if (await world.row(1)).proof.staged is not None:
                    break
                await asyncio.sleep(await world.seconds_to_due() or 1)
            await people.vote(world.store, release_key)
            await world.work()


def _adapter(wires: inprocess.Wires) -> maven_central.MavenCentral:
    portal, repository = (http.site(f"http://{inprocess.HOST}{path}", setting="") for path in ("", "/maven2"))
    return maven_central.MavenCentral(
        portal=http.Place("Central's portal", portal, wires.client(), CALL_SECONDS),
        repository=http.Place("the public repository", repository, wires.client(), CALL_SECONDS),
        single_use=wires.single_use,
        credential=maven_central.Credential(worlds.TOKEN.name, worlds.TOKEN.password),
        pace=0.0,
    )


@contextlib.contextmanager
def theatre() -> Iterator[Theatre]:
    """A theatre for as long as the block runs, on the engine that `ATR_TEST_DATABASE` asks for."""
    with tempfile.TemporaryDirectory(prefix="atr-theatre-", dir=outcome.MEMORY) as name:
        directory = pathlib.Path(name)
        with provided.chosen(directory) as databases, warnings.catch_warnings():
            # What a worker has claimed and not begun when it dies is never awaited, as after a kill.
            warnings.filterwarnings("ignore", message="coroutine '_?(work|task)' was never awaited")
            yield Theatre(directory, databases)
