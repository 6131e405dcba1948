# SPDX-License-Identifier: Apache-2.0
"""Copies of what somebody staged elsewhere: kept by the same reading, within a quota, freed when nothing needs them."""

import asyncio
import contextlib
import dataclasses
import pathlib
import resource
from collections.abc import Iterator

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.demo.tree as trees
import atr.disk as disk
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.holdings as holdings
import atr.storage.worker.copies as writers
from tests import world as worlds
from tests.coded import coded
from tests.journeys import test_kills as kills


async def elsewhere(world: worlds.World, *, keep: bool = True, size: int = 20_000) -> tuple[str, int]:
    """A release in Compose that maps nothing, and a recorded deployment that a build machine staged."""
    tree = trees.example(size)
    world.tree = await world.settle_in(trees.Tree({}, tree.packages))
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={}, keep_copies=keep)
    release_key = await people.compose(world.store, world.tree)
    deployment_id = await world.record(release_key, await world.stage_elsewhere(tree))
    world.tree = tree
    return release_key, deployment_id


async def captured(world: worlds.World, deployment_id: int) -> tables.Deployment:
    """Wait for the capture, and answer the deployment's row."""
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    await world.work()
    return await deployment(world, deployment_id)


async def deployment(world: worlds.World, deployment_id: int) -> tables.Deployment:
    """The row, for looking at."""
    async with world.store.read() as read:
        row = await read.data.get(tables.Deployment, deployment_id)
        assert row is not None
        return row


def store(world: worlds.World) -> disk.Blobs:
    """Where the blobs are."""
    return world.store.place.blobs


def contents(world: worlds.World) -> set[bytes]:
    """Every file that was staged, as bytes."""
    return {content for content in world.tree.files.values() if isinstance(content, bytes)}


def kept(world: worlds.World) -> set[bytes]:
    """What the store holds."""
    return {store(world).path(name).read_bytes() for name, _ in store(world).found()}


def parts(world: worlds.World) -> list[pathlib.Path]:
    """What is half-written."""
    return list((world.store.place.state_dir / "copies").glob(".part-*"))


async def kept_copies(world: worlds.World) -> list[str]:
    """The file sets that are kept."""
    return [copy.file_set_digest for copy in await world.rows(tables.KeptCopy)]


def quota(world: worlds.World, size: int) -> None:
    """The operator gives each project so much, from here on."""
    for each in (world.store, world.hands.storage):
        each.place = dataclasses.replace(each.place, copies_quota=size)


async def test_the_reading_that_captures_keeps_the_bytes(world: worlds.World) -> None:
    """One download a file; the copy stands when the capture does, and the timeline says so."""
    _, deployment_id = await elsewhere(world)
    row = await captured(world, deployment_id)
    assert kept(world) == contents(world)
    assert await kept_copies(world) == [row.file_set_digest]
    downloads = [one.path for one in world.platform.traffic.log if one.endpoint == "download"]
    assert len(downloads) == len(set(downloads))
    assert row.copy_problem == ""
    whats = [event.what for event in await world.events(f"deployment:{deployment_id}")]
    assert whats.index("copy_kept") == whats.index("deployment_captured") + 1


async def test_without_the_switch_nothing_is_kept(world: worlds.World) -> None:
    _, deployment_id = await elsewhere(world, keep=False)
    row = await captured(world, deployment_id)
    assert (kept(world), await kept_copies(world), row.copy_problem) == (set(), [], "")


async def test_what_was_uploaded_from_here_needs_no_copy(world: worlds.World) -> None:
    """Its bytes are in the revision; a second place would only cost."""
    tree = await world.settle_in()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, keep_copies=True)
    world.tree = tree
    release_key = await people.compose(world.store, tree)
    row = await captured(world, await world.stage(release_key))
    assert (kept(world), await kept_copies(world), row.copy_problem) == (set(), [], "")
    async with world.store.read() as read:
        release = await read.data.get(sql.Release, release_key)
        assert release is not None
        assert row.file_set_digest
        held = await holdings.holder(read, release, row.file_set_digest)
        assert held is not None
        assert held.described == "revision 00001"
        found = await holdings.sources(read, release, row.file_set_digest, held)
    assert {b"".join(file.pieces()) for _, file in found} == contents(world)


async def test_switching_on_later_keeps_what_is_staged_already(world: worlds.World) -> None:
    """Each file is read once more, and nothing else of the row changes."""
    _, deployment_id = await elsewhere(world, keep=False)
    before = await captured(world, deployment_id)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, keep_copies=True)
    await world.work()
    after = await deployment(world, deployment_id)
    assert kept(world) == contents(world)
    assert await kept_copies(world) == [after.file_set_digest]
    assert (after.version, after.captured_at, after.state) == (before.version, before.captured_at, before.state)


async def test_another_content_than_was_captured_is_not_kept(world: worlds.World) -> None:
    """The platform holds something else by now: no copy, and the row says which file."""
    _, deployment_id = await elsewhere(world, keep=False)
    await captured(world, deployment_id)
    world.knob(await world.row(deployment_id), "tamper")
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, keep_copies=True)
    await world.work()
    row = await deployment(world, deployment_id)
    assert await kept_copies(world) == []
    assert "has changed since it was captured" in row.copy_problem


async def test_a_member_asks_for_a_copy(world: worlds.World) -> None:
    """What a platform did not give at first is asked for again by a click; without the switch it is refused."""
    _, deployment_id = await elsewhere(world, keep=False)
    await captured(world, deployment_id)
    async with world.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("copies-off")):
            await member.deployments.keep_copy(deployment_id)
    world.fault("download", status=429, headers={"Retry-After": "3600"}, times=50)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, keep_copies=True)
    await world.work()
    assert (await deployment(world, deployment_id)).copy_problem.startswith("No copy was made: ")
    world.platform.faults.clear()
    async with world.member() as member:
        await member.deployments.keep_copy(deployment_id)
    await world.work()
    row = await deployment(world, deployment_id)
    assert (row.copy_problem, await kept_copies(world)) == ("", [row.file_set_digest])
    async with world.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("held-already", holder="the kept copy")):
            await member.deployments.keep_copy(deployment_id)


async def test_over_quota_the_capture_stands_and_the_row_says_what_to_do(world: worlds.World) -> None:
    """Nothing of the copy stays on the disk; with more room a click is enough."""
    _, deployment_id = await elsewhere(world)
    quota(world, 10_000)
    row = await captured(world, deployment_id)
    assert row.file_set_digest
    assert (kept(world), await kept_copies(world)) == (set(), [])
    assert "10,000 bytes" in row.copy_problem
    assert "Delete copies of older candidates" in row.copy_problem
    quota(world, 1_000_000)
    async with world.member() as member:
        await member.deployments.keep_copy(deployment_id)
    await world.work()
    assert kept(world) == contents(world)
    assert (await deployment(world, deployment_id)).copy_problem == ""


async def test_the_quota_counts_each_blob_once(world: worlds.World) -> None:
    """A second candidate with the same files costs nothing, though the quota has no room for two."""
    release_key, first = await elsewhere(world)
    await captured(world, first)
    async with world.store.read() as read:
        used = await holdings.usage(read, people.PROJECT)
    assert sum(used.values()) == sum(len(content) for content in contents(world))
    quota(world, sum(used.values()))
    world.knob(await world.row(first), "vanish")
    pom = next(path for path in world.tree.files if path.endswith("core-2.4.0.pom"))
    more = {**world.tree.files, pom.replace(".pom", "-notes.txt"): world.tree.files[pom]}
    more[pom.replace(".pom", "-notes.txt.asc")] = world.tree.files[f"{pom}.asc"]
    second = await world.record(release_key, await world.stage_elsewhere(trees.Tree(more, world.tree.packages)))
    row = await captured(world, second)
    assert row.copy_problem == ""
    assert len(await kept_copies(world)) == 2


@contextlib.contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """The operating system lets this process write no file beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_takes_no_more_costs_the_copy_and_not_the_capture(world: worlds.World) -> None:
    """Half-written files and those before them are gone; the row says what to do, and later it can be done."""
    _, deployment_id = await elsewhere(world, size=30_000_000)
    with files_at_most(8_000_000):
        row = await captured(world, deployment_id)
    assert row.file_set_digest
    assert row.state is states.DeploymentState.STAGED
    assert row.copy_problem.startswith("No copy was made: the server's disk did not accept it (File too large)")
    assert (kept(world), await kept_copies(world)) == (set(), [])
    assert parts(world) == []
    async with world.member() as member:
        await member.deployments.keep_copy(deployment_id)
    await world.work()
    assert kept(world) == contents(world)


@pytest.mark.parametrize("after", [0, 9, 14])
async def test_killed_in_the_middle_another_worker_keeps_the_rest(after: int, world: worlds.World) -> None:
    """What the first one read and put there is not read again."""
    _, deployment_id = await elsewhere(world)
    hands = kills.mortal(world.hands, "staged_bytes", after=after)
    for _ in range(60):
        if await world.dies(hands):
            break
        await world.turn_to_due()
    done = {read.path for read in await world.rows(tables.FileRead)}
    before = len(world.platform.traffic.log)
    row = await captured(world, deployment_id)
    again = {one.path.partition("/download/")[2] for one in list(world.platform.traffic.log)[before:]}
    assert not done & again
    assert kept(world) == contents(world)
    assert await kept_copies(world) == [row.file_set_digest]


async def test_killed_before_the_capture_is_stored_nothing_is_read_again(world: worlds.World) -> None:
    _, deployment_id = await elsewhere(world)
    hands = world.dying_at("before_captured")
    while not await world.dies(hands):
        await world.turn_to_due()
    assert await kept_copies(world) == []
    members = set(world.tree.files)
    before = len(world.platform.traffic.log)
    row = await captured(world, deployment_id)
    again = {one.path.partition("/download/")[2] for one in list(world.platform.traffic.log)[before:]}
    assert not members & again
    assert await kept_copies(world) == [row.file_set_digest]


async def test_a_file_that_was_read_and_whose_blob_is_gone_is_read_again(world: worlds.World) -> None:
    _, deployment_id = await elsewhere(world)
    hands = world.dying_at("before_captured")
    while not await world.dies(hands):
        await world.turn_to_due()
    name = min(name for name, _ in store(world).found())
    store(world).remove([name])
    row = await captured(world, deployment_id)
    assert store(world).path(name).is_file()
    assert await kept_copies(world) == [row.file_set_digest]
    assert (await world.row(deployment_id)).progress == ""


async def test_a_sweep_between_reading_and_storing_costs_one_more_reading(world: worlds.World) -> None:
    """The row of a copy is never written without its blobs: it is asked for again, and kept then."""
    _, deployment_id = await elsewhere(world)
    swept: list[str] = []

    def sweep(here: str) -> None:
        if (here == "before_captured") and not swept:
            swept.extend(name for name, _ in store(world).found())
            store(world).remove(swept)

    with world.other_hands(failpoint=sweep):
        row = await captured(world, deployment_id)
    assert swept
    await world.work()
    assert kept(world) == contents(world)
    assert await kept_copies(world) == [row.file_set_digest]


async def test_keeping_and_sweeping_at_once_never_leaves_a_row_without_its_bytes(world: worlds.World) -> None:
    """Two transactions, in whichever order: a copy with all its blobs, or none."""
    _, deployment_id = await elsewhere(world)
    row = await captured(world, deployment_id)
    names = [name for name, _ in store(world).found()]
    seen = set()
    for round_ in range(22):
        async with world.by_hand() as data:
            copy = await data.get(tables.KeptCopy, (people.PROJECT, row.file_set_digest))
            if copy is not None:
                await data.delete(copy)
        for content in contents(world):
            with store(world).part() as part:
                part.write(content)
                part.keep(world.clock())

        both = [keep_again(world, deployment_id), free(world, names)]
        if round_ < 2:
            # Whoever wins the races below, each order was there once.
            await both[round_]
            await both[1 - round_]
        else:
            await asyncio.gather(*(both if round_ % 2 else reversed(both)))
        there = bool(await kept_copies(world))
        whole = kept(world) == contents(world)
        assert whole or not there
        seen.add((there, whole))
    assert seen == {(True, True), (False, False)}


async def keep_again(world: worlds.World, deployment_id: int) -> None:
    """What a capture does at its end."""
    async with world.service() as service:
        row = await queries.demand_deployment(service.write.data, deployment_id)
        await writers.keep(service.write, row, await queries.file_set(service.write.data, row.file_set_digest or ""))


async def free(world: worlds.World, names: list[str]) -> None:
    """What a sweep does with blobs that are old."""
    async with world.service() as service:
        await service.copies.free(names)


async def test_forgetting_frees_what_no_other_copy_needs(world: worlds.World) -> None:
    """A reason; then the sweep takes what is older than a day and leaves what the other candidate shares."""
    release_key, first = await elsewhere(world)
    await captured(world, first)
    files = {path: content for path, content in world.tree.files.items() if "widgets-parent" in path}
    world.knob(await world.row(first), "vanish")
    second = await world.record(
        release_key,
        await world.stage_elsewhere(trees.Tree(files, world.tree.packages)),
        next(package for package in world.tree.packages if package.package == "widgets-parent"),
    )
    await captured(world, second)
    async with world.member() as member:
        with pytest.raises(errors.InputError, match="Enter a reason"):
            await member.deployments.forget_copy(first, " ")
    async with world.member() as member:
        await member.deployments.forget_copy(first, "a newer candidate is there")
    await world.work()
    # Younger than a day: it might belong to a reading that goes on.
    assert kept(world) == contents(world)
    await world.pass_time(days=1)
    await world.pass_time(days=1)
    assert kept(world) == set(files.values())
    async with world.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("no-copy")):
            await member.deployments.forget_copy(first, "twice")


async def test_what_an_open_vote_is_about_is_not_forgotten(world: worlds.World) -> None:
    release_key, deployment_id = await elsewhere(world)
    await captured(world, deployment_id)
    async with world.manager() as manager:
        await manager.vote.open_vote(release_key)
    async with world.member() as member:
        with pytest.raises(errors.ConflictError, check=coded("copy-on-open-ballot")):
            await member.deployments.forget_copy(deployment_id, "to save room")
    async with world.manager() as manager:
        await manager.vote_resolution.resolve_failed(release_key, "there is a bug")
    async with world.member() as member:
        await member.deployments.forget_copy(deployment_id, "to save room")
    assert await kept_copies(world) == []


async def test_only_a_member_of_the_committee_keeps_or_forgets(world: worlds.World) -> None:
    _, deployment_id = await elsewhere(world)
    await captured(world, deployment_id)
    with pytest.raises(errors.AccessError):
        async with world.member(people.COMMITTER) as member:
            await member.deployments.forget_copy(deployment_id, "no")
    async with world.store.write_as_project_release_manager(people.PROJECT, people.COMMITTER) as manager:
        assert not hasattr(manager, "copies")


async def test_a_sweep_follows_every_reading_that_may_leave_something(world: worlds.World) -> None:
    """A capture that never ends: what it put there is freed a day after."""
    _, deployment_id = await elsewhere(world)
    hands = world.dying_at("before_captured")
    while not await world.dies(hands):
        await world.turn_to_due()
    world.knob(await world.row(deployment_id), "vanish")
    assert kept(world) == contents(world)
    for _ in range(4):
        await world.pass_time(days=1)
    assert (await deployment(world, deployment_id)).state is states.DeploymentState.GONE
    assert kept(world) == set()
