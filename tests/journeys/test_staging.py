# SPDX-License-Identifier: Apache-2.0
"""The life of a deployment: uploaded or recorded, captured, dropped, lost, found."""

import dataclasses
import datetime

import pytest

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.models.views as views
import atr.promotion.states as states
import atr.sandbox.world as stand_in
import atr.shared.distribution as distribution
import atr.storage.readers.releases as releases
from tests import world as worlds
from tests.sandbox import bundles

_State = states.DeploymentState
RELEASE = f"{people.PROJECT}-2.4.0"
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


def of_group(tree: trees.Tree, group: str) -> trees.Tree:
    """The same tree under another groupId."""
    old = tree.packages[0].owner_namespace
    files = {
        path.replace(old.replace(".", "/"), group.replace(".", "/")): data.replace(old.encode(), group.encode())
        for path, data in tree.files.items()
        if isinstance(data, bytes)
    }
    return trees.Tree(files, tuple(dataclasses.replace(one, owner_namespace=group) for one in tree.packages))


def other_version(tree: trees.Tree, version: str) -> trees.Tree:
    """The same tree as another version."""
    old = tree.version
    files = {
        path.replace(old, version): data.replace(old.encode(), version.encode()) if path.endswith(".pom") else data
        for path, data in tree.files.items()
        if isinstance(data, bytes)
    }
    return trees.Tree(files, tuple(dataclasses.replace(one, version=version) for one in tree.packages))


# Upload


async def test_a_lost_reply_to_an_upload_is_settled_by_the_name_and_never_by_a_second_upload(
    world: worlds.World,
) -> None:
    """The name is ours and unique; what missing checksums there were, the adapter made."""
    release_key = await world.composed()
    world.fault("upload", effect=True, cut=True)
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, _captured)
    assert world.requests("upload") == 1
    (staged,) = world.platform.deployments.values()
    assert staged.name == f"atr:{release_key}:1"
    assert row.external_id == staged.deployment_id
    assert not staged.automatic
    for path in world.tree.files:
        if not path.endswith(".asc"):
            assert {f"{path}.md5", f"{path}.sha1"} <= set(staged.files)
    assert row.proof.staged
    assert row.proof.staged.files == len(world.tree.files)
    assert row.check_messages == (("note", "All 10 staged files are the revision's."),)


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
        panel = (await releases.finish(read, release_key)).readiness
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
    assert "own page" in row.problem
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
    with pytest.raises(errors.ConflictError):
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
    with pytest.raises(errors.ConflictError, match="recorded already"):
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
    assert len(world.platform.deployments) == 1


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
        ({}, "we do not guess"),
        ({"mavencentral": ["nowhere/**"]}, "match no file"),
        ({"maven": ["**"]}, "source-release.zip"),
    ):
        async with world.member() as member:
            await member.policy.edit(people.PROJECT, file_tag_mappings=patterns)
        with pytest.raises(errors.BlockedError, match=sentence):
            await world.stage(release_key)
    assert not await world.rows(tables.Deployment)


# Recorded


async def test_the_deployment_of_another_account_is_gone_with_its_sentence(voted: worlds.World) -> None:
    """The platform shows it only to the account that staged it: three looks over a quarter of an hour."""
    theirs = stand_in.Token("theirs", "another-secret")
    voted.platform.add_account("theirs", ("org.example",), theirs)
    voted.stand_in_settings(held_by="publishing")
    external_id = await voted.stage_elsewhere(voted.tree, token=theirs)
    began = voted.clock.at
    deployment_id = await voted.record(RELEASE, external_id)
    row = await voted.until(deployment_id, _is(_State.GONE))
    assert voted.clock.at - began >= datetime.timedelta(seconds=900)
    assert "our account" in row.problem


async def test_an_id_belongs_to_one_release(voted: worlds.World) -> None:
    """Recorded again for the same release it is the same row; for another release or project it is refused."""
    (first,) = await voted.rows(tables.Deployment)
    external_id = first.external_id or ""
    assert await voted.record(RELEASE, external_id, voted.tree.packages[1]) == 1
    async with voted.member() as member:
        other = await member.release.start(people.PROJECT, "2.5.0")
    with pytest.raises(errors.ConflictError, match="another release"):
        await voted.record(other, external_id)
    async with voted.admin() as admin:
        await admin.policy.set_project("gadgets", "Gadgets", "elsewhere")
    # No admin could set it any more: names of two committees stay apart.
    await voted.change(
        tables.PlatformTarget(
            project_key="gadgets",
            platform="MAVEN",
            mechanism="central-portal",
            namespaces=["org.example"],
            set_by=people.ADMIN,
            set_at=voted.clock.at,
        )
    )
    async with voted.store.write_as_project_committee_member("gadgets", people.STRANGER) as stranger:
        theirs = await stranger.release.start("gadgets", "1.0")
        with pytest.raises(errors.ConflictError, match="another release"):
            await stranger.distributions.record(theirs, voted.tree.packages[0], staging=True, deployment_id=external_id)


async def test_a_group_outside_the_target_is_refused_at_record_at_capture_and_at_automate(world: worlds.World) -> None:
    """The wall between committees that share a credential."""
    release_key = await world.composed()
    other = of_group(world.tree, "org.example.gadgets")
    external_id = await world.stage_elsewhere(other)
    with pytest.raises(errors.BlockedError, match="utside the names"):
        await world.record(release_key, external_id, other.packages[0])
    # A neighbour's group that only begins with the same letters.
    near = dataclasses.replace(other.packages[0], owner_namespace="org.example.widgetsmore")
    with pytest.raises(errors.BlockedError, match="utside the names"):
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
    with pytest.raises(errors.BlockedError, match="utside the names"):
        await world.stage(release_key)


async def test_what_published_itself_is_loud_and_no_candidate(world: worlds.World) -> None:
    """AUTOMATIC by mistake: public and not voted on; the vote opens only when it is taken off by name."""
    release_key = await world.composed()
    external_id = await world.stage_elsewhere(world.tree, automatic=True)
    deployment_id = await world.record(release_key, external_id)
    row = await world.until(deployment_id, _is(_State.PUBLISHED))
    assert "not voted on" in row.standing.sentence
    async with world.member() as member:
        with pytest.raises(errors.BlockedError, match=external_id):
            await member.vote.open_vote(release_key)


async def test_an_unknown_id_that_is_no_id_is_refused_before_it_is_used(voted: worlds.World) -> None:
    """Never part of an address."""
    for text in ("", "..", "a/b", "x" * 101, "6f2a9c54?x=1", "deploy ment"):
        with pytest.raises(errors.InputError):
            await voted.record(RELEASE, text)


# Drop


async def _drop(world: worlds.World, reason: str = "Not needed.") -> None:
    async with world.member() as member:
        await member.deployments.drop(1, reason)


async def test_a_drop_is_refused_while_the_ballot_or_a_promotion_is_open(staged: worlds.World) -> None:
    """And needs a reason; after the vote, without a promotion, it goes."""
    async with staged.member() as member:
        await member.vote.open_vote(RELEASE)
    with pytest.raises(errors.ConflictError, match="ballot of an open vote"):
        await _drop(staged)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    with pytest.raises(errors.InputError):
        await _drop(staged, "")
    await _drop(staged)
    row = await staged.until(1, _is(_State.DROPPED))
    assert staged.requests("drop") == 1
    assert row.drop_reason == "Not needed."
    with pytest.raises(errors.ConflictError):
        await _drop(staged)


async def test_a_drop_is_refused_while_it_is_promoted(voted: worlds.World) -> None:
    """Whatever the promotion's state, until it is given up."""
    promotion_id = await voted.promote(1)
    with pytest.raises(errors.ConflictError, match="promotion of it is open"):
        await _drop(voted)
    async with voted.member() as member:
        await member.acts.abort(promotion_id, "Another time.")
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED))
    with pytest.raises(errors.BlockedError, match="dropped"):
        await voted.promote(1)
    assert voted.publish_calls == 0


async def test_a_refused_drop_returns_and_may_be_asked_for_again(voted: worlds.World) -> None:
    """403: back to STAGED with its sentence. A new click is a new request. Then it is DROPPED."""
    voted.fault("drop", status=403, body="no")
    await _drop(voted)
    row = await voted.until(1, _is(_State.STAGED))
    assert "did not drop" in row.problem
    assert voted.requests("drop") == 1
    voted.clock.turn(minutes=5)
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED), rounds=30)
    assert voted.requests("drop") == 2


async def test_a_drop_that_was_limited_waits_and_goes_on(voted: worlds.World) -> None:
    """429 is no end."""
    voted.fault("drop", status=429, headers={"Retry-After": "600"})
    await _drop(voted)
    await voted.work()
    await voted.pass_time(minutes=9)
    assert voted.requests("drop") == 1
    await voted.until(1, _is(_State.DROPPED))
    assert voted.requests("drop") == 2


async def test_a_lost_reply_to_a_drop_is_settled_by_looking(voted: worlds.World) -> None:
    """Gone in three looks, with one request."""
    voted.fault("drop", effect=True, cut=True)
    await _drop(voted)
    await voted.until(1, _is(_State.DROPPED))
    assert voted.requests("drop") == 1


async def test_published_by_another_hand_while_we_drop(voted: worlds.World) -> None:
    """What is public cannot be dropped: the row says so, and the files are compared with the ballot's."""
    row = await voted.row(1)
    voted.knob(row, "publish-by-hand")
    await _drop(voted)
    await voted.until(1, _is(_State.PUBLISHED))
    row = await voted.live(1)
    assert voted.requests("drop") == 0
    assert (voted.publish_calls, row.by_hand, row.out_of_band) == (0, True, True)
    assert all(not one.staging and not one.pending for one in await voted.rows(sql.Distribution))


# Two candidates


async def test_two_deployments_of_one_version_only_one_is_promoted(voted: worlds.World) -> None:
    """At most one open promotion holds a package; ABORTED frees it for the other."""
    voted.stand_in_settings(held_by="publishing")
    second = await voted.record(RELEASE, await voted.stage_elsewhere(voted.tree))
    await voted.until(second, _captured)
    first_promotion = await voted.promote(1)
    with pytest.raises(errors.ConflictError, match="asked for by alice"):
        await voted.promote(second, "bob")
    async with voted.member("bob") as member:
        await member.acts.abort(first_promotion, "The other one.")
    await voted.promote(second, "bob")
    await voted.live(second)
    with pytest.raises((errors.ConflictError, errors.BlockedError)):
        await voted.promote(1)
    assert voted.publish_calls == 1
    holding = [one for one in await voted.rows(tables.PromotionTarget) if one.holding]
    assert {one.purl for one in holding} == {one.purl for one in voted.tree.packages}


async def test_a_candidate_staged_again_after_the_vote_with_the_voted_bytes_may_go(voted: worlds.World) -> None:
    """Voted is what has its digest on the ballot, whenever it was staged."""
    row = await voted.row(1)
    voted.knob(row, "vanish")
    await voted.until(1, _is(_State.GONE))
    second = await voted.stage(RELEASE)
    row = await voted.until(second, _captured)
    assert row.check_messages[0][0] == "note"
    await voted.promote(second)
    await voted.live(second)


def test_coordinates_keep_their_names() -> None:
    """Dotted groupIds, artifactIds with underscore and dot."""
    where = distribution.coordinates(worlds.MAVEN, "org.apache.spark", "spark-core_2.13", "3.5.0")
    assert str(where) == "org.apache.spark:spark-core_2.13:3.5.0"
