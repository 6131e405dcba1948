# SPDX-License-Identifier: Apache-2.0
"""Under embargo: members only, nothing leaves, and what a member's lift changes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.errors as errors
import atr.models.operating as operating
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.releases as releases
import atr.pages.repository as repository
import atr.pages.vote as votes
import atr.promotion.gates as gates
import atr.promotion.states as states
import atr.shared.distribution as distribution
import atr.storage as storage
import atr.storage.embargo as embargo
import atr.storage.worker.inputs as inputs
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
_WHERE = distribution.coordinates(worlds.MAVEN, "org.example.widgets", "widgets-core", "2.4.0")
_OTHERS = ("", people.COMMITTER, people.ADMIN, people.STRANGER)
Call = Callable[[storage.WriteAsCommitteeMember], Awaitable[Any]]


async def _expedite(world: worlds.World) -> None:
    """What ATR does, in its own column."""
    async with world.by_hand() as data:
        (await queries.demand_release(data, RELEASE)).expedited = True


async def _lift(world: worlds.World, reason: str = "The voted files must be staged.") -> None:
    async with world.member() as member:
        await member.announce.lift_embargo(RELEASE, reason)


def _requests(world: worlds.World) -> Any:
    return dict(world.platform.traffic.counters()["requests"])


async def test_only_a_member_starts_an_expedited_release(world: worlds.World) -> None:
    """It is under embargo from its first moment; whoever takes its version is told no more than that it is taken."""
    await world.settle_in()
    with pytest.raises(errors.AccessError, check=coded("members-only")):
        async with world.manager() as manager:
            await manager.release.start(people.PROJECT, "2.4.0", expedited=True)
    assert not await world.rows(sql.Release)
    async with world.member() as member:
        await member.release.start(people.PROJECT, "2.4.0", expedited=True)
    (release,) = await world.rows(sql.Release)
    assert release.is_embargoed
    with pytest.raises(errors.ConflictError, check=coded("version-taken", version="2.4.0")):
        async with world.manager() as manager:
            await manager.release.start(people.PROJECT, "2.4.0")
    with pytest.raises(errors.ConflictError, check=coded("version-exists")):
        async with world.member() as member:
            await member.release.start(people.PROJECT, "2.4.0")
    async with world.admin() as admin:
        await admin.policy.set_project("example", "Example", "elsewhere")
    with pytest.raises(errors.ConflictError) as refused:
        async with world.store.write_as_project_committee_participant("example", people.STRANGER) as stranger:
            await stranger.release.start("example", "widgets-2.4.0")
    assert "Example Widgets" not in str(refused.value)


async def test_for_all_but_members_it_is_not_there(staged: worlds.World) -> None:
    """One sentence for what is not there and what is not theirs; at once, and until it is announced."""

    async def found(who: str, version: str = "2.4.0") -> str:
        async with staged.store.read(who) as read:
            try:
                return await embargo.release_key(read, people.PROJECT, version)
            except errors.NotFoundError as error:
                return str(error)

    async def listed(who: str) -> bool:
        async with staged.store.read(who) as read:
            return bool((await releases.listing(read)).lines)

    everybody = (*_OTHERS, worlds.MEMBER)
    assert {await found(who) for who in everybody} == {RELEASE}
    assert all([await listed(who) for who in everybody])
    await _expedite(staged)
    for who in _OTHERS:
        assert await found(who) == (await found(who, "9.9.9")).replace("9.9.9", "2.4.0")
        assert not await listed(who)
    assert await found(worlds.MEMBER) == RELEASE
    assert await listed(worlds.MEMBER)
    await _lift(staged)
    assert not any([await listed(who) for who in _OTHERS])
    async with staged.by_hand() as data:
        (await queries.demand_release(data, RELEASE)).phase = sql.ReleasePhase.RELEASE
    assert {await found(who) for who in everybody} == {RELEASE}
    assert all([await listed(who) for who in everybody])


async def test_nobody_below_a_member_changes_anything_of_it(staged: worlds.World) -> None:
    """As if it were not there, with the sentence for one that is not."""
    await _expedite(staged)
    calls: list[Callable[[storage.WriteAsReleaseManager], Awaitable[Any]]] = [
        lambda manager: manager.distributions.record(RELEASE, _WHERE, staging=True, deployment_id="x"),
        lambda manager: manager.distributions.automate(RELEASE, worlds.MAVEN, staging=True),
        lambda manager: manager.deployments.take_off_ballot(1, "Mine now."),
        lambda manager: manager.vote.open_vote(RELEASE),
        lambda manager: manager.vote.cast(RELEASE, sql.VoteChoice.YES),
        lambda manager: manager.revision.ensure_changeable(RELEASE),
        lambda manager: manager.deployments.verify(1),
        lambda manager: manager.readiness.check_now(RELEASE),
    ]
    before = len(await staged.rows(tables.Deployment))
    for call in calls:
        with pytest.raises(errors.NotFoundError) as refused:
            async with staged.manager() as manager:
                await call(manager)
        assert str(refused.value) == f"There is no release “{RELEASE}”."
    assert len(await staged.rows(tables.Deployment)) == before


_LEAVES: dict[str, Call] = {
    "record": lambda member: member.distributions.record(RELEASE, _WHERE, staging=True, deployment_id="x"),
    "record production": lambda member: member.distributions.record(RELEASE, _WHERE, staging=False),
    "automate": lambda member: member.distributions.automate(RELEASE, worlds.MAVEN, staging=True),
    "stage again": lambda member: member.distributions.stage_again(RELEASE, "0" * 64),
    "search": lambda member: member.deployments.search(RELEASE, _WHERE),
    "check now": lambda member: member.readiness.check_now(RELEASE),
}


@pytest.mark.parametrize("name", _LEAVES)
async def test_nothing_leaves_for_members_either(name: str, voted: worlds.World) -> None:
    await _expedite(voted)
    before = _requests(voted)
    with pytest.raises(errors.BlockedError) as refused:
        async with voted.member() as member:
            await _LEAVES[name](member)
    assert list(refused.value.reasons) == [gates.EMBARGOED]
    await voted.pass_time(rounds=2, hours=30)
    assert _requests(voted) == before


async def test_what_was_asked_for_before_waits_and_goes_on_when_it_is_lifted(voted: worlds.World) -> None:
    """No row is taken and no mark is written; nothing is refused, since the embargo ends."""
    await voted.promote(1)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="proves", seconds=60, limit=1)
        files = await queries.file_set(service.write.data, claimed.voted_digest)
        await service.promotions.verified(claimed, files)
    await _expedite(voted)
    async with voted.service() as service:
        assert await service.marks.publish(claimed, files.digest, seconds=60) is None
    before = _requests(voted)
    await voted.pass_time(rounds=3, hours=30)
    assert _requests(voted) == before
    row = await voted.row(1)
    assert (row.state, [one.code for one in row.blockers]) == (states.State.REQUESTED, ["embargo"])
    await _lift(voted)
    await voted.live(1)
    assert voted.publish_calls == 1


async def test_a_call_that_was_made_is_followed_to_its_end(voted: worlds.World) -> None:
    """An embargo never makes us forget what was sent."""
    await voted.promote(1)
    voted.knob(await voted.row(1), "stick")
    await voted.until(1, states.State.PUBLISHING)
    await _expedite(voted)
    voted.knob(await voted.row(1), "stick", on=False)
    await voted.live(1)


async def test_a_lift_needs_a_reason_is_an_event_and_is_of_this_very_release(voted: worlds.World) -> None:
    """One that was started anew under the same key is not lifted."""
    with pytest.raises(errors.ConflictError, check=coded("no-embargo")):
        await _lift(voted)
    await _expedite(voted)
    with pytest.raises(errors.InputError):
        await _lift(voted, "  ")
    await _lift(voted)
    with pytest.raises(errors.ConflictError, check=coded("no-embargo")):
        await _lift(voted)
    (event,) = [one for one in await voted.events_of(RELEASE) if one.what == "embargo_lifted"]
    assert (event.actor, event.data["reason"]) == (worlds.MEMBER, "The voted files must be staged.")
    async with voted.store.read(worlds.MEMBER) as read:
        release = await queries.demand_release(read.data, RELEASE)
        assert not await embargo.holds(read.data, RELEASE)
        lift = (await embargo.lifts(read.data, [release]))[RELEASE]
        assert f"{worlds.MEMBER} lifted the embargo on " in embargo.sentence(release, lift)
    voted.clock.turn(seconds=60)
    async with voted.by_hand() as data:
        (await queries.demand_release(data, RELEASE)).created = voted.clock.at
    async with voted.store.read(worlds.MEMBER) as read:
        release = await queries.demand_release(read.data, RELEASE)
        assert await embargo.holds(read.data, RELEASE)
        assert gates.EMBARGOED.sentence in embargo.sentence(release, None)
        assert await embargo.lifts(read.data, [release]) == {}
        assert await inputs.readiness_cases(read, RELEASE) == ()
    async with voted.service() as service:
        assert await service.deployments.take(1, owner="w", seconds=60) is None
        assert not await service.deployments.claim(owner="w", seconds=60, limit=9)
    await _lift(voted, "Once more.")
    (row,) = await voted.rows(operating.EmbargoLift)
    assert row.reason == "Once more."


async def test_files_of_its_ballot_are_served_to_nobody_until_then(voted: worlds.World) -> None:
    """Maven signs in nowhere, so who asks makes no difference: neither before the lift nor after it."""
    async with voted.store.read(worlds.MEMBER) as read:
        entry = (await votes.newest(read, RELEASE)).entries[0]
    await _expedite(voted)

    async def served(who: str) -> bool:
        async with voted.store.read(who) as read:
            try:
                await repository.served(read, people.PROJECT, "2.4.0", entry.digest, "")
            except errors.NotFoundError:
                return False
            return True

    assert not any([await served(who) for who in (*_OTHERS, worlds.MEMBER)])
    async with voted.store.read(worlds.MEMBER) as read:
        assert {one.why_not for one in (await votes.newest(read, RELEASE)).entries} == {gates.EMBARGOED.sentence}
    await _lift(voted)
    assert all([await served(who) for who in (*_OTHERS, worlds.MEMBER)])


async def test_an_upload_that_was_asked_for_is_not_sent(world: worlds.World) -> None:
    """Its task finds the row not to be had; once it is lifted the scan asks for the upload again."""
    release_key = await world.composed()
    number = await world.stage(release_key)
    await _expedite(world)
    await world.work()
    assert world.requests("upload") == 0
    await _lift(world)
    await world.until(number, lambda row: row.proof.staged is not None)
    assert world.requests("upload") == 1
