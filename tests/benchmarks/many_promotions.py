# SPDX-License-Identifier: Apache-2.0
"""Many promotions that the scan works on, put into a migrated database at once; and a store over it."""

import contextlib
import dataclasses
import datetime
import pathlib
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import sqlalchemy
import sqlmodel
from sqlmodel import col

import atr.db.migrate as migrate
import atr.demo.people as people
import atr.models.promotion as tables
import atr.platforms.registry as registry
import atr.promotion.budget as budget
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.tasks.context as contexts
import atr.worker as worker
from tests import databases

ENGINES: Final = ("sqlite", "postgresql")
GROUP: Final = "org.example.many"
_AT_ONCE: Final = 500
_NAMES: Final = uuid.UUID("6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa")


@contextlib.contextmanager
def server(engine: str) -> Iterator[databases.Server | None]:
    """A PostgreSQL server of our own that waits for the disk, as one must; None for SQLite."""
    if engine == "sqlite":
        yield None
        return
    with databases.server({}) as running:
        yield running


def fresh(running: databases.Server | None, directory: pathlib.Path) -> str:
    """A fresh, migrated database: its address."""
    directory.mkdir(parents=True, exist_ok=True)
    address = databases.sqlite_url(directory / "atr.db") if running is None else running.create()
    migrate.upgrade(address)
    return address


@contextlib.asynccontextmanager
async def hands(
    address: str, state_dir: pathlib.Path, *, portal_url: str = "", repository_url: str = ""
) -> AsyncIterator[contexts.Context]:
    """The real worker's hands, with the budget lifted: as many looks as are due."""
    given: dict[str, Any] = {
        "state_dir": state_dir,
        "database_url": address,
        "sandbox": True,
        "maven_central_portal_url": portal_url,
        "maven_central_repository_url": repository_url,
        "maven_central_token": "name:password",
    }
    async with worker.context(registry.WorkerSettings.model_validate(given)) as made:
        limits = {reach: budget.Limits() for reach in budget.Reach}
        place = dataclasses.replace(made.storage.place, limits=limits)
        yield dataclasses.replace(made, storage=storage.Storage(made.storage.database, place))


async def put(store: storage.Storage, count: int) -> None:
    """So many promotions that were sent and are publishing, each with its own deployment and package, all due."""
    await people.settle_in(store, (GROUP,))
    async with store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
        release_key = await participant.release.start(people.PROJECT, "1.0.0")
    files = fileset.FileSet.of([fileset.File("org/example/many/one/1.0.0/one-1.0.0.jar", 1, "ab" * 32)])
    async with store.database.write() as data:
        now = await store.database.now(data)
        data.add(tables.FileSetRow(digest=files.digest, files=1, size=1, created=now))
        await data.flush()
        for first in range(1, count + 1, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count + 1))
            rows = [_rows(number, release_key, files.digest, now) for number in numbers]
            for of_one_table in zip(*rows, strict=True):
                data.add_all(of_one_table)
                await data.flush()
            data.expunge_all()


async def unseen(store: storage.Storage) -> int:
    """How many promotions nobody has looked at."""
    row = tables.Promotion
    async with store.read() as read:
        wanted = sqlmodel.select(sqlalchemy.func.count()).where(col(row.last_look).is_(None))
        return int((await read.data.exec(wanted)).one())


def _rows(
    number: int, release_key: str, digest: str, now: datetime.datetime
) -> tuple[tables.Deployment, tables.Promotion, tables.PromotionTarget, tables.Attempt]:
    platform = distribution.DistributionPlatform.MAVEN
    where = distribution.coordinates(platform, GROUP, f"module-{number:05}", "1.0.0")
    # Old enough to be asked about once a minute, and due one after the other.
    sent, due = now - datetime.timedelta(hours=1), now - datetime.timedelta(seconds=1, microseconds=-number)
    deployment = tables.Deployment(
        id=number,
        release_key=release_key,
        platform=platform.name,
        mechanism="CENTRAL_PORTAL",
        external_id=str(uuid.uuid5(_NAMES, where.package)),
        state=states.DeploymentState.STAGED,
        entered_at=sent,
        created_by=people.MEMBERS[0],
        created=sent,
        file_set_digest=digest,
        captured_at=sent,
    )
    promotion = tables.Promotion(
        id=number,
        release_key=release_key,
        platform=platform.name,
        mechanism="CENTRAL_PORTAL",
        deployment_id=number,
        state=states.State.PUBLISHING,
        entered_at=sent,
        requested_by=people.MEMBERS[0],
        requested_at=sent,
        evidence_digest=digest,
        voted_digest=digest,
        deadline=now + datetime.timedelta(days=1),
        due_at=due,
    )
    target = tables.PromotionTarget(
        promotion_id=number,
        purl=where.purl,
        owner_namespace=where.owner_namespace,
        package=where.package,
        version=where.version,
    )
    attempt = tables.Attempt(
        promotion_id=number,
        deployment_id=number,
        kind=tables.AttemptKind.PUBLISH,
        number=1,
        lease_epoch=1,
        marked_at=sent,
        marked_for=people.MEMBERS[0],
        answered_at=sent,
        answer=steps.Answer.TAKEN,
        status=204,
    )
    return deployment, promotion, target, attempt
