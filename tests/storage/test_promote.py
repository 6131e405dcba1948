# SPDX-License-Identifier: Apache-2.0
"""`promote_staging_to_production`, called directly: the first gate, what was seen, whose click it is."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import atr.db.session as session
import atr.demo.people as people
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.order as order
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.transaction as transaction
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
_Platform = distribution.DistributionPlatform


async def _promote(
    world: worlds.World, platform: _Platform, *, asf_uid: str = worlds.MEMBER, release_key: str = RELEASE, **fields: Any
) -> int:
    given = {"deployment_id": 1, "evidence_digest": "0" * 64, "row_version": 1, **fields}
    async with world.member(asf_uid) as member:
        return await member.distributions.promote_staging_to_production(release_key, platform, **given)


@pytest.mark.parametrize("platform", _Platform)
async def test_the_platform_is_the_first_gate(platform: _Platform, voted: worlds.World) -> None:
    """Five members are refused before anything else is looked at; the sixth gets as far as the release."""
    everything_wrong: dict[str, Any] = {
        "release_key": "no-such-release",
        "deployment_id": 999,
        "row_version": -1,
        "evidence_digest": "",
    }
    before = len(await voted.rows(tables.Event))
    expected = errors.NotFoundError if (platform is worlds.MAVEN) else errors.UnsupportedError
    with pytest.raises(expected) as refused:
        await _promote(voted, platform, **everything_wrong)
    if platform is not worlds.MAVEN:
        assert str(refused.value) == platform.why_not
        # Nor does a deployment that is really there change that.
        with pytest.raises(errors.UnsupportedError):
            await _promote(voted, platform)
    news = (await voted.rows(tables.Event))[before:]
    assert {event.what for event in news} <= {"request_refused"}
    assert not await voted.rows(tables.Promotion)


async def test_what_moved_since_it_was_seen_is_a_conflict(voted: worlds.World) -> None:
    """The evidence's digest or the row's version; nothing is written."""
    row = await voted.row(1)
    moved: list[dict[str, Any]] = [
        {"evidence_digest": "0" * 64, "row_version": row.row_version},
        {"evidence_digest": row.evidence_digest, "row_version": row.row_version - 1},
        {"evidence_digest": row.evidence_digest, "row_version": row.row_version + 1},
    ]
    for fields in moved:
        with pytest.raises(errors.ConflictError, check=coded("stale", what="The deployment or its evidence")):
            await _promote(voted, worlds.MAVEN, **fields)
    assert not await voted.rows(tables.Promotion)


async def test_the_same_click_twice_is_one_and_another_persons_is_told_who_was_first(voted: worlds.World) -> None:
    """The same person's identical second call answers the first promotion."""
    row = await voted.row(1)
    fields: dict[str, Any] = {"evidence_digest": row.evidence_digest, "row_version": row.row_version}
    first = await _promote(voted, worlds.MAVEN, **fields)
    assert await _promote(voted, worlds.MAVEN, **fields) == first
    with pytest.raises(errors.ConflictError, check=coded("promoted-already", asf_uid="alice")):
        await _promote(voted, worlds.MAVEN, asf_uid="bob", **fields)
    await voted.live(1)
    assert await _promote(voted, worlds.MAVEN, **fields) == first
    with pytest.raises(errors.ConflictError, check=coded("promoted-already", asf_uid="alice")):
        await _promote(voted, worlds.MAVEN, asf_uid="bob", **fields)
    assert len(await voted.rows(tables.Promotion)) == 1
    assert voted.publish_calls == 1


async def test_eight_calls_at_once_over_two_processes_worth_of_connections_are_one_promotion(
    voted: worlds.World,
) -> None:
    """The index decides."""
    row = await voted.row(1)
    second = session.Database(voted.settings.database, voted.clock)
    stores = [voted.store, storage.Storage(second, voted.store.place)]
    try:

        async def click(number: int) -> int:
            store = stores[number % 2]
            async with store.write_as_project_committee_member(people.PROJECT, worlds.MEMBER) as member:
                return await member.distributions.promote_staging_to_production(
                    RELEASE, worlds.MAVEN, 1, evidence_digest=row.evidence_digest, row_version=row.row_version
                )

        answers = await asyncio.gather(*(click(number) for number in range(8)))
    finally:
        await second.close()
    assert len(set(answers)) == 1
    assert len(await voted.rows(tables.Promotion)) == 1
    requested = [one for one in await voted.events_of(RELEASE) if one.what == "promotion_requested"]
    assert len(requested) == 1


async def test_another_release_or_platform_than_the_deployments_is_not_found(voted: worlds.World) -> None:
    """A number alone never says whose it is."""
    async with voted.member() as member:
        other = await member.release.start(people.PROJECT, "9.9.9")
    with pytest.raises(errors.NotFoundError):
        await _promote(voted, worlds.MAVEN, release_key=other)
    with pytest.raises(errors.NotFoundError):
        await _promote(voted, worlds.MAVEN, deployment_id=2)


Call = Callable[[storage.WriteAsCommitteeMember, worlds.World], Awaitable[Any]]
_WHERE = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", "2.4.0")


async def _make_revision(member: storage.WriteAsCommitteeMember, world: worlds.World) -> None:
    async with world.store.draft(RELEASE) as draft:
        await member.revision.create(RELEASE, draft, "theirs")


async def _is_behind(member: storage.WriteAsCommitteeMember, world: worlds.World) -> None:
    async with world.store.draft(RELEASE) as draft:
        await member.revision.is_behind(RELEASE, draft)


async def _resolve_passed(member: storage.WriteAsCommitteeMember, _world: worlds.World) -> None:
    await member.vote_resolution.resolve_passed(RELEASE)


_CALLS: dict[str, Call] = {
    "promote": lambda member, _: member.distributions.promote_staging_to_production(
        RELEASE, worlds.MAVEN, 1, evidence_digest="0" * 64, row_version=1
    ),
    "record staging": lambda member, _: member.distributions.record(
        RELEASE, _WHERE, staging=True, deployment_id="6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa"
    ),
    "record production": lambda member, _: member.distributions.record(RELEASE, _WHERE, staging=False),
    "automate": lambda member, _: member.distributions.automate(RELEASE, worlds.MAVEN, staging=True),
    "stage again": lambda member, _: member.distributions.stage_again(RELEASE, "0" * 64),
    "search": lambda member, _: member.deployments.search(RELEASE, _WHERE),
    "verify": lambda member, _: member.deployments.verify(1),
    "keep a copy": lambda member, _: member.deployments.keep_copy(1),
    "forget a copy": lambda member, _: member.deployments.forget_copy(1, "Mine now."),
    "promote all": lambda member, _: member.promotions.promote_all(
        RELEASE, [order.Asked(1, "0" * 64, 1)], stop_at_trouble=True
    ),
    "go on": lambda member, _: member.promotions.go_on(1, "Mine now."),
    "delete": lambda member, _: member.distributions.delete_distribution(RELEASE, _WHERE, "Mine now."),
    "drop": lambda member, _: member.deployments.drop(1, "Mine now."),
    "take off ballot": lambda member, _: member.deployments.take_off_ballot(1, "Mine now."),
    "settle lost": lambda member, _: member.deployments.settle_lost(1, "", "Mine now."),
    "prove published": lambda member, _: member.promotions.prove_published(1),
    "abort": lambda member, _: member.promotions.abort(1, "Mine now."),
    "stop": lambda member, _: member.promotions.stop(1, "Mine now."),
    "give up": lambda member, _: member.promotions.give_up(1, "Mine now."),
    "extend": lambda member, _: member.promotions.extend(1, "Mine now."),
    "send again": lambda member, _: member.promotions.send_again(1, "Mine now."),
    "accept extras": lambda member, _: member.promotions.accept(1, "0" * 64, "Mine now."),
    "check again": lambda member, _: member.promotions.check_again(1, "Mine now."),
    "look": lambda member, _: member.promotions.look_now(1),
    "look at deployment": lambda member, _: member.promotions.look_at_deployment_now(1),
    "policy": lambda member, _: member.policy.edit(people.PROJECT, remote_promotion={worlds.MAVEN: False}),
    "check now": lambda member, _: member.readiness.check_now(RELEASE),
    "start": lambda member, _: member.release.start(people.PROJECT, "3.0"),
    "revise": _make_revision,
    "may it be revised": lambda member, _: member.revision.ensure_changeable(RELEASE),
    "is a draft behind": _is_behind,
    "put on ballot": lambda member, _: member.deployments.put_on_ballot(1),
    "abandon": lambda member, _: member.vote_resolution.abandon(RELEASE, "Mine now."),
    "open vote": lambda member, _: member.vote.open_vote(RELEASE),
    "cast": lambda member, _: member.vote.cast(RELEASE, sql.VoteChoice.NO),
    "resolve passed": _resolve_passed,
    "resolve failed": lambda member, _: member.vote_resolution.resolve_failed(RELEASE, "A test failed."),
    "lift the embargo": lambda member, _: member.announce.lift_embargo(RELEASE, "Mine now."),
    "announce": lambda member, _: member.announce.announce(RELEASE),
    "announce without": lambda member, _: member.announce.announce_without(RELEASE, seen="", reason="Mine now."),
}


async def test_rights_for_one_project_reach_nothing_of_another_whose_key_begins_the_same(voted: worlds.World) -> None:
    """Project `example`, version `widgets-2.4.0`, has the release key of project `example-widgets`, version `2.4.0`."""
    async with voted.admin() as admin:
        await admin.policy.set_project("example", "Example", "elsewhere")
    promotion_id = await voted.promote(1)
    assert promotion_id == 1
    before = [await voted.rows(table) for table in (sql.Distribution, tables.Promotion, tables.Deployment)]
    assert sql.release_key("example", "widgets-2.4.0") == RELEASE
    for name, call in _CALLS.items():
        with pytest.raises(errors.NotFoundError):  # noqa: PT012
            async with voted.store.write_as_project_committee_member("example", people.STRANGER) as member:
                await call(member, voted)
                raise AssertionError(f"{name} reached another project's release")
    after = [await voted.rows(table) for table in (sql.Distribution, tables.Promotion, tables.Deployment)]
    assert after == before


def test_every_writer_method_is_in_the_table_above() -> None:
    """A new method of a rung that people reach needs its row here."""
    fake: Any = object()
    member = storage.WriteAsCommitteeMember(fake)
    parts = {name: part for name, part in vars(member).items() if not name.startswith("_")}
    methods = {
        f"{name}.{method}"
        for name, part in parts.items()
        for method in dir(part)
        if not method.startswith("_") and callable(getattr(part, method))
    }
    # For the service alone; see below.
    service = {"distributions.settle", "distributions.record_from_data"}
    assert len(methods - service) == len(_CALLS) - 1, sorted(methods)
    assert dataclasses.is_dataclass(_WHERE)


async def test_only_the_service_notes_what_a_platform_did(voted: worlds.World) -> None:
    """A mark on the transaction, set by `write_as_system` alone: no rung of the ladder and no name passes for it."""
    claimed: Any = object()
    with pytest.raises(errors.AccessError, check=coded("service-only")):
        async with voted.member() as member:
            await member.distributions.settle(claimed, claimed)
    with pytest.raises(errors.AccessError, check=coded("service-only")):
        async with voted.member() as member:
            await member.distributions.record_from_data(claimed, None, next_look=voted.clock.at)
    with pytest.raises(errors.AccessError, check=coded("service-account")):
        async with voted.store.write(transaction.SYSTEM_SERVICE_UID):
            raise AssertionError("somebody passed for the service")


async def test_the_service_has_no_method_of_peoples(voted: worlds.World) -> None:
    """It notes; it neither records, stages, promotes nor deletes."""
    async with voted.service() as service:
        carried = {name for name in vars(service.distributions) if not name.startswith("_")}
        assert carried == {"settle", "record_from_data"}
        assert not hasattr(service.distributions, "promote_staging_to_production")
        ladders = {
            type(part)
            for rung in (storage.WriteAsCommitteeMember, storage.WriteAsFoundationAdmin)
            for part in vars(rung(service.write)).values()
        }
        assert not {type(part) for part in vars(service).values()} & ladders
