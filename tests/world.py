# SPDX-License-Identifier: Apache-2.0
"""A whole world in one process: the real storage, the real worker, the stand-in's real handlers, and one clock.

The clock stands still until a test turns it, for the worker, the rows and the stand-in alike, so that a day of waiting
takes no time and every run is the same.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import hashlib
import pathlib
import shutil
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy
import sqlmodel

import atr.db.queries as queries
import atr.db.roles as roles
import atr.db.session as session
import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.deployments as deployments
import atr.pages.views as views
import atr.platforms.registry as registry
import atr.promotion.states as states
import atr.sandbox.central_portal.knobs as knobs
import atr.sandbox.central_portal.portal as portals
import atr.sandbox.faults as faults
import atr.sandbox.world as stand_in
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.audit as audit
import atr.storage.eligibility as eligibility
import atr.storage.files as files
import atr.storage.worker as services
import atr.tasks.context as contexts
import atr.tasks.distribution as scan
import atr.worker as worker
import tests.sandboxes as sandboxes
from tests import databases as provided
from tests import in_the_loop, inprocess

MAVEN: Final = distribution.DistributionPlatform.MAVEN
TOKEN: Final = portals.Token("atr", "a-secret-of-the-test")
MEMBER: Final = people.MEMBERS[0]
_BEGAN: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)
_LEASED: Final = (tables.Promotion, tables.Deployment, sql.Distribution)
_R = TypeVar("_R", bound=sqlmodel.SQLModel)
Bring = Callable[["World"], Awaitable[tuple[str, int]]]


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """A file's bytes as they come from a browser."""
    for chunk in chunks:
        yield chunk


class Died(BaseException):
    """The process ends here: nothing that handles errors may handle this."""


class Clock:
    """A clock that only a test turns."""

    def __init__(self, at: datetime.datetime = _BEGAN) -> None:
        self.at = at

    def __call__(self) -> datetime.datetime:
        """The instant, aware UTC."""
        return self.at

    def seconds(self) -> float:
        """The same instant for the stand-in."""
        return self.at.timestamp()

    def turn(self, **delta: float) -> None:
        """Let time pass: `turn(seconds=10)`."""
        self.at += datetime.timedelta(**delta)


@dataclasses.dataclass(frozen=True)
class Form:
    """What a confirm page holds; it can be sent later, and by several."""

    project_key: str
    release_key: str
    deployment_id: int
    evidence_digest: str
    row_version: int

    async def send(self, member: storage.WriteAsCommitteeMember) -> int:
        """Ask for the promotion: its number."""
        return await member.distributions.promote_staging_to_production(
            self.release_key,
            MAVEN,
            self.deployment_id,
            evidence_digest=self.evidence_digest,
            row_version=self.row_version,
        )


class World:
    """The storage, the worker's hands, the stand-in and the clock. Make it with `open_world`."""

    def __init__(
        self,
        hands: contexts.Context,
        store: storage.Storage,
        sandbox: sandboxes.RunningSandbox,
        clock: Clock,
        settings: registry.WorkerSettings,
    ) -> None:
        self.hands = hands
        # What the web process has: on PostgreSQL it is another role of the database.
        self.store = store
        self.sandbox = sandbox
        self.platform = sandbox.world
        self.clock = clock
        self.settings = settings
        self.tree = trees.example()

    @property
    def publish_calls(self) -> int:
        """How many requests reached the stand-in's publish endpoint."""
        return int(self.platform.traffic.counters()["requests"]["publish"])

    async def settle_in(self, tree: trees.Tree | None = None) -> trees.Tree:
        """Committees, project, policy, target; nothing is composed yet."""
        tree = tree or trees.example()
        # The first admin is nobody's click.
        await people.settle_in(self.hands.storage, tree.namespaces)
        return tree

    async def composed(self, tree: trees.Tree | None = None) -> str:
        """A release in Compose with its files, nothing staged: its key."""
        self.tree = await self.settle_in(tree)
        return await people.compose(self.store, self.tree)

    async def stage(self, release_key: str) -> int:
        """Ask for an upload of the release's files: our number of the deployment."""
        return await people.stage(self.store, release_key)

    async def staged(self, tree: trees.Tree | None = None) -> tuple[str, int]:
        """A release in Compose whose files are staged and captured: its key, and our number of the deployment."""
        release_key = await self.composed(tree)
        deployment_id = await self.stage(release_key)
        await self.until(deployment_id, lambda row: row.proof.staged is not None)
        return release_key, deployment_id

    async def voted(self, tree: trees.Tree | None = None) -> tuple[str, int]:
        """A release in Finish whose deployment is on the ballot: ready to be promoted."""
        release_key, deployment_id = await self.staged(tree)
        await people.vote(self.store, release_key)
        await self.work()
        return release_key, deployment_id

    async def promote(self, deployment_id: int, asf_uid: str = MEMBER) -> int:
        """Click Promote with what the page shows now, and answer the promotion's number."""
        form = await self.form(deployment_id, asf_uid)
        async with self.store.write_as_project_committee_member(form.project_key, asf_uid) as member:
            return await form.send(member)

    async def form(self, deployment_id: int, asf_uid: str = MEMBER) -> "Form":
        """The confirm page as it stands open in a browser now."""
        async with self.store.read(asf_uid) as read:
            deployment = await queries.demand_deployment(read.data, deployment_id)
            case = await eligibility.one(read.data, deployment, asf_uid)
            return Form(case.of.project.key, case.release.key, deployment_id, case.evidence_digest, deployment.version)

    def member(self, asf_uid: str = MEMBER) -> contextlib.AbstractAsyncContextManager[storage.WriteAsCommitteeMember]:
        """One transaction of a committee member."""
        return self.store.write_as_project_committee_member(people.PROJECT, asf_uid)

    def manager(
        self, asf_uid: str = people.COMMITTER
    ) -> contextlib.AbstractAsyncContextManager[storage.WriteAsReleaseManager]:
        """One transaction of a release manager."""
        return self.store.write_as_project_release_manager(people.PROJECT, asf_uid)

    def admin(self) -> contextlib.AbstractAsyncContextManager[storage.WriteAsFoundationAdmin]:
        """One transaction of a foundation admin."""
        return self.store.write_as_foundation_admin(people.ADMIN)

    @contextlib.asynccontextmanager
    async def by_hand(self) -> AsyncIterator[session.Session]:
        """One transaction of whoever owns the database: what no process of ours would write, or may."""
        address = provided.as_role(self.settings.database, provided.OWNER)
        database = session.Database(address, self.clock)
        try:
            async with database.write() as data:
                yield data
        finally:
            await database.close()

    async def leave(self) -> None:
        """Give every connection to the database back, as when all processes have ended."""
        await self.store.database.close()
        await self.hands.storage.database.close()

    def service(self) -> contextlib.AbstractAsyncContextManager[services.PromotionService]:
        """One transaction of the worker."""
        return self.hands.storage.write_as_system(services.PromotionService)

    async def stage_elsewhere(
        self, tree: trees.Tree, *, token: portals.Token = TOKEN, automatic: bool = False, name: str = "by mvn deploy"
    ) -> str:
        """What a build machine does with its own client: the platform's id of what ATR knows nothing of."""
        archive = self.platform.portal.incoming_path()
        with zipfile.ZipFile(archive, "w") as bundle:
            for path, content in tree.files.items():
                assert isinstance(content, bytes)
                bundle.writestr(path, content)
                if not path.endswith(".asc"):
                    bundle.writestr(f"{path}.md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
                    bundle.writestr(f"{path}.sha1", hashlib.sha1(content, usedforsecurity=False).hexdigest())
        account = self.platform.portal.account_for(token)
        assert account is not None
        deployment = self.platform.portal.upload(account, name, automatic=automatic, archive=archive)
        await self.platform.portal.examine(deployment)
        return deployment.deployment_id

    async def record(
        self, release_key: str, external_id: str, where: distribution.Coordinates | None = None, asf_uid: str = MEMBER
    ) -> int:
        """Tell ATR of a deployment that was staged elsewhere: our number of it."""
        async with self.member(asf_uid) as member:
            deployment_id = await member.distributions.record(
                release_key, where or self.tree.packages[0], staging=True, deployment_id=external_id
            )
        assert deployment_id is not None
        return deployment_id

    async def revise(self, release_key: str, change: Callable[[files.Draft], Awaitable[None]]) -> str:
        """Make a new revision that differs by this change; its number."""
        async with self.store.draft(release_key) as draft:
            await change(draft)
            async with self.store.write_as_project_committee_participant(
                people.PROJECT, people.COMMITTER
            ) as participant:
                return await participant.revision.create(release_key, draft, "Another one")

    async def row(self, deployment_id: int, asf_uid: str = MEMBER) -> views.DeploymentView:
        """The deployment as its page shows it to this person."""
        async with self.store.read(asf_uid) as read:
            found = await read.data.get(tables.Deployment, deployment_id)
            assert found is not None
            return await deployments.one(read, found.release_key, f"d{deployment_id}")

    async def promotion(self, promotion_id: int) -> tables.Promotion:
        """The promotion's row, for looking at."""
        async with self.store.read() as read:
            found = await read.data.get(tables.Promotion, promotion_id)
            assert found is not None
            return found

    async def events(self, subject: str) -> list[tables.Event]:
        """What happened to a subject, oldest first."""
        async with self.store.read() as read:
            wanted = sqlmodel.select(tables.Event).where(tables.Event.subject == subject)
            return list((await read.data.exec(wanted.order_by(sqlmodel.col(tables.Event.seq)))).all())

    async def events_of(self, chain: str) -> list[tables.Event]:
        """What happened to a release, oldest first; `audit.SITE` for what belongs to none."""
        async with self.store.read() as read:
            wanted = sqlmodel.select(tables.Event).where(tables.Event.chain == chain)
            return list((await read.data.exec(wanted.order_by(sqlmodel.col(tables.Event.number)))).all())

    async def chain_holds(self) -> bool:
        """Whether every chain of events follows from its beginning."""
        chains = {event.chain for event in await self.rows(tables.Event)}
        return all([audit.broken_at(await self.events_of(chain)) is None for chain in chains])

    async def work(self, rounds: int = 10) -> None:
        """Let the worker do what is due, until nothing more is due at this instant."""
        for _ in range(rounds):
            if await drain(self.hands) == 0:
                return

    async def pass_time(self, *, rounds: int = 1, **delta: float) -> None:
        """Turn the clock and work, so many times."""
        for _ in range(rounds):
            self.clock.turn(**delta)
            await self.work()

    async def until(
        self, deployment_id: int, wanted: Any, *, rounds: int = 400, seconds: float | None = None
    ) -> views.DeploymentView:
        """Work and turn the clock until the row is as wanted: a state, or a function of the row.

        The clock is turned to when something is due next, or by so many `seconds`.
        """
        row = await self.row(deployment_id)
        for _ in range(rounds):
            await self.work()
            row = await self.row(deployment_id)
            if wanted(row) if callable(wanted) else (row.state is wanted):
                return row
            if seconds is not None:
                self.clock.turn(seconds=seconds)
            elif not await self.turn_to_due():
                break
        raise AssertionError(f"It is {row.state}, {row.standing.word}: {row.reason} {row.next_note} {row.problem}")

    async def turn_to_due(self) -> bool:
        """Turn the clock to when the worker has something to do next; False if it never will have."""
        instants: list[datetime.datetime] = []
        async with self.store.read() as read:
            for table in _LEASED:
                wanted: Any = sqlmodel.select(table)
                due = [row for row in (await read.data.exec(wanted)).all() if row.due_at is not None]
                instants.extend(max(row.due_at, row.lease_until or row.due_at) for row in due)
            for task in (await read.data.exec(sqlmodel.select(operating.Task))).all():
                if task.status is operating.TaskStatus.QUEUED:
                    instants.append(task.scheduled)
                elif task.lease_until is not None:
                    instants.append(task.lease_until)
        if instants:
            self.clock.at = max(min(instants), self.clock.at + datetime.timedelta(seconds=1))
        return bool(instants)

    async def live(self, deployment_id: int) -> views.DeploymentView:
        """Wait until it is live."""
        return await self.until(deployment_id, states.State.LIVE)

    def knob(self, row: views.DeploymentView, name: str, **fields: Any) -> None:
        """Turn one of the stand-in's knobs for this deployment."""
        knobs.turn(self.platform.portal, row.external_id, name, fields)

    def fault(self, endpoint: str, **fault: Any) -> None:
        """Have a request go wrong: the fields of `atr.sandbox.faults.Fault`."""
        self.platform.faults.add([faults.Fault.model_validate({"endpoint": endpoint, **fault})])

    def stand_in_settings(self, **settings: Any) -> None:
        """Change how the stand-in behaves."""
        self.platform.settings = self.platform.settings.model_copy(update=settings)

    def requests(self, endpoint: str) -> int:
        """How many requests reached this endpoint of the stand-in."""
        return self.platform.traffic.requests[endpoint]

    @contextlib.contextmanager
    def other_hands(self, **changes: Any) -> Iterator[contexts.Context]:
        """A second worker's hands, while the block runs: another owner, or with these fields."""
        before = self.hands
        self.hands = dataclasses.replace(before, **{"owner": "another-worker", **changes})
        try:
            yield self.hands
        finally:
            self.hands = before

    def dying_at(self, place: str) -> contexts.Context:
        """The worker's hands, but the process dies when it gets there."""

        def failpoint(here: str) -> None:
            if here == place:
                raise Died(here)

        return dataclasses.replace(self.hands, owner=f"dies-at-{place}", failpoint=failpoint)

    async def dies(self, hands: contexts.Context) -> bool:
        """Work with these hands, once; True if the process died of it."""
        steps = await scan.status_check(hands, limit=100)
        async with hands.storage.write_as_system(services.PromotionService) as service:
            steps += [
                worker._task(hands, task)
                for task in await service.tasks.claim(owner=hands.owner, seconds=hands.lease, limit=100)
            ]
        ends = await asyncio.gather(*steps, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Died):
                raise end
        return any(isinstance(end, Died) for end in ends)

    async def rows(self, table: type[_R]) -> Sequence[_R]:
        """All rows of a table, for looking at."""
        async with self.store.read() as read:
            keys = sqlalchemy.inspect(table).primary_key
            return (await read.data.exec(sqlmodel.select(table).order_by(*keys))).all()

    async def change(self, row: sqlmodel.SQLModel) -> None:
        """Write a row as it is, past every writer: what a test needs to have happened elsewhere."""
        async with self.hands.storage.database.write() as data:
            await data.merge(row)


@contextlib.asynccontextmanager
async def open_world(
    state_dir: pathlib.Path,
    database: str,
    *,
    began: datetime.datetime = _BEGAN,
    sockets: bool = False,
    **overrides: Any,
) -> AsyncIterator[World]:
    """A world over a fresh copy of a migrated database. `overrides` are settings of the worker.

    With `sockets` the stand-in is served for real: for other clients than ours, and for bytes that take their time.
    """
    clock = Clock(began)
    platform = stand_in.World(state_dir / "sandbox", clock=clock.seconds)
    platform.portal.add_account("atr", ("org.example", "commons-cli"), TOKEN)
    async with _served(platform) if sockets else inprocess.standing_in(platform) as (sandbox, wires):
        given: Mapping[str, Any] = {
            "state_dir": state_dir,
            "database_url": provided.as_role(database, roles.WORKER),
            "sandbox": True,
            "maven_central_portal_url": sandbox.portal_url,
            "maven_central_repository_url": sandbox.repository_url,
            "maven_central_token": f"{TOKEN.name}:{TOKEN.password}",
            "artifact_hub_url": sandbox.registry_url("artifact-hub"),
            "docker_hub_url": sandbox.registry_url("docker-hub"),
            "npm_url": sandbox.registry_url("npm"),
            "npm_pages_url": sandbox.registry_url("npm-pages"),
            "pypi_url": sandbox.registry_url("pypi"),
            # Longer than a busy machine may take for an answer of the stand-in.
            "call_timeout": 20.0,
            "pace": 0.0,
            **overrides,
        }
        settings = registry.WorkerSettings.model_validate(given)
        async with worker.context(settings, clock) as hands, _web(hands, database, clock) as store:
            in_the_loop.without_threads(hands.storage.database._engine.sync_engine)
            if wires is not None:
                wires.carry(hands)
            yield World(hands, store, sandbox, clock, settings)


async def drain(hands: contexts.Context, *, limit: int = 100) -> int:
    """Do everything that is due now, once, and answer how much that was."""
    await worker.free_names(hands)
    shift = worker.Shift(hands, limit)
    started = await shift.start()
    await asyncio.gather(*shift.running)
    return started


@contextlib.asynccontextmanager
async def _served(platform: stand_in.World) -> AsyncIterator[tuple[sandboxes.RunningSandbox, None]]:
    async with sandboxes.RunningSandbox(platform) as sandbox:
        yield sandbox, None


@contextlib.asynccontextmanager
async def _web(hands: contexts.Context, database: str, clock: Clock) -> AsyncIterator[storage.Storage]:
    if hands.storage.database.on_sqlite:
        yield hands.storage
        return
    rows = session.Database(provided.as_role(database, roles.WEB), clock)
    try:
        yield storage.Storage(rows, hands.storage.place)
    finally:
        await rows.close()


@dataclasses.dataclass(frozen=True)
class Scene:
    """A world that was brought somewhere once and is copied for each test that begins there."""

    databases: provided.Databases
    directory: pathlib.Path
    database: str
    at: datetime.datetime
    release_key: str
    deployment_id: int

    @contextlib.asynccontextmanager
    async def opened(self, state_dir: pathlib.Path, **overrides: Any) -> AsyncIterator[World]:
        """A copy of it, to do with as one likes."""
        shutil.copytree(self.directory, state_dir, dirs_exist_ok=True)
        database = self.databases.copy(self.database, state_dir)
        async with open_world(state_dir, database, began=self.at, **overrides) as world:
            yield world


def scene(
    directory: pathlib.Path, databases: provided.Databases, bring: Bring, *, began: datetime.datetime = _BEGAN
) -> Scene:
    """Bring a world to where tests begin, and keep it."""
    database = databases.empty(directory)

    async def play() -> Scene:
        async with open_world(directory, database, began=began) as world:
            release_key, deployment_id = await bring(world)
            return Scene(databases, directory, database, world.clock.at, release_key, deployment_id)

    with asyncio.Runner() as runner:
        return runner.run(play())
