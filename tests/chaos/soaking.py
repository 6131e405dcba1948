# SPDX-License-Identifier: Apache-2.0
"""T23: a worker and a web process under a steady, modest load; memory, descriptors and the write-ahead log stay flat.

Release after release is composed, staged, voted on and promoted until it is live, while a browser looks at pages. What
the processes use is read from /proc. The first third warms up: caches fill, and pools open their connections.
"""

import asyncio
import dataclasses
import pathlib
import socket
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import sqlmodel

import atr.demo.people as people
import atr.demo.tree as trees
import atr.models.promotion as tables
import atr.pages.deployments as deployments
import atr.pages.views as views
import atr.promotion.states as states
import atr.storage.audit as audit
import tests.chaos.fleet as fleet
import tests.chaos.grounds as grounds
import tests.chaos.outcome as outcomes
import tests.chaos.racing as racing
import tests.chaos.truth as truth
from tests import world as worlds

_MIB: Final = 1024**2
# How long the load lasts, and on which engines.
_SECONDS: Final = {outcomes.Size.SMALL: 4.0, outcomes.Size.CI: 120.0, outcomes.Size.RELEASE: 8 * 3_600.0}
_ENGINES: Final = {
    outcomes.Size.SMALL: (grounds.SQLITE,),
    outcomes.Size.CI: (grounds.SQLITE,),
    outcomes.Size.RELEASE: (grounds.SQLITE, grounds.POSTGRESQL),
}
# By how much a process may grow, in MiB an hour, after its warm-up. In eight hours 1 MiB an hour shows. In 80 seconds
# the allocator alone may take a few MiB: 480 is 10 MiB there, what losing 140 KiB a second comes to, two pages of those
# that are looked at. Some seconds are all warm-up, so nothing can be said.
_SLOPE: Final = {outcomes.Size.CI: 480.0, outcomes.Size.RELEASE: 1.0}
# Connections come and go; one lost for each promotion would be more in a minute.
_DESCRIPTORS: Final = 6
_WAL: Final = 64 * _MIB
# A promotion every so many seconds, a sample, a page.
_EVERY: Final = 3.0
_SAMPLE_EVERY: Final = 1.0
_LOOK_EVERY: Final = 0.5


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a process used at one moment."""

    at: float
    resident: int
    descriptors: int


@dataclasses.dataclass(frozen=True)
class Watched:
    """One process, from the warm-up's beginning to the end."""

    name: str
    samples: Sequence[Sample]

    @property
    def warm(self) -> Sequence[Sample]:
        """Those after the warm-up."""
        return self.samples[len(self.samples) // 3 :]

    @property
    def slope(self) -> float:
        """By how much its memory grew once it was warm, in MiB an hour: the line that fits best."""
        fit = statistics.linear_regression([one.at for one in self.warm], [one.resident for one in self.warm])
        return fit.slope * 3_600 / _MIB

    @property
    def more_descriptors(self) -> int:
        """By how many more files and connections it had in its last third than in the one before."""
        half = len(self.warm) // 2
        return max(one.descriptors for one in self.warm[half:]) - max(one.descriptors for one in self.warm[:half])


@dataclasses.dataclass
class _Soaked:
    """What came of one engine."""

    engine: str
    promoted: int = 0
    wal: int = 0
    watched: Sequence[Watched] = ()
    # What was put to the vote, sha256 by path.
    voted: list[Mapping[str, str]] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


def campaign(size: outcomes.Size, seed: int) -> outcomes.Outcome:
    """The load for so long; a round is a promotion that went live."""
    again = f"CHAOS={size} ATR_CHAOS_SEED={seed} python -m tests.chaos T23"
    with grounds.grounds(_ENGINES[size]) as places:
        soaked = asyncio.run(_all(places, _SECONDS[size], fleet.serve))
    wrong = [f"{one.engine}: {sentence}" for one in soaked for sentence in (*one.wrong, *judged(one.watched, size))]
    seen = [
        f"{one.engine}: {one.promoted} promotions, WAL at most {one.wal / _MIB:.1f} MiB; "
        + "; ".join(map(_told, one.watched))
        for one in soaked
    ]
    return outcomes.Outcome(
        sum(one.promoted for one in soaked), tuple(f"{sentence}. {again}" for sentence in wrong), tuple(seen)
    )


def judged(watched: Sequence[Watched], size: outcomes.Size) -> list[str]:
    """What is not flat."""
    wrong = []
    for one in watched:
        if (size in _SLOPE) and (one.slope > _SLOPE[size]):
            wrong.append(f"the {one.name} grows by {one.slope:.0f} MiB an hour")
        if one.more_descriptors > _DESCRIPTORS:
            wrong.append(f"the {one.name} has {one.more_descriptors} more descriptors in the end")
    return wrong


def soak(seconds: float, entry: fleet.Entry) -> Sequence[Watched]:
    """The load on SQLite with this web process, for trying the campaign itself."""
    with grounds.grounds((grounds.SQLITE,)) as places:
        (soaked,) = asyncio.run(_all(places, seconds, entry))
    return soaked.watched


async def _all(places: Mapping[str, grounds.Grounds], seconds: float, web: fleet.Entry) -> list[_Soaked]:
    return await asyncio.gather(*(_soak(place, seconds, web) for place in places.values()))


async def _soak(place: grounds.Grounds, seconds: float, web: fleet.Entry) -> _Soaked:
    soaked = _Soaked(place.engine)
    async with place.round() as here:
        with fleet.Fleet(here.directory).at_sea() as ships, socket.create_server(("127.0.0.1", 0)) as listener:
            worker = ships.start(fleet.work, here.worker_settings)
            server = ships.start(web, here.web_settings, listener)
            samples: dict[str, list[Sample]] = {"worker": [], "web": []}
            async with racing.Racer(f"http://127.0.0.1:{listener.getsockname()[1]}") as browser:
                await browser.sign_in(worlds.MEMBER)
                ends = time.monotonic() + seconds
                async with asyncio.TaskGroup() as group:
                    group.create_task(_promote_on(here, ends, soaked))
                    group.create_task(_look_on(here, browser, ends, soaked))
                    group.create_task(_sample_on(here, {"worker": worker, "web": server}, samples, ends, soaked))
            for ship in (worker, server):
                code = await ship.stopped()
                soaked.wrong.extend([] if code == 0 else [f"a process ended with {code}: {ship.said}"])
        soaked.wrong.extend(await _lost(here, soaked))
        soaked.watched = [Watched(name, taken) for name, taken in samples.items()]
    return soaked


async def _promote_on(here: grounds.Round, ends: float, soaked: _Soaked) -> None:
    """One release after the other, from its first file until it is live."""
    await here.promote()
    await _until(here, here.scene.deployment_id, states.State.LIVE, soaked)
    while time.monotonic() < ends:
        began = time.monotonic()
        tree = trees.example(version=f"3.{soaked.promoted}")
        release_key = await people.compose(here.store, tree)
        here.judge.passed([tree.files])
        soaked.voted.append(truth.hashed(tree.files))
        deployment_id = await people.stage(here.store, release_key)
        if not await _until(here, deployment_id, None, soaked):
            return
        await people.vote(here.store, release_key)
        row = await _ready(here, release_key, deployment_id, soaked)
        if row is None:
            return
        async with here.store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
            await member.distributions.promote_staging_to_production(
                release_key,
                worlds.MAVEN,
                deployment_id,
                evidence_digest=row.evidence_digest,
                row_version=row.row_version,
            )
        if not await _until(here, deployment_id, states.State.LIVE, soaked):
            return
        await asyncio.sleep(max(0.0, min(began + _EVERY, ends) - time.monotonic()))


async def _ready(
    here: grounds.Round, release_key: str, deployment_id: int, soaked: _Soaked
) -> views.DeploymentView | None:
    """The row, once nothing holds it: the check of its files runs after the vote. None, and noted, if it is held."""
    ends = time.monotonic() + fleet.PATIENCE
    while time.monotonic() < ends:
        async with here.store.read(worlds.MEMBER) as read:
            row = await deployments.one(read, release_key, f"d{deployment_id}")
        if not row.blockers:
            return row
        await asyncio.sleep(0.1)
    soaked.wrong.append(f"deployment {deployment_id} is held: {row.blockers[0].sentence}")
    return None


async def _until(here: grounds.Round, deployment_id: int, wanted: states.State | None, soaked: _Soaked) -> bool:
    """Wait until its promotion is there, or without a state until its files are captured; noted if that never comes."""
    ends = time.monotonic() + fleet.PATIENCE
    while time.monotonic() < ends:
        async with here.store.read() as read:
            state = sqlmodel.select(tables.Promotion.state).where(tables.Promotion.deployment_id == deployment_id)
            files = sqlmodel.select(tables.Deployment.file_set_digest).where(tables.Deployment.id == deployment_id)
            done = (await read.data.exec(state)).first() is wanted if wanted else (await read.data.exec(files)).first()
        if done:
            soaked.promoted += wanted is not None
            return True
        await asyncio.sleep(0.1)
    soaked.wrong.append(f"deployment {deployment_id} did not come to {wanted or 'its capture'}")
    return False


async def _look_on(here: grounds.Round, browser: racing.Racer, ends: float, soaked: _Soaked) -> None:
    """Look at pages as people do who wait."""
    row = await here.row()
    pages = (
        f"/finish/{row.project_key}/{row.version_key}",
        f"/distribution/list/{row.project_key}/{row.version_key}",
        "/readyz",
    )
    while time.monotonic() < ends:
        for page in pages:
            answer = await browser.look(page)
            if answer.status_code != httpx.codes.OK:
                soaked.wrong.append(f"{page} answered {answer.status_code}")
            await asyncio.sleep(_LOOK_EVERY)


async def _sample_on(
    here: grounds.Round,
    ships: Mapping[str, fleet.Ship],
    samples: Mapping[str, list[Sample]],
    ends: float,
    soaked: _Soaked,
) -> None:
    wal = here.directory / "atr.db-wal"
    while time.monotonic() < ends:
        for name, ship in ships.items():
            samples[name].append(sample(ship.pid))
        size = wal.stat().st_size if wal.exists() else 0
        soaked.wal = max(soaked.wal, size)
        await asyncio.sleep(_SAMPLE_EVERY)
    if soaked.wal > _WAL:
        soaked.wrong.append(f"the write-ahead log grew to {soaked.wal / _MIB:.0f} MiB")


def sample(pid: int) -> Sample:
    """What a process uses now."""
    process = pathlib.Path("/proc") / str(pid)
    lines = (process / "status").read_text().splitlines()
    resident = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return Sample(time.monotonic(), resident, sum(1 for _ in (process / "fd").iterdir()))


async def _lost(here: grounds.Round, soaked: _Soaked) -> list[str]:
    """Nothing is lost, nothing is sent twice, and what is public is what was voted on."""
    rows = await here.rows(tables.Promotion)
    marks = [one for one in await here.rows(tables.Attempt) if one.kind is tables.AttemptKind.PUBLISH]
    effects = here.platform.traffic.effects["publish"]
    chains: dict[str, list[tables.Event]] = {}
    for event in await here.rows(tables.Event):
        chains.setdefault(event.chain, []).append(event)
    wrong = [f"the chain of {name} is broken" for name, chain in chains.items() if audit.broken_at(chain)]
    wrong += [sentence for one in here.judge.look().effects for sentence in here.judge.unvoted(one)]
    wrong += [sentence for voted in soaked.voted[: len(rows) - 1] for sentence in here.judge.differs(voted)]
    open_still = [row.id for row in rows if row.state is not states.State.LIVE]
    if open_still or (effects != len(rows)) or (here.publish_calls > len(marks)):
        wrong.append(
            f"{len(rows)} promotions, {effects} effects, {here.publish_calls} calls, {len(marks)} marks; "
            f"not live: {open_still}"
        )
    return wrong


def _told(one: Watched) -> str:
    last = one.samples[-1]
    return (
        f"{one.name} {last.resident / _MIB:.0f} MiB, {one.slope:+.0f} MiB an hour, "
        f"{last.descriptors} descriptors, {one.more_descriptors:+d}"
    )
