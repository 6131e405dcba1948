# SPDX-License-Identifier: Apache-2.0
"""Somebody knows what they staged, not under which id: the worker asks, a person chooses."""

from typing import Any

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.searches as searches
import atr.sandbox.central_portal.portal as portals
import atr.shared.distribution as distribution
from tests import world as worlds

VERSION = "2.4.0"
RELEASE = f"{people.PROJECT}-{VERSION}"
CORE = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", VERSION)


async def _ask(world: worlds.World, where: distribution.Coordinates = CORE, asf_uid: str = worlds.MEMBER) -> int:
    async with world.member(asf_uid) as member:
        return await member.deployments.search(RELEASE, where)


async def _page(world: worlds.World, number: int, asf_uid: str = worlds.MEMBER) -> searches.SearchView:
    async with world.store.read(asf_uid) as read:
        return await searches.one(read, sql.release_key(people.PROJECT, VERSION), number)


async def _elsewhere(world: worlds.World, tree: trees.Tree | None = None, **how: Any) -> str:
    """Staged by a build machine, and validated since."""
    external_id = await world.stage_elsewhere(tree or world.tree, **how)
    await world.pass_time(minutes=5)
    return external_id


async def test_what_was_staged_elsewhere_is_found_and_recorded(world: worlds.World) -> None:
    """With its id, the platform's word and name, its packages and when it came; one click records it."""
    release_key = await world.composed()
    external_id = await _elsewhere(world)
    number = await _ask(world)
    assert (await _page(world, number)).answered_at is None
    await world.work()
    view = await _page(world, number)
    (one,) = view.candidates
    assert (one.external_id, one.word, one.name, one.why_not) == (external_id, "VALIDATED", "by mvn deploy", "")
    assert one.packages == world.tree.packages
    assert one.created is not None
    assert (world.clock.at - one.created).total_seconds() == 300
    deployment_id = await world.record(release_key, one.external_id, view.coordinates)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
    (again,) = (await _page(world, number)).candidates
    assert (again.row_key, again.why_not) == (f"d{deployment_id}", "It is already recorded for this release.")


async def test_before_it_is_validated_it_is_not_found(world: worlds.World) -> None:
    """The platform does not say yet what it holds; the page says so, and that one asks again."""
    await world.composed()
    await world.stage_elsewhere(world.tree)
    number = await _ask(world)
    await world.work()
    assert (await _page(world, number)).candidates == ()


async def test_nothing_is_found_where_another_account_staged_it(world: worlds.World) -> None:
    """The platform shows a deployment only to the account that staged it."""
    await world.composed()
    other = portals.Token("other", "another-secret")
    world.platform.portal.add_account("other", ("org.example",), other)
    await _elsewhere(world, token=other)
    number = await _ask(world)
    await world.work()
    view = await _page(world, number)
    assert (view.candidates, view.problem) == ((), "")
    assert view.answered_at == world.clock.at


async def test_outside_the_names_of_the_project_nothing_is_asked(world: worlds.World) -> None:
    """The wall: one account serves many committees."""
    await world.composed()
    where = distribution.coordinates(worlds.MAVEN, "commons-cli", "commons-cli", "1.9.0")
    with pytest.raises(errors.BlockedError, match="Outside the project's namespaces"):
        await _ask(world, where)
    assert world.requests("files") == 0
    assert await world.rows(tables.DeploymentSearch) == []


async def test_of_what_also_holds_others_packages_only_the_id_is_told(world: worlds.World) -> None:
    """Nothing of it is stored either, and it cannot be recorded from here."""
    await world.composed()
    theirs = {
        path.replace("org/example/widgets/widgets-parent", "org/example/secret/secret-parent").replace(
            "widgets-parent", "secret-parent"
        ): data.replace(b"org.example.widgets", b"org.example.secret").replace(b"widgets-parent", b"secret-parent")
        for path, data in world.tree.files.items()
        if "widgets-parent" in path and isinstance(data, bytes)
    }
    both = trees.Tree({**world.tree.files, **theirs}, world.tree.packages)
    external_id = await _elsewhere(world, both, name="the secret release")
    number = await _ask(world)
    await world.work()
    view = await _page(world, number)
    (one,) = view.candidates
    assert (one.external_id, one.name, one.word, one.packages) == (external_id, "", "", ())
    assert "outside the project's namespaces" in one.why_not
    (row,) = await world.rows(tables.DeploymentSearch)
    assert "secret" not in repr(row.found)


async def test_names_that_were_narrowed_since_hide_what_was_found(world: worlds.World) -> None:
    """The page looks at the names as they are now."""
    await world.composed()
    await _elsewhere(world)
    number = await _ask(world)
    await world.work()
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    (one,) = (await _page(world, number)).candidates
    assert one.packages == ()
    assert one.why_not


async def test_a_platform_that_is_down_is_said_and_asked_again(world: worlds.World) -> None:
    """A search has one answer; another search is another question."""
    await world.composed()
    await _elsewhere(world)
    world.fault("files", status=503)
    first = await _ask(world)
    await world.work()
    view = await _page(world, first)
    assert view.problem
    assert view.candidates == ()
    second = await _ask(world)
    assert second != first
    await world.work()
    assert len((await _page(world, second)).candidates) == 1


async def test_asking_twice_while_it_is_looked_for_is_one_search(world: worlds.World) -> None:
    """One row, one task, one event."""
    await world.composed()
    assert await _ask(world) == await _ask(world, asf_uid="bob")
    tasks = [
        task for task in await world.rows(operating.Task) if task.task_type is operating.TaskType.DISTRIBUTION_FIND
    ]
    assert len(tasks) == len(await world.rows(tables.DeploymentSearch)) == 1


async def test_release_managers_and_members_ask_and_see(world: worlds.World) -> None:
    """Nobody else."""
    await world.composed()
    number = await _ask(world)
    async with world.manager() as manager:
        assert await manager.deployments.search(RELEASE, CORE) == number
    assert (await _page(world, number, people.COMMITTER)).etag == (await _page(world, number)).etag
    for who in (people.STRANGER, ""):
        with pytest.raises(errors.AccessError):
            await _ask(world, asf_uid=who)
        with pytest.raises(errors.AccessError):
            await _page(world, number, who)
    with pytest.raises(errors.NotFoundError):
        await _page(world, number + 1)
