# SPDX-License-Identifier: Apache-2.0
"""What each page of a release costs when the release has 10, 1,000 and 10,000 files.

    python -m tests.benchmarks.pages [--files 10,1000,10000] [--repeats N] [--directory DIR]

Statements are exact and the finding: they must not grow with the files. Milliseconds are of this machine, measured in
one run, in the process of the pages; only their growth says anything. What is what: tests/benchmarks/README.md.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import pathlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

import quart
import sqlalchemy
import sqlmodel
from quart.typing import TestClientProtocol

import atr.config as config
import atr.db.migrate as migrate
import atr.db.queries as queries
import atr.db.session as session
import atr.demo.people as people
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.work as work
import atr.pages.deployments as deployments
import atr.promotion.fileset as fileset
import atr.promotion.states as states
import atr.promotion.steps as steps
import atr.server as server
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.transaction as transaction
import atr.storage.worker as services
import atr.storage.worker.captures as captures
import tests.benchmarks.many_files as many_files

SIZES: Final = (10, 1_000, 10_000)
_REPEATS: Final = 5
_MAVEN: Final = distribution.DistributionPlatform.MAVEN
_ID: Final = "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa"
_OK: Final = 200
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
# By the phase in which it is looked at. {p}: project and version.
PAGES: Final = {
    "compose": (
        "/compose/{p}",
        "/compose/{p}?folder=maven/org/example/many/module-00000/1.0.0",
        "/compose/{p}?q=sources",
        "/compose/change/{p}?path=maven",
        "/revisions/{p}?from=00001&to=00001",
        "/policy/{project}",
        "/distribution/list/{p}",
        "/distribution/stage/automate/{p}?platform=MAVEN",
        "/voting/{p}",
    ),
    "vote": (
        "/vote/{p}",
        "/vote/{p}/count",
        "/resolve/{p}",
        "/abandon/{p}",
        "/repository/{p}/{ballot}/",
        "/distribution/detail/{p}/d1",
    ),
    "finish": (
        "/releases",
        "/finish/{p}",
        "/finish/{p}/row/d1",
        "/compose/{p}",
        "/distribution/detail/{p}/d1",
        "/distribution/promote/{p}?deployment_id=1",
        "/distribution/promote-all/{p}",
        "/distribution/list/{p}",
    ),
    "live": ("/finish/{p}", "/announce/{p}", "/distribution/detail/{p}/d1", "/distribution/list/{p}?page=2"),
}

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Cost:
    """One page at one size: how many statements it needed, the median of its milliseconds, and its bytes."""

    page: str
    files: int
    statements: int
    milliseconds: float
    size: int


async def measured(files: int, repeats: int, state_dir: pathlib.Path, tell: Tell) -> list[Cost]:
    """The cost of every page for a release of so many files."""
    costs = []
    async with house(state_dir) as (store, app):
        tell(f"{files:,} files: composing, capturing, voting")
        tree = many_files.tree(files)
        release_key = await composed(store, tree)
        client = await signed_in(app)
        for phase, bring in (("compose", None), ("vote", vote), ("finish", finish), ("live", _live)):
            if bring is not None:
                await bring(store, release_key)
            costs += [await _cost(store, client, phase, page, files, repeats) for page in PAGES[phase]]
    return costs


async def _cost(
    store: storage.Storage, client: TestClientProtocol, phase: str, page: str, files: int, repeats: int
) -> Cost:
    path = page.format(
        p=f"{people.PROJECT}/{many_files.VERSION}", project=people.PROJECT, ballot=await _mapped_digest(store)
    )
    taken, counts, size = [], set(), 0
    # The first look compiles templates and statements.
    for number in range(repeats + 1):
        with counted(store.database) as count:
            began = time.perf_counter()
            answer = await client.get(path)
            body = await answer.get_data()
            took = time.perf_counter() - began
        if answer.status_code != _OK:
            raise SystemExit(f"{path} answered {answer.status_code}.")
        if number:
            taken.append(took * 1000)
            counts.add(count[0])
            size = len(body)
    return Cost(f"{phase}: {page}", files, max(counts), statistics.median(taken), size)


async def _mapped_digest(store: storage.Storage) -> str:
    """The file set that stands on the ballot for Maven Central; empty before there is one."""
    async with store.read() as read:
        wanted = sqlmodel.select(tables.BallotEntry.file_set_digest).where(tables.BallotEntry.platform == _MAVEN.name)
        return (await read.data.exec(wanted)).first() or ""


@contextlib.contextmanager
def counted(database: session.Database) -> Iterator[list[int]]:
    """How many statements were sent meanwhile."""
    count = [0]

    def on_execute(*_: Any) -> None:
        count[0] += 1

    engine = database._engine.sync_engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", on_execute)
    try:
        yield count
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", on_execute)


@contextlib.asynccontextmanager
async def house(state_dir: pathlib.Path) -> AsyncIterator[tuple[storage.Storage, quart.Quart]]:
    """A fresh database with the web server over it, in this process."""
    settings = config.WebSettings(state_dir=state_dir, sandbox=True)
    await asyncio.to_thread(state_dir.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(migrate.upgrade, settings.database)
    database = session.Database(settings.database)
    store = storage.Storage(database, transaction.Place(state_dir))
    try:
        yield store, server.create_app(settings, store)
    finally:
        await database.close()


async def composed(store: storage.Storage, tree: many_files.ManyFiles) -> str:
    """A release whose files are there, staged and captured, all through the writers; no platform is needed for that."""
    await people.settle_in(store, (many_files.GROUP,))
    async with store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
        release_key = await participant.release.start(people.PROJECT, many_files.VERSION)
    async with store.draft(release_key) as draft:
        for path, content in tree.files.items():
            await draft.add(f"maven/{path}", _chunk(content))
        async with store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
            await participant.revision.create(release_key, draft, "Many files")
    async with store.write_as_project_committee_member(people.PROJECT, people.MEMBERS[0]) as member:
        number = await member.distributions.record(release_key, tree.packages[0], staging=True, deployment_id=_ID)
    if number is None:
        raise SystemExit("Nothing was recorded.")
    async with store.write_as_system(services.PromotionService) as service:
        (claimed,) = await service.deployments.claim(owner="benchmark", seconds=60, limit=1)
        await service.deployments.looked(claimed, work.Observation(steps.Seen.STAGED, word="VALIDATED"))
    async with store.write_as_system(services.PromotionService) as service:
        taken = await service.deployments.take(number, owner="benchmark", seconds=60)
        if taken is None:
            raise SystemExit("The deployment is held by somebody else.")
        await service.captures.captured(taken, fileset.FileSet.of(tree.expected), ())
    async with store.write_as_system(services.PromotionService) as service:
        note = captures.Result(sql.CheckResultStatus.NOTE, "All files are equal.")
        await service.checks.record_staged(number, "1", [note])
    return release_key


async def vote(store: storage.Storage, release_key: str) -> None:
    """Open the vote, with three binding +1."""
    async with store.write_as_project_release_manager(people.PROJECT, people.COMMITTER) as manager:
        await manager.vote.open_vote(release_key)
    for asf_uid in people.MEMBERS:
        async with store.write_as_project_committee_participant(people.PROJECT, asf_uid) as participant:
            await participant.vote.cast(release_key, sql.VoteChoice.YES)


async def finish(store: storage.Storage, release_key: str) -> None:
    """Resolve the vote as passed."""
    async with store.write_as_project_release_manager(people.PROJECT, people.COMMITTER) as manager:
        await manager.vote_resolution.resolve_passed(release_key)


async def _live(store: storage.Storage, release_key: str) -> None:
    """As the worker would note it, had it found all this at a platform."""
    async with store.read(people.MEMBERS[0]) as read:
        row = await deployments.one(read, release_key, "d1")
    async with store.write_as_project_committee_member(people.PROJECT, people.MEMBERS[0]) as member:
        await member.distributions.promote_staging_to_production(
            release_key, _MAVEN, 1, evidence_digest=row.evidence_digest, row_version=row.row_version
        )
    async with store.read() as read:
        voted = await queries.file_set(read.data, row.proof.voted.digest if row.proof.voted else "")
    urls = tuple(work.PublicAddress(one, None, "http://127.0.0.1/", "http://127.0.0.1/") for one in row.packages)
    for state in (states.State.CHECKING, states.State.LIVE):
        async with store.write_as_system(services.PromotionService) as service:
            (claimed,) = await service.promotions.claim(owner="benchmark", seconds=60, limit=1)
            learnt = work.Learnt(steps.Decision(state), complete=True, public=voted, urls=urls)
            await service.distributions.settle(claimed, learnt)
        async with store.write_as_project_committee_participant(people.PROJECT, people.COMMITTER) as participant:
            await participant.promotions.look_now(claimed.id)


async def signed_in(app: quart.Quart, asf_uid: str = people.MEMBERS[0]) -> TestClientProtocol:
    """A browser in which this person has signed in."""
    client = app.test_client()
    page = await (await client.get("/sign-in")).get_data(as_text=True)
    token = _TOKEN.search(page)
    await client.post("/sign-in", form={"csrf_token": token.group(1) if token else "", "asf_uid": asf_uid})
    return client


async def _chunk(content: bytes) -> AsyncIterator[bytes]:
    yield content


def lines(costs: Sequence[Cost]) -> list[str]:
    """One line a page: statements, milliseconds and kilobytes at each size, and how they grow from least to most."""
    sizes = sorted({cost.files for cost in costs})
    head = "".join(f"{f'{size:,} files':>24}" for size in sizes)
    out = [f"{'page':<48}{head}{'growth of time':>16}"]
    for page in dict.fromkeys(cost.page for cost in costs):
        row = {cost.files: cost for cost in costs if cost.page == page}
        cells = "".join(f"{_cell(row[size]) if size in row else '':>24}" for size in sizes)
        least, most = row[min(row)], row[max(row)]
        out.append(f"{page:<48}{cells}{most.milliseconds / least.milliseconds:>14.1f} x")
    return [*out, "Each cell: statements, milliseconds (median), kB of page."]


def _cell(cost: Cost) -> str:
    return f"{cost.statements:,} st {cost.milliseconds:,.0f} ms {cost.size / 1000:,.0f} kB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", default=",".join(map(str, SIZES)), help="how many files, separated by commas")
    parser.add_argument("--repeats", type=int, default=_REPEATS)
    parser.add_argument("--directory", type=pathlib.Path, help="where there is room; a temporary one otherwise")
    options = parser.parse_args()
    costs: list[Cost] = []
    for files in (int(text) for text in options.files.split(",")):
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="atr-pages-") as below:
            costs += asyncio.run(measured(files, options.repeats, pathlib.Path(below), _say))
    print("\n".join(lines(costs)))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
