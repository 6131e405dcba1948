# SPDX-License-Identifier: Apache-2.0
"""What may come onto a ballot, what a person saw of it, and what becomes of it when the candidate is taken back."""

import asyncio
import dataclasses
import datetime
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

import atr.db.queries as queries
import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.promotion.states as states
import atr.storage.ballots as ballots
import atr.storage.eligibility as eligibility
import atr.storage.files as files
from tests import world as worlds
from tests.coded import coded

RELEASE: Final = f"{people.PROJECT}-2.4.0"
_Choice = sql.VoteChoice
_Phase = sql.ReleasePhase


async def _proposal(world: worlds.World) -> ballots.Proposal:
    async with world.store.read() as read:
        return await ballots.proposed(read.data, await eligibility.release(read.data, RELEASE))


async def _release(world: worlds.World) -> sql.Release:
    (release,) = await world.rows(sql.Release)
    return release


async def _open(world: worlds.World, seen: ballots.Proposal | None = None, who: str = people.COMMITTER) -> int:
    async with world.manager(who) as manager:
        if seen is None:
            return await manager.vote.open_vote(RELEASE)
        assert seen.revision is not None
        number = seen.revision.number
        return await manager.vote.open_vote(RELEASE, revision_number=number, ballot_digest=seen.digest)


async def _fail(world: worlds.World) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "The licence of one file is wrong.")


async def _abandon(world: worlds.World, reason: str = "Approved by mistake.", **more: int) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, reason, **more)


async def _add(draft: files.Draft) -> None:
    await draft.add("NOTICE", worlds.stream(b"mended"))


async def _touch(draft: files.Draft) -> None:
    """The same files, as another revision."""


async def _other_files(world: worlds.World) -> int:
    """Another candidate's files for the same packages, staged and read."""
    world.stand_in_settings(held_by="publishing")
    other = dataclasses.replace(world.tree, files=trees.example(30_000).files)
    number = await world.record(RELEASE, await world.stage_elsewhere(other))
    await world.until(number, lambda row: row.proof.staged is not None)
    return number


# What the person saw


async def test_the_proposal_is_what_is_frozen(staged: worlds.World) -> None:
    seen = await _proposal(staged)
    await _open(staged, seen)
    entries = await staged.rows(tables.BallotEntry)
    assert [(one.kind, one.platform, one.file_set_digest) for one in entries] == [
        (part.kind, part.platform, part.digest) for part in seen.parts
    ]
    async with staged.store.read() as read:
        frozen, digest = await ballots.opened(read.data, await queries.demand_release(read.data, RELEASE))
    assert (len(frozen), digest) == (3, seen.digest)
    opened = [event for event in await staged.events_of(RELEASE) if event.what == "vote_opened"]
    assert opened[0].data["ballot_digest"] == seen.digest


async def _revised(world: worlds.World) -> None:
    await world.revise(RELEASE, _add)


async def _same_again(world: worlds.World) -> None:
    await world.revise(RELEASE, _touch)


async def _taken_off(world: worlds.World) -> None:
    async with world.member() as member:
        await member.deployments.take_off_ballot(1, "Not this one.")


async def _recorded(world: worlds.World) -> None:
    world.stand_in_settings(held_by="publishing")
    number = await world.record(RELEASE, await world.stage_elsewhere(world.tree))
    await world.until(number, lambda row: row.proof.staged is not None)


async def _unmapped(world: worlds.World) -> None:
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})


@pytest.mark.parametrize(
    ("move", "code"),
    [
        (_revised, "newer-than-seen"),
        (_same_again, "newer-than-seen"),
        (_taken_off, "stale"),
        (_recorded, "stale"),
        (_unmapped, "stale"),
    ],
)
async def test_a_ballot_that_moved_after_it_was_seen_is_not_opened(
    staged: worlds.World, move: Callable[[worlds.World], Awaitable[None]], code: str
) -> None:
    """A revision, even one with the same bytes; an entry more or less; another mapping. Nothing is opened."""
    seen = await _proposal(staged)
    await move(staged)
    with pytest.raises(errors.ConflictError, check=coded(code)):
        await _open(staged, seen)
    assert (await _release(staged)).phase is _Phase.RELEASE_CANDIDATE_DRAFT
    assert not await staged.rows(tables.BallotEntry)
    await _open(staged, await _proposal(staged))


async def test_taken_off_and_put_on_again_is_the_same_ballot(staged: worlds.World) -> None:
    seen = await _proposal(staged)
    await _taken_off(staged)
    async with staged.member() as member:
        await member.deployments.put_on_ballot(1)
        await member.deployments.put_on_ballot(1)
    assert await _open(staged, seen) == 1
    back = [event.what for event in await staged.events("deployment:1")].count("deployment_on_ballot")
    assert back == 1
    with pytest.raises(errors.ConflictError, check=coded("ballot-fixed")):
        async with staged.member() as member:
            await member.deployments.put_on_ballot(1)


async def test_a_vote_is_not_opened_while_a_capture_runs(world: worlds.World) -> None:
    """Nor with the form of before it ended: what was read then is on the ballot now."""
    await world.composed()
    number = await world.stage(RELEASE)
    seen = await _proposal(world)
    assert "has not been captured yet" in seen.blockers[0].sentence
    with pytest.raises(errors.BlockedError, match="not been captured yet"):
        await _open(world, seen)
    await world.until(number, lambda row: row.proof.staged is not None)
    with pytest.raises(errors.ConflictError, check=coded("stale", what="The ballot")):
        await _open(world, seen)


async def test_two_people_open_it_at_once(staged: worlds.World) -> None:
    """One does; the other is told who did. The same person's second click is led to the first."""
    seen = await _proposal(staged)
    ends = await asyncio.gather(
        *(_open(staged, seen, who) for who in (people.COMMITTER, "alice")), return_exceptions=True
    )
    assert ends.count(1) == 1
    (refused,) = [end for end in ends if isinstance(end, BaseException)]
    assert isinstance(refused, errors.ConflictError)
    assert coded("vote-opened", vote=1)(refused)
    assert refused.reasons[0].facts["by"]
    first = (people.COMMITTER, "alice")[ends.index(1)]
    assert await _open(staged, seen, first) == 1
    assert len([one for one in await staged.events_of(RELEASE) if one.what == "vote_opened"]) == 1
    with pytest.raises(errors.ConflictError, check=coded("vote-opened", vote=1)):
        await _open(staged, None, first)


# Two sets of files for one package


async def test_two_candidates_of_one_package_never_stand_on_one_ballot(world: worlds.World) -> None:
    """RC1's and RC2's files under one coordinate: either could be promoted as the voted one."""
    await world.composed()
    await _unmapped(world)
    first = await world.record(RELEASE, await world.stage_elsewhere(world.tree))
    await world.until(first, lambda row: row.proof.staged is not None)
    second = await _other_files(world)
    ids = [row.external_id or "" for row in await world.rows(tables.Deployment)]
    with pytest.raises(errors.BlockedError) as refused:
        await _open(world)
    (reason,) = refused.value.reasons
    assert reason.code == "clash"
    sentence = reason.sentence
    assert all(text in sentence for text in (*ids, "org.example.widgets:widgets-core:2.4.0", "Drop one"))
    async with world.member() as member:
        await member.deployments.take_off_ballot(first, "It is the candidate before.")
    await _open(world)
    (entry,) = [one for one in await world.rows(tables.BallotEntry) if one.kind is tables.BallotKind.DEPLOYMENT]
    assert entry.deployment_id == second


async def test_what_is_staged_and_what_is_mapped_must_be_the_same(staged: worlds.World) -> None:
    """The deployment that differs is the one to take off; equal ones may stand there twice."""
    await _recorded(staged)
    assert (await _proposal(staged)).blockers == ()
    third = await _other_files(staged)
    sentences = [blocker.sentence for blocker in (await _proposal(staged)).blockers]
    assert len(sentences) == 3
    assert any("the revision's files for Maven Central and deployment" in sentence for sentence in sentences)
    async with staged.member() as member:
        await member.deployments.drop(third, "Other bytes.")
    await _open(staged)


# Casting


async def _cast(world: worlds.World, who: str, choice: _Choice = _Choice.YES, comment: str = "") -> None:
    async with world.store.write_as_project_committee_participant(people.PROJECT, who) as participant:
        await participant.vote.cast(RELEASE, choice, comment)


async def test_a_paper_names_the_vote_and_the_ballot_it_is_for(staged: worlds.World) -> None:
    """From another candidate's form it is not counted."""
    seen = await _proposal(staged)
    await _open(staged)
    await _fail(staged)
    async with staged.store.write_as_project_committee_participant(people.PROJECT, "alice") as participant:
        with pytest.raises(errors.ConflictError, check=coded("no-open-vote")):
            await participant.vote.cast(RELEASE, _Choice.YES, vote_seq=1, ballot_digest=seen.digest)
    await staged.revise(RELEASE, _add)
    await _open(staged)
    stale = ((1, seen.digest), (2, seen.digest), (1, (await _proposal(staged)).digest))
    for vote_seq, digest in stale:
        with pytest.raises(errors.ConflictError, check=coded("other-candidate", vote=2)):
            async with staged.store.write_as_project_committee_participant(people.PROJECT, "alice") as participant:
                await participant.vote.cast(RELEASE, _Choice.YES, vote_seq=vote_seq, ballot_digest=digest)
    assert not await staged.rows(sql.BallotPaper)


async def test_a_double_click_is_one_paper_and_a_change_of_mind_is_two(staged: worlds.World) -> None:
    await _open(staged)
    for comment in ("read it", "read it", "and built it"):
        await _cast(staged, "alice", _Choice.YES, comment)
    assert [paper.comment for paper in await staged.rows(sql.BallotPaper)] == ["read it", "and built it"]
    async with staged.store.read() as read:
        assert await ballots.tally(read, await queries.demand_release(read.data, RELEASE)) == ballots.Tally(1, 0)


async def test_who_left_the_committee_casts_no_more_and_what_they_cast_stays(staged: worlds.World) -> None:
    """Binding is decided when a paper is cast; who was made a member since votes again to bind."""
    await _open(staged)
    await _cast(staged, "carol")
    await _cast(staged, people.COMMITTER)
    async with staged.admin() as admin:
        await admin.policy.set_committee(
            "example", "Example", committee_members=("alice", "bob", people.COMMITTER), committers=("alice",)
        )
    with pytest.raises(errors.AccessError):
        await _cast(staged, "carol", _Choice.NO)
    await _cast(staged, people.COMMITTER)
    async with staged.store.read() as read:
        papers = await ballots.papers(read, await queries.demand_release(read.data, RELEASE))
    assert {who: paper.is_binding_at_cast for who, paper in papers.items()} == {"carol": True, people.COMMITTER: True}


# Passed and failed


async def _pass(world: worlds.World, seen: ballots.Tally, vote_seq: int = 1) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.resolve_passed(RELEASE, vote_seq=vote_seq, seen=seen)


async def test_a_count_that_changed_after_it_was_seen_is_looked_at_again(staged: worlds.World) -> None:
    """A last-minute -1 is not passed over, nor a last-minute +1 in a vote that somebody calls failed."""
    await _open(staged)
    for who in people.MEMBERS:
        await _cast(staged, who)
    with pytest.raises(errors.ConflictError, check=coded("votes-changed", plus=3, minus=0)):
        await _pass(staged, ballots.Tally(2, 0))
    with pytest.raises(errors.ConflictError, check=coded("other-candidate", vote=1)):
        await _pass(staged, ballots.Tally(3, 0), vote_seq=7)
    with pytest.raises(errors.ConflictError, check=coded("votes-changed", plus=3, minus=0)):
        async with staged.manager() as manager:
            await manager.vote_resolution.resolve_failed(RELEASE, "No.", vote_seq=1, seen=ballots.Tally(3, 1))
    assert (await _release(staged)).phase is _Phase.RELEASE_CANDIDATE
    await _pass(staged, ballots.Tally(3, 0))
    assert (await _release(staged)).phase is _Phase.RELEASE_PREVIEW


async def test_passed_and_failed_at_once_is_one_of_them(staged: worlds.World) -> None:
    await _open(staged)
    for who in people.MEMBERS:
        await _cast(staged, who)
    ends = await asyncio.gather(_pass(staged, ballots.Tally(3, 0)), _fail(staged), return_exceptions=True)
    assert len([end for end in ends if isinstance(end, errors.ConflictError)]) == 1
    told = [one.what for one in await staged.events_of(RELEASE)]
    assert told.count("vote_passed") + told.count("vote_failed") == 1


async def test_a_failed_vote_needs_a_reason_and_keeps_what_is_staged_off_the_next_ballot(staged: worlds.World) -> None:
    """Until somebody puts it on again or it is dropped; what was off before keeps its own reason."""
    other = await _other_files(staged)
    async with staged.member() as member:
        await member.deployments.take_off_ballot(other, "It is another one's.")
    await _open(staged)
    with pytest.raises(errors.InputError, match="Enter a reason"):
        async with staged.manager() as manager:
            await manager.vote_resolution.resolve_failed(RELEASE, " ")
    await _fail(staged)
    first, second = await staged.rows(tables.Deployment)
    assert first.off_ballot == "It was staged for candidate 1, whose vote failed."
    assert second.off_ballot == "It is another one's."
    kinds = [part.kind for part in (await _proposal(staged)).parts]
    assert kinds == [tables.BallotKind.REVISION, tables.BallotKind.MAPPED]
    async with staged.member() as member:
        await member.deployments.put_on_ballot(1)
    assert len((await _proposal(staged)).parts) == 3


# Abandoned


async def test_a_vote_that_is_open_can_be_abandoned(staged: worlds.World) -> None:
    await _open(staged)
    await _cast(staged, "alice")
    with pytest.raises(errors.InputError, match="Enter a reason"):
        await _abandon(staged, "")
    with pytest.raises(errors.ConflictError, check=coded("other-candidate", vote=1)):
        await _abandon(staged, vote_seq=4)
    await _abandon(staged, vote_seq=1)
    release = await _release(staged)
    assert release.phase is _Phase.RELEASE_CANDIDATE_DRAFT
    assert release.vote_resolved is None
    (deployment,) = await staged.rows(tables.Deployment)
    assert deployment.off_ballot == "It was staged for candidate 1, which was abandoned."
    with pytest.raises(errors.ConflictError, check=coded("no-open-vote")):
        await _cast(staged, "bob")
    with pytest.raises(errors.ConflictError, check=coded("no-candidate")):
        await _abandon(staged)
    async with staged.member() as member:
        await member.deployments.drop(1, "Abandoned.")
    await staged.until(1, lambda row: row.deployment_state is states.DeploymentState.DROPPED)


async def test_after_the_vote_it_stops_what_waits_and_authorises_nothing_any_more(voted: worlds.World) -> None:
    """Back to Compose: the promotion is stopped with the reason, and the old ballot opens no door."""
    promotion_id = await voted.promote(1)
    await _abandon(voted, "Approved by mistake.")
    row = await voted.promotion(promotion_id)
    # It is looked at again, and nothing else.
    assert (row.state, row.due_at) == (states.State.ABORTED, voted.clock.at + datetime.timedelta(hours=1))
    assert "abandoned it: Approved by mistake." in row.reason
    await voted.pass_time(rounds=3, hours=3)
    with pytest.raises(errors.BlockedError, match="not in the Finish phase"):
        await voted.promote(1)
    with pytest.raises(errors.ConflictError, check=coded("not-in-finish")):
        async with voted.manager() as manager:
            await manager.announce.announce(RELEASE)
    assert voted.publish_calls == 0
    (told,) = [one for one in await voted.events_of(RELEASE) if one.what == "candidate_abandoned"]
    assert told.data["stopped"] == [promotion_id]
    # And again from the start, with the same staged files.
    async with voted.member() as member:
        await member.deployments.put_on_ballot(1)
    await people.vote(voted.store, RELEASE)
    await voted.work()
    await voted.promote(1)
    await voted.live(1)
    assert voted.publish_calls == 1


@pytest.mark.parametrize("answer", [{"status": 403}, {"cut": True}, {}])
async def test_once_a_call_was_made_nothing_is_abandoned(voted: worlds.World, answer: dict[str, object]) -> None:
    """Refused, lost or taken: what the platform made of it may be public."""
    await voted.promote(1)
    if answer:
        voted.fault("publish", **answer)
    await voted.work()
    assert voted.publish_calls == 1
    with pytest.raises(errors.ConflictError, check=coded("request-sent")):
        await _abandon(voted)
    assert (await _release(voted)).phase is _Phase.RELEASE_PREVIEW


async def test_what_was_published_by_hand_is_not_abandoned(voted: worlds.World) -> None:
    voted.knob(await voted.row(1), "publish-by-hand")
    published = states.DeploymentState.PUBLISHED
    while (await voted.row(1)).deployment_state is not published:
        voted.clock.turn(seconds=900)
        await voted.work(rounds=1)
    with pytest.raises(errors.ConflictError, check=coded("published-there")):
        await _abandon(voted)
    await voted.live(1)
    with pytest.raises(errors.ConflictError, check=coded("maybe-public")):
        await _abandon(voted)


async def test_beside_a_worker_that_is_about_to_send_nothing_is_sent(voted: worlds.World) -> None:
    """Abandoned between the proof and the mark: no permit, and the row stays stopped as the person left it."""
    promotion_id = await voted.promote(1)
    async with voted.service() as service:
        (claimed,) = await service.promotions.claim(owner="at-work", seconds=60, limit=1)
    async with voted.store.read() as read:
        proved = await queries.file_set(read.data, claimed.voted_digest)
    async with voted.service() as service:
        await service.promotions.verified(claimed, proved)
    await _abandon(voted)
    before = await voted.promotion(promotion_id)
    with pytest.raises(errors.ConflictError, check=coded("nothing-sent", state="aborted")):
        async with voted.service() as service:
            await service.marks.publish(claimed, proved.digest, seconds=60)
    assert await voted.promotion(promotion_id) == before
    assert (before.state, before.blocker) == (states.State.ABORTED, "")
    await voted.pass_time(rounds=3, hours=3)
    assert (await voted.promotion(promotion_id)).state is states.State.ABORTED
    assert not [one for one in await voted.rows(tables.Attempt) if one.promotion_id == promotion_id]
    assert voted.publish_calls == 0
    assert await voted.chain_holds()


async def test_after_the_mark_it_comes_too_late(voted: worlds.World) -> None:
    await voted.promote(1)
    assert await voted.dies(voted.dying_at("after_mark"))
    with pytest.raises(errors.ConflictError, check=coded("request-sent")):
        await _abandon(voted)
    voted.clock.turn(hours=1)
    await voted.live(1)
