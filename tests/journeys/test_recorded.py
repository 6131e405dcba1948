# SPDX-License-Identifier: Apache-2.0
"""A deployment that somebody staged elsewhere and recorded: whose it is, and what it may hold."""

import dataclasses
import datetime

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.promotion.states as states
import atr.sandbox.central_portal.portal as portals
import atr.shared.distribution as distribution
from tests import world as worlds
from tests.coded import coded

_State = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"


def _is(state: _State) -> object:
    return lambda row: row.deployment_state is state


def of_group(tree: trees.Tree, group: str) -> trees.Tree:
    """The same tree under another groupId."""
    old = tree.packages[0].owner_namespace
    files = {
        path.replace(old.replace(".", "/"), group.replace(".", "/")): data.replace(old.encode(), group.encode())
        for path, data in tree.files.items()
        if isinstance(data, bytes)
    }
    return trees.Tree(files, tuple(dataclasses.replace(one, owner_namespace=group) for one in tree.packages))


async def test_the_deployment_of_another_account_is_gone_with_its_sentence(voted: worlds.World) -> None:
    """The platform shows it only to the account that staged it: three looks over a quarter of an hour."""
    theirs = portals.Token("theirs", "another-secret")
    voted.platform.portal.add_account("theirs", ("org.example",), theirs)
    voted.stand_in_settings(held_by="publishing")
    external_id = await voted.stage_elsewhere(voted.tree, token=theirs)
    began = voted.clock.at
    deployment_id = await voted.record(RELEASE, external_id)
    row = await voted.until(deployment_id, _is(_State.GONE))
    assert voted.clock.at - began >= datetime.timedelta(seconds=900)
    assert "ATR's account" in row.problem


async def test_an_id_belongs_to_one_release(voted: worlds.World) -> None:
    """Recorded again for the same release it is the same row; for another release or project it is refused."""
    (first,) = await voted.rows(tables.Deployment)
    external_id = first.external_id or ""
    assert await voted.record(RELEASE, external_id, voted.tree.packages[1]) == 1
    async with voted.member() as member:
        other = await member.release.start(people.PROJECT, "2.5.0")
    with pytest.raises(errors.ConflictError, check=coded("recorded-elsewhere", deployment=external_id)):
        await voted.record(other, external_id)
    async with voted.admin() as admin:
        await admin.policy.set_project("gadgets", "Gadgets", "elsewhere")
    # No admin could set it any more: names of two committees stay apart.
    await voted.change(
        tables.PlatformTarget(
            project_key="gadgets",
            platform="MAVEN",
            mechanism="CENTRAL_PORTAL",
            namespaces=["org.example"],
            set_by=people.ADMIN,
            set_at=voted.clock.at,
        )
    )
    async with voted.store.write_as_project_committee_member("gadgets", people.STRANGER) as stranger:
        theirs = await stranger.release.start("gadgets", "1.0")
        with pytest.raises(errors.ConflictError, check=coded("recorded-elsewhere", deployment=external_id)):
            await stranger.distributions.record(theirs, voted.tree.packages[0], staging=True, deployment_id=external_id)


async def test_a_group_outside_the_target_is_refused_at_record_at_capture_and_at_automate(world: worlds.World) -> None:
    """The wall between committees that share a credential."""
    release_key = await world.composed()
    other = of_group(world.tree, "org.example.gadgets")
    external_id = await world.stage_elsewhere(other)
    with pytest.raises(errors.BlockedError, match="utside the project's namespaces"):
        await world.record(release_key, external_id, other.packages[0])
    # A neighbour's group that only begins with the same letters.
    near = dataclasses.replace(other.packages[0], owner_namespace="org.example.widgetsmore")
    with pytest.raises(errors.BlockedError, match="utside the project's namespaces"):
        await world.record(release_key, external_id, near)
    assert not await world.rows(tables.Deployment)
    deployment_id = await world.record(release_key, external_id, world.tree.packages[0])
    row = await world.until(deployment_id, lambda row: "not captured" in row.problem)
    assert "org.example.gadgets" in row.problem
    await world.pass_time(rounds=3, minutes=50)
    row = await world.row(deployment_id)
    assert (row.proof.staged, "not captured" in row.problem) == (None, True)
    refused = [one for one in await world.events(f"deployment:{deployment_id}") if one.what == "capture_refused"]
    assert len(refused) == 1
    async with world.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    with pytest.raises(errors.BlockedError, match="utside the project's namespaces"):
        await world.stage(release_key)


async def test_what_published_itself_is_loud_and_no_candidate(world: worlds.World) -> None:
    """AUTOMATIC by mistake: public and not voted on; the vote opens only when it is taken off by name."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(world.tree, automatic=True)
    deployment_id = await world.record(release_key, external_id)
    row = await world.until(deployment_id, _is(_State.PUBLISHED))
    assert "not voted on" in row.standing.sentence
    with pytest.raises(errors.BlockedError, match=external_id):
        async with world.member() as member:
            await member.vote.open_vote(release_key)


async def test_an_unknown_id_that_is_no_id_is_refused_before_it_is_used(voted: worlds.World) -> None:
    """Never part of an address."""
    for text in ("", "..", "a/b", "x" * 101, "6f2a9c54?x=1", "deploy ment"):
        with pytest.raises(errors.InputError):
            await voted.record(RELEASE, text)


def test_coordinates_keep_their_names() -> None:
    """Dotted groupIds, artifactIds with underscore and dot."""
    where = distribution.coordinates(worlds.MAVEN, "org.apache.spark", "spark-core_2.13", "3.5.0")
    assert str(where) == "org.apache.spark:spark-core_2.13:3.5.0"
