# SPDX-License-Identifier: Apache-2.0
"""An upload that waits to be published: lost, refused and limited replies, and what the platform thinks of it."""

import dataclasses
import datetime

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.pages.finish as finish
import atr.pages.views as views
import atr.promotion.states as states
import atr.shared.distribution as distribution
from tests import world as worlds
from tests.coded import coded
from tests.sandbox import bundles

_State = states.DeploymentState
_PACKAGES = tuple(
    distribution.coordinates(worlds.MAVEN, "org.example.widgets", name, "2.4.0")
    for name in ("old", "starter", "widgets")
)
_CORE = "org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0"


def _captured(row: views.DeploymentView) -> bool:
    return row.proof.staged is not None


def _is(state: _State) -> object:
    return lambda row: row.deployment_state is state


def without(tree: trees.Tree, *paths: str) -> trees.Tree:
    """The tree without these files."""
    return dataclasses.replace(tree, files={path: data for path, data in tree.files.items() if path not in paths})


async def test_a_lost_reply_to_an_upload_is_settled_by_the_name_and_never_by_a_second_upload(
    world: worlds.World,
) -> None:
    """The name is ours and unique; what missing checksums there were, the adapter made."""
    release_key = await world.composed()
    world.fault("upload", effect=True, cut=True)
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, _captured)
    assert world.requests("upload") == 1
    (staged,) = world.platform.portal.deployments.values()
    assert staged.name == f"atr:{release_key}:1"
    assert row.external_id == staged.deployment_id
    assert not staged.automatic
    for path in world.tree.files:
        if not path.endswith(".asc"):
            assert {f"{path}.md5", f"{path}.sha1"} <= set(staged.files)
    assert row.proof.staged
    assert row.proof.staged.files == len(world.tree.files)
    assert row.check_messages == (("note", "All 10 staged files are identical to the revision's."),)


async def test_what_the_platform_takes_without_signature_sources_or_jar_is_voted_on_and_goes_live_whole(
    world: worlds.World,
) -> None:
    """A jar with a Sigstore bundle, one without classes, a POM that only says where the artifact went."""
    moved = "<distributionManagement><relocation><artifactId>new</artifactId></relocation></distributionManagement>"
    files = {
        **bundles.component("org.example.widgets", "widgets", "2.4.0"),
        "org/example/widgets/widgets/2.4.0/widgets-2.4.0.jar.sigstore.json": b"{}",
        **bundles.component(
            "org.example.widgets",
            "old",
            "2.4.0",
            packaging="pom",
            pom_bytes=bundles.pom("org.example.widgets", "old", "2.4.0", extra=moved),
        ),
        **{
            path: data
            for path, data in bundles.component(
                "org.example.widgets", "starter", "2.4.0", content=bundles.zipped({"META-INF/MANIFEST.MF": b""})
            ).items()
            if "-sources." not in path and "-javadoc." not in path
        },
    }
    tree = trees.Tree({path: data for path, data in files.items() if not path.endswith((".md5", ".sha1"))}, _PACKAGES)
    release_key, deployment_id = await world.voted(tree)
    async with world.store.read(worlds.MEMBER) as read:
        panel = (await finish.page(read, release_key)).readiness
    assert not [cell for check in panel.checks for cell in check.cells if cell.css in {"refused", "warning"}]
    await world.promote(deployment_id)
    row = await world.live(deployment_id)
    assert row.proof.public
    assert row.proof.public.files == len(tree.files)


@pytest.mark.parametrize("arrived", [False, True])
async def test_an_upload_that_cannot_be_found_is_lost_until_a_person_says_what_became_of_it(
    arrived: bool,  # noqa: FBT001  (a case of the table)
    world: worlds.World,
) -> None:
    """LOST after three looks over a quarter of an hour; then FAILED, or VALIDATING under the id that they give."""
    release_key = await world.composed()
    world.fault("upload", cut=True)
    began = world.clock.at
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, _is(_State.LOST))
    assert world.clock.at - began >= datetime.timedelta(seconds=900)
    assert "Check the platform: enter its id if the deployment exists" in row.problem
    assert world.requests("upload") == 1
    await world.pass_time(rounds=3, hours=5)
    assert (await world.row(deployment_id)).deployment_state is _State.LOST
    with pytest.raises(errors.InputError):
        async with world.member() as member:
            await member.deployments.settle_lost(deployment_id, "", "")
    if not arrived:
        async with world.member() as member:
            await member.deployments.settle_lost(deployment_id, "", "The portal's page does not have it.")
        row = await world.row(deployment_id)
        assert (row.deployment_state, row.problem) == (
            _State.FAILED,
            "It never arrived: The portal's page does not have it.",
        )
        return
    external_id = await world.stage_elsewhere(world.tree)
    for bad in ("../../x", "not an id"):
        with pytest.raises(errors.InputError):
            async with world.member() as member:
                await member.deployments.settle_lost(deployment_id, bad, "Found it.")
    async with world.member() as member:
        await member.deployments.settle_lost(deployment_id, external_id, "Found it there.")
    row = await world.until(deployment_id, _captured)
    assert row.deployment_state is _State.STAGED
    with pytest.raises(errors.ConflictError, check=coded("not-in-state", state="staged", needed="lost")):
        async with world.member() as member:
            await member.deployments.settle_lost(deployment_id, external_id, "Twice.")


async def test_a_lost_upload_cannot_be_settled_with_the_id_of_another_row(world: worlds.World) -> None:
    """One deployment of the platform is one row here."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(world.tree)
    await world.record(release_key, external_id)
    world.fault("upload", cut=True)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, _is(_State.LOST))
    with pytest.raises(errors.ConflictError, check=coded("recorded-already", deployment=external_id)):
        async with world.member() as member:
            await member.deployments.settle_lost(deployment_id, external_id, "That one.")


async def test_a_refused_upload_failed_in_the_platforms_words(world: worlds.World) -> None:
    """Certainly not taken: FAILED at once, and a new one may be asked for."""
    release_key = await world.composed()
    world.fault("upload", status=400, body={"message": "Namespace is not verified"})
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, _is(_State.FAILED))
    assert "(400)" in row.problem
    assert "Namespace is not verified" in row.problem
    await world.pass_time(rounds=3, hours=1)
    assert world.requests("upload") == 1
    second = await world.stage(release_key)
    await world.until(second, _captured)
    assert world.requests("upload") == 2


async def test_429_on_an_upload_waits_as_told_and_goes_on(world: worlds.World) -> None:
    """It was certainly not taken, so the next request is no second upload."""
    release_key = await world.composed()
    world.fault("upload", status=429, headers={"Retry-After": "1200"})
    deployment_id = await world.stage(release_key)
    await world.work()
    await world.pass_time(minutes=19)
    assert world.requests("upload") == 1
    await world.until(deployment_id, _captured)
    assert world.requests("upload") == 2
    assert len(world.platform.portal.deployments) == 1


async def test_a_bundle_with_a_missing_signature_fails_with_the_platforms_sentence_on_the_row(
    world: worlds.World,
) -> None:
    """We check no signatures; the platform does, and what it says is shown."""
    release_key = await world.composed(without(trees.example(), f"{_CORE}.jar.asc"))
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, _is(_State.FAILED))
    assert "signature" in row.problem.lower()
    assert "widgets-core-2.4.0.jar" in row.problem


async def test_an_id_that_is_not_known_yet_just_after_the_upload_is_waited_for(world: worlds.World) -> None:
    """404 is no proof."""
    release_key = await world.composed()
    world.stand_in_settings(status_404_after_upload=4)
    deployment_id = await world.stage(release_key)
    await world.until(deployment_id, _captured)


async def test_what_the_policy_does_not_map_is_not_guessed(world: worlds.World) -> None:
    """Blocked with its sentence, for no mapping, one that fits no file, and one that is no path of the platform."""
    release_key = await world.composed()
    for patterns, sentence in (
        ({}, "to the project's policy"),
        ({"mavencentral": ["nowhere/**"]}, "match no file"),
        ({"maven": ["**"]}, "source-release.zip"),
    ):
        async with world.member() as member:
            await member.policy.edit(people.PROJECT, file_tag_mappings=patterns)
        with pytest.raises(errors.BlockedError, match=sentence):
            await world.stage(release_key)
    assert not await world.rows(tables.Deployment)
