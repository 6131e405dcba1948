# SPDX-License-Identifier: Apache-2.0
"""A whole world in one process: the real storage, the real worker, the stand-in over real HTTP, and one clock.

The clock stands still until a test turns it, for the worker, the rows and the stand-in alike, so that a day of waiting
takes no time and every run is the same.
"""

import contextlib
import datetime
import pathlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import atr.config as config
import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.models.views as views
import atr.promotion.states as states
import atr.sandbox.server as server
import atr.sandbox.world as stand_in
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.readers.deployments as deployments
import atr.tasks.context as contexts
import atr.worker as worker
import sqlmodel

MAVEN: Final = distribution.DistributionPlatform.MAVEN
TOKEN: Final = stand_in.Token("atr", "a-secret-of-the-test")
MEMBER: Final = people.MEMBERS[0]
_BEGAN: Final = datetime.datetime(2026, 9, 17, 12, 0, tzinfo=datetime.UTC)


class Clock:
    """A clock that only a test turns."""

    def __init__(self) -> None:
        self.at = _BEGAN

    def __call__(self) -> datetime.datetime:
        """The instant, aware UTC."""
        return self.at

    def seconds(self) -> float:
        """The same instant for the stand-in."""
        return self.at.timestamp()

    def turn(self, **delta: float) -> None:
        """Let time pass: `turn(seconds=10)`."""
        self.at += datetime.timedelta(**delta)


class World:
    """The storage, the worker's hands, the stand-in and the clock. Make it with `open_world`."""

    def __init__(
        self, hands: contexts.Context, sandbox: server.RunningSandbox, clock: Clock, settings: config.WorkerSettings
    ) -> None:
        self.hands = hands
        self.store: storage.Storage = hands.storage
        self.sandbox = sandbox
        self.platform = sandbox.world
        self.clock = clock
        self.settings = settings

    @property
    def publish_calls(self) -> int:
        """How many requests reached the stand-in's publish endpoint."""
        return int(self.platform.traffic.counters()["requests"]["publish"])

    async def settle_in(self, tree: trees.Tree | None = None) -> trees.Tree:
        """Committees, project, policy, target; nothing is composed yet."""
        tree = tree or trees.example()
        await people.settle_in(self.store, tree.namespaces)
        return tree

    async def staged(self, tree: trees.Tree | None = None) -> tuple[str, int]:
        """A release in Compose whose files are staged and captured: its key, and our number of the deployment."""
        tree = await self.settle_in(tree)
        release_key = await people.compose(self.store, tree)
        deployment_id = await people.stage(self.store, release_key)
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
        row = await self.row(deployment_id, asf_uid)
        async with self.store.write_as_project_committee_member(row.project_key, asf_uid) as member:
            return await member.distributions.promote_staging_to_production(
                row.release_key, MAVEN, deployment_id, evidence_digest=row.evidence_digest, row_version=row.row_version
            )

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

    async def work(self, rounds: int = 10) -> None:
        """Let the worker do what is due, until nothing more is due at this instant."""
        for _ in range(rounds):
            if await worker.drain(self.hands) == 0:
                return

    async def pass_time(self, *, rounds: int = 1, **delta: float) -> None:
        """Turn the clock and work, so many times."""
        for _ in range(rounds):
            self.clock.turn(**delta)
            await self.work()

    async def until(self, deployment_id: int, wanted: Any, *, rounds: int = 400, seconds: float = 5) -> views.DeploymentView:
        """Work and turn the clock until the row is as wanted: a state, or a function of the row."""
        for _ in range(rounds):
            await self.work()
            row = await self.row(deployment_id)
            if (wanted(row) if callable(wanted) else (row.state is wanted)):
                return row
            self.clock.turn(seconds=seconds)
        raise AssertionError(f"It is {row.state}, {row.standing.word}: {row.reason} {row.next_note} {row.problem}")

    async def live(self, deployment_id: int) -> views.DeploymentView:
        """Wait until it is live."""
        return await self.until(deployment_id, states.State.LIVE)

    def knob(self, row: views.DeploymentView, name: str, **fields: Any) -> None:
        """Turn one of the stand-in's knobs for this deployment."""
        import atr.sandbox.knobs as knobs  # noqa: PLC0415

        knobs.turn(self.platform, row.external_id, name, fields)

    def fault(self, **fault: Any) -> None:
        """Have a request go wrong: the fields of `atr.sandbox.faults.Fault`."""
        import atr.sandbox.faults as faults  # noqa: PLC0415

        self.platform.faults.add([faults.Fault.model_validate(fault)])


@contextlib.asynccontextmanager
async def open_world(
    state_dir: pathlib.Path, database: pathlib.Path, **overrides: Any
) -> AsyncIterator[World]:
    """A world over a fresh copy of a migrated database. `overrides` are settings of the worker."""
    clock = Clock()
    platform = stand_in.World(state_dir / "sandbox", clock=clock.seconds)
    platform.add_account("atr", ("org.example", "commons-cli"), TOKEN)
    async with server.RunningSandbox(platform) as sandbox:
        given: Mapping[str, Any] = {
            "state_dir": state_dir,
            "database_url": f"sqlite+aiosqlite:///{database}",
            "sandbox": True,
            "maven_central_portal_url": sandbox.portal_url,
            "maven_central_repository_url": sandbox.repository_url,
            "maven_central_token": f"{TOKEN.name}:{TOKEN.password}",
            "call_timeout": 2.0,
            "pace": 0.0,
            **overrides,
        }
        settings = config.WorkerSettings.model_validate(given)
        async with worker.context(settings, clock) as hands:
            yield World(hands, sandbox, clock, settings)


