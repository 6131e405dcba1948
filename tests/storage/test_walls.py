# SPDX-License-Identifier: Apache-2.0
"""What one committee could do to another: take its names, upload under them, stand in its way."""

from typing import Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.storage.files as files
from tests import world as worlds

_ELSEWHERE: Final = "org/example/elsewhere/thing/1.0"


async def test_a_version_that_reads_as_another_projects_release_is_not_started(world: worlds.World) -> None:
    """A release key joins project and version by a hyphen: who starts "extra-1.0" would take it from "...-extra"."""
    await world.settle_in()
    neighbour = f"{people.PROJECT}-extra"
    async with world.admin() as admin:
        await admin.policy.set_project(neighbour, "Extra", "elsewhere")
    with pytest.raises(errors.InputError, match=r"Extra") as told:
        async with world.member() as member:
            await member.release.start(people.PROJECT, "extra-1.0")
    assert told.value.field == "version"
    async with world.store.write_as_project_committee_participant(neighbour, people.STRANGER) as participant:
        assert await participant.release.start(neighbour, "1.0") == f"{neighbour}-1.0"
    # A hyphen alone is no harm.
    async with world.member() as member:
        await member.release.start(people.PROJECT, "2.0-beta-1")


async def test_a_key_that_another_project_took_first_is_said_to_be_another_projects(world: worlds.World) -> None:
    """The release was there before the project that it reads as."""
    await world.settle_in()
    neighbour = f"{people.PROJECT}-extra"
    async with world.member() as member:
        await member.release.start(people.PROJECT, "extra-1.0")
    async with world.admin() as admin:
        await admin.policy.set_project(neighbour, "Extra", "elsewhere")
    with pytest.raises(errors.ConflictError, match=r"Example Widgets extra-1\.0"):
        async with world.store.write_as_project_committee_participant(neighbour, people.STRANGER) as participant:
            await participant.release.start(neighbour, "1.0")


async def test_what_the_policy_maps_after_the_click_stays_inside_the_wall(world: worlds.World) -> None:
    """The account can stage anybody's names, so a mapping that was changed before the upload left sends nothing."""
    release_key = await world.composed()

    async def another(draft: files.Draft) -> None:
        for ending in (".pom", ".pom.asc", ".jar", ".jar.asc"):
            await draft.add(f"other/{_ELSEWHERE}/thing-1.0{ending}", worlds.stream(b"not ours"))

    await world.revise(release_key, another)
    deployment_id = await world.stage(release_key)
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={worlds.MAVEN.gh_slug: ["other/**"]})
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.widgets"])
    await world.work()
    row = await world.row(deployment_id)
    assert world.requests("upload") == 0
    assert (await world.rows(tables.Deployment))[0].state is states.DeploymentState.UPLOADING
    assert "Outside the names that belong to this project: org.example.elsewhere:thing" in row.problem
    # Put right, it leaves.
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={worlds.MAVEN.gh_slug: ["maven/**"]})
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=world.tree.namespaces)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)
