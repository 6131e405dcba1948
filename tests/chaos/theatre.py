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
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar, cast

import psycopg
import sqlalchemy

import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.platforms.central_portal.adapter as maven_central
import atr.platforms.central_portal.settings as portal_settings
import atr.platforms.http as http
import atr.platforms.registry as registry
import atr.promotion.steps as steps
import atr.sandbox.world as stand_in
import atr.shared.mechanisms as mechanisms
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.tasks.context as contexts
import tests.chaos.outcome as outcome
import tests.chaos.simulated as simulated
import tests.chaos.virtual as virtual
import tests.chaos.watched as watched
from tests import databases as provided
from tests import inprocess
from tests import world as worlds

BEGAN: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
LEASE: Final = 60.0
CALL_SECONDS: Final = 20.0
# The application's own table, asked less often in the long run: the same rules, with a small part of the work.
TIMING: Final = dataclasses.replace(
    steps.Timing(),
    asking=((60, 20), (600, 200), (86_400, 28_800)),
    probing=((600, 200), (86_400, 28_800)),
    doubting=28_800,
    resting=86_400,
)
_T = TypeVar("_T")
Engine = Callable[[pathlib.Path], contextlib.AbstractContextManager[provided.Databases]]


def tree(version: str = "2.4.0") -> trees.Tree:
    """Two packages of one POM each: enough to be compared, and little to read."""
    whole = trees.example(100, version)
    files = {path: data for path, data in whole.files.items() if not path.removesuffix(".asc").endswith(".jar")}
    return dataclasses.replace(
        whole,
        files={
            path: (data.replace(b">jar<", b">pom<") if isinstance(data, bytes) else data)
            for path, data in files.items()
        },
    )


@dataclasses.dataclass(frozen=True)
class Build:
    """Which program is played: ours, or one that lacks a rule, to see that this is noticed."""

    name: str = "ours"
    # The worker is handed other hands.
    hands: Callable[[contexts.Context], contexts.Context] = lambda hands: hands
    fenced: bool = True
    timing: steps.Timing = TIMING
    # Seconds between two requests to one place, as an operator sets them.
    pace: float = 0.0


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
        self._engines: dict[str, tuple[session.Database, Callable[[], int]]] = {}
        self.run(self._prepare())
        # What is there by now stays, so the collector need not look at it again for each seed.
        gc.collect()
        gc.freeze()

    def run(self, playing: Coroutine[Any, Any, _T], *, rewound: bool = True) -> _T:
        """Run it in virtual time, from 0 or from where time stands."""
        if rewound:
            self.loop.rewind()
        asyncio.set_event_loop(self.loop)
        # A context of its own: nobody's death is left from before.
        task = contextvars.copy_context().run(self.loop.create_task, playing)
        return self.loop.run_until_complete(task)

    @contextlib.asynccontextmanager
    async def opened(self, seed: str, *, build: Build = OURS) -> AsyncIterator[simulated.Simulated]:
        """The prepared release, copied."""
        if self._stage.exists():
            shutil.rmtree(self._stage)
        shutil.copytree(self._prepared, self._stage)
        address = self._databases.copy(self._address, self._stage)
        async with self._open(self._stage, address, random.Random(seed), build) as world:
            yield world

    @contextlib.asynccontextmanager
    async def _open(
        self, directory: pathlib.Path, address: str, chance: random.Random, build: Build
    ) -> AsyncIterator[simulated.Simulated]:
        clock = simulated.Clock(self.loop, BEGAN)
        platform = stand_in.World(directory / "sandbox", clock=clock.seconds)
        platform.portal.add_account("atr", ("org.example", "commons-cli"), worlds.TOKEN)
        settings = registry.WorkerSettings.model_validate(
            {"state_dir": directory, "database_url": address, "sandbox": True}
        )
        database, written = self._database(address, clock)
        async with inprocess.standing_in(platform, lambda: chance.uniform(0.01, 1.0)) as (sandbox, wires):
            place = transaction.Place(
                directory, {mechanisms.Mechanism.CENTRAL_PORTAL: build.timing}, plain=build.timing
            )
            watched_storage = watched.Storage(storage.Storage(database, place), fenced=build.fenced)
            made = contexts.Context(
                storage=cast("storage.Storage", watched_storage),
                promoters={mechanisms.Mechanism.CENTRAL_PORTAL: _adapter(wires, build.pace)},
                catalogues={},
                owner="nobody",
                lease=LEASE,
                scratch=directory / "temporary",
                failpoint=virtual.at,
                monotonic=self.loop.time,
            )
            made.scratch.mkdir(exist_ok=True)
            world = simulated.Simulated(build.hands(made), sandbox, clock, settings, chance)
            world.tree = tree()
            world.put_to_vote()
            wires.note, wires.sending = world.note, world.sending
            world.moves, world.written = watched_storage.moves, written
            watched_storage.became_live = world.became_live
            try:
                yield world
            finally:
                await wires.close()
                await database.close()

    def _database(self, address: str, clock: simulated.Clock) -> tuple[session.Database, Callable[[], int]]:
        """The same engine for every seed that has the same address: it has compiled its statements already."""
        if address not in self._engines:
            database = session.Database(address, clock)
            self._engines[address] = (database, virtual.without_threads(database._engine.sync_engine))
        found = self._engines[address]
        found[0]._clock = clock
        return found

    async def _prepare(self) -> None:
        async with self._open(self._prepared, self._address, random.Random(0), OURS) as world:
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


def _adapter(wires: inprocess.Wires, pace: float) -> maven_central.MavenCentral:
    portal, repository = (http.site(f"http://{inprocess.HOST}{path}", setting="") for path in ("", "/maven2"))
    return maven_central.MavenCentral(
        portal=http.Place("Central's portal", portal, wires.client(), CALL_SECONDS),
        repository=http.Place("the public repository", repository, wires.client(), CALL_SECONDS),
        single_use=wires.single_use,
        credential=portal_settings.Credential(worlds.TOKEN.name, worlds.TOKEN.password),
        pace=pace,
    )


class _Renewed(provided.Postgresql):
    """A copy takes the place of the one before, under its name: the engine has compiled its statements already."""

    def __init__(self, server: provided.Server) -> None:
        super().__init__(server)
        self._directory = str(server.directory)
        self._created = server.create

    def copy(self, address: str, _directory: pathlib.Path) -> str:
        """The copy, in the place of the last one."""
        made = sqlalchemy.make_url(self._created(address))
        with psycopg.connect(host=self._directory, user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute("DROP DATABASE IF EXISTS stage WITH (FORCE)")
            rename = psycopg.sql.SQL("ALTER DATABASE {} RENAME TO stage")
            server.execute(rename.format(psycopg.sql.Identifier(str(made.database))))
        return made.set(database="stage").render_as_string(hide_password=False)


@contextlib.contextmanager
def on_sqlite(directory: pathlib.Path) -> Iterator[provided.Databases]:
    """Files."""
    yield provided.Sqlite(directory)


@contextlib.contextmanager
def on_postgresql(_directory: pathlib.Path) -> Iterator[provided.Databases]:
    """One database of a server of our own, made anew for each seed. Time stands still while it answers."""
    with provided.server() as server:
        yield _Renewed(server)


@contextlib.contextmanager
def theatre(databases: Engine = provided.chosen) -> Iterator[Theatre]:
    """A theatre for as long as the block runs; on the engine that `ATR_TEST_DATABASE` asks for if none is given."""
    with tempfile.TemporaryDirectory(prefix="atr-theatre-", dir=outcome.MEMORY) as name:
        directory = pathlib.Path(name)
        with databases(directory) as made, warnings.catch_warnings():
            # What a worker has claimed and not begun when it dies is never awaited, as after a kill.
            warnings.filterwarnings("ignore", message="coroutine '_?(work|task)' was never awaited")
            yield Theatre(directory, made)
