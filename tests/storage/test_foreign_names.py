# SPDX-License-Identifier: Apache-2.0
"""No committee holds a coordinate of another one: not by recording it, mapping it, voting on it or asking for it."""

import asyncio
from typing import Any, Final

import pytest

import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage.audit as audit
import atr.worker as worker
from tests import world as worlds
from tests.coded import coded

RELEASE: Final = f"{people.PROJECT}-2.4.0"
OTHER: Final = "other"
_OTHERS: Final = (people.STRANGER, "peggy", "trent")
_THEIRS: Final = f"{OTHER}-2.4.0"
_CORE: Final = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", "2.4.0")
_OWN: Final = distribution.coordinates(worlds.MAVEN, "org.example.other", "thing", "2.4.0")
_OUTSIDE: Final = "Outside the project's namespaces: org.example.widgets:widgets-core:2.4.0"


async def _settle_other(world: worlds.World, *, target: bool = True) -> None:
    """A project of another committee, with names of its own."""
    async with world.admin() as admin:
        await admin.policy.set_committee("elsewhere", "Elsewhere", committee_members=_OTHERS)
        await admin.policy.set_project(OTHER, "Other", "elsewhere")
        if target:
            await admin.policy.set_target(OTHER, worlds.MAVEN, namespaces=[_OWN.owner_namespace])
    async with world.store.write_as_project_committee_member(OTHER, people.STRANGER) as member:
        await member.policy.edit(
            OTHER,
            file_tag_mappings={worlds.MAVEN.gh_slug: ["maven/**"]},
            remote_promotion={worlds.MAVEN: True},
            min_hours=0,
        )


async def _compose_other(world: worlds.World, *packages: distribution.Coordinates) -> None:
    """Their release, with a POM for each of these packages in its revision."""
    async with world.store.write_as_project_committee_participant(OTHER, people.STRANGER) as participant:
        await participant.release.start(OTHER, "2.4.0")
    async with world.store.draft(_THEIRS) as draft:
        await draft.add("apache-other-source-release.zip", worlds.stream(b"the source"))
        for where in packages:
            stem = f"{where.owner_namespace.replace('.', '/')}/{where.package}/{where.version}/{where.package}"
            await draft.add(f"maven/{stem}-{where.version}.pom", worlds.stream(b"<project/>"))
        async with world.store.write_as_project_committee_participant(OTHER, people.STRANGER) as participant:
            await participant.revision.create(_THEIRS, draft, "The first candidate")


async def _vote_other(world: worlds.World) -> None:
    async with world.store.write_as_project_release_manager(OTHER, people.STRANGER) as manager:
        await manager.vote.open_vote(_THEIRS)
    for asf_uid in _OTHERS:
        async with world.store.write_as_project_committee_participant(OTHER, asf_uid) as participant:
            await participant.vote.cast(_THEIRS, sql.VoteChoice.YES)
    async with world.store.write_as_project_release_manager(OTHER, people.STRANGER) as manager:
        await manager.vote_resolution.resolve_passed(_THEIRS)


async def _record_other(world: worlds.World, where: distribution.Coordinates, *, staging: bool = False) -> None:
    async with world.store.write_as_project_committee_member(OTHER, people.STRANGER) as member:
        await member.distributions.record(_THEIRS, where, staging=staging)


async def _targets(world: worlds.World) -> dict[tuple[int, str], bool]:
    return {(one.promotion_id, one.purl): one.holding for one in await world.rows(tables.PromotionTarget)}


async def _squat(world: worlds.World) -> int:
    """What is in the database today: another committee's promotion by hand holds a package of this project."""
    await _settle_other(world)
    await _compose_other(world, _OWN)
    await _vote_other(world)
    await _record_other(world, _OWN)
    (held,) = [one for one in await world.rows(tables.PromotionTarget) if one.purl == _OWN.purl]
    async with world.by_hand() as data:
        await data.merge(
            tables.PromotionTarget(
                promotion_id=held.promotion_id,
                purl=_CORE.purl,
                owner_namespace=_CORE.owner_namespace,
                package=_CORE.package,
                version=_CORE.version,
            )
        )
    return held.promotion_id


# Recorded


async def test_files_of_another_project_are_not_recorded_as_public(voted: worlds.World) -> None:
    """Nothing is held, so the project they belong to promotes as if nobody had tried."""
    await _settle_other(voted)
    await _compose_other(voted, _OWN)
    await _vote_other(voted)
    with pytest.raises(errors.BlockedError, match=_OUTSIDE):
        await _record_other(voted, _CORE)
    assert not await voted.rows(tables.Promotion)
    assert [one for one in await voted.rows(sql.Distribution) if one.release_key == _THEIRS] == []
    await voted.promote(1)
    await voted.live(1)


async def test_a_project_without_names_records_nothing_where_one_promotes(voted: worlds.World) -> None:
    """The sentence says who can set them."""
    await _settle_other(voted)
    await _compose_other(voted, _OWN)
    await _vote_other(voted)
    async with voted.by_hand() as data:
        row = next(one for one in await voted.rows(tables.PlatformTarget) if one.project_key == OTHER)
        await data.delete(await data.merge(row))
    with pytest.raises(errors.BlockedError, match="This project has no namespaces on Maven Central"):
        await _record_other(voted, _OWN)


async def test_who_only_looks_a_version_up_is_not_barred(voted: worlds.World) -> None:
    """No names are set where nothing is promoted: what is recorded there is looked for and holds nothing."""
    await _settle_other(voted)
    await _compose_other(voted, _OWN)
    await _vote_other(voted)
    for platform in distribution.DistributionPlatform:
        if not platform.supports_remote_promotion:
            owner = "example" if platform.requires_owner_namespace else ""
            await _record_other(voted, distribution.coordinates(platform, owner, "widgets", "2.4.0"))
    assert not await voted.rows(tables.PromotionTarget)


async def test_a_name_that_is_set_for_another_project_is_refused_where_one_only_looks(voted: worlds.World) -> None:
    """Should a host have set names on such a platform, they are walls there too."""
    await _settle_other(voted)
    await _compose_other(voted, _OWN)
    await _vote_other(voted)
    scoped = distribution.DistributionPlatform.NPM_SCOPED
    async with voted.by_hand() as data:
        data.add(
            tables.PlatformTarget(
                project_key=people.PROJECT,
                platform=scoped.name,
                mechanism="CENTRAL_PORTAL",
                namespaces=["example"],
                set_by=people.ADMIN,
                set_at=voted.clock.at,
            )
        )
    with pytest.raises(errors.BlockedError, match=r"@example/widgets@2\.4\.0"):
        await _record_other(voted, distribution.coordinates(scoped, "example", "widgets", "2.4.0"))
    await _record_other(voted, distribution.coordinates(scoped, "elsewhere", "widgets", "2.4.0"))


async def test_what_was_published_by_hand_is_tracked_only_inside_the_names(voted: worlds.World) -> None:
    """The names may have moved since it was captured."""
    async with voted.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    voted.knob(await voted.row(1), "publish-by-hand")
    await voted.until(1, lambda row: row.deployment_state is states.DeploymentState.PUBLISHED)
    with pytest.raises(errors.ConflictError, check=coded("outside-target")):
        async with voted.member() as member:
            await member.promotions.prove_published(1)
    assert not await voted.rows(tables.PromotionTarget)


# Mapped and frozen on a ballot


async def test_a_mapped_file_of_another_project_opens_no_vote(world: worlds.World) -> None:
    """The policy is the committee's own, so a mapping reaches for any name; the ballot holds only theirs."""
    await world.settle_in()
    await _settle_other(world)
    await _compose_other(world, _OWN, _CORE)
    with pytest.raises(errors.BlockedError, match=_OUTSIDE):
        await _vote_other(world)
    assert not await world.rows(tables.BallotEntry)


async def test_a_mapping_without_names_opens_no_vote_and_says_who_can_help(world: worlds.World) -> None:
    await world.settle_in()
    await _settle_other(world, target=False)
    await _compose_other(world, _OWN)
    with pytest.raises(errors.BlockedError, match=r"This project has no namespaces on Maven Central.*foundation admin"):
        await _vote_other(world)


async def test_a_captured_deployment_outside_the_names_of_now_opens_no_vote(staged: worlds.World) -> None:
    """Captured inside, and the names were set anew before the vote."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    async with staged.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    with pytest.raises(errors.BlockedError, match=r"Outside the project's namespaces: org\.example\.widgets"):
        async with staged.manager() as manager:
            await manager.vote.open_vote(RELEASE)
    # Taken off the ballot it is in nobody's way.
    async with staged.member() as member:
        await member.deployments.take_off_ballot(1, "these are another project's now")
    async with staged.manager() as manager:
        await manager.vote.open_vote(RELEASE)


async def test_a_deployment_of_another_project_is_not_kept_from_it(world: worlds.World) -> None:
    """Who records its id first does not have it for good: once it is read it is known whose it is."""
    await world.settle_in()
    release_key = await world.composed()
    await _settle_other(world)
    await _compose_other(world, _OWN)
    external_id = await world.stage_elsewhere(world.tree)
    async with world.store.write_as_project_committee_member(OTHER, people.STRANGER) as member:
        await member.distributions.record(_THEIRS, _OWN, staging=True, deployment_id=external_id)
    with pytest.raises(errors.ConflictError, check=coded("recorded-elsewhere")):
        await world.record(release_key, external_id)
    await world.pass_time(rounds=3, hours=1)
    (theirs,) = await world.rows(tables.Deployment)
    assert (theirs.state, theirs.external_id) == (states.DeploymentState.GONE, None)
    assert "belong to another project" in theirs.problem
    await world.until(await world.record(release_key, external_id), lambda row: row.proof.staged is not None)


# Held without right


async def test_what_is_held_without_right_is_freed_and_both_sides_are_told(voted: worlds.World) -> None:
    """The state stays, what lies inside stays held, and the members of the other project can promote."""
    number = await _squat(voted)
    with pytest.raises(errors.ConflictError, check=coded("package-held-outside", release=_THEIRS)):
        await voted.promote(1)
    await voted.work()
    assert await _targets(voted) == {(number, _OWN.purl): True, (number, _CORE.purl): False}
    assert (await voted.promotion(number)).state is states.State.REQUESTED
    for chain in (_THEIRS, RELEASE):
        (event,) = [one for one in await voted.events_of(chain) if one.what == "packages_freed"]
        assert event.data["purls"] == [_CORE.purl]
        assert (event.data["held_by"], event.data["project"]) == (_THEIRS, OTHER)
    assert await voted.chain_holds()
    await voted.promote(1)
    await voted.live(1)
    # Told once.
    await voted.pass_time(rounds=3, hours=1)
    assert len([one for one in await voted.events_of(_THEIRS) if one.what == "packages_freed"]) == 1


async def test_a_worker_that_runs_looks_for_it_by_itself(voted: worlds.World) -> None:
    """Nobody asks for it, and no row is due."""
    number = await _squat(voted)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.work_until(voted.hands, stop, tick=0.01, slots=1))
    for _ in range(2_000):
        if not (await _targets(voted))[number, _CORE.purl]:
            break
        await asyncio.sleep(0.01)
    stop.set()
    await working
    assert not (await _targets(voted))[number, _CORE.purl]


async def test_what_nobody_else_has_a_release_of_is_told_to_the_site(voted: worlds.World) -> None:
    """It is live, and its names were given to somebody else: that it is live stays."""
    number = await voted.promote(1)
    await voted.live(1)
    async with voted.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    await voted.work()
    assert not any((await _targets(voted)).values())
    assert (await voted.promotion(number)).state is states.State.LIVE
    told = [one for one in await voted.events_of(audit.SITE) if one.what == "packages_freed"]
    assert [one.data["held_by"] for one in told] == [RELEASE]


async def test_what_was_freed_is_never_sent(voted: worlds.World) -> None:
    """Not even when the names are set back: somebody else may hold the package by then."""
    number = await voted.promote(1)
    async with voted.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    (row,) = await voted.rows(tables.Promotion)
    # Nobody works on it meanwhile.
    await voted.change(_with(row, due_at=None))
    await voted.work()
    async with voted.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=voted.tree.namespaces)
    (row,) = await voted.rows(tables.Promotion)
    await voted.change(_with(row, due_at=voted.clock.at))
    await voted.pass_time(rounds=5, minutes=1)
    row = await voted.promotion(number)
    assert voted.publish_calls == 0
    assert row.state is states.State.REFUSED
    assert "The reservation of" in row.reason
    # Asked for again it holds them again.
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_names_taken_away_before_the_mark_send_nothing(voted: worlds.World) -> None:
    await voted.promote(1)
    async with voted.admin() as admin:
        await admin.policy.set_target(people.PROJECT, worlds.MAVEN, namespaces=["org.example.gadgets"])
    await voted.pass_time(rounds=5, minutes=1)
    assert voted.publish_calls == 0
    assert (await voted.promotion(1)).state is states.State.REFUSED


async def test_several_projects_of_one_committee_may_hold_a_shared_name(voted: worlds.World) -> None:
    """Within a committee names may overlap: nothing of it is freed."""
    async with voted.admin() as admin:
        await admin.policy.set_project("twin", "Twin", "example")
        await admin.policy.set_target("twin", worlds.MAVEN, namespaces=voted.tree.namespaces)
    await voted.promote(1)
    await voted.live(1)
    await voted.pass_time(rounds=2, hours=2)
    assert all((await _targets(voted)).values())


def _with(row: tables.Promotion, **changes: Any) -> tables.Promotion:
    return row.model_copy(update=changes)
