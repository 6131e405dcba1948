# SPDX-License-Identifier: Apache-2.0
"""What one committee could do to another: take its names, upload under them, stand in its way."""

from typing import Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.maven as maven
import atr.storage.files as files
import atr.storage.preconditions as preconditions
from tests import world as worlds
from tests.coded import coded

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
    with pytest.raises(errors.ConflictError, check=coded("version-exists", release="Example Widgets extra-1.0")):
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
    assert "Outside the project's namespaces: org.example.elsewhere:thing" in row.problem
    # Put right, it leaves.
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={worlds.MAVEN.gh_slug: ["maven/**"]})
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=world.tree.namespaces)
    await world.until(deployment_id, lambda row: row.proof.staged is not None)


async def test_what_another_committee_staged_is_not_given_up_by_who_records_it(world: worlds.World) -> None:
    """One account stages for all: an id is enough to record it, and not enough to have it dropped."""
    await world.settle_in()
    async with world.admin() as admin:
        await admin.policy.set_project("other", "Other", "elsewhere")
        await admin.policy.set_target("other", worlds.MAVEN, namespaces=["org.example.other"])
    theirs = await world.stage_elsewhere(world.tree)
    mine = distribution.coordinates(worlds.MAVEN, "org.example.other", "thing", "1.0")
    async with world.store.write_as_project_committee_member("other", people.STRANGER) as member:
        release_key = await member.release.start("other", "1.0")
        deployment_id = await member.distributions.record(release_key, mine, staging=True, deployment_id=theirs)
    assert deployment_id is not None
    await world.pass_time(rounds=5, minutes=1)
    (row,) = await world.rows(tables.Deployment)
    assert (row.state, row.external_id) == (states.DeploymentState.GONE, None)
    with pytest.raises(errors.ConflictError, check=coded("nothing-to-drop", state="gone")):
        async with world.store.write_as_project_committee_member("other", people.STRANGER) as member:
            await member.deployments.drop(deployment_id, "away with it")
    await world.pass_time(rounds=2, minutes=1)
    assert world.requests("drop") == 0
    # What was read and lies inside is one's own.
    async with world.store.write_as_foundation_admin(people.ADMIN) as admin:
        await admin.policy.set_project("other", "Other", "example")
        await admin.policy.set_target("other", worlds.MAVEN, namespaces=world.tree.namespaces)
    inside = min(maven.parse_path(path).coordinates for path in world.tree.files)
    async with world.store.write_as_project_committee_member("other", people.MEMBERS[0]) as member:
        again = await member.distributions.record(release_key, inside, staging=True, deployment_id=theirs)
    assert again is not None
    await world.pass_time(rounds=5, hours=1)
    async with world.store.write_as_project_committee_member("other", people.MEMBERS[0]) as member:
        await member.deployments.drop(again, "it was a mistake")


async def test_an_upload_that_somebody_says_became_another_id_is_dropped_only_once_it_was_read(
    world: worlds.World,
) -> None:
    """A lost upload is settled by a person's word: that word alone does not let the platform drop what it names."""
    theirs = await world.stage_elsewhere(world.tree, name="by another committee")
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)
    (row,) = await world.rows(tables.Deployment)
    row.state = states.DeploymentState.LOST
    await world.change(row)
    async with world.member() as member:
        await member.deployments.settle_lost(deployment_id, theirs, "I know it")
    (row,) = await world.rows(tables.Deployment)
    async with world.store.read() as read:
        row.state = states.DeploymentState.FAILED
        assert (await preconditions.of(read, row)).drop == reasons.of("owner-unknown")


async def test_names_that_differ_only_in_case_overlap_too(world: worlds.World) -> None:
    """A disk or a person may take the one for the other."""
    await world.settle_in()
    name = world.tree.namespaces[0].upper()
    async with world.admin() as admin:
        await admin.policy.set_project("other", "Other", "elsewhere")
    with pytest.raises(errors.InputError, match="overlaps"):
        async with world.admin() as admin:
            await admin.policy.set_target("other", worlds.MAVEN, namespaces=[name])


async def test_a_project_takes_no_shared_name_along_to_another_committee(world: worlds.World) -> None:
    """Within a committee names may overlap; a project that moves would carry one through the wall."""
    await world.settle_in()
    async with world.admin() as admin:
        await admin.policy.set_project("other", "Other", "example")
        await admin.policy.set_target("other", worlds.MAVEN, namespaces=world.tree.namespaces)
    with pytest.raises(errors.InputError, match="overlaps"):
        async with world.admin() as admin:
            await admin.policy.set_project("other", "Other", "elsewhere")
    async with world.admin() as admin:
        await admin.policy.set_target("other", worlds.MAVEN, namespaces=["org.example.other"])
        await admin.policy.set_project("other", "Other", "elsewhere")
