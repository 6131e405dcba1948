# SPDX-License-Identifier: Apache-2.0
"""Where campaigns with real processes take place: a database of either engine, a stand-in over HTTP, real time.

A scene is brought about once for each engine; each round has a copy of its own.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy
import sqlmodel

import atr.db.roles as roles
import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.pages.deployments as deployments
import atr.pages.views as views
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.sandbox.settings as behaviour
import atr.sandbox.world as stand_in
import atr.storage as storage
import atr.storage.audit as audit
import atr.storage.transaction as transaction
import tests.chaos.outcome as outcome
import tests.chaos.truth as truth
import tests.chaos.watched as watched
import tests.sandboxes as sandboxes
from tests import databases as provided
from tests import world as worlds
from tests.model import invariants

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
# Fast, and still safe: a lease is twice the longest call. Shorter ones run out by themselves on a busy machine.
CALL_SECONDS: Final = 3.0
LEASE_SECONDS: Final = 6.0
_FASTER: Final = 400
_SOON: Final = behaviour.Settings(validate_seconds=0, publish_seconds=0.05, public_lag_seconds=0.05)
_R = TypeVar("_R", bound=sqlmodel.SQLModel)


@dataclasses.dataclass(frozen=True)
class Grounds:
    """A scene on one engine."""

    engine: str
    scene: worlds.Scene
    server: provided.Server | None = None

    @contextlib.asynccontextmanager
    async def round(self, platform: behaviour.Settings = _SOON) -> AsyncIterator["Round"]:
        """A copy of the scene in real time, for the length of the block."""
        directory = pathlib.Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="atr-round-", dir=outcome.MEMORY))
        try:
            await asyncio.to_thread(shutil.copytree, self.scene.directory, directory, dirs_exist_ok=True)
            address = await asyncio.to_thread(self.scene.databases.copy, self.scene.database, directory)
            world = stand_in.World(directory / "sandbox", settings=platform)
            world.portal.add_account("atr", ("org.example", "commons-cli"), worlds.TOKEN)
            # People click through the web, whose role may ask and not do.
            database = session.Database(provided.as_role(address, roles.WEB))
            place = transaction.Place(directory, {one: table.faster(_FASTER) for one, table in steps.TIMINGS.items()})
            async with sandboxes.RunningSandbox(world) as sandbox:
                try:
                    judge = truth.Truth(world.directory)
                    judge.passed([trees.example().files])
                    yield Round(self.scene, directory, address, storage.Storage(database, place), sandbox, judge)
                finally:
                    await database.close()
            if self.server is not None:
                await asyncio.to_thread(self.server.drop, address)
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Round:
    """One copy: its storage, and the stand-in that counts."""

    scene: worlds.Scene
    directory: pathlib.Path
    address: str
    store: storage.Storage
    sandbox: sandboxes.RunningSandbox
    # What is true, whatever the rows say: the committee voted on the example's files.
    judge: truth.Truth

    @property
    def platform(self) -> stand_in.World:
        """The stand-in's state and counters."""
        return self.sandbox.world

    @property
    def publish_calls(self) -> int:
        """How many requests reached the publish endpoint."""
        return self.platform.traffic.requests["publish"]

    @property
    def worker_settings(self) -> Mapping[str, Any]:
        """A worker's, as its environment would name them."""
        return {
            "state_dir": str(self.directory),
            "database_url": provided.as_role(self.address, roles.WORKER),
            "sandbox": True,
            "maven_central_portal_url": self.sandbox.portal_url,
            "maven_central_repository_url": self.sandbox.repository_url,
            "maven_central_token": f"{worlds.TOKEN.name}:{worlds.TOKEN.password}",
            "call_timeout": CALL_SECONDS,
            "lease": LEASE_SECONDS,
            "faster": _FASTER,
            # Most of the time a worker waits here for a lease to run out: each scan costs some milliseconds.
            "tick": 0.15,
            "pace": 0,
        }

    @property
    def web_settings(self) -> Mapping[str, Any]:
        """A web process's."""
        return {
            "state_dir": str(self.directory),
            "database_url": provided.as_role(self.address, roles.WEB),
            "sandbox": True,
        }

    async def row(self) -> views.DeploymentView:
        """The deployment as its page shows it."""
        async with self.store.read(worlds.MEMBER) as read:
            return await deployments.one(read, self.scene.release_key, f"d{self.scene.deployment_id}")

    async def states(self) -> tuple[states.State | None, states.DeploymentState]:
        """Where the newest promotion and the deployment stand: one cheap query each."""
        async with self.store.read() as read:
            newest: Any = sqlmodel.select(tables.Promotion.state).order_by(sqlmodel.col(tables.Promotion.id).desc())
            here: Any = sqlmodel.select(tables.Deployment.state).where(tables.Deployment.id == self.scene.deployment_id)
            return (await read.data.exec(newest)).first(), (await read.data.exec(here)).one()

    async def epoch(self, *, drop: bool) -> int:
        """How often a worker has taken the newest promotion, or for a drop the deployment."""
        row: Any = tables.Deployment if drop else tables.Promotion
        newest = sqlmodel.select(row.lease_epoch).order_by(row.id.desc()).limit(1)
        async with self.store.read() as read:
            return int((await read.data.exec(newest)).one())

    def is_locked(self) -> bool:
        """Whether a process has a writing transaction open on SQLite; on PostgreSQL that locks out nobody."""
        url = sqlalchemy.make_url(self.address)
        if url.get_backend_name() != "sqlite":
            return False
        with contextlib.closing(sqlite3.connect(str(url.database), timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False

    async def promote(self) -> None:
        """Click Promote with what the page shows now."""
        row = await self.row()
        async with self.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
            await member.distributions.promote_staging_to_production(
                row.release_key,
                worlds.MAVEN,
                self.scene.deployment_id,
                evidence_digest=row.evidence_digest,
                row_version=row.row_version,
            )

    async def drop(self) -> None:
        """Have the deployment given up."""
        async with self.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
            await member.deployments.drop(self.scene.deployment_id, "Not this one")

    async def rows(self, table: type[_R]) -> Sequence[_R]:
        """All rows of a table, oldest first."""
        async with self.store.read() as read:
            key: Any = next(iter(table.__table__.primary_key.columns))  # type: ignore[attr-defined]  # SQLModel's own
            return (await read.data.exec(sqlmodel.select(table).order_by(key))).all()

    async def broken(self) -> list[str]:
        """What does not hold of the rows, of what the platform counted, and of what is public."""
        wrong = [f"{code} does not hold" for code in invariants.broken(await self.world())]
        chains: dict[str, list[tables.Event]] = {}
        for event in await self.rows(tables.Event):
            chains.setdefault(event.chain, []).append(event)
        wrong += [f"the chain of {name} is broken" for name, chain in chains.items() if audit.broken_at(chain)]
        return wrong

    async def world(self) -> invariants.World:
        """What the invariants look at. A call's mark is the one that was committed last before it arrived."""
        promotions = await self.rows(tables.Promotion)
        marks = [one for one in await self.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
        purls: dict[int | None, str] = {one.promotion_id: one.purl for one in await self.rows(tables.PromotionTarget)}
        self.platform.portal.advance()
        right = not self.judge.differs(truth.hashed(trees.example().files))
        return invariants.World(
            promotions=tuple(
                invariants.Promotion(
                    row.id or 0,
                    purls[row.id],
                    row.state,
                    marks=sum(
                        1 for one in marks if (one.promotion_id == row.id) and (one.answer not in steps.CERTAIN_NO)
                    ),
                    right=right,
                )
                for row in promotions
            ),
            sends=tuple(self._sends(marks)),
            effects=tuple(
                invariants.Effect(
                    purls[marks[-1].promotion_id] if marks else "",
                    # An effect without any mark is ours too: nobody publishes by hand in these rounds.
                    (marks[-1].promotion_id or 0) if marks else 0,
                    right=not self.judge.unvoted(one),
                )
                for one in self.judge.look().effects
            ),
            moves=(*[move async for move in self._moves()], *watched.read(self.directory)),
        )

    def _sends(self, marks: Sequence[tables.Attempt]) -> Iterator[invariants.Send]:
        """Each call with the newest mark that nobody has called for, written before it came."""
        free = list(marks)
        calls = [one.when for one in self.platform.traffic.log if one.endpoint == "publish"]
        for when in calls:
            arrived = datetime.datetime.fromtimestamp(when, datetime.UTC)
            before = [one for one in free if one.marked_at <= arrived]
            if not before:
                yield invariants.Send(0, 0, marked=False)
                continue
            free.remove(before[-1])
            yield invariants.Send(before[-1].promotion_id or 0, before[-1].number)

    async def _moves(self) -> AsyncIterator[invariants.Move]:
        for event in await self.rows(tables.Event):
            if event.what == "promotion_moved":
                number = int(event.subject.partition(":")[2])
                yield invariants.Move(number, states.State(event.data["from"]), states.State(event.data["to"]))


@contextlib.contextmanager
def grounds(engines: Sequence[str], bring: worlds.Bring = worlds.World.voted) -> Iterator[Mapping[str, Grounds]]:
    """The scene on each of these engines, for the length of the block."""
    # Rows of a moment ago, by the clock that the processes have.
    began = session.utc_now() - datetime.timedelta(hours=1)
    with contextlib.ExitStack() as stack:
        root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atr-grounds-", dir=outcome.MEMORY)))
        made = {}
        for engine in engines:
            directory = root / engine
            directory.mkdir()
            template = root / f"{engine}-template"
            template.mkdir()
            running = stack.enter_context(provided.server()) if engine == POSTGRESQL else None
            databases = provided.Postgresql(running) if running else provided.Sqlite(template)
            made[engine] = Grounds(engine, worlds.scene(directory, databases, bring, began=began), running)
        yield made
