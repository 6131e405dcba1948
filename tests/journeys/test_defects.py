# SPDX-License-Identifier: Apache-2.0
"""ATR's known defects of third-party distributions, by the numbers of docs/defects-in-atr.md: none came along."""

import ast
import datetime
import pathlib
from typing import Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.platforms.registry as registry
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.shared.layouts as layouts
import atr.shared.mechanisms as mechanisms
import atr.storage.files as files
import tests.world as worlds
from tests import hosting

_State = states.State
_PLATFORMS: Final = {platform.name for platform in distribution.DistributionPlatform}
RELEASE = f"{people.PROJECT}-2.4.0"


def _other(name: str) -> distribution.Coordinates:
    return distribution.coordinates(worlds.MAVEN, "org.example.widgets", name, "2.4.0")


def _pom(name: str) -> str:
    return f"org/example/widgets/{name}/2.4.0/{name}-2.4.0.pom"


async def _said_public(world: worlds.World, *names: str) -> None:
    async with world.member() as member:
        for name in names:
            await member.distributions.record(RELEASE, _other(name), staging=False)


async def _row(world: worlds.World, name: str) -> sql.Distribution:
    return next(one for one in await world.rows(sql.Distribution) if one.package == name)


async def test_defect_01_nothing_is_deleted_for_being_slow(voted: worlds.World) -> None:
    """Forty looks over weeks find nothing; the row is there, and the next look finds it."""
    await _said_public(voted, "slow")
    await voted.pass_time(rounds=40, hours=25)
    row = await _row(voted, "slow")
    assert row.retries >= 40
    assert row.due_at
    voted.platform.portal.put_public(_pom("slow"), b"<project/>")
    await voted.pass_time(rounds=2, hours=25)
    assert (await _row(voted, "slow")).web_url


async def test_defect_02_a_find_on_a_later_look_keeps_its_date_and_addresses(voted: worlds.World) -> None:
    """What was read then, not what was known before."""
    await _said_public(voted, "later")
    await voted.pass_time(rounds=3, hours=1)
    voted.platform.portal.put_public(_pom("later"), b"<project/>")
    published = voted.clock.at
    await voted.pass_time(rounds=3, hours=25)
    row = await _row(voted, "later")
    assert row.upload_date == published.replace(microsecond=0)
    assert row.api_url
    assert row.web_url


async def test_defect_03_staging_is_kept_until_production_is_confirmed(voted: worlds.World) -> None:
    """Asked for, sent, publishing, said to be public: the row says staged until the bytes are proved."""
    await voted.promote(1)
    for state in (_State.PUBLISHING, _State.CHECKING):
        await voted.until(1, state)
        assert {(row.staging, row.pending) for row in await voted.rows(sql.Distribution)} == {(True, False)}
    await voted.live(1)
    assert {(row.staging, row.pending) for row in await voted.rows(sql.Distribution)} == {(False, False)}


async def test_defect_04_no_row_starves_and_one_hung_host_holds_up_only_its_own(voted: worlds.World) -> None:
    """Thirty pending rows before it, and an answer that does not come: the promotion ends all the same."""
    await _said_public(voted, *(f"pending-{number}" for number in range(30)))
    await voted.promote(1)
    for _ in range(31):
        await worlds.drain(voted.hands, limit=5)
    assert {row.retries for row in await voted.rows(sql.Distribution) if row.package.startswith("pending")} == {1}
    await voted.live(1)


async def test_defect_05_an_uncaught_error_ends_polling_for_nobody(voted: worlds.World) -> None:
    """There is no task that must ask for itself again; the rows are due whatever happened before."""
    await voted.promote(1)
    broken: dict[mechanisms.Mechanism, object] = {mechanisms.Mechanism.CENTRAL_PORTAL: object()}
    with voted.other_hands(promoters=broken):
        await voted.pass_time(rounds=3, minutes=5)
    await voted.live(1)


async def test_defect_06_noting_what_a_platform_did_needs_nobodys_membership(voted: worlds.World) -> None:
    """The asker leaves after the call: it is watched to its end, under their name."""
    await voted.promote(1)
    await voted.until(1, _State.PUBLISHING)
    async with voted.admin() as admin:
        await admin.policy.set_committee("example", "Example", committee_members=["bob"])
    row = await voted.live(1)
    assert row.requested_by == "alice"
    assert {one.created_by for one in await voted.rows(sql.Distribution)} == {"alice"}


async def test_defect_07_two_staging_attempts_of_one_version_stand_side_by_side(voted: worlds.World) -> None:
    """The distribution's key is ATR's; the deployments have rows of their own."""
    voted.stand_in_settings(held_by="publishing")
    second = await voted.record(RELEASE, await voted.stage_elsewhere(voted.tree))
    await voted.until(second, lambda row: row.proof.staged is not None)
    assert len(await voted.rows(tables.Deployment)) == 2
    assert len(await voted.rows(sql.Distribution)) == 2
    packages = await voted.rows(tables.DeploymentPackage)
    assert {(one.deployment_id, one.package) for one in packages} == {
        (number, name) for number in (1, second) for name in ("widgets-core", "widgets-parent")
    }


async def test_defect_08_the_deployment_its_revision_its_files_and_their_hashes_are_known(voted: worlds.World) -> None:
    """An id, a number, a file set under its digest."""
    row = await voted.row(1)
    assert row.external_id in voted.platform.portal.deployments
    assert row.revision_number == "00001"
    (deployment,) = await voted.rows(tables.Deployment)
    there = [one for one in await voted.rows(tables.FileSetFile) if one.digest == deployment.file_set_digest]
    assert {one.path for one in there} == set(voted.tree.files)
    assert all(len(one.sha256) == 64 for one in there)


async def test_defect_09_that_a_version_exists_proves_nothing(voted: worlds.World) -> None:
    """A version with different content is there: found, and not final; promoted, it is refused."""
    for path in voted.tree.files:
        voted.platform.portal.put_public(path, b"other")
    await _said_public(voted, "widgets-core")
    await voted.pass_time(rounds=12, minutes=15)
    row = await _row(voted, "widgets-core")
    assert (row.staging, row.pending) == (True, False)
    (promotion,) = await voted.rows(tables.Promotion)
    assert promotion.state is _State.DIVERGED


async def test_defect_10_dates_are_of_the_version_and_aware(voted: worlds.World) -> None:
    """The file's own date, in UTC, also after a round through the database."""
    await voted.promote(1)
    await voted.live(1)
    for row in await voted.rows(sql.Distribution):
        assert row.upload_date
        assert row.upload_date.utcoffset() == datetime.timedelta(0)
        assert row.created
        assert row.created.utcoffset() == datetime.timedelta(0)


async def test_defect_11_maven_has_an_address_for_people(voted: worlds.World) -> None:
    """And one for programs."""
    await voted.promote(1)
    row = await voted.live(1)
    assert len(row.public_urls) == 2
    assert all(url.startswith("http") for _, url in row.public_urls)


def test_defect_12_the_enum_is_the_only_list_of_platforms_that_stage_or_promote() -> None:
    """No other file lists members of it, except that each adapter is registered, once, for what it can do."""
    enums = pathlib.Path(distribution.__file__)
    root = enums.parents[1]
    lists = {
        path.relative_to(root).as_posix(): names
        for path in sorted(root.rglob("*.py"))
        if path != enums and (names := _listed_platforms(path))
    }
    every = set(distribution.DistributionPlatform)
    supporting = {one for one in every if one.supports_remote_promotion}
    assert lists == {"platforms/registry.py": {one.name for one in every - supporting}}
    assert registry.PROMOTERS.keys() == layouts.BUILT.by_mechanism.keys()
    assert {one for one in every if layouts.BUILT.supports(one)} == supporting


def _listed_platforms(path: pathlib.Path) -> set[str]:
    """The members of the enum that stand in a list, tuple, set or dict of this file, or are a case of a match."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            items: list[ast.expr | None] = [*node.elts]
        elif isinstance(node, ast.Dict):
            items = [*node.keys]
        elif isinstance(node, ast.MatchValue):
            items = [node.value]
        else:
            continue
        for item in items:
            if isinstance(item, ast.Attribute):
                found.add(item.attr)
            elif isinstance(item, ast.Constant) and isinstance(item.value, str):
                found.add(item.value)
    return found & _PLATFORMS


async def test_defect_13_a_deployment_keeps_the_revision_of_its_upload(world: worlds.World) -> None:
    """Asked for with the first revision, sent after a second one was made: the files are those of the first."""
    release_key = await world.composed()
    deployment_id = await world.stage(release_key)

    async def change(draft: files.Draft) -> None:
        await draft.add("maven/org/example/widgets/widgets-core/2.4.0/widgets-core-2.4.0.jar", worlds.stream(b"newer"))

    assert await world.revise(release_key, change) == "00002"
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.revision_number == "00001"
    (deployment,) = await world.rows(tables.Deployment)
    assert deployment.revision_number == "00001"
    there = [one for one in await world.rows(tables.FileSetFile) if one.digest == deployment.file_set_digest]
    sizes = {path: len(content) for path, content in world.tree.files.items() if isinstance(content, bytes)}
    assert {one.path: one.size for one in there} == sizes


async def test_defect_14_what_was_staged_stays_on_the_finish_page_whatever_revision_came(voted: worlds.World) -> None:
    """A later revision, and a failed attempt: both rows are there, with the revision of their upload."""
    voted.fault("upload", status=400, body="no")
    second = await voted.stage(RELEASE)
    await voted.until(second, lambda row: row.deployment_state is states.DeploymentState.FAILED)

    async def change(draft: files.Draft) -> None:
        await draft.add("NOTICE", worlds.stream(b"x"))

    await hosting.revise(voted.store, RELEASE, change)
    assert (await voted.row(1)).revision_number == "00001"
    assert (await voted.row(second)).revision_number == "00001"


async def test_defect_15_real_artifact_names_can_be_recorded(voted: worlds.World) -> None:
    """Dots and underscores are names; what is no name is refused by field."""
    where = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "spark-core_2.13", "4.0.0-preview1")
    async with voted.member() as member:
        await member.distributions.record(RELEASE, where, staging=False)
    assert (await _row(voted, "spark-core_2.13")).coordinates == where
    for owner, package, version, field in (
        ("", "x", "1", "owner_namespace"),
        ("a/b", "x", "1", "owner_namespace"),
        ("a", "x/y", "1", "package"),
        ("a", "x", "../1", "version"),
        ("a", "", "1", "package"),
        ("a", "x", "1 2", "version"),
    ):
        with pytest.raises(errors.InputError) as refused:
            distribution.coordinates(worlds.MAVEN, owner, package, version)
        assert refused.value.field == field


async def test_defect_16_a_mapping_tagged_maven_is_meant_for_maven_central(world: worlds.World) -> None:
    """The example that people follow works, and blocks no announcement."""
    release_key = await world.composed()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={"maven": ["maven/**"]})
    deployment_id = await world.stage(release_key)
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.check_messages[0][0] == "note"


@pytest.mark.parametrize("body", ["{", "[]", "null", "\x00", '{"deploymentState": 7}', "[" * 5000])
async def test_defect_17_no_kind_of_bad_answer_is_unexpected(body: str, voted: worlds.World) -> None:
    """Each has its own sentence, not the one for a bug of ours."""
    voted.fault("status", status=200, body=body)
    await voted.promote(1)
    await voted.work()
    row = await voted.row(1)
    assert row.next_note
    assert "An unexpected error" not in row.next_note
    await voted.live(1)


async def test_defect_18_recording_before_the_index_knows_is_no_error(voted: worlds.World) -> None:
    """It waits and looks again."""
    await _said_public(voted, "early")
    assert (await _row(voted, "early")).pending
    await _said_public(voted, "early")
    assert len([one for one in await voted.rows(sql.Distribution) if one.package == "early"]) == 1


async def test_defect_19_deleting_needs_a_reason_and_says_that_the_platform_is_untouched(voted: worlds.World) -> None:
    """More: tests/storage/test_side_doors.py."""
    await _said_public(voted, "mistake")
    with pytest.raises(errors.InputError):
        async with voted.member() as member:
            await member.distributions.delete_distribution(RELEASE, _other("mistake"), "")
    async with voted.member() as member:
        await member.distributions.delete_distribution(RELEASE, _other("mistake"), "Typed wrongly.")
    assert voted.requests("drop") == 0
