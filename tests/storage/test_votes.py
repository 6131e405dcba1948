# SPDX-License-Identifier: Apache-2.0
"""Votes: what the ballot holds, when it may open, how it is counted."""

import dataclasses

import pytest
import sqlalchemy.exc

import atr.demo.people as people
import atr.demo.tree as trees
import atr.errors as errors
import atr.models.promotion as tables
import atr.models.sql as sql
import atr.pages.finish as finish
import atr.pages.vote as votes
import atr.storage.files as files
from tests import world as worlds
from tests.coded import coded

RELEASE = f"{people.PROJECT}-2.4.0"
_Choice = sql.VoteChoice


async def _open(world: worlds.World) -> int:
    async with world.manager() as manager:
        return await manager.vote.open_vote(RELEASE)


async def _cast(world: worlds.World, who: str, choice: _Choice) -> None:
    async with world.store.write_as_project_committee_participant(people.PROJECT, who) as participant:
        await participant.vote.cast(RELEASE, choice)


async def _resolve(world: worlds.World) -> None:
    async with world.manager() as manager:
        await manager.vote_resolution.resolve_passed(RELEASE)


async def test_the_ballot_holds_the_revision_what_is_mapped_and_what_is_staged_and_is_frozen(
    staged: worlds.World,
) -> None:
    """Three entries at one instant; no writer and no statement changes them, nor may files change meanwhile."""
    await _open(staged)
    entries = await staged.rows(tables.BallotEntry)
    assert {entry.kind for entry in entries} == set(tables.BallotKind)
    assert len({entry.opened for entry in entries}) == 1
    (deployment,) = await staged.rows(tables.Deployment)
    by_kind = {entry.kind: entry for entry in entries}
    mapped, staged_entry = by_kind[tables.BallotKind.MAPPED], by_kind[tables.BallotKind.DEPLOYMENT]
    assert mapped.file_set_digest == staged_entry.file_set_digest == deployment.file_set_digest
    digests = {entry.kind: entry.file_set_digest for entry in entries}
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="frozen"):
        await staged.change(entries[0].model_copy(update={"file_set_digest": entries[1].file_set_digest}))
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="frozen"):
        async with staged.by_hand() as data:
            await data.delete(entries[0])
    with pytest.raises(errors.ConflictError, check=coded("files-on-vote")):
        await staged.revise(RELEASE, _nothing)
    with pytest.raises(errors.ConflictError, check=coded("ballot-fixed")):
        async with staged.member() as member:
            await member.deployments.take_off_ballot(1, "Too late.")
    assert {one.kind: one.file_set_digest for one in await staged.rows(tables.BallotEntry)} == digests


async def _nothing(_draft: files.Draft) -> None:
    return


async def test_it_opens_when_every_deployment_is_captured_or_taken_off_by_name(world: worlds.World) -> None:
    """One transaction: refused, it leaves no trace of a ballot."""
    await world.composed()
    first = await world.stage(RELEASE)
    external_id = await world.stage_elsewhere(world.tree)
    second = await world.record(RELEASE, external_id)
    with pytest.raises(errors.BlockedError) as refused:
        await _open(world)
    assert len(refused.value.reasons) == 2
    assert any(external_id in str(reason) for reason in refused.value.reasons)
    (release,) = await world.rows(sql.Release)
    assert (release.phase, release.current_vote_seq) == (sql.ReleasePhase.RELEASE_CANDIDATE_DRAFT, 0)
    assert (release.voted_revision_number, release.vote_started) == (None, None)
    assert not await world.rows(tables.BallotEntry)
    for deployment_id in (first, second):
        with pytest.raises(errors.InputError):
            async with world.member() as member:
                await member.deployments.take_off_ballot(deployment_id, "")
        async with world.member() as member:
            await member.deployments.take_off_ballot(deployment_id, "It takes too long.")
    await _open(world)
    kinds = [entry.kind for entry in await world.rows(tables.BallotEntry)]
    assert tables.BallotKind.DEPLOYMENT not in kinds


async def test_a_mapping_that_is_no_layout_blocks_and_names_the_file(staged: worlds.World) -> None:
    """Never guessed, never left out."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={"mavencentral": ["maven/org/example/widgets/**"]})
    with pytest.raises(errors.BlockedError, match=r"widgets-core/2\.4\.0/"):
        await _open(staged)


async def test_the_tag_maven_maps_to_the_ballot_and_stays_as_written(staged: worlds.World) -> None:
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={"maven": ["maven/**"], "docs": ["docs/**"]})
    assert {tag for row in await staged.rows(sql.ReleasePolicy) for tag in row.file_tag_mappings} == {"maven", "docs"}
    await _open(staged)
    (mapped,) = (row for row in await staged.rows(tables.BallotEntry) if row.kind is tables.BallotKind.MAPPED)
    assert mapped.platform == worlds.MAVEN.name


@pytest.mark.parametrize(
    ("papers", "passes"),
    [
        ([("alice", _Choice.YES), ("bob", _Choice.YES), ("carol", _Choice.YES)], True),
        ([("alice", _Choice.YES), ("bob", _Choice.YES), (people.COMMITTER, _Choice.YES)], False),
        ([("alice", _Choice.YES), ("bob", _Choice.YES), ("carol", _Choice.ABSTAIN)], False),
        ([("alice", _Choice.YES), ("alice", _Choice.YES), ("bob", _Choice.YES)], False),
        (
            [
                ("alice", _Choice.NO),
                ("bob", _Choice.YES),
                ("carol", _Choice.YES),
                ("alice", _Choice.YES),
            ],
            True,
        ),
        (
            [
                ("alice", _Choice.YES),
                ("bob", _Choice.YES),
                ("carol", _Choice.YES),
                ("carol", _Choice.NO),
            ],
            False,
        ),
    ],
)
async def test_the_last_paper_of_each_member_counts_and_three_plus_ones_are_needed(
    papers: list[tuple[str, _Choice]],
    passes: bool,  # noqa: FBT001  (a case of the table)
    staged: worlds.World,
) -> None:
    """Binding for members of the committee, and more of them than -1."""
    await _open(staged)
    for who, choice in papers:
        await _cast(staged, who, choice)
    if passes:
        await _resolve(staged)
    else:
        with pytest.raises(errors.BlockedError, match="binding"):
            await _resolve(staged)
    (release,) = await staged.rows(sql.Release)
    assert (release.phase is sql.ReleasePhase.RELEASE_PREVIEW) == passes


async def test_it_stays_open_for_its_hours_and_a_failed_one_can_be_repeated(staged: worlds.World) -> None:
    """A new vote has a new ballot; the papers of the old one count no more."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, min_hours=72)
    assert await _open(staged) == 1
    with pytest.raises(errors.ConflictError, check=coded("vote-opened", vote=1)):
        await _open(staged)
    for who in people.MEMBERS:
        await _cast(staged, who, _Choice.YES)
    staged.clock.turn(hours=71)
    with pytest.raises(errors.BlockedError, match="open until"):
        await _resolve(staged)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    with pytest.raises(errors.ConflictError, check=coded("no-open-vote")):
        await _cast(staged, "alice", _Choice.YES)
    assert await _open(staged) == 2
    staged.clock.turn(hours=72)
    with pytest.raises(errors.BlockedError, match="0 binding"):
        await _resolve(staged)
    for who in people.MEMBERS:
        await _cast(staged, who, _Choice.YES)
    await _resolve(staged)
    await staged.promote(1)
    await staged.live(1)


async def test_a_vote_keeps_the_hours_that_voters_were_told(staged: worlds.World) -> None:
    """A member who makes the policy's hours fewer while it is open ends nothing early."""
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, min_hours=72)
    await _open(staged)
    for voter in people.MEMBERS:
        await _cast(staged, voter, _Choice.YES)
    async with staged.member() as member:
        await member.policy.edit(people.PROJECT, min_hours=0)
    with pytest.raises(errors.BlockedError, match="open until"):
        await _resolve(staged)
    async with staged.store.read() as read:
        assert (await votes.counted(read, RELEASE)).min_hours == 72
    staged.clock.turn(hours=72)
    await _resolve(staged)


async def test_the_ballot_of_a_vote_that_failed_authorises_nothing(staged: worlds.World) -> None:
    """Voted means on the ballot of the vote that passed."""
    await _open(staged)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    jar = next(path for path in staged.tree.files if path.endswith("core-2.4.0.jar"))

    async def mend(draft: files.Draft) -> None:
        await draft.add(f"maven/{jar}", worlds.stream(b"mended"))

    await staged.revise(RELEASE, mend)
    async with staged.member() as member:
        await member.deployments.take_off_ballot(1, "It is the old one.")
    await people.vote(staged.store, RELEASE)
    await staged.work()
    with pytest.raises(errors.BlockedError, match="differ from the files that the committee voted on"):
        await staged.promote(1)


async def test_nothing_to_vote_on_and_a_release_that_is_announced(voted: worlds.World) -> None:
    """Each in its sentence."""
    async with voted.member() as member:
        empty = await member.release.start(people.PROJECT, "9.0")
    with pytest.raises(errors.BlockedError, match="no files"):
        async with voted.member() as member:
            await member.vote.open_vote(empty)
    with pytest.raises(errors.ConflictError, check=coded("version-exists")):
        async with voted.member() as member:
            await member.release.start(people.PROJECT, "9.0")
    promotion_id = await voted.promote(1)
    for expected in ("still requested", "is in progress"):
        with pytest.raises(errors.BlockedError, match=expected):
            async with voted.manager() as manager:
                await manager.announce.announce(RELEASE)
        await voted.work()
    await voted.live(1)
    async with voted.manager() as manager:
        await manager.announce.announce(RELEASE)
    with pytest.raises(errors.ConflictError, check=coded("files-announced")):
        await voted.revise(RELEASE, _nothing)
    with pytest.raises(errors.ConflictError, check=coded("announced")):
        await voted.record(RELEASE, "6f2a9c54-81be-4d0e-b7a3-2f5d10c9e6aa")
    assert (await voted.promotion(promotion_id)).state.value == "live"


async def test_what_was_staged_from_a_build_machine_is_voted_on_by_its_capture(world: worlds.World) -> None:
    """It stands in no revision: nothing is mapped, and it is on the ballot by its own digest."""
    await world.composed()
    async with world.member() as member:
        await member.policy.edit(people.PROJECT, file_tag_mappings={})
    files_there = trees.example(30_000).files
    elsewhere = dataclasses.replace(world.tree, files=files_there)
    deployment_id = await world.record(RELEASE, await world.stage_elsewhere(elsewhere))
    row = await world.until(deployment_id, lambda row: row.proof.staged is not None)
    assert row.revision_number == ""
    await people.vote(world.store, RELEASE)
    await world.work()
    await world.promote(deployment_id)
    await world.live(deployment_id)
    assert world.publish_calls == 1


async def test_the_voted_revision_is_named_while_a_vote_is_open_and_after_it_passed(staged: worlds.World) -> None:
    """Passing makes no revision. A vote that failed or was cancelled authorises nothing, so it names nothing."""
    vote = _vote_columns
    assert await vote(staged) == (0, None, None)
    await _open(staged)
    assert await vote(staged) == (1, "00001", None)
    async with staged.manager() as manager:
        await manager.vote_resolution.resolve_failed(RELEASE, "A test failed.")
    assert await vote(staged) == (1, None, None)
    await staged.revise(RELEASE, _nothing)
    await _open(staged)
    assert await vote(staged) == (2, "00002", None)
    async with staged.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, "Not this one.")
    assert await vote(staged) == (2, None, None)
    async with staged.store.read() as read:
        # What the vote was about stays in the record.
        assert (await votes.counted(read, RELEASE)).revision_number == "00002"
    async with staged.member() as member:
        await member.deployments.put_on_ballot(1)
    await people.vote(staged.store, RELEASE)
    assert await vote(staged) == (3, "00002", staged.clock.at)
    assert len(await staged.rows(sql.Revision)) == 2
    async with staged.store.read() as read:
        assert (await finish.page(read, RELEASE)).voted_revision == "00002"
    async with staged.manager() as manager:
        await manager.vote_resolution.abandon(RELEASE, "Approved by mistake.")
    assert await vote(staged) == (3, None, None)


async def _vote_columns(world: worlds.World) -> tuple[int, str | None, object]:
    (release,) = await world.rows(sql.Release)
    return release.current_vote_seq, release.voted_revision_number, release.vote_resolved


async def test_after_the_vote_the_files_stay_as_they_were_voted_on(voted: worlds.World) -> None:
    with pytest.raises(errors.ConflictError, check=coded("files-voted-on")):
        await voted.revise(RELEASE, _nothing)
    assert len(await voted.rows(sql.Revision)) == 1
